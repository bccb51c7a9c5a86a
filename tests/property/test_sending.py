"""A write that fails in parts loses no row silently: it returns when all are there, or says so."""

import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search.encoders.base import ModelIdentity
from search.errors import StoreError, StoreUnavailableError
from search.store import CollectionSpec, Entity, Store, rows
from search.store.connection import Connection
from search.store.translation import translate
from search.types import Item

EXAMPLES = {"lite": 40, "server": 12}
AXIS = np.array([1, 0], dtype=np.float32)
ROWS = 24
"""Of which three fit into a part."""

FAILURES = ("fine", "away", "lost", "broken")
"""What becomes of a call: done; not done; done, but the answer is lost; refused for good."""


@pytest.fixture(scope="module")
def collection(store: Store) -> Iterator[str]:
    name = f"sent_{uuid.uuid4().hex[:12]}__v1"
    store.create(CollectionSpec(name, ModelIdentity("mini", "f", 2)))
    yield name
    store.drop(name)


class Unreliable:
    """The real connection's `call`, of which upserts fail as planned."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call
        self._lock = threading.Lock()
        self._plan: list[str] = []
        self.met: list[str] = []

    def plan(self, failures: list[str]) -> None:
        """What becomes of the next calls; after these, all is fine."""
        self._plan, self.met = list(failures), []

    def __call__(self, connection: Connection, method: Any, *args: Any, **kwargs: Any) -> Any:
        if method.__name__ != "upsert":
            return self._call(connection, method, *args, **kwargs)
        with self._lock:
            fate = self._plan.pop(0) if self._plan else "fine"
            self.met.append(fate)
        if fate in ("fine", "lost"):
            told = self._call(connection, method, *args, **kwargs)
        if fate == "broken":
            raise StoreError("Something else is wrong.")
        if fate in ("away", "lost"):
            raise translate(ConnectionError("server unavailable"), "here")
        return told


def test_a_write_is_whole_or_says_that_it_is_not(
    store: Store, collection: str, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreliable = Unreliable(Connection.call)
    monkeypatch.setattr(Connection, "call", lambda *a, **k: unreliable(*a, **k))
    split = rows.batches
    monkeypatch.setattr(rows, "batches", lambda all_rows, limit=None: split(all_rows, 300))
    run = 0

    @settings(
        derandomize=True,
        deadline=None,
        max_examples=EXAMPLES[backend],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(st.sampled_from(FAILURES), max_size=14))
    def check(failures: list[str]) -> None:
        nonlocal run
        run += 1
        ids = [f"{run}-{i}" for i in range(ROWS)]
        entities = [Entity(Item(id, "a.jpg"), AXIS, "", "") for id in ids]
        unreliable.plan(failures)
        try:
            store.upsert(collection, entities)
        except (StoreError, StoreUnavailableError):
            assert set(unreliable.met) > {"fine"} or "fine" not in unreliable.met
            unreliable.plan([])
            store.upsert(collection, entities)
        else:
            assert set(unreliable.met) == {"fine"}
        assert store.get(collection, ids).keys() == set(ids)

    check()
