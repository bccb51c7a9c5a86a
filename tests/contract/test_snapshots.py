"""Rows of an embedded database at hand: what Milvus Lite itself says, and never out of date."""

import threading
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from search.filters import And, Comparison, Filter, Not, Op
from search.store import CollectionSpec, Entity, SearchRequest, Store, open_store
from search.store.connection import Connection
from search.store.snapshots import snapshot_of
from search.types import Hit
from tests.contract.catalogue import DIM, FIELDS, MODEL, entity, shop, unit_vector
from tests.without_snapshots import without_snapshots

NAME = "products__v1"
COLOURS = ("red", "blue", "green")
FILTERS: tuple[Filter | None, ...] = (
    None,
    Comparison("colour", Op.EQ, "red"),
    Comparison("colour", Op.EQ, "none has it"),
    Not(Comparison("stock", Op.LT, 50)),
    And((Comparison("colour", Op.IN, ("red", "blue")), Comparison("tags", Op.CONTAINS, "new"))),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.db"


@pytest.fixture
def embedded(path: Path) -> Iterator[Store]:
    store = open_store(str(path))
    store.create(CollectionSpec(NAME, MODEL, FIELDS))
    yield store
    store.close()


def written(random: np.random.Generator) -> list[Entity]:
    """Up to 40 of 120 items, with a colour, a stock and perhaps a tag.

    No two have the same embedding: to Milvus Lite their scores may differ by the last decimal.
    """
    ids = random.choice(120, size=random.integers(1, 40), replace=False)
    return [
        entity(
            f"item {id}",
            unit_vector(int(random.integers(10**9))),
            {
                "colour": COLOURS[random.integers(3)],
                "stock": int(random.integers(100)),
                "tags": ["new"] if random.random() < 0.5 else [],
            },
            {"deep": {"n": int(id)}},
        )
        for id in ids
    ]


def everything(store: Store, query: NDArray[np.float32]) -> tuple[list[Any], list[float]]:
    """What all kinds of reading say, and the scores, which have an error of float32 in both."""
    said: list[Any] = []
    scores: list[float] = []
    for filter in FILTERS:
        for limit in (3, 500):
            request = SearchRequest(query, limit, 0, filter, frozenset({"item 7"}))
            hits = store.search(NAME, request)
            found = store.candidates(NAME, request, fields=("stock",), embeddings=True)
            said.append([hit.item for hit in hits])
            said.append([(each.id, each.values, each.embedding.tolist()) for each in found])
            scores += [each.score for each in (*hits, *found)]
        said.append(store.count(NAME, filter))
        said.append(sorted(store.scan_ids(NAME, filter)))
    scanned = sorted(chain.from_iterable(store.scan(NAME)), key=lambda each: each.item.id)
    said += [(each.item, each.embedding.tolist(), each.row_hash) for each in scanned]
    said.append(store.get(NAME, ["item 7", "item 8", "no such item"]))
    return said, scores


@pytest.mark.parametrize("seed", range(6))
def test_it_says_what_milvus_lite_says(embedded: Store, seed: int) -> None:
    """After any writes, deletes and flushes, those of an id that was deleted before too."""
    random = np.random.default_rng(seed)
    for _ in range(12):
        match random.integers(4):
            case 0 | 1:
                embedded.upsert(NAME, written(random))
            case 2:
                embedded.delete(NAME, [f"item {id}" for id in random.integers(120, size=30)])
            case 3:
                embedded.flush(NAME)
        query = unit_vector(int(random.integers(1_000)))
        at_hand, scores = everything(embedded, query)
        with pytest.MonkeyPatch.context() as patch:
            without_snapshots(patch)
            of_lite, its_scores = everything(embedded, query)
        assert at_hand == of_lite
        np.testing.assert_allclose(scores, its_scores, atol=2e-6)


def test_this_milvus_lite_is_known(embedded: Store, path: Path) -> None:
    """Else every search is many times slower, and nobody would notice."""
    embedded.upsert(NAME, shop())
    connection = Connection(str(path))
    for condition in ('id != ""', 'id == "a"'):
        assert snapshot_of(connection, NAME, condition) is not None
    connection.close()


def test_it_is_read_once_between_two_writes(embedded: Store, path: Path) -> None:
    embedded.upsert(NAME, shop())
    connection = Connection(str(path))
    first = snapshot_of(connection, NAME)
    assert first is not None and first is snapshot_of(connection, NAME)
    embedded.delete(NAME, ["a"])
    after = snapshot_of(connection, NAME)
    assert after is not None and after is not first
    assert (first.count(), after.count()) == (len(shop()), len(shop()) - 1)
    connection.close()


def test_an_answer_does_not_depend_on_what_else_is_asked(embedded: Store, path: Path) -> None:
    """To the last bit: else pages that were ranked in batches of other sizes would not fit."""
    embedded.upsert(NAME, [entity(f"{n}", unit_vector(n)) for n in range(500)])
    connection = Connection(str(path))
    rows = snapshot_of(connection, NAME)
    assert rows is not None
    queries = np.stack([unit_vector(10_000 + n) for n in range(40)])
    together = rows.nearest(queries, 30, ["id"])
    for query, hits in zip(queries, together, strict=True):
        [alone] = rows.nearest(query[None], 30, ["id"])
        assert alone == hits
    connection.close()


def test_large_batches_are_reckoned_in_blocks(
    embedded: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded.upsert(NAME, [entity(f"{n}", unit_vector(n)) for n in range(100)])
    connection = Connection(str(path))
    rows = snapshot_of(connection, NAME)
    assert rows is not None
    queries = np.stack([unit_vector(10_000 + n) for n in range(10)])
    at_once = rows.nearest(queries, 5, ["id"])
    monkeypatch.setattr("search.store.snapshots.BLOCK_BYTES", 4 * 100 * 3)
    assert rows.nearest(queries, 5, ["id"]) == at_once
    connection.close()


def test_while_somebody_writes_others_read_on(embedded: Store, path: Path) -> None:
    embedded.upsert(NAME, shop())
    request = SearchRequest(unit_vector(1), 20)
    before = embedded.search(NAME, request)
    connection = Connection(str(path))
    with connection.writing():
        assert in_a_thread(lambda: embedded.search(NAME, request)) == before
    # Nothing is at hand now, and cannot be read: Milvus Lite is asked.
    with connection.writing():
        assert in_a_thread(lambda: embedded.search(NAME, request)) == before
    connection.close()


def test_what_was_written_is_read_at_once(embedded: Store) -> None:
    """By every thread that learns of it, while others write."""
    failures: list[str] = []

    def write(writer: int) -> None:
        for n in range(15):
            id = f"{writer}-{n}"
            embedded.upsert(NAME, [entity(id, unit_vector(writer))])
            if id not in embedded.get(NAME, [id]):
                failures.append(id)
            found = embedded.search(NAME, SearchRequest(unit_vector(writer), 100))
            if id not in [hit.item.id for hit in found]:
                failures.append(id)
            if n % 5 == 4:
                embedded.delete(NAME, [id])
                if embedded.get(NAME, [id]):
                    failures.append(id)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert embedded.count(NAME) == 4 * 12


def in_a_thread(ask: Any) -> list[Hit]:
    answers: list[list[Hit]] = []
    thread = threading.Thread(target=lambda: answers.append(ask()))
    thread.start()
    thread.join(30)
    return answers[0]


def test_the_embeddings_are_those_that_were_written(embedded: Store) -> None:
    embedded.upsert(NAME, shop())
    for flushed in (False, True):
        if flushed:
            embedded.flush(NAME)
        ids, vectors = embedded.embeddings(NAME, [each.item.id for each in shop()])
        assert ids == [each.item.id for each in shop()]
        assert vectors.shape == (len(shop()), DIM)
        np.testing.assert_array_equal(vectors, [each.embedding for each in shop()])
