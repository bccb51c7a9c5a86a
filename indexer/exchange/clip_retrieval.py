"""Embeddings that clip-retrieval made, or anybody else who keeps them as it does.

Their metadata name no model and nobody's types: the caller names the model, columns are found by
their names, and types are those of the Parquet file.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.columns import ColumnNames, Roles, find_roles
from indexer.exchange.incoming import Incoming, RefusedError, fields_of, refused
from indexer.exchange.pairs import Pair, read_numbered
from indexer.inference import infer_types
from indexer.plan import plan_columns
from indexer.report import Failure
from indexer.sources import open_source
from indexer.values import UnfitValueError, is_missing, json_value, written_out
from search.encoders.base import DECLARED, ModelIdentity
from search.encoders.registry import known_dim, resolve_model
from search.errors import CatalogError, ConfigError
from search.store.base import Entity
from search.types import Field, Item

_OPENAI = {
    "ViT-B/32": "ViT-B-32", "ViT-B/16": "ViT-B-16", "ViT-L/14": "ViT-L-14",
    "ViT-L/14@336px": "ViT-L-14-336", "RN50": "RN50", "RN101": "RN101", "RN50x4": "RN50x4",
    "RN50x16": "RN50x16", "RN50x64": "RN50x64",
}  # fmt: skip
"""What OpenAI calls its models, and open_clip the same."""


def declared_model(name: str, dim: int) -> ModelIdentity:
    """The identity of embeddings that are said to be of a model, by vitrine's name or theirs.

    Raises:
        ConfigError: it is no model of open_clip, or one whose embeddings have another dim.
    """
    if name in _OPENAI:
        name = f"{_OPENAI[name]}-quickgelu/openai"
    name = name.removeprefix("open_clip:")
    if name.startswith(("hf_clip:", "nm:", "ja_clip:")):
        raise ConfigError(
            f"'{name}' is not a model that vitrine can load.",
            hint="Models are those of open_clip: vitrine could not embed a query with another.",
        )
    source = resolve_model(name)
    canonical, expected = source.name, known_dim(source)
    if expected not in (None, dim):
        raise ConfigError(
            f"Embeddings of model '{canonical}' have {expected} dimensions, these have {dim}.",
            hint="Name the model that they were made with.",
            details={"model": canonical, "dim": dim, "expected": expected},
        )
    return ModelIdentity(canonical, f"{DECLARED}{canonical}", dim)


@dataclass(frozen=True, slots=True)
class ForeignPairs:
    """Pairs that others wrote: columns are found by their names, types by the schema.

    Nothing is known of the images' bytes, so `image_hash` is empty: an index run over the same
    catalogue embeds these images once.
    """

    shown: str
    pairs: tuple[Pair, ...]
    model: ModelIdentity
    roles: Roles
    planned: Mapping[str, Field]
    images: Path

    @classmethod
    def open(
        cls, shown: str, pairs: tuple[Pair, ...], model: str, columns: ColumnNames, images: Path
    ) -> "ForeignPairs":
        """Find the columns; CatalogError without an image column, ConfigError for `model`."""
        roles = _roles(pairs[0].columns, columns)
        types = infer_types(open_source(pairs[0].metadata))
        planned = plan_columns(types, roles, {}, None).fields
        return cls(shown, pairs, declared_model(model, pairs[0].dim), roles, planned, images)

    @property
    def fields(self) -> tuple[Field, ...]:
        """The columns that have a type and no role."""
        return tuple(self.planned.values())

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(pair.rows for pair in self.pairs)

    def batches(self) -> Iterator[list[Incoming | Failure]]:
        """The rows, numbered through all pairs."""
        return read_numbered(self.pairs, self._read)

    def _read(
        self, number: int, row: dict[str, object] | RefusedError, vector: NDArray[np.float32]
    ) -> Incoming | Failure:
        if isinstance(row, RefusedError):
            return refused(number, {}, row)
        try:
            item = self._item(row)
        except RefusedError as why:
            shown = {"id": row.get(self.roles.id), "image": row.get(self.roles.image)}
            return refused(number, shown, why)
        return Incoming(number, Entity(item, vector, "", _row_hash(item)))

    def _item(self, row: Mapping[str, object]) -> Item:
        extra: dict[str, object] = {}
        for column, value in row.items():
            if column in self.roles.columns or column in self.planned or is_missing(value):
                continue
            try:
                extra[column] = json_value(value)
            except UnfitValueError:
                raise RefusedError("wrong_type", f"Column {column!r} is nested too deep.") from None
        said = {name: value for name, value in row.items() if not is_missing(value)}
        image = _word(row, self.roles.image)
        if image and "://" not in image:
            image = str(self.images / image)
        return Item(
            id=_word(row, self.roles.id),
            image=image,
            title=_word(row, self.roles.title),
            product_id=_word(row, self.roles.product_id) or None,
            fields=fields_of(said, self.fields),
            extra=extra,
        )


def _roles(columns: Sequence[str], given: ColumnNames) -> Roles:
    """Who is the id and who the image: an `image_path` beside a `url` is a key and no path."""
    ids = [given.id] if given.id else [None, "key", "image_path", "url"]
    if given.image is None and "url" in columns:
        given = replace(given, image="url")
    first: CatalogError | None = None
    for id in ids:
        try:
            return find_roles(columns, replace(given, id=id))
        except CatalogError as error:
            first = first or error
    assert first is not None
    raise first


def _word(row: Mapping[str, object], column: str | None) -> str:
    value = row.get(column) if column is not None else None
    if value is None or is_missing(value):
        return ""
    text = written_out(value) if isinstance(value, str | int | float | Decimal) else None
    if text is None:
        raise RefusedError("wrong_type", f"Column {column!r} holds no text.")
    return text.strip()


def _row_hash(item: Item) -> str:
    said = [item.image, item.title, item.product_id, dict(item.fields), dict(item.extra)]
    canonical = json.dumps(said, sort_keys=True, ensure_ascii=False, default=date.isoformat)
    return hashlib.blake2b(canonical.encode(errors="replace"), digest_size=16).hexdigest()
