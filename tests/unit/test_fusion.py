"""What pictures and words together are worth, on rankings written by hand."""

from collections.abc import Sequence

import numpy as np

from search.lexical import LexicalIndex
from search.lexical.words import words_of
from search.ranking.fusion import fused
from search.store.base import Candidate

OTHERS = {f"o{n:02}": f"Nike Men Printed White Tshirts {n}" for n in range(40)}
TITLES = {"men": "Nike Men Printed Black Tshirts", "women": "Nike Women Printed Black Tshirts"}


def order(text: str, titles: dict[str, str], scores: dict[str, float]) -> list[str]:
    index = LexicalIndex.of(titles.items())
    ranking = index.ranking(words_of(text))

    def candidates(ids: Sequence[str]) -> list[Candidate]:
        return [Candidate(id, scores[id], {}, np.zeros(0, np.float32)) for id in ids]

    near = sorted(scores, key=lambda id: (-scores[id], id))
    found = fused(candidates(near), candidates(list(ranking.ids())), ranking)
    return [each.id for each in found]


def test_an_item_with_all_the_words_comes_before_a_better_picture_that_lacks_a_common_one() -> None:
    titles = TITLES | OTHERS
    scores = {"men": 0.08, "women": 0.46} | {id: 0.4 - n / 200 for n, id in enumerate(OTHERS)}
    assert order("Nike Men Printed Black Tshirts", titles, scores)[:2] == ["men", "women"]
    assert order("Nike Women Printed Black Tshirts", titles, scores)[:2] == ["women", "men"]


def test_of_items_with_all_the_words_the_better_picture_comes_first() -> None:
    titles = {"a": "Black Dress", "b": "Dress, black", "c": "White Dress"}
    scores = {"a": 0.2, "b": 0.3, "c": 0.4}
    assert order("black dresses", titles, scores) == ["b", "a", "c"]


def test_where_no_item_has_a_word_pictures_decide() -> None:
    scores = {"men": 0.1, "women": 0.2}
    assert order("zeppelin", TITLES, scores) == ["women", "men"]
