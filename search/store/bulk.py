"""Bulk imports of a Milvus server: entities as the Parquet that it reads, and its tasks.

The columns are those of `search.store.schema`, with the values that an upsert sends. The server is
asked through pymilvus's connection, which knows the calls of all versions: pymilvus's own functions
for it are of its old interface, which warns, and `pymilvus.bulk_writer` needs the clients of two
object stores to be imported.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from search.errors import ItemInvalidError, UnsupportedError
from search.store import rows
from search.store.base import CollectionSpec, Entity, ImportState
from search.store.connection import Connection
from search.store.schema import TEXT_COLUMNS, Layout
from search.types import FieldType

if TYPE_CHECKING:
    import pyarrow as pa
    from pymilvus import BulkInsertState

_MANY = 100_000
"""More tasks than are ever asked for."""


def check(spec: CollectionSpec, entities: Sequence[Entity]) -> None:
    """Raise the ItemInvalidError that an upsert into such a collection would; asks no database."""
    rows.encode_all(entities, _layout(spec))


def sound(spec: CollectionSpec, entities: Sequence[Entity]) -> list[Entity]:
    """Those of the entities that such a collection can hold, in order."""
    return [entity for entity, _ in _encoded(spec, entities)]


def table_of(spec: CollectionSpec, entities: Sequence[Entity]) -> "pa.Table":
    """Entities as a server imports them into such a collection, a row each, in order.

    Those that an upsert would refuse are left out.
    """
    import pyarrow as pa

    schema, encoded = import_schema(spec), [row for _, row in _encoded(spec, entities)]
    columns = {name: [row[name] for row in encoded] for name in schema.names}
    columns["extra"] = [_json(extra) for extra in columns["extra"]]
    vectors = np.array(columns.pop("embedding"), np.float32).reshape(-1, spec.model.dim)
    starts = np.arange(len(encoded) + 1, dtype=np.int32) * spec.model.dim
    embedding = pa.ListArray.from_arrays(starts, pa.array(vectors.ravel()))
    return pa.table(
        [
            embedding if column.name == "embedding" else pa.array(columns[column.name], column.type)
            for column in schema
        ],
        schema=schema,
    )


def import_schema(spec: CollectionSpec) -> "pa.Schema":
    """The columns of `table_of`, with their types."""
    import pyarrow as pa

    types = {
        FieldType.STRING: pa.string(),
        FieldType.DATE: pa.string(),
        FieldType.INTEGER: pa.int64(),
        FieldType.FLOAT: pa.float64(),
        FieldType.BOOLEAN: pa.int8(),
        FieldType.STRINGS: pa.list_(pa.string()),
    }
    columns: list[tuple[str, Any]] = [("id", pa.string()), ("embedding", pa.list_(pa.float32()))]
    columns += [(name, pa.string()) for name in (*TEXT_COLUMNS, "extra")]
    layout = _layout(spec)
    columns += [(layout.columns[field.name], types[field.type]) for field in spec.fields]
    return pa.schema(columns)


def begin(db: Connection, collection: str, file: str) -> int:
    """Ask the server to import a file, by its path in the server's storage."""
    if db.embedded:
        raise UnsupportedError(
            "An embedded database has no bulk import.", hint="Write by upserts, or use a server."
        )
    return int(db.call(_handler(db).do_bulk_insert, collection, "", [file]))


def state(db: Connection, task: int) -> ImportState:
    """What the server says of an import."""
    return _state(db.call(_handler(db).get_bulk_insert_state, task))


def states(db: Connection, collection: str) -> list[ImportState]:
    """What the server says of all imports into a collection."""
    return [
        _state(told) for told in db.call(_handler(db).list_bulk_insert_tasks, _MANY, collection)
    ]


def _state(told: "BulkInsertState") -> ImportState:
    failed = told.state in (told.ImportFailed, told.ImportFailedAndCleaned)
    return ImportState(
        done=told.state == told.ImportCompleted,
        failure=(told.failed_reason or "it does not say why") if failed else None,
        progress=f"{told.state_name}, {told.progress}%",
    )


def _encoded(spec: CollectionSpec, entities: Sequence[Entity]) -> Iterator[tuple[Entity, rows.Row]]:
    layout = _layout(spec)
    for entity in entities:
        with suppress(ItemInvalidError):
            yield entity, rows.encode(entity, layout)


def _handler(db: Connection) -> Any:
    return db.client._get_connection()


def _layout(spec: CollectionSpec) -> Layout:
    return Layout(spec.model, spec.fields)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
