"""Looking collections up in Milvus, and reading their rows."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from search.errors import (
    CollectionNotFoundError,
    ConflictError,
    SchemaMismatchError,
    StoreError,
)
from search.filters import check_filter
from search.filters.ast import Filter
from search.filters.names import find_field, known_fields
from search.store import rows, schema
from search.store.base import Entity
from search.store.connection import Connection
from search.store.expressions import EVERYTHING, NOTHING, all_of, expression, id_in, literal
from search.store.gathering import SESSION, GatheredCalls
from search.store.snapshots import Snapshot, snapshot_of
from search.store.walking import is_walked, walked
from search.types import FieldValue, Item

IDS_PER_CALL = 500
"""Items fetched or deleted by one call: 500 of the largest rows stay below a message's limit."""

FEW_IDS = 50
"""Reads of up to so many rows by their ids are gathered with those of others."""

SCAN_BATCH = 10_000
"""Ids per page of a scan. Milvus Lite walks the whole collection for each page."""

SCAN_BYTES = 16_000_000
"""About how much the embeddings of a page of a scan may weigh, whatever their dim."""

STRONG = "Strong"


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection that was looked up: its own name, whatever alias led there, and its layout."""

    name: str
    layout: schema.Layout
    id: int


class Reader:
    """What the store's methods share: collections by name, rows by id or expression."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection
        self.gathered = GatheredCalls(connection)
        self._loaded: set[tuple[str, int]] = set()
        self._loading = threading.Lock()

    def forget(self, name: str) -> None:
        """The collection was dropped: one of that name has to be loaded again."""
        with self._loading:
            self._loaded = {key for key in self._loaded if key[0] != name}

    def find(self, name: str) -> Collection:
        """The collection of that name or behind that alias, ready to be read."""
        collection = self.lookup(name)
        self.load(collection)
        return collection

    def lookup(self, name: str) -> Collection:
        """The collection of that name or behind that alias, which need not be in memory."""
        try:
            described = self.gathered.describe(name)
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
        return Collection(described["collection_name"], layout, described.get("collection_id", 0))

    def own(self, name: str) -> Collection:
        """The collection of exactly that name, looked up: what writes want, never an alias."""
        collection = self.lookup(name)
        if collection.name != name:
            raise CollectionNotFoundError(
                f"'{name}' is an alias of {collection.name}, not a collection.",
                hint=f"Write to {collection.name}.",
                details={"alias": name, "collection": collection.name},
            )
        return collection

    def target(self, name: str) -> str | None:
        """The collection that the name or alias stands for, whoever made it; None if free."""
        try:
            described = self._db.call(self._db.client.describe_collection, name)
        except CollectionNotFoundError:
            return None
        return str(described["collection_name"])

    def load(self, collection: Collection) -> None:
        """Load on first use: a database that was opened again answers nothing before."""
        key = (collection.name, collection.id)
        if key in self._loaded:
            return
        with self._db.writing(), self._loading:
            load = self._db.client.load_collection
            try:
                self._db.call(load, collection.name, slow=True)
            except StoreError:
                if not self._db.embedded:
                    raise
                # Lite does not write index files in one step: a kill may leave half of one, and
                # the collection cannot be loaded then. Its rows are whole; make the index anew.
                self._db.call(self._db.client.drop_index, collection.name, "embedding", slow=True)
                self.make_index(collection.name)
                self._db.call(load, collection.name, slow=True)
            self._loaded.add(key)

    def make_index(self, name: str) -> None:
        """Make the index. Servers may say it exists when their own retry was the second one."""
        index = schema.milvus_index(embedded=self._db.embedded)
        with suppress(ConflictError):
            self._db.call(self._db.client.create_index, name, index, slow=True)

    def size(self, collection: Collection) -> int:
        """How many items there are, without loading: exact embedded and if loaded already."""
        if self._db.embedded or self._is_loaded(collection):
            return self.count(collection, EVERYTHING)
        told = self._db.call(self._db.client.get_collection_stats, collection.name)
        return int(told["row_count"])

    def _is_loaded(self, collection: Collection) -> bool:
        from pymilvus.client.types import LoadState

        told = self._db.call(self._db.client.get_load_state, collection.name)
        return bool(told["state"] == LoadState.Loaded)

    def aliases(self, name: str) -> tuple[str, ...]:
        """The aliases of a collection, sorted."""
        listed = self._db.call(self._db.client.list_aliases, name)
        return tuple(sorted(listed["aliases"]))

    def expression(self, filter: Filter | None, collection: Collection) -> str:
        """What Milvus calls the filter, checked against the collection's fields."""
        if filter is None:
            return EVERYTHING
        checked = check_filter(filter, collection.layout.fields)
        if self._db.embedded and is_walked(checked, collection.layout):
            return walked(checked, collection.layout, partial(self._columns, collection))
        return expression(checked, collection.layout)

    def columns(self, collection: Collection, fields: Sequence[str]) -> dict[str, str]:
        """The column of each of these fields; UnknownFieldError if one does not exist."""
        known, readable = known_fields(collection.layout.fields), collection.layout.readable
        return {name: readable[find_field(name, known).name][0] for name in fields}

    def count(self, collection: Collection, condition: str) -> int:
        """How many rows satisfy the expression."""
        # Everything is counted without a walk through the rows, and without loading them.
        everything = condition == EVERYTHING
        if not everything and (found := self._snapshot(collection, condition)) is not None:
            return found.count()
        filter = "" if everything else condition
        [row] = self.query(collection, filter, ["count(*)"], consistency=STRONG)
        return int(row["count(*)"])

    def items(self, collection: Collection, ids: Sequence[str]) -> dict[str, Item]:
        """The items of those ids that exist, by id, in the order asked."""
        stored = self.fetch(collection, ids, collection.layout.item_columns)
        return {id: rows.decode(row, collection.layout) for id, row in stored.items()}

    def fetch(
        self, collection: Collection, ids: Sequence[str], columns: list[str]
    ) -> dict[str, Mapping[str, Any]]:
        """These columns of those ids that exist, by id, in the order asked."""
        found: dict[str, Mapping[str, Any]] = {}
        if (at_hand := self._snapshot(collection)) is not None:
            found |= at_hand.find(set(ids), columns)
        else:
            for part in parts_of(ids):
                if len(ids) <= FEW_IDS:
                    found |= self.gathered.rows(collection.name, ["id", *columns], part)
                else:
                    rows_found = self.query(collection, id_in(part), ["id", *columns])
                    found |= {row["id"]: row for row in rows_found}
        return {id: found[id] for id in dict.fromkeys(ids) if id in found}

    def scan(self, collection: Collection, condition: str) -> Iterator[str]:
        """The ids of all rows that satisfy the expression, each once."""
        at_hand = self._snapshot(collection, condition)
        if at_hand is not None:
            yield from at_hand.ids()
            return
        for page in self._pages(collection, condition, [], SCAN_BATCH):
            yield from page

    def entities(self, collection: Collection, *, embeddings: bool) -> Iterator[list[Entity]]:
        """Everything that is stored, in batches, each item once."""
        columns = [*collection.layout.item_columns, "image_hash", "row_hash"]
        limit = SCAN_BATCH
        if embeddings:
            columns.append("embedding")
            limit = min(limit, max(50, SCAN_BYTES // (4 * collection.layout.model.dim)))
        for page in self._rows(collection, columns, limit):
            yield [rows.decode_entity(row, collection.layout) for row in page]

    def values(
        self, collection: Collection, columns: Mapping[str, str], condition: str
    ) -> Iterator[Mapping[str, list[FieldValue]]]:
        """The values of fields, given with their columns, of all rows that satisfy it."""
        readable = collection.layout.readable
        types = {name: readable[name][1] for name in columns}
        for batch in self._columns(collection, list(columns.values()), condition):
            yield {
                name: rows.decode_column(types[name], batch[column])
                for name, column in columns.items()
            }

    def _columns(
        self, collection: Collection, columns: list[str], condition: str
    ) -> Iterator[Mapping[str, Sequence[Any]]]:
        """These columns of all rows that satisfy the expression, a list for each."""
        at_hand = self._snapshot(collection, condition)
        if at_hand is not None:
            yield from at_hand.columns(columns, SCAN_BATCH)
            return
        for page in self._pages(collection, condition, columns, SCAN_BATCH):
            yield {column: [row[column] for row in page.values()] for column in columns}

    def _rows(
        self, collection: Collection, columns: list[str], limit: int
    ) -> Iterator[Iterable[Mapping[str, Any]]]:
        """These columns of all rows, in lists that are never empty."""
        at_hand = self._snapshot(collection)
        if at_hand is not None:
            yield from at_hand.batches(columns, limit)
            return
        for page in self._pages(collection, EVERYTHING, columns, limit):
            yield page.values()

    def _snapshot(self, collection: Collection, condition: str = EVERYTHING) -> Snapshot | None:
        """The rows of an embedded database that satisfy the expression, if they are at hand."""
        return snapshot_of(self._db, collection.name, condition)

    def _pages(
        self, collection: Collection, condition: str, columns: list[str], limit: int
    ) -> Iterator[dict[str, dict[str, Any]]]:
        """These columns of all rows that satisfy the expression: by id, in order, in pages."""
        # Asked with "iterator", Milvus gives the next ids and not just any, but pymilvus drops the
        # consistency level then: so catch up first.
        self.catch_up(collection)
        last = ""
        while True:
            after = f"id > {literal(last)}"
            page = self.query(
                collection,
                after if condition == EVERYTHING else all_of(condition, after),
                ["id", *columns],
                limit=limit,
                iterator="True",
                reduce_stop_for_best="True",
            )
            found = {row["id"]: row for row in page}
            if not found:
                return
            yield {id: found[id] for id in sorted(found)}
            # A short page is not the last: servers cut it first and drop replaced rows after.
            last = max(found)

    def catch_up(self, collection: Collection) -> None:
        """Wait until everything written so far, by anyone, can be read."""
        if not self._db.embedded:
            self.query(collection, NOTHING, ["id"], consistency=STRONG)

    def query(
        self,
        collection: Collection,
        condition: str,
        columns: list[str],
        *,
        consistency: str = SESSION,
        **options: Any,
    ) -> list[dict[str, Any]]:
        """The rows that satisfy the expression, in no promised order."""
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


def parts_of(ids: Sequence[str]) -> Iterator[list[str]]:
    """The ids, each once, in lists of what one call takes; ids that cannot exist are left out."""
    distinct = [id for id in dict.fromkeys(ids) if id]
    for start in range(0, len(distinct), IDS_PER_CALL):
        yield distinct[start : start + IDS_PER_CALL]
