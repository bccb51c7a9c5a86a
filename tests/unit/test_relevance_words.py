"""What the words of a query say of its relevance."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.lexical import LexicalIndex
from search.ranking.relevance_words import names_any, share_known, with_words

INDEX = LexicalIndex.of([("a", "Red floral dress"), ("b", "Running shoes")])


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("red dresses", 1.0),
        ("I am looking for a red dress", 1.0),
        ("lawn mower", 0.0),
        ("red lawn mower", 1 / 3),
        ("something for me", None),
        ("?!", None),
    ],
)
def test_telling_words_count_by_their_stems(text: str, share: float | None) -> None:
    assert share_known(text, INDEX) == (None if share is None else pytest.approx(share))


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_more_known_words_and_better_pictures_never_make_less(
    relevance: float, share: float, other: float
) -> None:
    told = with_words(relevance, share)
    assert 0 < told < 1
    assert with_words(relevance, max(share, other)) >= told
    assert with_words(max(relevance, other), share) >= told


def test_known_words_add_and_unknown_ones_take_more_away() -> None:
    assert with_words(0.5, 1.0) == pytest.approx(1 / (1 + math.exp(-2)))
    assert with_words(0.5, 0.0) == pytest.approx(1 / (1 + math.exp(4)))


def test_words_tell_something_only_if_titles_are_in_their_language() -> None:
    assert names_any(["dresses", "food"], INDEX)
    assert not names_any(["coats", "small things to wear"], INDEX)
    german = LexicalIndex.of([("a", "Rotes Kleid mit Blumen"), ("b", "Laufschuhe")])
    assert not names_any(["dresses", "shoes"], german)
    assert not names_any(["dresses"], LexicalIndex.of([("a", ""), ("b", "")]))
