"""Random filters over random catalogues select what the reference says, on both backends."""

import uuid
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from search.encoders.base import ModelIdentity
from search.filters import Filter
from search.store import CollectionSpec, Entity, SearchRequest, Store
from search.types import Item
from tests.property.reference import FIELDS, Row, filters, rows, satisfies

EXAMPLES = {"lite": 50, "server": 30}
FILTERS_PER_CATALOGUE = 4
AXIS = np.array([1, 0, 0, 0], dtype=np.float32)


@pytest.fixture(scope="module")
def collection(store: Store) -> Iterator[str]:
    name = f"random_{uuid.uuid4().hex[:12]}__v1"
    store.create(CollectionSpec(name, ModelIdentity("mini", "f", 4), FIELDS))
    yield name
    store.drop(name)


def test_filters_mean_what_they_say(store: Store, collection: str, backend: str) -> None:
    several = st.lists(filters(), min_size=FILTERS_PER_CATALOGUE, max_size=FILTERS_PER_CATALOGUE)
    run = 0

    @settings(
        derandomize=True,
        deadline=None,
        max_examples=EXAMPLES[backend],
        suppress_health_check=list(HealthCheck),
    )
    @given(rows(), several)
    def check(catalogue: list[Row], tried: list[Filter]) -> None:
        # Each catalogue has a title of its own: cheaper than a collection of its own.
        nonlocal run
        run += 1
        title = f"catalogue {run}"
        items = {f"{run}-{i}": row for i, row in enumerate(catalogue)}
        entities = [
            Entity(Item(id, "a.jpg", title, fields=row), AXIS, "", "") for id, row in items.items()
        ]
        store.upsert(collection, entities)
        for filter in tried:
            note(f"{filter}")
            request = SearchRequest(AXIS, 1_000, filter=filter)
            found = {hit.id for hit in store.search(collection, request)}
            wanted = {id for id, row in items.items() if satisfies(row, filter)}
            assert found & items.keys() == wanted
        store.delete(collection, list(items))

    check()
