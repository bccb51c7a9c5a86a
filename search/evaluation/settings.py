"""Settings of a query said in words, so that two of them can be compared."""

from collections.abc import Sequence
from dataclasses import fields
from enum import Enum
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from search.errors import EvaluationError
from search.types import Query, TextPart

_OF_EACH_QUERY = ("parts", "filter", "limit", "offset")
_SIMPLE = (bool, int, float, str)


def query_settings(given: Sequence[str]) -> dict[str, Any]:
    """Fields of `Query` by name, from `NAME=VALUE` each, such as `diversity=0.3`.

    Only what has a single value can be set so, and what is each query's own cannot.

    Raises:
        EvaluationError: no such setting, or a value that it cannot have.
        InvalidQueryError: settings that no query can have.
    """
    types = _settable()
    settings: dict[str, Any] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or name not in types:
            raise EvaluationError(
                f"'{each}' is no setting of a query.",
                hint=f"Give NAME=VALUE, NAME one of {', '.join(sorted(types))}.",
            )
        try:
            settings[name] = TypeAdapter(types[name]).validate_python(value)
        except ValidationError as error:
            why = error.errors()[0]["msg"]
            raise EvaluationError(f"'{each}' is no setting of a query: {why}.") from error
    Query(parts=(TextPart("any"),), **settings)  # Raises for what no query can have.
    return settings


def _settable() -> dict[str, Any]:
    hints = get_type_hints(Query)
    return {
        field.name: hints[field.name]
        for field in fields(Query)
        if field.name not in _OF_EACH_QUERY and _is_simple(hints[field.name])
    }


def _is_simple(type_: Any) -> bool:
    if get_origin(type_) in (Union, UnionType):
        return all(one is type(None) or _is_simple(one) for one in get_args(type_))
    if get_origin(type_) is Literal:
        return True
    return type_ in _SIMPLE or (isinstance(type_, type) and issubclass(type_, Enum))
