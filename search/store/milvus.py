"""The store on Milvus: embedded (Milvus Lite), a server, or Zilliz Cloud.

Consistency on a server: what this process wrote, it reads. Searches and reads by id use Session
consistency (3 ms; Strong waits 200 to 600 ms for the next tick); `count` and `scan_ids` use
Strong, so that they also see what other processes wrote a moment ago. Session does not wait for
deletes, so `delete` itself waits until they can be seen.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from search.encoders.base import Embeddings
from search.errors import (
    CollectionNotFoundError,
    ConflictError,
    SchemaMismatchError,
    VitrineError,
)
from search.filters import check_filter
from search.filters.ast import Filter
from search.store import rows, schema
from search.store.base import (
    Capabilities,
    CollectionInfo,
    CollectionSpec,
    Entity,
    Hashes,
    SearchRequest,
)
from search.store.capabilities import capabilities_of
from search.store.connection import Connection
from search.store.expressions import EVERYTHING, NOTHING, all_of, expression, id_in, literal
from search.store.nearest import nearest, unit
from search.types import Hit, Item

IDS_PER_CALL = 500
"""Items fetched or deleted by one call: 500 of the largest rows stay below a message's limit."""

SCAN_BATCH = 10_000
"""Ids per page of a scan. Milvus Lite walks the whole collection for each page."""

STRONG = "Strong"
SESSION = "Session"


@dataclass(frozen=True, slots=True)
class _Collection:
    """A collection that was looked up: its own name, whatever alias led there, and its layout."""

    name: str
    layout: schema.Layout


class MilvusStore:
    """See `search.store.base.Store`, whose promises these methods keep."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection
        self._loaded: set[tuple[str, int]] = set()
        self._loading = threading.Lock()
        version = str(connection.call(connection.client.get_server_version))
        self._capabilities = capabilities_of(version)

    @property
    def capabilities(self) -> Capabilities:
        """What this database can do."""
        return self._capabilities

    # Collections and aliases

    def create(self, spec: CollectionSpec) -> None:
        """Make an empty, loaded collection; ConflictError if the name is taken."""
        schema.check_spec(spec)
        client, name = self._db.client, spec.name
        # Lite drops the description and keeps properties; servers may know only their own ones.
        kept = {schema.PROPERTY: schema.describe(spec)} if self._db.embedded else {}
        with self._db.writing():
            if self._target(name) is not None:
                raise ConflictError(
                    f"The name {name} is taken in {self._db.address}.",
                    hint="Choose the next version of the name.",
                    details={"collection": name},
                )
            columns = schema.milvus_schema(spec)
            call = self._db.call
            call(client.create_collection, name, schema=columns, properties=kept, slow=True)
            try:
                self._index(name)
                call(client.load_collection, name, slow=True)
            except VitrineError:
                with suppress(VitrineError):  # Half a collection would only be in the way.
                    call(client.drop_collection, name)
                raise

    def drop(self, collection: str) -> None:
        """Delete a collection and all its items; ConflictError while an alias points to it."""
        with self._db.writing():
            self._own(collection)
            aliases = self._aliases(collection)
            if aliases:
                raise ConflictError(
                    f"The collection {collection} is in use as {', '.join(aliases)}.",
                    hint="Point the alias at another collection first.",
                    details={"collection": collection, "aliases": list(aliases)},
                )
            self._db.call(self._db.client.drop_collection, collection, slow=True)
            with self._loading:
                self._loaded = {key for key in self._loaded if key[0] != collection}

    def resolve(self, name: str) -> CollectionSpec:
        """Which collection stands behind a name or alias, its model and fields. Counts nothing."""
        collection = self._find(name)
        return CollectionSpec(collection.name, collection.layout.model, collection.layout.fields)

    def describe(self, name: str) -> CollectionInfo:
        """The collection of that name or behind that alias, its items counted."""
        collection = self._find(name)
        return CollectionInfo(
            name=collection.name,
            model=collection.layout.model,
            fields=collection.layout.fields,
            count=self._count(collection, EVERYTHING),
            aliases=self._aliases(collection.name),
        )

    def collections(self) -> list[CollectionInfo]:
        """All collections that vitrine made, by name."""
        found = []
        for name in sorted(self._db.call(self._db.client.list_collections)):
            # Another's collection, or one that was dropped since the list was made.
            with suppress(SchemaMismatchError, CollectionNotFoundError):
                found.append(self.describe(name))
        return found

    def set_alias(self, alias: str, collection: str) -> None:
        """Point the alias at the collection, in one step when it pointed elsewhere."""
        schema.check_name(alias)
        client = self._db.client
        with self._db.writing():
            self._own(collection)
            target = self._target(alias)
            if target == alias:
                raise ConflictError(
                    f"{alias} is a collection and cannot be an alias.",
                    hint="Choose another name for the alias.",
                    details={"alias": alias},
                )
            change = client.create_alias if target is None else client.alter_alias
            self._db.call(change, collection, alias)

    def drop_alias(self, alias: str) -> None:
        """Remove the alias; the collection behind it stays."""
        with self._db.writing():
            if self._target(alias) in (None, alias):
                raise CollectionNotFoundError(
                    f"There is no alias '{alias}' in {self._db.address}.",
                    hint="See which there are: vitrine collections.",
                    details={"alias": alias},
                )
            self._db.call(self._db.client.drop_alias, alias)

    # Writing

    def upsert(self, collection: str, entities: Sequence[Entity]) -> None:
        """Write items whole; ItemInvalidError, before anything is written, for one that cannot be.

        An id that comes twice in one call is such an item. Large calls are split by bytes: a
        failure of the database between two parts leaves the first written.
        """
        own = self._own(collection)
        for batch in rows.batches(rows.encode_all(entities, own.layout)):
            with self._db.writing():
                self._db.call(self._db.client.upsert, own.name, batch)

    def delete(self, collection: str, ids: Sequence[str]) -> int:
        """Delete items; how many there were."""
        own = self._own(collection)
        deleted = 0
        for part in _parts(ids):
            with self._db.writing():
                # Servers report as many as were asked for, not as many as there were.
                deleted += len(self._fetch(own, part, ["id"]))
                self._db.call(self._db.client.delete, own.name, filter=id_in(part))
        if deleted:
            self._catch_up(own)
        return deleted

    def flush(self, collection: str) -> None:
        """Make what was written durable and quick to search."""
        own = self._own(collection)
        with self._db.writing():
            self._db.call(self._db.client.flush, own.name, slow=True)

    # Reading

    def get(self, name: str, ids: Sequence[str]) -> dict[str, Item]:
        """The items of those ids that exist, by id."""
        return self._items(self._find(name), ids)

    def embeddings(self, name: str, ids: Sequence[str]) -> tuple[list[str], Embeddings]:
        """The ids that exist, in the order asked, and their embeddings `(n, dim) float32`."""
        collection = self._find(name)
        stored = self._fetch(collection, ids, ["embedding"])
        found = [id for id in dict.fromkeys(ids) if id in stored]
        vectors = np.array([stored[id]["embedding"] for id in found], dtype=np.float32)
        return found, vectors.reshape(len(found), collection.layout.model.dim)

    def hashes(self, name: str, ids: Sequence[str]) -> Mapping[str, Hashes]:
        """The hashes of those ids that exist, by id."""
        stored = self._fetch(self._find(name), ids, ["image_hash", "row_hash"])
        return {id: Hashes(row["image_hash"], row["row_hash"]) for id, row in stored.items()}

    def scan_ids(self, name: str, filter: Filter | None = None) -> Iterator[str]:
        """All ids, each once, without holding them all in memory."""
        collection = self._find(name)
        return self._scan(collection, self._expression(filter, collection))

    def count(self, name: str, filter: Filter | None = None) -> int:
        """How many items there are, or satisfy the filter; what was just written is counted."""
        collection = self._find(name)
        return self._count(collection, self._expression(filter, collection))

    def search(self, name: str, request: SearchRequest) -> list[Hit]:
        """The nearest items by cosine similarity (to 6 decimals), best first, ties by id."""
        collection = self._find(name)
        query = unit(request.embedding, collection.layout.model.dim)
        condition = self._expression(request.filter, collection)

        def fetch(limit: int, excluded: Sequence[str]) -> list[tuple[str, float]]:
            parts = [condition] if request.filter else []
            parts += [f"not ({id_in(excluded)})"] if excluded else []
            [found] = self._db.call(
                self._db.client.search,
                collection.name,
                data=[query],
                filter=all_of(*parts) if parts else "",
                limit=limit,
                output_fields=["id"],
                search_params={"metric_type": "IP", "params": {"ef": max(64, limit)}},
                consistency_level=SESSION,
            )
            return [(hit["id"], hit["distance"]) for hit in found]

        ranking = nearest(fetch, request)
        items = self._items(collection, [id for id, _ in ranking])
        return [Hit(items[id], score) for id, score in ranking if id in items]

    def close(self) -> None:
        """Let go of the database, its lock included. Closing twice does nothing."""
        self._db.close()

    # What the methods above share

    def _find(self, name: str) -> _Collection:
        """The collection of that name or behind that alias, ready to be read."""
        try:
            described = self._db.call(self._db.client.describe_collection, name)
        except CollectionNotFoundError as error:
            raise CollectionNotFoundError(
                f"There is no collection or alias '{name}' in {self._db.address}.",
                hint="See which there are: vitrine collections.",
                details={"collection": name},
            ) from error
        layout = schema.read_layout(described)
        if layout is None:
            raise SchemaMismatchError(
                f"The collection {name} was not made by vitrine.",
                hint="Choose another name, and index the catalogue into it.",
                details={"collection": name},
            )
        collection = _Collection(described["collection_name"], layout)
        self._load(collection.name, described.get("collection_id", 0))
        return collection

    def _own(self, name: str) -> _Collection:
        """The collection of exactly that name: what writes want, never an alias."""
        collection = self._find(name)
        if collection.name != name:
            raise CollectionNotFoundError(
                f"'{name}' is an alias of {collection.name}, not a collection.",
                hint=f"Write to {collection.name}.",
                details={"alias": name, "collection": collection.name},
            )
        return collection

    def _target(self, name: str) -> str | None:
        """The collection that the name or alias stands for, whoever made it; None if free."""
        try:
            described = self._db.call(self._db.client.describe_collection, name)
        except CollectionNotFoundError:
            return None
        return str(described["collection_name"])

    def _load(self, name: str, collection_id: int) -> None:
        """Load on first use: a database that was opened again answers nothing before."""
        key = (name, collection_id)
        if key in self._loaded:
            return
        with self._db.writing(), self._loading:
            self._db.call(self._db.client.load_collection, name, slow=True)
            self._loaded.add(key)

    def _index(self, name: str) -> None:
        """Make the index. Servers may say it exists when their own retry was the second one."""
        index = schema.milvus_index(embedded=self._db.embedded)
        with suppress(ConflictError):
            self._db.call(self._db.client.create_index, name, index, slow=True)

    def _aliases(self, name: str) -> tuple[str, ...]:
        listed = self._db.call(self._db.client.list_aliases, name)
        return tuple(sorted(listed["aliases"]))

    def _expression(self, filter: Filter | None, collection: _Collection) -> str:
        if filter is None:
            return EVERYTHING
        return expression(check_filter(filter, collection.layout.fields), collection.layout)

    def _count(self, collection: _Collection, condition: str) -> int:
        # An empty expression is counted without a walk through the rows.
        filter = "" if condition == EVERYTHING else condition
        [row] = self._query(collection, filter, ["count(*)"], consistency=STRONG)
        return int(row["count(*)"])

    def _items(self, collection: _Collection, ids: Sequence[str]) -> dict[str, Item]:
        stored = self._fetch(collection, ids, collection.layout.item_columns)
        return {id: rows.decode(row, collection.layout) for id, row in stored.items()}

    def _fetch(
        self, collection: _Collection, ids: Sequence[str], columns: list[str]
    ) -> dict[str, Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {}
        for part in _parts(ids):
            for row in self._query(collection, id_in(part), ["id", *columns]):
                found[row["id"]] = row
        return found

    def _scan(self, collection: _Collection, condition: str) -> Iterator[str]:
        # Asked with "iterator", Milvus gives the next ids and not just any, but pymilvus drops the
        # consistency level then: so catch up first.
        self._catch_up(collection)
        last = ""
        while True:
            after = f"id > {literal(last)}"
            page = self._query(
                collection,
                after if condition == EVERYTHING else all_of(condition, after),
                ["id"],
                limit=SCAN_BATCH,
                iterator="True",
                reduce_stop_for_best="True",
            )
            ids = sorted({row["id"] for row in page})
            if not ids:
                return
            yield from ids
            # A short page is not the last: servers cut it first and drop replaced rows after.
            last = ids[-1]

    def _catch_up(self, collection: _Collection) -> None:
        """Wait until everything written so far, by anyone, can be read."""
        if not self._db.embedded:
            self._query(collection, NOTHING, ["id"], consistency=STRONG)

    def _query(
        self,
        collection: _Collection,
        condition: str,
        columns: list[str],
        *,
        consistency: str = SESSION,
        **options: Any,
    ) -> list[dict[str, Any]]:
        return list(
            self._db.call(
                self._db.client.query,
                collection.name,
                filter=condition,
                output_fields=columns,
                consistency_level=consistency,
                **options,
            )
        )


def _parts(ids: Sequence[str]) -> Iterator[list[str]]:
    """The ids, each once, in lists of what one call takes; ids that cannot exist are left out."""
    distinct = [id for id in dict.fromkeys(ids) if id]
    for start in range(0, len(distinct), IDS_PER_CALL):
        yield distinct[start : start + IDS_PER_CALL]
