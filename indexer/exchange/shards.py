"""What a job has staged: its shards, wherever they are, and its manifest."""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.exchange.incoming import (
    BATCH_ROWS,
    Incoming,
    RefusedError,
    entity_of,
    fields_of,
    json_of,
    python_rows,
    refused,
    vectors_of,
)
from indexer.report import Failure
from indexer.seen import SeenIds, key_of
from indexer.shard_folder import open_shard
from indexer.staging import shards_of
from search.encoders.base import ModelIdentity
from search.errors import CatalogError
from search.types import Field, FieldType

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class JobExchange:
    """The staged rows of a job. Of a row that was staged several times, the last counts."""

    shown: str
    shards: tuple[str, ...]
    model: ModelIdentity
    fields: tuple[Field, ...]
    rows: int

    @classmethod
    def open(cls, folder: Path) -> "JobExchange":
        """Read the manifest. CatalogError when it is none, or nothing was staged."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        shards = tuple(shards_of(folder))
        if not shards:
            raise CatalogError(
                f"{folder} has no shards of embeddings.",
                hint="Name the folder of a job that embedded something: .vitrine/jobs/...",
            )
        try:
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            model = ModelIdentity(**manifest["model"])
            typed = manifest["fields"].values()
            fields = tuple(Field(one["name"], FieldType(one["type"])) for one in typed)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CatalogError(
                f"The manifest of {folder} cannot be read: {error}.",
                hint="Name the folder of a job.",
            ) from error
        rows = 0
        for shard in shards:
            try:
                with open_shard(shard) as file:
                    rows += int(pq.read_metadata(file).num_rows)
            except (pa.ArrowException, OSError) as error:
                raise _broken(shard, error) from error
        return cls(str(folder), shards, model, fields, rows)

    def batches(self) -> Iterator[list[Incoming | Failure]]:
        """The rows, the newest shard first."""
        with (
            tempfile.TemporaryDirectory(prefix="vitrine-") as folder,
            SeenIds(Path(folder) / "seen.sqlite") as seen,
        ):
            number = 0
            for shard in reversed(self.shards):
                for batch in _batches(shard, self.model.dim):
                    found = self._read(batch, number)
                    yield [one for one in found if _is_first(one, seen)]
                    number += len(batch)

    def _read(self, batch: "pa.RecordBatch", before: int) -> list[Incoming | Failure]:
        vectors = vectors_of(batch.column("embedding"), self.model.dim)
        found: list[Incoming | Failure] = []
        rows = python_rows(batch.drop_columns(["embedding"]))
        for number, (values, vector) in enumerate(zip(rows, vectors, strict=True), before + 1):
            if isinstance(values, RefusedError):
                found.append(refused(number, {}, values))
                continue
            try:
                fields = fields_of(json_of(values, "fields"), self.fields)
                found.append(Incoming(number, entity_of(values, fields, vector)))
            except RefusedError as why:
                found.append(refused(number, values, why))
        return found


def _is_first(one: Incoming | Failure, seen: SeenIds) -> bool:
    if isinstance(one, Failure):
        return True
    return seen.claim(key_of(one.entity.item.id), one.number) == one.number


def _batches(shard: str, dim: int) -> Iterator["pa.RecordBatch"]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with open_shard(shard) as stream, pq.ParquetFile(stream) as file:
            kind = file.schema_arrow.field("embedding").type
            if getattr(kind, "list_size", 0) != dim:
                raise CatalogError(f"The embeddings of {shard} are {kind}, not of {dim} numbers.")
            yield from file.iter_batches(batch_size=BATCH_ROWS)
    except (pa.ArrowException, OSError, KeyError) as error:
        raise _broken(shard, error) from error


def _broken(shard: str, error: Exception) -> CatalogError:
    return CatalogError(
        f"The shard {shard} cannot be read: {error}.",
        hint="Run the job again: it stages anew what is broken.",
    )
