"""The store on Milvus: embedded (Milvus Lite), a server, or Zilliz Cloud.

Consistency on a server: what this process wrote, it reads. Searches and reads by id use Session
consistency (3 ms; Strong waits 200 to 600 ms for the next tick); `count` and `scan_ids` use
Strong, so that they also see what other processes wrote a moment ago. Session does not wait for
deletes, so `delete` itself waits until they can be seen.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from search.encoders.base import Embeddings
from search.errors import CollectionNotFoundError, ConflictError, VitrineError
from search.filters.ast import Filter
from search.store import bulk, rows, schema
from search.store.base import (
    Candidate,
    Capabilities,
    CollectionInfo,
    CollectionSpec,
    Entity,
    Hashes,
    ImportState,
    SearchRequest,
)
from search.store.capabilities import capabilities_of
from search.store.connection import Connection
from search.store.expressions import all_of, id_in
from search.store.gathering import Search
from search.store.nearest import Ranking, nearest, unit
from search.store.reading import Collection, Reader, parts_of
from search.store.sending import send
from search.types import FieldValue, Hit, Item


class MilvusStore:
    """See `search.store.base.Store`, whose promises these methods keep."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection
        self._read = Reader(connection)
        version = str(connection.call(connection.client.get_server_version))
        self._capabilities = capabilities_of(version)

    @property
    def address(self) -> str:
        """Where the database is: a server's URL without user and password, or a file's path."""
        return self._db.address

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
            if self._read.target(name) is not None:
                raise ConflictError(
                    f"The name {name} is taken in {self._db.address}.",
                    hint="Choose the next version of the name.",
                    details={"collection": name},
                )
            columns = schema.milvus_schema(spec)
            call = self._db.call
            call(client.create_collection, name, schema=columns, properties=kept, slow=True)
            try:
                self._read.make_index(name)
                call(client.load_collection, name, slow=True)
            except VitrineError:
                with suppress(VitrineError):  # Half a collection would only be in the way.
                    call(client.drop_collection, name)
                raise

    def drop(self, collection: str) -> None:
        """Delete a collection and all its items; ConflictError while an alias points to it."""
        with self._db.writing():
            self._read.own(collection)
            aliases = self._read.aliases(collection)
            if aliases:
                raise ConflictError(
                    f"The collection {collection} is in use as {', '.join(aliases)}.",
                    hint="Point the alias at another collection first.",
                    details={"collection": collection, "aliases": list(aliases)},
                )
            self._db.call(self._db.client.drop_collection, collection, slow=True)
            self._read.forget(collection)

    def resolve(self, name: str) -> CollectionSpec:
        """Which collection stands behind a name or alias, its model and fields. Counts nothing."""
        collection = self._read.lookup(name)
        return CollectionSpec(collection.name, collection.layout.model, collection.layout.fields)

    def describe(self, name: str) -> CollectionInfo:
        """The collection of that name or behind that alias, its items counted."""
        collection = self._read.lookup(name)
        if not self._db.embedded:  # Servers count exactly only what they have in memory.
            self._read.load(collection)
        return self._info(collection)

    def names(self) -> list[str]:
        """The names of all collections, sorted, whoever made them and in whatever format."""
        return sorted(self._db.call(self._db.client.list_collections))

    def collections(self) -> list[CollectionInfo]:
        """All collections that this vitrine can read, by name; see `Store.collections`."""
        found = []
        for name in self.names():
            # Another's, one of a newer format, or one that was dropped since the list was made.
            with suppress(ConflictError, CollectionNotFoundError):
                found.append(self._info(self._read.lookup(name)))
        return found

    def _info(self, collection: Collection) -> CollectionInfo:
        return CollectionInfo(
            name=collection.name,
            model=collection.layout.model,
            fields=collection.layout.fields,
            count=self._read.size(collection),
            aliases=self._read.aliases(collection.name),
        )

    def set_alias(self, alias: str, collection: str) -> None:
        """Point the alias at the collection, in one step when it pointed elsewhere."""
        schema.check_name(alias)
        client = self._db.client
        with self._db.writing():
            self._read.own(collection)
            target = self._read.target(alias)
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
            if self._read.target(alias) in (None, alias):
                raise CollectionNotFoundError(
                    f"There is no alias '{alias}' in {self._db.address}.",
                    hint="See which there are: vitrine collections.",
                    details={"alias": alias},
                )
            self._db.call(self._db.client.drop_alias, alias)

    # Writing

    def upsert(self, collection: str, entities: Sequence[Entity]) -> None:
        """Write items whole; ItemInvalidError, before anything is written, for one that cannot be.

        An id that comes twice in one call is such an item. Large calls are split by bytes: when
        one of the parts fails, others may be written; writing all of them again is harmless.
        """
        own = self._read.own(collection)
        send(self._db, own.name, rows.encode_all(entities, own.layout))

    def begin_import(self, collection: str, file: str) -> int:
        """Have a server import a file that its storage holds; the number of the task."""
        return bulk.begin(self._db, self._read.own(collection).name, file)

    def import_state(self, task: int) -> ImportState:
        """How far the server is with an import."""
        return bulk.state(self._db, task)

    def imports(self, collection: str) -> list[ImportState]:
        """All imports into a collection that the server has been asked for."""
        return bulk.states(self._db, self._read.own(collection).name)

    def refresh(self, collection: str) -> None:
        """Have a server load what imports have added; see `Store.refresh`."""
        own = self._read.own(collection)
        self._read.load(own)
        self._db.call(self._db.client.refresh_load, own.name, slow=True)

    def delete(self, collection: str, ids: Sequence[str]) -> int:
        """Delete items; how many there were."""
        own = self._read.own(collection)
        self._read.load(own)
        deleted = 0
        for part in parts_of(ids):
            with self._db.writing():
                # Servers report as many as were asked for, not as many as there were.
                deleted += len(self._read.fetch(own, part, ["id"]))
                self._db.call(self._db.client.delete, own.name, filter=id_in(part))
        if deleted:
            self._read.catch_up(own)
        return deleted

    def flush(self, collection: str) -> None:
        """Make what was written durable and quick to search."""
        own = self._read.own(collection)
        with self._db.writing():
            self._db.call(self._db.client.flush, own.name, slow=True)

    # Reading

    def get(self, name: str, ids: Sequence[str]) -> dict[str, Item]:
        """The items of those ids that exist, by id, in the order asked."""
        return self._read.items(self._read.find(name), ids)

    def embeddings(self, name: str, ids: Sequence[str]) -> tuple[list[str], Embeddings]:
        """The ids that exist, in the order asked, and their embeddings `(n, dim) float32`."""
        collection = self._read.find(name)
        stored = self._read.fetch(collection, ids, ["embedding"])
        found = [id for id in dict.fromkeys(ids) if id in stored]
        vectors = np.array([stored[id]["embedding"] for id in found], dtype=np.float32)
        return found, vectors.reshape(len(found), collection.layout.model.dim)

    def hashes(self, name: str, ids: Sequence[str]) -> Mapping[str, Hashes]:
        """The hashes of those ids that exist, by id."""
        stored = self._read.fetch(self._read.find(name), ids, ["image_hash", "row_hash"])
        return {id: Hashes(row["image_hash"], row["row_hash"]) for id, row in stored.items()}

    def scan_ids(self, name: str, filter: Filter | None = None) -> Iterator[str]:
        """All ids, each once, without holding them all in memory."""
        collection = self._read.find(name)
        return self._read.scan(collection, self._read.expression(filter, collection))

    def scan(self, name: str, *, embeddings: bool = True) -> Iterator[list[Entity]]:
        """Everything that is stored, in batches, each item once; see `Store.scan`."""
        return self._read.entities(self._read.find(name), embeddings=embeddings)

    def values(
        self, name: str, fields: Sequence[str], filter: Filter | None = None
    ) -> Iterator[Mapping[str, list[FieldValue]]]:
        """The values of these fields of all items that satisfy the filter; see `Store.values`."""
        collection = self._read.find(name)
        columns = self._read.columns(collection, fields)
        return self._read.values(collection, columns, self._read.expression(filter, collection))

    def count(self, name: str, filter: Filter | None = None) -> int:
        """How many items there are, or satisfy the filter; what was just written is counted."""
        collection = self._read.find(name)
        return self._read.count(collection, self._read.expression(filter, collection))

    def search(self, name: str, request: SearchRequest) -> list[Hit]:
        """The nearest items by cosine similarity (to 6 decimals), best first, ties by id."""
        collection = self._read.find(name)
        ranking, _ = self._rank(collection, request, ["id"])
        items = self._read.items(collection, [id for id, _ in ranking])
        return [Hit(items[id], score) for id, score in ranking if id in items]

    def candidates(
        self,
        name: str,
        request: SearchRequest,
        *,
        fields: Sequence[str] = (),
        embeddings: bool = False,
    ) -> list[Candidate]:
        """The ranking of `search`, with single values for whole items; see `Store.candidates`."""
        collection = self._read.find(name)
        layout = collection.layout
        columns = ["id", *self._read.columns(collection, fields).values()]
        columns += ["embedding"] if embeddings else []
        ranking, found = self._rank(collection, request, columns)
        return [
            Candidate(
                id,
                score,
                rows.decode_values(found[id], fields, layout),
                np.asarray(found[id].get("embedding", ()), dtype=np.float32),
            )
            for id, score in ranking
        ]

    def _rank(
        self, collection: Collection, request: SearchRequest, columns: Sequence[str]
    ) -> tuple[Ranking, dict[str, Mapping[str, Any]]]:
        """The page that is asked for, and the columns of everything that was found, by id."""
        query = unit(request.embedding, collection.layout.model.dim)
        condition = self._read.expression(request.filter, collection)
        rows_found: dict[str, Mapping[str, Any]] = {}

        def fetch(limit: int, excluded: Sequence[str]) -> list[tuple[str, float]]:
            parts = [condition] if request.filter else []
            parts += [f"not ({id_in(excluded)})"] if excluded else []
            filter = all_of(*parts) if parts else ""
            asked = Search(collection.name, filter, limit, tuple(columns))
            found = self._read.gathered.search(asked, query)
            rows_found.update((hit["id"], {"id": hit["id"], **hit["entity"]}) for hit in found)
            return [(hit["id"], hit["distance"]) for hit in found]

        return nearest(fetch, request), rows_found

    def close(self) -> None:
        """Let go of the database, its lock included. Closing twice does nothing."""
        self._db.close()
