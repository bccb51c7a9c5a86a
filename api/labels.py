"""Labels for pictures that clients send and for items."""

import threading
from collections.abc import Sequence

import numpy as np

from api.embedding import embed_images
from api.requests_more import ClassifyBody
from search.encoders.base import Embeddings, Encoder
from search.engine import SearchEngine
from search.errors import InvalidQueryError, ItemNotFoundError
from search.images import ImageLimits
from search.labelling import (
    Attribute,
    Label,
    Labeller,
    choose_labels,
    default_attributes,
    named_attribute,
)
from search.store.base import CollectionSpec, Store


class Labels:
    """Labels for a service's clients. Safe to use from several threads.

    What the model is asked about vitrine's own attributes is embedded once, and kept.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[Encoder, Labeller] | None = None

    def of(
        self, body: ClassifyBody, engine: SearchEngine, limits: ImageLimits
    ) -> list[list[Label]]:
        """The labels of each image, then of each item, in order.

        Raises:
            InvalidQueryError: an attribute that vitrine does not know.
            ItemNotFoundError: an item that is not there.
            ImageUnreadableError, ImageTooLargeError: an image that cannot be used.
        """
        asked = asked_attributes(body)
        serving = engine.serving()
        encoder = serving.encoder
        items = _items(engine.store, serving.collection, body.items)
        shown = np.concatenate([embed_images(encoder, body.images, limits), items])
        if body.labels:
            return _chosen(Labeller(encoder), asked, shown, body)
        with self._lock:
            return _chosen(self._labeller(encoder), asked, shown, body)

    def _labeller(self, encoder: Encoder) -> Labeller:
        if self._kept is None or self._kept[0] is not encoder:
            self._kept = (encoder, Labeller(encoder))
        return self._kept[1]


def asked_attributes(body: ClassifyBody) -> list[Attribute]:
    """What to label with; InvalidQueryError for an attribute that is not known."""
    if body.labels:
        return [named_attribute("label", body.labels, templates=body.prompts or None)]
    known = default_attributes()
    if unknown := [name for name in body.attributes if name not in known]:
        raise InvalidQueryError(
            f"There is no attribute {unknown[0]!r}.",
            hint=f"There are {', '.join(known)}.",
            details={"attribute": unknown[0]},
        )
    return [known[name] for name in dict.fromkeys(body.attributes)]


def _chosen(
    labeller: Labeller, asked: Sequence[Attribute], shown: Embeddings, body: ClassifyBody
) -> list[list[Label]]:
    return choose_labels(labeller, asked, shown, several=body.several, top=body.top)


def _items(store: Store, collection: CollectionSpec, ids: Sequence[str]) -> Embeddings:
    """The stored embeddings of these items, in order, `(n, dim) float32`."""
    if not ids:
        return np.zeros((0, collection.model.dim), np.float32)
    found, embeddings = store.embeddings(collection.name, list(dict.fromkeys(ids)))
    places = {id: place for place, id in enumerate(found)}
    for id in ids:
        if id not in places:
            raise ItemNotFoundError(f"There is no item {id!r}.", details={"id": id})
    return embeddings[[places[id] for id in ids]]
