"""The error hierarchy is what its docstring draws, and every class can be told by its code."""

import inspect
import re

import pytest

from search import errors
from search.errors import VitrineError

CLASSES = [
    cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, VitrineError)
]


def test_the_tree_in_the_docstring_is_the_tree_in_the_code() -> None:
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in str(errors.__doc__).splitlines():
        found = re.match(r"^    ([│├└─ ]*)([A-Z]\w+Error)", line)
        if found:
            depth = len(found[1]) // 4
            path[depth:] = [found[2]]
            drawn[found[2]] = path[depth - 1] if depth else "Exception"
    assert drawn == {cls.__name__: cls.__bases__[0].__name__ for cls in CLASSES}


def test_codes_are_unique() -> None:
    assert len({cls.code for cls in CLASSES}) == len(CLASSES)


@pytest.mark.parametrize("cls", CLASSES)
def test_message_and_hint_are_told_together(cls: type[VitrineError]) -> None:
    error = cls("It broke.", hint="Mend it.", details={"id": "7"})
    assert str(error) == "It broke. Mend it."
    assert (error.message, error.hint, error.details) == ("It broke.", "Mend it.", {"id": "7"})
