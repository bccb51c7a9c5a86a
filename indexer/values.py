"""What a value of a catalogue can be read as, and reading it as that.

Text and JSON differ in what they say of themselves: `42` in a CSV file may be a number or a name,
`"42"` in JSON is a text. `fits_text` and `fits_json` say which types a value fits; `convert` reads
a value as a type, the same way for both.
"""

import base64
import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal

from search.types import FieldType, FieldValue

TypeSet = frozenset[FieldType]

_INTEGER = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_CODE = re.compile(r"[+-]?0[0-9]")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_BOOLEANS = {"true": True, "yes": True, "false": False, "no": False, "1": True, "0": False}
_NOTHING = frozenset({"n/a", "na", "nan", "null", "none", "-"})
_LARGEST = 2**63 - 1

LEVELS = 64
"""Deepest nesting of a value that is kept; what reads or writes JSON deeper may give up."""

_NO_TYPE: TypeSet = frozenset()
_TEXT: TypeSet = frozenset({FieldType.STRING})


class UnfitValueError(Exception):
    """The value cannot be read as the type that was asked for; stays inside the indexer."""


def is_missing(value: object) -> bool:
    """Whether a row says nothing here: null, blank text, or a float that is not a number."""
    if isinstance(value, str):
        return not value or value.isspace()
    return value is None or (isinstance(value, float) and math.isnan(value))


def says_nothing(text: str) -> bool:
    """Whether a text stands for a missing number, boolean or date ("n/a", "null", "-")."""
    return text.strip().lower() in _NOTHING


def is_code(text: str) -> bool:
    """Whether a text of digits would lose something as a number: `00731`, or beyond 64 bits."""
    text = text.strip()
    if _CODE.match(text):
        return True
    return _INTEGER.fullmatch(text) is not None and abs(_integer(text)) > _LARGEST


def is_list_text(text: str) -> bool:
    """Whether a text is a list by its looks: `summer|beach`, or a JSON array of strings."""
    text = text.strip()
    if text.startswith("["):
        return _json_strings(text) is not None
    parts = text.split("|")
    return len(parts) > 1 and all(part == part.strip() and 0 < len(part) <= 64 for part in parts)


def fits_text(text: str) -> TypeSet:
    """The types other than list that a text can be read as; STRING always is one of them."""
    text = text.strip()
    if _INTEGER.fullmatch(text):
        return frozenset({FieldType.STRING, FieldType.INTEGER, FieldType.FLOAT})
    if _FLOAT.fullmatch(text):
        return frozenset({FieldType.STRING, FieldType.FLOAT})
    if text.lower() in _BOOLEANS:
        return frozenset({FieldType.STRING, FieldType.BOOLEAN})
    if _as_date(text) is not None:
        return frozenset({FieldType.STRING, FieldType.DATE})
    return _TEXT


def fits_json(value: object) -> TypeSet:
    """The types that a value of JSON or Parquet fits as it is; none for objects and mixed lists."""
    match value:
        case bool():
            return frozenset({FieldType.BOOLEAN})
        case int() if abs(value) <= _LARGEST:
            return frozenset({FieldType.INTEGER, FieldType.FLOAT})
        case float() if math.isfinite(value):
            return frozenset({FieldType.FLOAT})
        case str():
            return fits_text(value) & {FieldType.STRING, FieldType.DATE}
        case list() if all(isinstance(member, str) for member in value):
            return frozenset({FieldType.STRINGS})
    return _NO_TYPE


def convert(value: object, type: FieldType) -> FieldValue:
    """Read a value that is not missing as `type`; None when its text says "nothing here".

    Raises:
        UnfitValueError: it cannot be read as that without losing something.
    """
    if isinstance(value, str) and type not in (FieldType.STRING, FieldType.STRINGS):
        value = value.strip()
        if says_nothing(value):
            return None
    converted = _READERS[type](value)
    if converted is None:
        raise UnfitValueError
    return converted


def written_out(value: object) -> str | None:
    """A text, number, boolean or date as text; None for anything else.

    Whole numbers are written without a fraction, whatever holds them: tables keep a column of
    whole numbers with gaps as floats.
    """
    match value:
        case str():
            return value
        case bool():
            return str(value).lower()
        case float() if value.is_integer():
            return str(int(value))
        case float() if not math.isfinite(value):
            return None
        case int() | float():
            return str(value)
        case Decimal():
            return f"{value:f}"
        case date() | time():
            return value.isoformat()
    return None


def json_value(value: object, levels: int = LEVELS) -> object:
    """The value as JSON can hold it: dates as ISO text, bytes as base64, what is no number null.

    Raises:
        UnfitValueError: it is nested deeper than `levels`.
    """
    if levels < 0:
        raise UnfitValueError
    match value:
        case int() if abs(value) > _LARGEST:
            return str(value)
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case date() | time():
            return value.isoformat()
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case Decimal():
            return str(value)
        case Mapping():
            return {str(key): json_value(member, levels - 1) for key, member in value.items()}
        case list() | tuple():
            return [json_value(member, levels - 1) for member in value]
    return str(value)


def _as_integer(value: object) -> int | None:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = _integer(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    fits = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST
    return value if fits and isinstance(value, int) else None


def _integer(text: str) -> int:
    # Python refuses to read thousands of digits; all such numbers are beyond 64 bits anyway.
    return int(text) if len(text) < 40 else _LARGEST + 1


def _as_float(value: object) -> float | None:
    if isinstance(value, str) and _FLOAT.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _as_boolean(value: object) -> bool | None:
    if isinstance(value, str):
        return _BOOLEANS.get(value.lower())
    return bool(value) if isinstance(value, bool) or value in (0, 1) else None


def _as_date(value: object) -> date | None:
    if isinstance(value, datetime):
        return value.date() if value.time() == time() else None
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            return None
    return value if isinstance(value, date) else None


def _as_strings(value: object) -> list[str] | None:
    if isinstance(value, str):
        listed = _json_strings(value) if value.lstrip().startswith("[") else None
        parts = listed if listed is not None else value.split("|")
        return [part.strip() for part in parts if part.strip()]
    fits = isinstance(value, list) and all(isinstance(member, str) for member in value)
    return value if fits and isinstance(value, list) else None


def _json_strings(text: str) -> list[str] | None:
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return None
    fits = isinstance(parsed, list) and all(isinstance(member, str) for member in parsed)
    return parsed if fits else None


_READERS: Mapping[FieldType, Callable[[object], FieldValue]] = {
    FieldType.STRING: written_out,
    FieldType.INTEGER: _as_integer,
    FieldType.FLOAT: _as_float,
    FieldType.BOOLEAN: _as_boolean,
    FieldType.DATE: _as_date,
    FieldType.STRINGS: _as_strings,
}
