"""The words of a text that a picture can show."""

import re
from collections.abc import Sequence

_WORD = re.compile(r"\w+(?:[-'\u2019]\w+)*")

_SAY_NOTHING = """
    a an and are as at be but by for from has have i in is it its like me my of on or our
    please show some something that the their these they this those to very want we with you
    your looking find any all
"""

_SILENT = frozenset(_SAY_NOTHING.split())

MOST_WORDS = 12
"""Words beyond these are left out: nobody looks at more maps of one picture."""


def content_words(text: str) -> tuple[str, ...]:
    """The text's words without those that no picture shows, each once, in order.

    Compounds with a hyphen are one word: `t-shirt`. At most `MOST_WORDS`.
    """
    words = (match.group().casefold() for match in _WORD.finditer(text))
    return tuple(dict.fromkeys(word for word in words if word not in _SILENT))[:MOST_WORDS]


def words_of(texts: Sequence[str]) -> tuple[str, ...]:
    """The content words of several texts, each once, in order."""
    return tuple(dict.fromkeys(word for text in texts for word in content_words(text)))[:MOST_WORDS]
