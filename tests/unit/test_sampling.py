"""A sample of a collection while others write to it."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import numpy as np

from search.encoders.base import Embeddings, ModelIdentity
from search.labelling.sampling import sampled
from search.store import CollectionSpec, Entity, Store, open_store
from search.types import Item

SPEC = CollectionSpec("sampled__v1", ModelIdentity("mini", "f", 2))


class Losing:
    """A store in which somebody deletes an item as soon as embeddings have been read."""

    def __init__(self, store: Store, id: str) -> None:
        self._store, self._id = store, id

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def embeddings(self, name: str, ids: Sequence[str]) -> tuple[list[str], Embeddings]:
        found = self._store.embeddings(name, ids)
        self._store.delete(name, [self._id])
        return found


def test_an_item_that_is_deleted_meanwhile_is_left_out(tmp_path: Path) -> None:
    with closing(open_store(str(tmp_path / "sampled.db"))) as store:
        store.create(SPEC)
        angles = np.arange(4)
        rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
        entities = [Entity(Item(f"i{n}", "a.jpg"), row, "", "") for n, row in enumerate(rows)]
        store.upsert(SPEC.name, entities)
        items, embeddings = sampled(cast(Store, Losing(store, "i2")), SPEC)
        places = [int(item.id[1:]) for item in items]
        assert sorted(places) == [0, 1, 3]
        np.testing.assert_allclose(embeddings, rows[places], atol=1e-6)
