"""What vitrine asks of a vector store. Nothing here imports pymilvus.

Names: a *collection* is the versioned thing that holds items (`products__v3`); an *alias* is the
name that people use (`products`). Methods that read accept either; `upsert`, `delete` and `drop`
want a collection, so that a write never lands beside what its caller looked at.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from search.encoders.base import Embeddings, ModelIdentity
from search.errors import UnsupportedError
from search.filters.ast import Filter
from search.types import Field, FieldValue, Hit, Item

SERVER_SINCE: Mapping[str, str] = {
    "nullable_fields": "2.5",
    "several_vector_fields": "2.4",
    "full_text_search": "2.5",
    "group_by": "2.4",
}
"""The first version of a Milvus server with each capability."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the connected Milvus can do, by its version (measured: docs/milvus.md)."""

    version: str
    embedded: bool
    nullable_fields: bool
    several_vector_fields: bool
    full_text_search: bool
    group_by: bool

    def require(self, capability: str) -> None:
        """Raise UnsupportedError, naming the version that can, unless `capability` is true."""
        if getattr(self, capability):
            return
        raise UnsupportedError(
            f"Milvus {self.version} has no {capability.replace('_', ' ')}.",
            hint=f"It needs Milvus {SERVER_SINCE[capability]} or newer, or an embedded database.",
            details={"capability": capability, "version": self.version},
        )


@dataclass(frozen=True, slots=True)
class CollectionSpec:
    """How to make a collection. `name` is versioned: letters, digits and `_`."""

    name: str
    model: ModelIdentity
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """A collection as it is in the store."""

    name: str
    model: ModelIdentity
    fields: tuple[Field, ...]
    count: int
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entity:
    """An item with its embedding and the two hashes by which a re-run knows what changed.

    `embedding` is `(dim,) float32`, L2-normalised. `image_hash` and `row_hash` are hex digests of
    the image's bytes and of the row's other columns.
    """

    item: Item
    embedding: NDArray[np.float32]
    image_hash: str
    row_hash: str


@dataclass(frozen=True, slots=True)
class Hashes:
    """The two hashes of a stored item."""

    image_hash: str
    row_hash: str


@dataclass(frozen=True, slots=True)
class ImportState:
    """How far a server is with the bulk import of a file.

    `failure` is the server's reason when it gave up; None while it works and when it is done.
    `progress` is its own estimate in percent.
    """

    done: bool
    failure: str | None
    progress: str

    @property
    def ended(self) -> bool:
        """Whether the server does nothing more about it."""
        return self.done or self.failure is not None


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """Everything that one query asks of the store.

    `embedding` is `(dim,) float32`, L2-normalised; `exclude_ids` never appear among the hits.
    """

    embedding: NDArray[np.float32]
    limit: int = 10
    offset: int = 0
    filter: Filter | None = None
    exclude_ids: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item of a ranking without the whole item: what is needed to order and group by.

    `score` is the cosine similarity to the query. `values` has the fields that were asked for,
    None where the item says nothing. `embedding` is `(dim,) float32`, L2-normalised, and
    `(0,) float32` unless it was asked for. `fused` is what words and picture together are worth,
    None where words do not count (`search.ranking.fusion`); `rerank` is what a reranker says of it,
    None where it says nothing, and `lift` what that adds to its rank. Stores leave these alone.
    """

    id: str
    score: float
    values: Mapping[str, FieldValue]
    embedding: NDArray[np.float32] = field(compare=False)
    fused: float | None = None
    rerank: float | None = None
    lift: float = 0.0

    @property
    def ranked_by(self) -> float:
        """What the ranking is in order of: `fused`, else the score, and what lifts it."""
        return (self.score if self.fused is None else self.fused) + self.lift


class Store(Protocol):
    """A database of collections. Safe to call from several threads.

    Every method raises StoreUnavailableError when the database cannot be reached in time,
    CollectionNotFoundError when it has no such collection or alias, and StoreError for an answer
    that vitrine does not know; no exception of the client library leaves the store.
    """

    @property
    def address(self) -> str:
        """Where the database is: a server's URL without user and password, or a file's path."""

    @property
    def capabilities(self) -> Capabilities:
        """What this database can do."""

    def create(self, spec: CollectionSpec) -> None:
        """Make an empty, loaded collection; ConflictError if the name is taken."""

    def drop(self, collection: str) -> None:
        """Delete a collection and all its items; ConflictError while an alias points to it."""

    def resolve(self, name: str) -> CollectionSpec:
        """Which collection stands behind a name or alias, its model and fields. Counts nothing."""

    def describe(self, name: str) -> CollectionInfo:
        """The collection of that name or behind that alias, its items counted."""

    def names(self) -> list[str]:
        """The names of all collections, sorted, whoever made them and in whatever format."""

    def collections(self) -> list[CollectionInfo]:
        """All collections that this vitrine can read, by name.

        Collections that a server does not have in memory stay out of it. Their `count` is what
        the server's statistics say: rows that were replaced may still be in it, and rows that
        were not flushed are not. `describe` counts exactly.
        """

    def set_alias(self, alias: str, collection: str) -> None:
        """Point the alias at the collection, in one step when it pointed elsewhere."""

    def drop_alias(self, alias: str) -> None:
        """Remove the alias; the collection stays. CollectionNotFoundError if there is none."""

    def upsert(self, collection: str, entities: Sequence[Entity]) -> None:
        """Write items whole: a stored item of the same id is replaced, none of its values stay.

        Raises:
            ItemInvalidError: an id, embedding or value that the collection cannot hold (names the
                item); nothing of the call is written then.
        """

    def begin_import(self, collection: str, file: str) -> int:
        """Have a server import a file that its storage holds; the number of the task.

        The file is what `search.store.bulk.table_of` makes, as Parquet. Its rows are inserted, not
        upserted: into a collection that has one of their ids, the id comes twice. When this raises
        StoreUnavailableError or StoreError, it is not known whether the server has begun.

        Raises:
            UnsupportedError: an embedded database.
        """

    def import_state(self, task: int) -> ImportState:
        """How far the server is with an import."""

    def imports(self, collection: str) -> list[ImportState]:
        """All imports into a collection that the server has been asked for."""

    def refresh(self, collection: str) -> None:
        """Have a server load what imports have added; it may take a while until all is there."""

    def delete(self, collection: str, ids: Sequence[str]) -> int:
        """Delete items; how many there were."""

    def flush(self, collection: str) -> None:
        """Make what was written durable and quick to search. Call it after a bulk write."""

    def get(self, name: str, ids: Sequence[str]) -> dict[str, Item]:
        """The items of those ids that exist, by id, in the order asked."""

    def embeddings(self, name: str, ids: Sequence[str]) -> tuple[list[str], Embeddings]:
        """The ids that exist, in the order asked, and their embeddings `(n, dim) float32`."""

    def hashes(self, name: str, ids: Sequence[str]) -> Mapping[str, Hashes]:
        """The hashes of those ids that exist, by id."""

    def scan_ids(self, name: str, filter: Filter | None = None) -> Iterator[str]:
        """All ids, each once, in no promised order, without holding them all in memory."""

    def scan(self, name: str, *, embeddings: bool = True) -> Iterator[list[Entity]]:
        """Everything that is stored, in batches, each item once, in no promised order.

        Memory stays bounded whatever the collection's size. Without `embeddings` the entities'
        embedding is empty, `(0,) float32`. Items that are written meanwhile may or may not appear.
        """

    def values(
        self, name: str, fields: Sequence[str], filter: Filter | None = None
    ) -> Iterator[Mapping[str, list[FieldValue]]]:
        """The values of these fields of all items that satisfy the filter, as columns.

        Comes in batches, in bounded memory: a list per field, all of the batch's lists of equal
        length, an entry per item, None where the item says nothing. Each item comes once, in no
        promised order. `fields` are those that filters may name.

        Raises UnknownFieldError, FilterTypeError, both before the first batch.
        """

    def count(self, name: str, filter: Filter | None = None) -> int:
        """How many items there are, or satisfy the filter; what was just written is counted."""

    def search(self, name: str, request: SearchRequest) -> list[Hit]:
        """The nearest items by cosine similarity, best first, ties by id.

        Raises:
            UnknownFieldError, FilterTypeError: the filter does not fit the collection.
            InvalidQueryError: the embedding has another dim, or is not finite.
        """

    def candidates(
        self,
        name: str,
        request: SearchRequest,
        *,
        fields: Sequence[str] = (),
        embeddings: bool = False,
    ) -> list[Candidate]:
        """The ranking that `search` gives, ties by id, with single values for whole items.

        `fields` are those that filters may name.

        Raises:
            UnknownFieldError: a field that the collection does not have.
            FilterTypeError, InvalidQueryError: as `search`.
        """

    def close(self) -> None:
        """Let go of the database, its lock included. Closing twice does nothing."""
