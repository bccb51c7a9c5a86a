"""How an export lies in a Parquet file.

Columns: `id`, `image_hash`, `row_hash`, `image`, `title`, `product_id`; every typed field under
its own name and with its own type; `extra`, a JSON text; `embedding`, a list of `dim` float32. What
else belongs to it (format, vitrine's version, model, fields) is a JSON text in the file's metadata,
under the key `vitrine`.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.exchange.incoming import (
    Incoming,
    RefusedError,
    entity_of,
    fields_of,
    python_rows,
    refused,
    vectors_of,
)
from indexer.report import Failure
from search.encoders.base import ModelIdentity
from search.errors import CatalogError
from search.store.base import Entity
from search.types import Field, FieldType

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
KEY = b"vitrine"
TEXTS = ("id", "image_hash", "row_hash", "image", "title", "product_id")


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself: the model of its embeddings and its typed fields."""

    model: ModelIdentity
    fields: tuple[Field, ...]

    def metadata(self, version: str) -> dict[bytes, bytes]:
        """The header as metadata of a Parquet file that vitrine `version` writes."""
        told = {
            "format": FORMAT,
            "vitrine": version,
            "model": asdict(self.model),
            "fields": [[field.name, field.type.value] for field in self.fields],
        }
        return {KEY: json.dumps(told, ensure_ascii=False).encode()}


def read_header(schema: "pa.Schema", name: str) -> Header | None:
    """The header of a file; None if vitrine did not write it. `name` is for the message.

    Raises:
        CatalogError: a format that a newer vitrine writes, or a broken header.
    """
    told = (schema.metadata or {}).get(KEY)
    if told is None:
        return None
    try:
        said = json.loads(told)
        if said["format"] != FORMAT:
            raise CatalogError(
                f"{name} has format {said['format']}; this vitrine reads {FORMAT}.",
                hint="Use the version of vitrine that wrote it.",
            )
        model = ModelIdentity(**said["model"])
        return Header(model, tuple(Field(name, FieldType(type)) for name, type in said["fields"]))
    except (ValueError, KeyError, TypeError) as error:
        raise CatalogError(
            f"{name} has a broken header: {error}.", hint="Export it again."
        ) from error


def arrow_schema(header: Header, version: str) -> "pa.Schema":
    """The columns of an export, with the header as metadata."""
    import pyarrow as pa

    columns = [pa.field(name, pa.string()) for name in TEXTS]
    columns += [pa.field(field.name, _arrow_type(field.type)) for field in header.fields]
    columns.append(pa.field("extra", pa.string()))
    columns.append(pa.field("embedding", pa.list_(pa.float32(), header.model.dim)))
    return pa.schema(columns, metadata=header.metadata(version))


def to_arrow(entities: Sequence[Entity], schema: "pa.Schema", header: Header) -> "pa.RecordBatch":
    """Entities as rows of that schema."""
    import pyarrow as pa

    columns = item_columns(entities, header.fields)
    columns["embedding"] = pa.FixedSizeListArray.from_arrays(
        pa.array(np.concatenate([entity.embedding for entity in entities])), header.model.dim
    )
    arrays = [
        column if isinstance(column, pa.Array) else pa.array(column, type=schema.field(name).type)
        for name, column in columns.items()
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def item_columns(entities: Sequence[Entity], fields: Sequence[Field]) -> dict[str, Any]:
    """Everything of the entities but the embeddings, as lists by column, in the schema's order."""
    items = [entity.item for entity in entities]
    columns: dict[str, Any] = {
        "id": [item.id for item in items],
        "image_hash": [entity.image_hash for entity in entities],
        "row_hash": [entity.row_hash for entity in entities],
        "image": [item.image for item in items],
        "title": [item.title for item in items],
        "product_id": [item.product_id for item in items],
    }
    for field in fields:
        columns[field.name] = [item.fields.get(field.name) for item in items]
    columns["extra"] = [json.dumps(dict(item.extra), ensure_ascii=False) for item in items]
    return columns


def check_columns(schema: "pa.Schema", header: Header, name: str) -> None:
    """CatalogError unless the file has the columns that its header speaks of."""
    import pyarrow.types as is_

    wanted = {"id", "embedding", *(field.name for field in header.fields)}
    missing = sorted(wanted - set(schema.names))
    if missing:
        raise CatalogError(
            f"{name} lacks the columns {', '.join(missing)}.", hint="Export it again."
        )
    column = schema.field("embedding").type
    if not is_.is_fixed_size_list(column) or not is_.is_floating(column.value_type):
        raise CatalogError(
            f"The column 'embedding' of {name} is {column}, not a list of numbers of fixed size.",
            hint="Export it again.",
        )
    if column.list_size != header.model.dim:
        raise CatalogError(
            f"The embeddings of {name} have {column.list_size} dimensions; its model says "
            f"{header.model.dim}.",
            hint="The file was put together wrongly: export it again.",
        )


def from_arrow(batch: "pa.RecordBatch", header: Header, before: int) -> list[Incoming | Failure]:
    """The rows of a batch, `before` of them being in front of it in the file."""
    vectors = vectors_of(batch.column("embedding"), header.model.dim)
    found: list[Incoming | Failure] = []
    rows = python_rows(batch.drop_columns(["embedding"]))
    for number, (values, vector) in enumerate(zip(rows, vectors, strict=True), start=before + 1):
        if isinstance(values, RefusedError):
            found.append(refused(number, {}, values))
            continue
        try:
            entity = entity_of(values, fields_of(values, header.fields), vector)
            found.append(Incoming(number, entity))
        except RefusedError as why:
            found.append(refused(number, values, why))
    return found


def _arrow_type(type: FieldType) -> "pa.DataType":
    import pyarrow as pa

    return {
        FieldType.STRING: pa.string(),
        FieldType.INTEGER: pa.int64(),
        FieldType.FLOAT: pa.float64(),
        FieldType.BOOLEAN: pa.bool_(),
        FieldType.DATE: pa.date32(),
        FieldType.STRINGS: pa.list_(pa.string()),
    }[type]
