"""Texts as words, and words as the stems that they are compared by."""

import re
import unicodedata
from collections.abc import Iterable

_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_APOSTROPHES = str.maketrans("", "", "'`\u2019\u00b4")


def words_of(text: str) -> list[str]:
    """The words of a text in order: lower case, without accents and apostrophes.

    A word with hyphens comes joined and then in its parts, so that "t-shirt" finds "tshirt" and
    "polo shirt" finds "polo-shirt".
    """
    plain = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES).casefold())
    found: list[str] = []
    for word in _WORD.findall("".join(c for c in plain if not unicodedata.combining(c))):
        parts = word.split("-")
        found += ["".join(parts), *parts] if len(parts) > 1 else parts
    return found


def has_digit(word: str) -> bool:
    """Whether the word is a number or has one in it, as model numbers have."""
    return any(character.isdigit() for character in word)


def stems_of(words: Iterable[str]) -> list[str]:
    """What each word is compared by: Snowball's English stem; a word with a digit is its own."""
    import Stemmer

    # Made anew each time: one of them is not safe for several threads.
    stem = Stemmer.Stemmer("english", 0).stemWord
    return [word if has_digit(word) else str(stem(word)) for word in words]
