"""The words of a query, looked up."""

from collections.abc import Sequence

from search.errors import InvalidQueryError
from search.lexical.index import LexicalIndex, WordRanking
from search.lexical.spelling import Corrected, corrected
from search.lexical.words import words_of
from search.types import Mode

MOST_WORDS = 100
"""Words that are looked up, the first ones: unknown ones are compared with all that are known."""

NO_WORD = "No item has any of these words."
CUT = f"Only the first {MOST_WORDS} words were compared with those of titles."


def words_asked(
    texts: Sequence[str], index: LexicalIndex, mode: Mode, *, literal: bool
) -> tuple[WordRanking, list[str]]:
    """The items that have a word of the texts, and what people should be told.

    Spelling is corrected unless the query is `literal`. Words beyond MOST_WORDS do not count.
    Raises InvalidQueryError where the words are all there is to go by, and none is wanted ("not
    red").
    """
    every = words_of(" ".join(texts))
    said = every[:MOST_WORDS]
    if mode == "text" and not said:
        raise InvalidQueryError(
            "The mode text compares words, and the query wants none.",
            hint="Say what is wanted, or leave out the mode.",
        )
    read = Corrected(tuple(said)) if literal else corrected(said, index)
    ranking = index.ranking(read.words)
    notes = [*read.notes, *([CUT] if len(every) > len(said) else [])]
    return ranking, notes if len(ranking) else [*notes, NO_WORD]
