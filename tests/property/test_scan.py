"""Whatever was written, replaced, deleted and flushed: a scan gives exactly what is there."""

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search.encoders.base import ModelIdentity
from search.store import CollectionSpec, Entity, Hashes, Store, reading
from search.types import Item
from tests.property.reference import FIELDS, Row, rows

DIM = 4
EXAMPLES = {"lite": 60, "server": 15}
IDS = [f"item '{i}' \"é" for i in range(9)]
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 2**62), st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def collection(store: Store) -> Iterator[str]:
    name = f"scanned_{uuid.uuid4().hex[:12]}__v1"
    store.create(CollectionSpec(name, ModelIdentity("mini", "f", DIM), FIELDS))
    yield name
    store.drop(name)


@st.composite
def written(draw: st.DrawFn) -> list[Entity]:
    """Entities with values of every kind under a few ids, so that later ones replace others."""
    values: list[Row] = draw(rows())
    ids = draw(st.lists(st.sampled_from(IDS), min_size=1, max_size=len(values), unique=True))
    return [draw(entities(id, row)) for id, row in zip(ids, values, strict=False)]


@st.composite
def entities(draw: st.DrawFn, id: str, fields: Row) -> Entity:
    vector = np.random.default_rng(draw(st.integers(0, 2**32))).normal(size=DIM)
    texts = [draw(st.text(max_size=6)) for _ in range(5)]
    extra: dict[str, Any] = draw(st.dictionaries(st.text(max_size=3), JSON, max_size=2))
    item = Item(id, texts[0], texts[1], texts[2] or None, fields, extra)
    unit = np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)
    return Entity(item, unit, texts[3], texts[4])


def steps() -> st.SearchStrategy[Sequence[object]]:
    """Writes (lists of entities), deletions (sets of ids) and flushes (None), in any order."""
    deleted = st.sets(st.sampled_from(IDS), max_size=4)
    return st.lists(st.one_of(written(), written(), deleted, st.none()), min_size=1, max_size=6)


@pytest.mark.parametrize("page", [2, 10_000])
def test_a_scan_gives_what_is_there(
    store: Store, collection: str, backend: str, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "SCAN_BATCH", page)
    monkeypatch.setattr(reading, "FEW_IDS", 1)  # Few ids take the ways that many take.

    @settings(
        derandomize=True,
        deadline=None,
        max_examples=EXAMPLES[backend] // (1 if page > 2 else 3),
        suppress_health_check=list(HealthCheck),
    )
    @given(steps())
    def check(all_steps: Sequence[object]) -> None:
        expected: dict[str, Entity] = {}
        for step in all_steps:
            if isinstance(step, list):
                store.upsert(collection, step)
                expected |= {entity.item.id: entity for entity in step}
            elif isinstance(step, set):
                store.delete(collection, sorted(step))
                expected = {id: one for id, one in expected.items() if id not in step}
            elif backend == "lite":  # A server seals a segment for each: seconds, and no news.
                store.flush(collection)
        assert_holds(store, collection, expected)
        store.delete(collection, IDS)

    check()


def assert_holds(store: Store, collection: str, expected: dict[str, Entity]) -> None:
    batches = list(store.scan(collection))
    assert all(batches)
    scanned = [entity for batch in batches for entity in batch]
    assert sorted(entity.item.id for entity in scanned) == sorted(expected)
    for entity in scanned:
        wanted = expected[entity.item.id]
        assert entity.item == as_stored(wanted.item)
        assert (entity.image_hash, entity.row_hash) == (wanted.image_hash, wanted.row_hash)
        assert entity.embedding.dtype == np.float32
        np.testing.assert_allclose(entity.embedding, wanted.embedding, atol=1e-6)
    without = [entity for batch in store.scan(collection, embeddings=False) for entity in batch]
    assert {entity.embedding.shape for entity in without} <= {(0,)}
    assert {one.item.id: one.item for one in without} == {one.item.id: one.item for one in scanned}
    assert sorted(store.scan_ids(collection)) == sorted(expected)
    hashes = {id: Hashes(one.image_hash, one.row_hash) for id, one in expected.items()}
    assert store.hashes(collection, IDS) == hashes
    assert store.get(collection, IDS) == {one.item.id: one.item for one in scanned}


def as_stored(item: Item) -> Item:
    """An empty text or list is a missing value: see docs/milvus.md."""
    fields = {field.name: item.fields.get(field.name) for field in FIELDS}
    kept = {name: None if value in ("", []) else value for name, value in fields.items()}
    return Item(item.id, item.image, item.title, item.product_id, kept, item.extra)
