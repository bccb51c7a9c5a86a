"""A sample of a collection, by which what is said of its items is calibrated."""

import numpy as np

from search.encoders.base import Embeddings
from search.regions import each_item_once
from search.store.base import CollectionSpec, Store
from search.types import Item

SAMPLE = 10_000
"""Items by which confidences are calibrated; in larger collections drawn by a fixed seed."""

_BATCH = 1_000


def sampled(store: Store, collection: CollectionSpec) -> tuple[list[Item], Embeddings]:
    """All items, or `SAMPLE` of them, and their embeddings `(n, dim) float32`, in one order.

    Items that are deleted meanwhile are left out.
    """
    ids = _sampled_ids(store, collection)
    parts, items = [np.zeros((0, collection.model.dim), dtype=np.float32)], list[Item]()
    for start in range(0, len(ids), _BATCH):
        there, embeddings = store.embeddings(collection.name, ids[start : start + _BATCH])
        found = store.get(collection.name, there)
        kept = [place for place, id in enumerate(there) if id in found]
        parts.append(embeddings[kept])
        items += [found[there[place]] for place in kept]
    return items, np.concatenate(parts)


def _sampled_ids(store: Store, collection: CollectionSpec) -> list[str]:
    """Each as likely as any other (Vitter's algorithm R). Parts of pictures are no items."""
    rng = np.random.default_rng(0)
    chosen: list[str] = []
    for count, id in enumerate(store.scan_ids(collection.name, each_item_once(collection.fields))):
        if count < SAMPLE:
            chosen.append(id)
        elif (place := int(rng.integers(count + 1))) < SAMPLE:
            chosen[place] = id
    return chosen
