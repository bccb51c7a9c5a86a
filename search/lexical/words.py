"""Texts as words, and words as the stems that they are compared by."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

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


def spellings_of(words: Sequence[str]) -> list[tuple[tuple[str, ...], ...]]:
    """The words of a text, as `words_of` gives them, each in the ways that it may be written.

    "tshirt", "t", "shirt" are one word, which is written "tshirt", or "t" and "shirt".
    """
    found: list[tuple[tuple[str, ...], ...]] = []
    at = 0
    while at < len(words):
        word = words[at]
        parts = _parts(word, words[at + 1 : at + 1 + len(word)])
        found.append(((word,), parts) if parts else ((word,),))
        at += 1 + len(parts)
    return found


def _parts(word: str, following: Sequence[str]) -> tuple[str, ...]:
    """The first of the words that follow, if they are the word in its parts."""
    size = 0
    for count, part in enumerate(following, start=1):
        size += len(part)
        if size >= len(word):
            parts = tuple(following[:count])
            return parts if count > 1 and "".join(parts) == word else ()
    return ()


def is_common(word: str) -> bool:
    """Whether it is one of the commonest words of English: "with", "the"."""
    from bm25s.stopwords import STOPWORDS_EN_PLUS

    return word in STOPWORDS_EN_PLUS


def has_digit(word: str) -> bool:
    """Whether the word is a number or has one in it, as model numbers have."""
    return any(character.isdigit() for character in word)


def stems_of(words: Iterable[str]) -> list[str]:
    """What each word is compared by: Snowball's English stem; a word with a digit is its own."""
    import Stemmer

    # Made anew each time: one of them is not safe for several threads.
    stem = Stemmer.Stemmer("english", 0).stemWord
    return [word if has_digit(word) else str(stem(word)) for word in words]
