"""Values of filters: from text, and made to fit a field's type without losing anything."""

import math
import re
from datetime import date, datetime
from typing import TYPE_CHECKING

from search.errors import FilterTypeError
from search.filters.ast import FilterValue
from search.filters.names import ExtraField

if TYPE_CHECKING:
    from search.types import Field

MAX_INTEGER = 2**63 - 1
MAX_JSON_INTEGER = 2**53
"""Beyond it, JSON's numbers are no longer the same everywhere."""

_SHOWN = 80
_TRUE = ("true", "yes")
_FALSE = ("false", "no")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_EXPECTED = {
    "string": 'a text such as "red"',
    "strings": 'a text such as "summer"',
    "integer": f"a whole number such as 50, between -{MAX_INTEGER} and {MAX_INTEGER}",
    "float": "a number such as 49.9",
    "boolean": "true or false",
    "date": "a date such as 2024-05-31",
}


def value_from_text(text: str, field: "Field") -> FilterValue:
    """Read `text` as a value of the field's type; FilterTypeError when it is none."""
    try:
        match field.type.value:
            case "integer":
                return fit_value(int(text), field)
            case "float":
                return fit_value(float(text), field)
            case "boolean" if text.lower() in _TRUE + _FALSE:
                return text.lower() in _TRUE
            case "boolean":
                raise wrong_type(text, field)
            case _:
                return fit_value(text, field)
    except ValueError:
        raise wrong_type(text, field) from None


def fit_value(value: object, field: "Field") -> FilterValue:
    """The value as the field's type holds it: 3.0 as 3, 3 as 3.0, an ISO text as a date.

    Raises FilterTypeError when that would change what it says.
    """
    match field.type.value, value:
        case "boolean", bool():
            return value
        case (("integer" | "float"), bool()):
            raise wrong_type(value, field)
        case "string" | "strings", str() if _is_unicode(value):
            return value
        case "integer", int() | float() if _is_whole(value):
            return int(value)
        case "float", int() | float() if _is_finite(value):
            return float(value)
        case "date", datetime():
            raise wrong_type(value, field)
        case "date", date():
            return value
        case "date", str():
            return _date(value, field)
    raise wrong_type(value, field)


def extra_from_text(text: str, field: ExtraField, *, quoted: bool) -> FilterValue:
    """Read `text` as JSON would: a number, true or false; anything else, and in quotes, a text."""
    if not quoted and text in ("true", "false"):
        return text == "true"
    if quoted or not is_number(text):
        return fit_extra(text, field)
    try:
        return fit_extra(float(text) if re.search(r"[.eE]", text) else int(text), field)
    except ValueError:  # Python reads no integers of thousands of digits.
        raise _wrong_extra(text, field) from None


def is_number(text: str) -> bool:
    """Whether JSON would read the text as a number."""
    return _NUMBER.fullmatch(text) is not None


def fit_extra(value: object, field: ExtraField) -> FilterValue:
    """A value that JSON can hold; dates become ISO texts. FilterTypeError if there is none."""
    match value:
        case bool():
            return value
        case int() if abs(value) <= MAX_JSON_INTEGER:
            return value
        case float() if math.isfinite(value):
            return value
        case str() if _is_unicode(value):
            return value
        case date() if not isinstance(value, datetime):
            return value.isoformat()
    raise _wrong_extra(value, field)


def is_ordered(value: FilterValue) -> bool:
    """Whether a value of `extra` has an order: numbers, and dates as ISO texts (2024-05-31)."""
    if not isinstance(value, str):
        return not isinstance(value, bool)
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _wrong_extra(value: object, field: ExtraField) -> FilterTypeError:
    said = shown(value)
    return FilterTypeError(
        f"{said} cannot be compared with '{field.name}'.",
        hint="It is compared with texts, true, false and numbers (whole ones between "
        f"-{MAX_JSON_INTEGER} and {MAX_JSON_INTEGER}).",
        details={"field": field.name, "value": said},
    )


def wrong_type(value: object, field: "Field") -> FilterTypeError:
    """The error for a value that does not fit the field."""
    said = shown(value)
    return FilterTypeError(
        f"{said} does not fit the field '{field.name}' ({field.type.value}).",
        hint=f"It is compared with {_EXPECTED[field.type.value]}.",
        details={"field": field.name, "type": field.type.value, "value": said},
    )


def shown(value: object) -> str:
    """A value as messages show it: not all of a long one."""
    try:
        text = repr(value)
    except ValueError:  # Python does not write out integers of thousands of digits.
        return "A number of thousands of digits"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _is_whole(value: int | float) -> bool:
    if isinstance(value, float) and not value.is_integer():  # NaN and infinity are not.
        return False
    return abs(int(value)) <= MAX_INTEGER


def _is_finite(value: int | float) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _date(text: str, field: "Field") -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise wrong_type(text, field) from None
