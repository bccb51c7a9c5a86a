"""How a collection of vitrine lies in Milvus.

Every collection has the same columns, and one more for each typed field:

    id            VARCHAR, primary key
    embedding     FLOAT_VECTOR, L2-normalised, so that inner product is cosine similarity
    image, title, product_id, image_hash, row_hash      VARCHAR
    extra         JSON: what the row had beside
    f0_colour, f1_price, ...    the typed fields, in order

There is no dynamic field, so that writing a row leaves nothing of the one before. Servers before
2.5 have no null: each type has one value that stands for "missing" (see `MISSING`), which no
comparison matches. What else belongs to the collection (format, model, fields) is a JSON text in
its description; Milvus Lite drops descriptions and keeps properties, so there it is a property.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from search.encoders.base import ModelIdentity
from search.errors import ConfigError, ConflictError, SchemaMismatchError
from search.filters.names import ITEM_FIELDS
from search.store.base import CollectionSpec
from search.types import Field, FieldType

if TYPE_CHECKING:
    from pymilvus import CollectionSchema
    from pymilvus.milvus_client.index import IndexParams

FORMAT = 1
PROPERTY = "vitrine.collection"

ID_BYTES = 512
TEXT_BYTES = 65_535
JSON_BYTES = 65_536
LIST_LENGTH = 1_024
MAX_FIELDS = 56
"""Milvus allows 64 columns, eight of which every collection has."""

MAX_DIM = 32_768
TEXT_COLUMNS = ("image", "title", "product_id", "image_hash", "row_hash")
ITEM_COLUMNS = ("id", "image", "title", "product_id", "extra")
RESERVED = frozenset({"id", "embedding", "extra", *TEXT_COLUMNS})

MISSING: Mapping[FieldType, object] = {
    FieldType.STRING: "",
    FieldType.INTEGER: -(2**63),
    FieldType.FLOAT: -1.7e308,
    FieldType.BOOLEAN: -1,
    FieldType.DATE: "",
    FieldType.STRINGS: [],
}
"""What stands for a missing value of each type."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")


@dataclass(frozen=True)
class Layout:
    """The fields of a collection and the Milvus column that holds each."""

    model: ModelIdentity
    fields: tuple[Field, ...]

    @cached_property
    def columns(self) -> Mapping[str, str]:
        """Column by field name, in order. Field names are the catalogue's and may be anything."""
        return {field.name: _column(i, field.name) for i, field in enumerate(self.fields)}

    @cached_property
    def readable(self) -> Mapping[str, tuple[str, FieldType]]:
        """Column and type of everything that filters may name, by name."""
        every_item = {name: (name, FieldType.STRING) for name in ITEM_FIELDS}
        columns = self.columns
        return every_item | {f.name: (columns[f.name], f.type) for f in self.fields}

    @property
    def item_columns(self) -> list[str]:
        """The columns that an item is read from."""
        return [*ITEM_COLUMNS, *self.columns.values()]


def check_name(name: str) -> None:
    """ConfigError unless Milvus can call a collection or an alias so."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot be the name of a collection.",
            hint="Use up to 255 letters, digits and '_', without a digit in front.",
        )


def check_spec(spec: CollectionSpec) -> None:
    """ConfigError or SchemaMismatchError when no collection can be made so."""
    check_name(spec.name)
    names = [field.name for field in spec.fields]
    doubled = sorted({name for name in names if names.count(name) > 1 or name in RESERVED})
    if doubled:
        raise SchemaMismatchError(
            f"Fields that are given twice or that every item has: {', '.join(doubled)}.",
            hint="Rename these columns of the catalogue.",
            details={"fields": doubled},
        )
    if len(names) > MAX_FIELDS:
        raise SchemaMismatchError(
            f"{len(names)} typed fields; a collection can have {MAX_FIELDS}.",
            hint="Keep the columns that nobody filters by as plain extra values.",
        )
    if not 1 <= spec.model.dim <= MAX_DIM:
        raise ConfigError(f"A dim of {spec.model.dim} is out of range (1 to {MAX_DIM}).")


def describe(spec: CollectionSpec) -> str:
    """The JSON text that is kept with the collection; `read_layout` reads it back."""
    model = {"name": spec.model.name, "fingerprint": spec.model.fingerprint, "dim": spec.model.dim}
    fields = [[field.name, field.type.value] for field in spec.fields]
    return json.dumps({"vitrine": FORMAT, "model": model, "fields": fields})


def read_layout(described: Mapping[str, Any]) -> Layout | None:
    """The layout of what Milvus describes; None when vitrine did not make it.

    Raises ConflictError for a format that a newer vitrine made.
    """
    kept = described.get("properties", {}).get(PROPERTY)
    return _read(kept or described.get("description") or "", described["collection_name"])


@lru_cache(maxsize=256)
def _read(text: str, name: str) -> Layout | None:
    try:
        told = json.loads(text)
    except ValueError:
        return None
    if not isinstance(told, dict) or "vitrine" not in told:
        return None
    if told["vitrine"] != FORMAT:
        raise ConflictError(
            f"The collection {name} has format {told['vitrine']}; this vitrine reads {FORMAT}.",
            hint="Use the version of vitrine that made it, or index the catalogue again.",
        )
    fields = tuple(Field(field, FieldType(type_)) for field, type_ in told["fields"])
    return Layout(ModelIdentity(**told["model"]), fields)


def milvus_schema(spec: CollectionSpec) -> "CollectionSchema":
    """The columns, as pymilvus wants them."""
    from pymilvus import DataType, MilvusClient

    schema = MilvusClient.create_schema(
        auto_id=False, enable_dynamic_field=False, description=describe(spec)
    )
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=ID_BYTES)
    schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=spec.model.dim)
    for column in TEXT_COLUMNS:
        schema.add_field(column, DataType.VARCHAR, max_length=TEXT_BYTES)
    schema.add_field("extra", DataType.JSON)
    for column, field in zip(_columns(spec.fields), spec.fields, strict=True):
        schema.add_field(column, **_column_type(field.type))
    return schema


def milvus_index(*, embedded: bool) -> "IndexParams":
    """Exact search embedded (its HNSW is no quicker and starves under filters), HNSW else."""
    from pymilvus import MilvusClient

    index = MilvusClient.prepare_index_params()
    if embedded:
        index.add_index("embedding", index_type="FLAT", metric_type="IP")
    else:
        index.add_index(
            "embedding",
            index_type="HNSW",
            metric_type="IP",
            params={"M": 16, "efConstruction": 200},
        )
    return index


def _column_type(type_: FieldType) -> dict[str, Any]:
    from pymilvus import DataType

    match type_:
        case FieldType.STRING:
            return {"datatype": DataType.VARCHAR, "max_length": TEXT_BYTES}
        case FieldType.DATE:
            return {"datatype": DataType.VARCHAR, "max_length": len("2024-05-31")}
        case FieldType.INTEGER:
            return {"datatype": DataType.INT64}
        case FieldType.FLOAT:
            return {"datatype": DataType.DOUBLE}
        case FieldType.BOOLEAN:  # BOOL has no third value for "missing".
            return {"datatype": DataType.INT8}
        case FieldType.STRINGS:
            return {
                "datatype": DataType.ARRAY,
                "element_type": DataType.VARCHAR,
                "max_capacity": LIST_LENGTH,
                "max_length": TEXT_BYTES,
            }


def _columns(fields: Sequence[Field]) -> list[str]:
    return [_column(i, field.name) for i, field in enumerate(fields)]


def _column(index: int, name: str) -> str:
    """A name that Milvus takes, unique by the index and readable by the rest."""
    return f"f{index}_{re.sub(r'[^a-z0-9]+', '_', name.lower()).strip('_')[:64]}"
