"""Embeddings in `.npy` files with a Parquet file beside each, in the folders of clip-retrieval.

    img_emb/img_emb_0.npy             (n, dim) float16 or float32
    metadata/metadata_0.parquet       n rows in the same order: image_path, caption, url, key...

Written by vitrine, the metadata also have an item's other columns and, as a header, the model's
identity.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from indexer.exchange.files import written_whole
from indexer.exchange.incoming import (
    BATCH_ROWS,
    Incoming,
    RefusedError,
    entity_of,
    fields_of,
    python_rows,
    refused,
)
from indexer.exchange.layout import Header, arrow_schema, item_columns, read_header
from indexer.exchange.progress import Meter
from indexer.report import Failure
from search.encoders.base import ModelIdentity
from search.errors import CatalogError, ConfigError
from search.store.base import Entity
from search.types import Field

if TYPE_CHECKING:
    import pyarrow as pa

NAMES = {"image": "image_path", "title": "caption"}
"""Columns of an item that are called otherwise here."""


def write_pair(
    target: str,
    header: Header,
    batches: Iterator[list[Entity]],
    precision: str,
    version: str,
    meter: Meter,
) -> None:
    """Write all entities into the folder `target`, in one pair of files.

    Raises ConfigError for a URL, for a folder with other embeddings in it, or a field whose name
    is taken here; UnavailableError when the folder cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    npy, metadata = _targets(target)
    schema = _metadata_schema(header, version)
    dtype = np.dtype(precision)
    rows = 0
    with (
        written_whole(str(metadata)) as table,
        written_whole(str(npy)) as array,
        pq.ParquetWriter(table, schema, compression="zstd") as writer,
    ):
        _write_npy_header(array, dtype, 0, header.model.dim)
        for entities in batches:
            columns = [
                pa.array(column, type=kind)
                for column, kind in zip(
                    item_columns(entities, header.fields).values(), schema.types, strict=True
                )
            ]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
            array.write(np.stack([one.embedding for one in entities]).astype(dtype).tobytes())
            rows += len(entities)
            meter.add(len(entities))
        # The header is as long for every number of rows: numpy leaves room in it.
        array.seek(0)
        _write_npy_header(array, dtype, rows, header.model.dim)


def _write_npy_header(stream: Any, dtype: "np.dtype[Any]", rows: int, dim: int) -> None:
    described = {
        "descr": np.lib.format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": (rows, dim),
    }
    np.lib.format.write_array_header_1_0(stream, described)


def _targets(target: str) -> tuple[Path, Path]:
    folder = Path(target)
    npy = folder / "img_emb" / "img_emb_0.npy"
    metadata = folder / "metadata" / "metadata_0.parquet"
    if "://" in target or folder.is_file():
        raise ConfigError(f"{target} is not a folder.", hint="Name a local folder for .npy files.")
    found = [*folder.glob("img_emb/*"), *folder.glob("metadata/*")]
    others = sorted(str(path) for path in found if path not in (npy, metadata))
    if others:
        raise ConfigError(
            f"{folder} has other embeddings in it: {others[0]}.", hint="Name an empty folder."
        )
    return npy, metadata


def _metadata_schema(header: Header, version: str) -> "pa.Schema":
    import pyarrow as pa

    taken = sorted({field.name for field in header.fields} & set(NAMES.values()))
    if taken:
        raise ConfigError(
            f"The collection has fields of names that such files need: {', '.join(taken)}.",
            hint="Export it as Parquet.",
        )
    schema = arrow_schema(header, version)
    columns = [field.with_name(NAMES.get(field.name, field.name)) for field in schema]
    return pa.schema(
        [column for column in columns if column.name != "embedding"], metadata=schema.metadata
    )


@dataclass(frozen=True, slots=True)
class Pair:
    """An array and its metadata: `(n, dim)` and n rows."""

    npy: Path
    metadata: Path
    rows: int
    dim: int
    columns: tuple[str, ...]
    header: Header | None

    @classmethod
    def open(cls, npy: Path, metadata: Path) -> "Pair":
        """Look at both; CatalogError unless they are such files and belong together."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        shape = _array(npy).shape
        try:
            with pq.ParquetFile(metadata) as file:
                rows, schema = int(file.metadata.num_rows), file.schema_arrow
        except (pa.ArrowException, OSError, ValueError) as error:
            raise CatalogError(f"{metadata} cannot be read: {error}.") from error
        if rows != shape[0]:
            raise CatalogError(
                f"{npy} has {shape[0]:,} embeddings, but {metadata} has {rows:,} rows.",
                hint="They do not belong together, or one of them is not complete.",
            )
        header = read_header(schema, str(metadata))
        return cls(npy, metadata, rows, int(shape[1]), tuple(schema.names), header)

    def batches(
        self,
    ) -> Iterator[tuple[list[dict[str, object] | RefusedError], NDArray[np.float32]]]:
        """The rows as Python values, and their embeddings."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        array, before = _array(self.npy), 0
        try:
            with pq.ParquetFile(self.metadata) as file:
                for batch in file.iter_batches(batch_size=BATCH_ROWS):
                    vectors = np.asarray(array[before : before + len(batch)], dtype=np.float32)
                    yield python_rows(batch), vectors
                    before += len(batch)
        except (pa.ArrowException, OSError) as error:
            raise CatalogError(f"{self.metadata} cannot be read: {error}.") from error


def read_numbered(
    pairs: Sequence[Pair],
    read: Callable[
        [int, dict[str, object] | RefusedError, NDArray[np.float32]], Incoming | Failure
    ],
) -> Iterator[list[Incoming | Failure]]:
    """All rows of all pairs in batches, each through `read` with its number, from 1 on."""
    before = 0
    for pair in pairs:
        for rows, vectors in pair.batches():
            yield [
                read(number, row, vector)
                for number, (row, vector) in enumerate(zip(rows, vectors, strict=True), before + 1)
            ]
            before += len(rows)


def _array(path: Path) -> "NDArray[Any]":
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise CatalogError(
            f"{path} cannot be read: {error}.", hint="It should be an array as numpy saves one."
        ) from error
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind != "f":
        raise CatalogError(f"{path} holds no embeddings: it is not a table of numbers.")
    return array


@dataclass(frozen=True, slots=True)
class PairsExchange:
    """Pairs that vitrine wrote: everything of the items is in them."""

    shown: str
    pairs: tuple[Pair, ...]
    header: Header

    @property
    def model(self) -> ModelIdentity:
        """The model that the metadata name."""
        return self.header.model

    @property
    def fields(self) -> tuple[Field, ...]:
        """The typed fields that the metadata name."""
        return self.header.fields

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(pair.rows for pair in self.pairs)

    def batches(self) -> Iterator[list[Incoming | Failure]]:
        """The rows as they were exported, numbered through all pairs."""
        return read_numbered(self.pairs, self._read)

    def _read(
        self, number: int, row: dict[str, object] | RefusedError, vector: NDArray[np.float32]
    ) -> Incoming | Failure:
        if isinstance(row, RefusedError):
            return refused(number, {}, row)
        values = row | {name: row.get(other) for name, other in NAMES.items()}
        try:
            return Incoming(number, entity_of(values, fields_of(row, self.fields), vector))
        except RefusedError as why:
            return refused(number, values, why)
