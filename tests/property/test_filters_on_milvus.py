"""Random filters over random catalogues select what pandas says, on both backends."""

import os
import uuid
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, settings

from search.encoders.base import ModelIdentity
from search.filters import Filter
from search.store import CollectionSpec, Entity, SearchRequest, Store
from search.types import Item
from tests.property.reference import FIELDS, Extra, Row, catalogues, satisfying

MORE = int(os.environ.get("VITRINE_TEST_MORE", "1"))
"""How many times as many examples, for a thorough run."""

EXAMPLES = {"lite": 100 * MORE, "server": 30 * MORE}
AXIS = np.array([1, 0, 0, 0], dtype=np.float32)


@pytest.fixture(scope="module")
def collection(store: Store) -> Iterator[str]:
    name = f"random_{uuid.uuid4().hex[:12]}__v1"
    store.create(CollectionSpec(name, ModelIdentity("mini", "f", 4), FIELDS))
    yield name
    store.drop(name)


def test_filters_mean_what_they_say(store: Store, collection: str, backend: str) -> None:
    run = 0

    @settings(
        derandomize=True,
        deadline=None,
        max_examples=EXAMPLES[backend],
        suppress_health_check=list(HealthCheck),
    )
    @given(catalogues())
    def check(drawn: tuple[list[tuple[Row, Extra]], list[Filter]]) -> None:
        # Each catalogue has ids of its own: cheaper than a collection of its own.
        nonlocal run
        run += 1
        items, tried = drawn
        ids = [f"{run}-{i}" for i in range(len(items))]
        entities = [
            Entity(Item(id, "a.jpg", "", fields=row, extra=extra), AXIS, "", "")
            for id, (row, extra) in zip(ids, items, strict=True)
        ]
        store.upsert(collection, entities)
        if backend == "lite" and run % 10 == 0:  # Flushed rows are read in another way.
            store.flush(collection)
        for filter in tried:
            note(f"{filter}")
            request = SearchRequest(AXIS, 1_000, filter=filter)
            found = {hit.id for hit in store.search(collection, request)}
            wanted = {id for id, holds in zip(ids, satisfying(items, filter)) if holds}
            assert found & set(ids) == wanted
        store.delete(collection, ids)

    check()
