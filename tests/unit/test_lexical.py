"""Words, their index, their spelling, and how an index is kept up to date."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from search.encoders.base import ModelIdentity
from search.errors import InvalidQueryError
from search.lexical import LexicalIndex, LexicalIndexes, corrected, keeping, words_asked
from search.lexical.words import words_of
from search.store import CollectionSpec, Entity, Store, open_store
from search.types import Field, FieldType, Item
from tests.waiting import wait_until

TITLES = {
    "a": "Puma Men Ducati Black Jacket",
    "b": "Puma Men Black Shoes",
    "c": "Gini & Jony Girls' Polo-Shirt, Crème",
    "d": "Guess Women Watch W13582L2",
    "e": "Puma Women Red Dresses",
    "f": "",
}


@pytest.fixture
def index() -> LexicalIndex:
    return LexicalIndex.of(TITLES.items())


def found(index: LexicalIndex, text: str) -> list[str]:
    return list(index.ranking(words_of(text)).ids())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Crème DRESSES", ["creme", "dresses"]),
        ("girls' t-shirt", ["girls", "tshirt", "t", "shirt"]),
        ("W13582L2, 40%", ["w13582l2", "40"]),
        (" &!? ", []),
        ("红色 连衣裙", ["红色", "连衣裙"]),
    ],
)
def test_texts_become_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_items_with_more_of_the_words_come_first(index: LexicalIndex) -> None:
    assert found(index, "puma ducati") == ["a", "b", "e"]
    assert found(index, "w13582l2") == ["d"]


def test_forms_hyphens_and_accents_make_no_difference(index: LexicalIndex) -> None:
    assert found(index, "dress") == ["e"]
    assert found(index, "polo shirts") == found(index, "POLOSHIRT") == ["c"]
    assert found(index, "creme") == ["c"]


def test_shares_are_those_of_the_best(index: LexicalIndex) -> None:
    ranking = index.ranking(["puma", "ducati"])
    shares = [ranking.share(id) for id in ranking.ids()]
    assert shares[0] == 1
    assert shares == sorted(shares, reverse=True)
    assert ranking.share("d") == ranking.share("no such item") == 0


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("puma black", "ab"),
        ("a shoe by puma", "b"),  # another form; the commonest words need not be there
        ("puma zeppelin jackets", "a"),  # nothing has a zeppelin
        ("polo-shirt", "c"),
        ("poloshirt", "c"),
        ("polo shirts for girls", "c"),
        ("red shoes", ""),
        ("red ducati", ""),
        ("the", ""),
        ("zeppelin", ""),
    ],
)
def test_which_items_have_all_the_words(index: LexicalIndex, text: str, ids: str) -> None:
    ranking = index.ranking(words_of(text))
    assert [id for id in [*TITLES, "no such item"] if ranking.has_all(id)] == list(ids)


def test_a_hyphen_in_the_query_asks_for_no_hyphen_in_the_title() -> None:
    titles = {"a": "Blue T-Shirt", "b": "Blue Tshirts", "c": "T Shirt, blue", "d": "Blue Shirt"}
    ranking = LexicalIndex.of(titles.items()).ranking(words_of("blue t-shirt"))
    assert [id for id in titles if ranking.has_all(id)] == ["a", "b", "c"]


def test_items_with_the_same_words_are_in_order_of_id() -> None:
    index = LexicalIndex.of([(id, "red dress") for id in ("9", "10", "a", "2")])
    assert found(index, "dress") == ["10", "2", "9", "a"]


@pytest.mark.parametrize("texts", [{}, {"a": "", "b": "!"}])
def test_where_nothing_has_a_word_nothing_is_found(texts: dict[str, str]) -> None:
    ranking, notes = words_asked(["dress"], LexicalIndex.of(texts.items()), "text", literal=False)
    assert (len(ranking), notes) == (0, ["No item has any of these words."])


def test_a_text_that_wants_no_word_is_refused_where_words_are_all(index: LexicalIndex) -> None:
    with pytest.raises(InvalidQueryError, match="wants none"):
        words_asked(["?!"], index, "text", literal=False)
    ranking, _ = words_asked(["?!"], index, "hybrid", literal=False)
    assert len(ranking) == 0


@pytest.mark.parametrize("typo", ["drseses", "dreses", "dressess", "dressas"])
def test_unknown_words_are_read_as_near_ones(typo: str, index: LexicalIndex) -> None:
    ranking, notes = words_asked([f"red {typo}"], index, "text", literal=False)
    assert next(iter(ranking.ids())) == "e"
    assert notes == [f"Read {typo!r} as 'dresses'."]


def test_of_a_long_text_the_first_words_count_and_that_is_said(index: LexicalIndex) -> None:
    long = ["puma"] * 99 + ["shoes", "ducati"]
    ranking, notes = words_asked([" ".join(long)], index, "text", literal=False)
    assert [id for id in ranking.ids() if ranking.has_all(id)] == ["b"]
    assert notes == ["Only the first 100 words were compared with those of titles."]
    assert words_asked([" ".join(long[:100])], index, "text", literal=False)[1] == []


def test_what_was_read_is_said(index: LexicalIndex) -> None:
    read = corrected(["pumaa", "dcati"], index)
    assert read.words == ("puma", "ducati")
    assert read.notes == ["Read 'pumaa' as 'puma'.", "Read 'dcati' as 'ducati'."]


@pytest.mark.parametrize(
    "word",
    [
        "puma",  # an item has it
        "dress",  # an item has another form of it
        "w13582l3",  # a model number
        "13582",
        "rde",  # too short
        "with",  # too common
        "sandals",  # nothing is near
    ],
)
def test_words_that_stay_as_they_are(word: str, index: LexicalIndex) -> None:
    assert corrected([word], index).words == (word,)


def test_a_literal_query_is_not_corrected(index: LexicalIndex) -> None:
    ranking, notes = words_asked(["dcati"], index, "text", literal=True)
    assert (len(ranking), notes) == (0, ["No item has any of these words."])


def test_of_near_words_the_most_frequent_is_read() -> None:
    index = LexicalIndex.of([("a", "shirt"), ("b", "short"), ("c", "short")])
    assert corrected(["shart"], index).words == ("short",)


SPEC = CollectionSpec(
    "worded__v1",
    ModelIdentity("mini", "f", 2),
    (
        Field("brand", FieldType.STRING),
        Field("tags", FieldType.STRINGS),
        Field("price", FieldType.INTEGER),
    ),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(str(tmp_path / "worded.db"))) as store:
        store.create(SPEC)
        put(store, "a", "Red dress", {"brand": "Aldmoor", "tags": ["summer", "party"], "price": 7})
        yield store


def put(store: Store, id: str, title: str, fields: dict[str, object] | None = None) -> None:
    item = Item(id, "a.jpg", title, None, fields or {})  # type: ignore[arg-type]
    store.upsert(SPEC.name, [Entity(item, np.array([1, 0], np.float32), "", "")])


def test_titles_texts_and_tags_are_words_and_numbers_are_not(store: Store) -> None:
    index = LexicalIndexes(store).index(SPEC)
    for word in ("dress", "aldmoor", "summer", "party"):
        assert found(index, word) == ["a"]
    assert found(index, "7") == []


def test_new_items_are_found_once_the_index_is_checked(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexes = LexicalIndexes(store)
    first = indexes.index(SPEC)
    put(store, "b", "Blue skirt")
    assert indexes.index(SPEC) is first  # Nothing is looked at again within CHECK_AFTER_S.
    monkeypatch.setattr(keeping, "CHECK_AFTER_S", 0.0)
    wait_until(lambda: found(indexes.index(SPEC), "skirt") == ["b"])


def test_new_titles_are_found_when_the_index_is_old(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexes = LexicalIndexes(store)
    assert found(indexes.index(SPEC), "dress") == ["a"]
    put(store, "a", "Blue skirt")
    monkeypatch.setattr(keeping, "CHECK_AFTER_S", 0.0)
    monkeypatch.setattr(keeping, "REFRESH_S", 0.0)
    wait_until(lambda: found(indexes.index(SPEC), "skirt") == ["a"])


def test_an_index_that_is_up_to_date_is_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    indexes = LexicalIndexes(store)
    first = indexes.index(SPEC)
    held = indexes._held
    monkeypatch.setattr(keeping, "CHECK_AFTER_S", 0.0)
    indexes.index(SPEC)
    wait_until(lambda: indexes._held is not held)
    assert indexes.index(SPEC) is first


def test_collections_beyond_the_limit_are_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "MOST_ITEMS", 0)
    with pytest.raises(InvalidQueryError, match="too many to search by words"):
        LexicalIndexes(store).index(SPEC)
