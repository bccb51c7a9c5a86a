"""The search engine: a Query in, a Page out."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from search.config import Settings
from search.encoders import load_encoder
from search.encoders.base import Embeddings, Encoder
from search.errors import InvalidQueryError, ItemNotFoundError, ModelMismatchError
from search.images import DECODING, ImageLimits, load_image
from search.store import open_store_of
from search.store.base import CollectionInfo, CollectionSpec, SearchRequest, Store
from search.types import (
    Field,
    ImagePart,
    Item,
    ItemPart,
    Page,
    Query,
    QueryPart,
    TextPart,
)


class SearchEngine:
    """One collection, searched with the model that it was made with.

    Safe to call from several threads. The engine owns neither store nor encoder, except when
    `open_engine` made them: then `close` closes the store.
    """

    def __init__(
        self, store: Store, encoder: Encoder, collection: str, limits: ImageLimits
    ) -> None:
        """Look the collection up and check that the encoder is the one it was made with.

        Raises:
            CollectionNotFoundError: no such collection or alias.
            ModelMismatchError: the collection was made with another model.
        """
        self._store = store
        self._encoder = encoder
        self._name = collection
        self._limits = limits
        check_model(store.resolve(collection), encoder)

    @property
    def info(self) -> CollectionInfo:
        """The collection as it is now: name, model, fields, count."""
        return self._store.describe(self._name)

    def check(self) -> CollectionInfo:
        """`info`, after making sure that the collection can be searched with the engine's model.

        Raises:
            ModelMismatchError: it was made anew with another one since the engine was opened.
        """
        found = self.info
        check_model(found, self._encoder)
        return found

    @property
    def fields(self) -> tuple[Field, ...]:
        """The collection's typed fields; filters may also name id, title and product_id."""
        return self._store.resolve(self._name).fields

    @property
    def store(self) -> Store:
        """The database behind the engine."""
        return self._store

    def item(self, id: str) -> Item:
        """The item of that id; ItemNotFoundError if there is none."""
        found = self._store.get(self._name, [id])
        if id not in found:
            raise _no_item(id, self._name)
        return found[id]

    def search(self, query: Query) -> Page:
        """Rank the collection by cosine similarity to the query.

        Several parts are added up: each part's embedding times its weight, the sum L2-normalised.
        Items that the query itself names are left out of the ranking.

        Raises:
            ItemNotFoundError, ImageError, FilterError: a part or the filter cannot be used.
            InvalidQueryError: the parts cancel each other out.
            CollectionNotFoundError, StoreUnavailableError: as the store says.
        """
        clock = _Clock()
        # Resolved once: a switch of the alias between two calls must not mix two versions.
        found = self._store.resolve(self._name)
        check_model(found, self._encoder)
        clock.lap("resolve")
        embedding = self._compose(query.parts, found.name)
        clock.lap("encode")
        request = SearchRequest(
            embedding=embedding,
            limit=query.limit,
            offset=query.offset,
            filter=query.filter,
            exclude_ids=frozenset(p.id for p in query.parts if isinstance(p, ItemPart)),
        )
        hits = self._store.search(found.name, request)
        clock.lap("store")
        return Page(
            hits=tuple(hits),
            limit=query.limit,
            offset=query.offset,
            collection=found.name,
            model=found.model.name,
            warnings=tuple(self._warnings(query.parts)),
            took_ms=clock.took_ms(),
        )

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def __enter__(self) -> Self:
        """Use the engine in a `with`, which closes it."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the store."""
        self.close()

    def _compose(self, parts: Sequence[QueryPart], collection: str) -> NDArray[np.float32]:
        """The query's embedding, `(dim,) float32`, L2-normalised."""
        weights = np.array([part.weight for part in parts], dtype=np.float32)
        vectors = np.concatenate([self._embed(part, collection) for part in parts])
        total = weights @ vectors
        norm = float(np.linalg.norm(total))
        if norm < 1e-6:
            raise InvalidQueryError(
                "The parts of the query cancel each other out.", hint="Change their weights."
            )
        return np.asarray(total / norm, dtype=np.float32)

    def _embed(self, part: QueryPart, collection: str) -> Embeddings:
        """The embedding of one part, `(1, dim) float32`."""
        match part:
            case TextPart(text=text):
                return self._encoder.encode_texts([text])
            case ImagePart(image=image):
                with DECODING:
                    return self._encoder.encode_images([load_image(image, self._limits)])
            case ItemPart(id=id):
                ids, embeddings = self._store.embeddings(collection, [id])
                if not ids:
                    raise _no_item(id, self._name)
                return embeddings

    def _warnings(self, parts: Sequence[QueryPart]) -> list[str]:
        texts = [part.text for part in parts if isinstance(part, TextPart)]
        cut = [text for text, is_cut in zip(texts, self._encoder.truncated(texts)) if is_cut]
        return [
            f"The text {_shortened(text)!r} is longer than the {self._encoder.context_length} "
            "tokens that the model reads; what comes after them was ignored."
            for text in cut
        ]


def open_engine(settings: Settings) -> SearchEngine:
    """Open the database and load the model that its collection was made with.

    `settings.model`, when given, must be that model: it says from where to load it.

    Raises:
        CollectionNotFoundError, ModelMismatchError, ModelUnavailableError, StoreUnavailableError,
        DatabaseLockedError.
    """
    store = open_store_of(settings, create=False)
    try:
        name = settings.model or store.resolve(settings.collection).model.name
        encoder = load_encoder(name, device=settings.device, precision=settings.precision)
        limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels)
        return SearchEngine(store, encoder, settings.collection, limits)
    except BaseException:
        store.close()
        raise


def check_model(found: CollectionInfo | CollectionSpec, encoder: Encoder) -> None:
    """Raise ModelMismatchError unless the collection was made with the encoder's model."""
    stored, given = found.model, encoder.identity
    if stored.fingerprint == given.fingerprint:
        return
    cure = (
        f"Use --model {stored.name}, or index into another collection."
        if stored.name != given.name
        else "The files of that model have changed since: index into another collection."
    )
    raise ModelMismatchError(
        f"Collection {found.name!r} was made with model {stored.name!r} "
        f"({stored.fingerprint[:12]}), not with {given.name!r} ({given.fingerprint[:12]}).",
        hint=cure,
        details={"collection": found.name, "stored": stored.name, "given": given.name},
    )


@dataclass(slots=True)
class _Clock:
    """Milliseconds by stage."""

    _started: float = field(default_factory=time.perf_counter)
    _stages: dict[str, float] = field(default_factory=dict)

    def lap(self, stage: str) -> None:
        total = (time.perf_counter() - self._started) * 1000
        self._stages[stage] = total - sum(self._stages.values())

    def took_ms(self) -> dict[str, float]:
        total = (time.perf_counter() - self._started) * 1000
        return {name: round(ms, 3) for name, ms in {**self._stages, "total": total}.items()}


def _no_item(id: str, collection: str) -> ItemNotFoundError:
    return ItemNotFoundError(
        f"There is no item {id!r} in {collection!r}.", details={"id": id, "collection": collection}
    )


def _shortened(text: str, length: int = 40) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
