"""What a text wants and what it does not: "dress, not floral" wants a dress without floral."""

import re
from dataclasses import dataclass

from search.negation.phrases import Phrase, after_minus, after_non, protected_spans, read_list

_NAMED = r"(?:colou?rs?|patterns?|prints?|materials?|brands?|styles?|shades?)"
_CAN_NOT = r"(?:(?:do|does|should|must|can|would)\s+not|(?:do|does|should|must|ca|would)n'?t)"
_CUE = re.compile(
    rf"""
    (?<![\w'-])
    (?:(?:but|and|just|though|yet)\s+)?
    (?:
        (?P<adjective>                                      # not floral, that aren't floral
            (?:(?:that|it|they)'(?:s|re)\s+|(?:(?:that|which|who)\s+)?(?:(?:is|are)\s+)?)not
          | (?:(?:that|which|who)\s+)?(?:is|are)n'?t
          | neither
          | (?:i\s+)?{_CAN_NOT}\s+(?:want|like|need|be)
          | (?:in\s+|with\s+|of\s+)?(?:any|every|all)(?:thing)?(?:\s+other)?(?:\s+{_NAMED})?\s+but
          | other\s+than | instead\s+of | rather\s+than
          | (?<!\A)nothing
          | non(?=[\s-])
        )
      | (?P<noun>                                           # without stripes, with no logo
            (?:with|having|(?:(?:that|which|who)\s+)?ha(?:s|ve))\s+no
          | no | without | w/o | not\s+having
          | except(?:\s+for)? | excluding | apart\s+from
          | (?:(?:that|which|who)\s+)?{_CAN_NOT}\s+(?:have|show|contain|include|feature)
        )
    )
    (?![\w'])
  | (?P<minus> (?<!\S) [-\u2212\u2013] (?=["'\w]) (?!\d) )   # dress -floral
    """,
    re.VERBOSE | re.IGNORECASE,
)
_EMPTY_BRACKETS = re.compile(r"\(\s*\)|\[\s*\]")
_MARKS = ",;:&/\u2013\u2014"
_LOOSE_AT_START = frozenset(("", "and", "but", "or"))
_LOOSE_AT_END = _LOOSE_AT_START | {"with", "in", "that", "which", "are", "is"}


NEUTRAL = "product"
"""What to look for where a text says only what it does not want, and no picture is asked with.

All that is not excluded is an answer then, as under a filter; the order is that of nearness to a
word that favours nothing.
"""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A text taken apart: what it wants, and the phrases that it excludes, in the text's order.

    `wanted` is empty when the text says only what to leave out ("not red").
    """

    wanted: str
    without: tuple[str, ...]


def read_negation(text: str) -> Spoken:
    """Take plain English negation out of a text.

    Understood are not, no, without, except, non-word, -word, -"two words" and their kin, with
    lists ("without stripes or dots"). A text that excludes nothing comes back as it was; what
    stands in double quotes is never read ("\"no fear\" t-shirt").
    """
    # Every replacement keeps the length, so that positions are the text's own.
    plain = text.replace("\u2019", "'").replace("\u201c", '"').replace("\u201d", '"')
    protected = protected_spans(plain)
    kept: list[str] = []
    without: list[str] = []
    at = 0
    for cue in _CUE.finditer(plain):
        last = cue.end() - 1
        if cue.start() < at or any(start <= last < end for start, end in protected):
            continue
        if phrases := _excluded(plain, cue):
            kept.append(text[at : cue.start()])
            without += [phrase.said for phrase in phrases]
            at = phrases[-1].after
    if not without:
        return Spoken(text, ())
    return Spoken(_joined([*kept, text[at:]]), tuple(dict.fromkeys(without)))


def _excluded(text: str, cue: re.Match[str]) -> list[Phrase]:
    """The phrases that this word of negation excludes."""
    if cue["minus"]:
        return after_minus(text, cue.end())
    if cue[0].lower().endswith("non"):
        return after_non(text, cue.end())
    return read_list(text, cue.end(), whole=cue["noun"] is not None)


def _joined(pieces: list[str]) -> str:
    """What is wanted, without the commas and joining words that led to what was taken out."""
    words = [word for piece in pieces for word in _trimmed(piece.split())]
    wanted = " ".join(_EMPTY_BRACKETS.sub(" ", " ".join(words)).split())
    return wanted if re.search(r"\w", wanted) else ""


def _trimmed(words: list[str]) -> list[str]:
    first, last = 0, len(words)
    while first < last and words[first].strip(f"{_MARKS}-").lower() in _LOOSE_AT_START:
        first += 1
    while first < last and words[last - 1].strip(f"{_MARKS}-").lower() in _LOOSE_AT_END:
        last -= 1
    kept = words[first:last]
    if kept:
        kept[0] = kept[0].lstrip(_MARKS)
        kept[-1] = kept[-1].rstrip(_MARKS)
    return kept
