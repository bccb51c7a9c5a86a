"""Sorts and boosts as people write them: `price`, `-added_on`, `popularity:0.1`."""

from search.errors import InvalidQueryError
from search.types import Boost, Sort


def sort_from_text(text: str) -> Sort:
    """`price` is ascending, `-price` descending; InvalidQueryError if it names no field."""
    name = text.removeprefix("-")
    if not name:
        raise InvalidQueryError("A sort names no field.", hint="Write price, or -price.")
    return Sort(name, descending=name != text)


def boost_from_text(text: str) -> Boost:
    """`popularity:0.1` is the field and its weight; InvalidQueryError if either is missing."""
    name, _, weight = text.rpartition(":")
    try:
        number = float(weight)
    except ValueError:
        number = None
    if not name or number is None:
        raise InvalidQueryError(
            f"The boost {text[:100]!r} is not a field and a weight.",
            hint="Write for example popularity:0.1.",
        )
    return Boost(name, number)
