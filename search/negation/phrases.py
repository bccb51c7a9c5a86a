"""What is excluded: the words that follow a word of negation, and where they end."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from search.vocabulary import vocabulary

_QUOTED = re.compile(r'"[^"]*"')
_TOKEN = re.compile(r"\s*(?:\"(?P<quoted>[^\"]+)\"|(?P<word>\w[\w'-]*))")
_AFTER_MINUS = re.compile(r"\"(?P<double>[^\"]+)\"|'(?P<single>[^']+)'|(?P<word>[^\s,;\"']+)")
_OR = re.compile(r"\s*,?\s*(?:or|nor)\s+|\s*/\s*(?=\w)", re.IGNORECASE)
_AND = re.compile(r"\s*(?:,?\s*and\s+|&\s*)", re.IGNORECASE)
# A comma goes on with a list only if the list ends with "or": "not red, blue or green".
_COMMA = re.compile(
    r"\s*,\s*(?=[\w' -]{1,40}(?:,[\w' -]{1,40}){0,8}(?<=[\s,])n?or\s)", re.IGNORECASE
)
_WORD = re.compile(r"\w+")
_ONES = re.compile(r"\s+(?:ones?|things?|stuff)\b", re.IGNORECASE)
_MOST_WORDS = 5


@dataclass(frozen=True, slots=True)
class English:
    """The words of `english.toml`."""

    phrases: frozenset[str]
    non: frozenset[str]
    parts: frozenset[str]
    broad: frozenset[str]
    stops: frozenset[str]
    fillers: frozenset[str]
    numbers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Phrase:
    """An excluded phrase and where the text goes on: after a quotation, that is not at its end."""

    said: str
    after: int


@cache
def english() -> English:
    """The words that the reading needs."""
    text = (files("search.negation") / "english.toml").read_text(encoding="utf-8")
    return English(**{name: frozenset(words) for name, words in tomllib.loads(text).items()})


def protected_spans(text: str) -> list[tuple[int, int]]:
    """Start and end of what is not read: quotations, and phrases that negate nothing."""
    found = [*_idioms().finditer(text), *_QUOTED.finditer(text)]
    return [match.span() for match in found]


@cache
def _idioms() -> re.Pattern[str]:
    longest_first = sorted(english().phrases, key=lambda phrase: (-len(phrase), phrase))
    spaced = (re.escape(phrase).replace(r"\ ", r"[\s-]+") for phrase in longest_first)
    return re.compile(rf"(?<![\w'-])(?:{'|'.join(spaced)})(?![\w'])", re.IGNORECASE)


def after_minus(text: str, at: int) -> list[Phrase]:
    """The one word or quotation after a minus sign."""
    found = _AFTER_MINUS.match(text, at)
    said = _trimmed(found[str(found.lastgroup)]) if found else ""
    return [Phrase(said, found.end())] if found and re.search(r"\w", said) else []


def after_non(text: str, at: int) -> list[Phrase]:
    """What "non-" or "non " stands before, unless the two together name a kind."""
    word = _WORD.match(text, at + 1)
    if word is None or word[0].lower() in english().non:
        return []
    words = _words(text, at + 1)
    known = _known([said.said for said in words])
    return [_together(words[:known]) if known else Phrase(word[0], word.end())]


def read_list(text: str, at: int, *, whole: bool) -> list[Phrase]:
    """The phrases of a list such as "stripes, dots or checks".

    `whole` is for "without" and "no", which stand before nouns: "without white rubber soles".
    """
    found: list[Phrase] = []
    phrase = _phrase(text, at, whole)
    while phrase is not None:
        found.append(phrase)
        phrase = _next(text, phrase, whole)
    if found and (ones := _ONES.match(text, found[-1].after)):
        found[-1] = Phrase(found[-1].said, ones.end())
    return found


def _next(text: str, last: Phrase, whole: bool) -> Phrase | None:
    """The next phrase of the list, if it goes on."""
    if either := _OR.match(text, last.after):
        return _phrase(text, either.end(), whole)
    both = _AND.match(text, last.after)
    joint = both or _COMMA.match(text, last.after)
    if joint is None or not _words(text, joint.end()):
        return None
    phrase = _phrase(text, joint.end(), whole)
    return None if phrase and both and _unlike(last.said, phrase.said) else phrase


def _unlike(one: str, other: str) -> bool:
    """Whether "and" joins values of two attributes: "no stripes and long sleeves"."""
    senses = [vocabulary().find(said) for said in (one, other)]
    return len({sense.attribute.name for sense in senses if sense}) == 2


def _phrase(text: str, at: int, whole: bool) -> Phrase | None:
    """The phrase that begins here; None where no picture could show what is said."""
    while (token := _TOKEN.match(text, at)) and (token["word"] or "").lower() in english().fillers:
        at = token.end()
    if token and token["quoted"]:
        said = _trimmed(token["quoted"])
        return Phrase(said, token.end()) if re.search(r"\w", said) else None
    words = _words(text, at)
    lowered = [word.said.lower() for word in words]
    if not words or lowered[0][0].isdigit() or lowered[0] in english().numbers:
        return None
    return _together(words[: _length(lowered, whole)])


def _words(text: str, at: int) -> list[Phrase]:
    """The next words, up to a stop, a mark or a quotation."""
    found: list[Phrase] = []
    while len(found) < _MOST_WORDS and (token := _TOKEN.match(text, at)):
        word = token["word"]
        if word is None or word.lower() in english().stops:
            break
        at = token.end()
        found.append(Phrase(word, at))
    return found


def _together(words: list[Phrase]) -> Phrase:
    return Phrase(" ".join(word.said for word in words), words[-1].after)


def _trimmed(said: str) -> str:
    return " ".join(said.split()).rstrip(" .,:;!?)")


def _length(words: list[str], whole: bool) -> int:
    """How many of the words are excluded; the rest goes back to what is wanted.

    A known value ends the phrase ("not red | dress"), and so does a part of a product; a known
    value or a kind that comes later ends a phrase of unknown words ("not flashy | dress").
    """
    parts = english().parts
    known = _known(words)
    part = next((count for count, word in enumerate(words, 1) if word in parts), 0)
    if known and words[known - 1] in parts:
        return known
    if known:
        return part if part == known + 1 or (whole and part > known) else known
    if part and whole:
        return part
    later = (count for count in range(1, len(words)) if _begins(words[count:]))
    return min(part or len(words), next(later, len(words)))


def _known(words: list[str]) -> int:
    """How many words the longest known value has that they begin with."""
    find = vocabulary().find
    return next((n for n in range(len(words), 0, -1) if find(" ".join(words[:n]))), 0)


def _begins(words: list[str]) -> bool:
    return words[0] in english().broad or _known(words) > 0
