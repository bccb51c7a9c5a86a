"""Suggestions: by the beginnings of words, whatever capitals and accents, frequent ones first."""

import pytest

from search.suggesting import SuggestionIndex
from search.suggesting.index import folded

COUNTS = {
    "Red Floral Dress": 2, "Red dress": 1, "Blue Dress": 5, "dress": 40, "Crème Brûlée Hat": 1,
    "Überwurf": 1, "A-Line Skirt": 1, "red": 30, "RED": 4, "T-Shirt, red": 3, "赤い ドレス": 1,
    "...": 9,
}  # fmt: skip


@pytest.fixture(scope="module")
def index() -> SuggestionIndex:
    return SuggestionIndex(COUNTS)


def texts(index: SuggestionIndex, prefix: str, limit: int = 8) -> list[str]:
    return [each.text for each in index.find(prefix, limit)]


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("dre", ["dress", "Blue Dress", "Red Floral Dress", "Red dress"]),
        ("RED d", ["Red dress", "Red Floral Dress"]),
        ("red", ["red", "T-Shirt, red", "Red Floral Dress", "Red dress"]),
        ("creme", ["Crème Brûlée Hat"]),
        ("BRÛ", ["Crème Brûlée Hat"]),
        ("uber", ["Überwurf"]),
        ("a-l", ["A-Line Skirt"]),
        ("shirt re", ["T-Shirt, red"]),
        ("dress red", ["Red Floral Dress", "Red dress"]),
        ("  dress  blu ", ["Blue Dress"]),
        ("ドレ", ["赤い ドレス"]),
        ("ress", []),
        ("", []),
        ("...", []),
        ("red purple", []),
    ],
)
def test_words_that_begin_so(index: SuggestionIndex, prefix: str, found: list[str]) -> None:
    assert texts(index, prefix) == found


def test_forms_of_one_text_are_one_suggestion(index: SuggestionIndex) -> None:
    best = index.find("red", 1)[0]
    assert (best.text, best.count) == ("red", 34)


def test_limit(index: SuggestionIndex) -> None:
    assert texts(index, "dre", 2) == ["dress", "Blue Dress"]
    assert texts(index, "dre", 0) == []


def test_many_texts_are_the_same_as_looking_at_each() -> None:
    words = ["red", "real", "dress", "dr", "blue", "b", "bluebell", "rose", "ros", "é"]
    counts = {f"{a} {b} {c}": 1 + (i * 7 + j * 3 + k) % 11
              for i, a in enumerate(words) for j, b in enumerate(words) for k, c in enumerate(words)
              if len({a, b, c}) == 3}  # fmt: skip
    index = SuggestionIndex(counts)
    for prefix in ("r", "re", "dr", "b", "blue b", "ros", "e", "red dress"):
        own = [
            (-count, len(key := folded(text)), key)
            for text, count in counts.items()
            if any(key.startswith(prefix) for key in _tails(folded(text)))
        ]
        expected = [key for _, _, key in sorted(own)[:8]]
        assert [folded(text) for text in texts(index, prefix)] == expected


def _tails(text: str) -> list[str]:
    words = text.split(" ")
    return [" ".join(words[at:]) for at in range(len(words))]


def test_nothing_to_suggest() -> None:
    assert SuggestionIndex({}).find("a", 8) == []
