"""The words of a query, looked up."""

from collections.abc import Sequence

from search.errors import InvalidQueryError
from search.lexical.index import LexicalIndex, WordRanking
from search.lexical.spelling import Corrected, corrected
from search.lexical.words import words_of
from search.types import Mode

NO_WORD = "No item has any of these words."


def words_asked(
    texts: Sequence[str], index: LexicalIndex, mode: Mode, *, literal: bool
) -> tuple[WordRanking, list[str]]:
    """The items that have a word of the texts, and what people should be told.

    Spelling is corrected unless the query is `literal`. Raises InvalidQueryError where the words
    are all there is to go by, and none is wanted ("not red").
    """
    said = words_of(" ".join(texts))
    if mode == "text" and not said:
        raise InvalidQueryError(
            "The mode text compares words, and the query wants none.",
            hint="Say what is wanted, or leave out the mode.",
        )
    read = Corrected(tuple(said)) if literal else corrected(said, index)
    ranking = index.ranking(read.words)
    return ranking, read.notes if len(ranking) else [*read.notes, NO_WORD]
