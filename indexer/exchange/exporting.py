"""A collection, or what a job has staged, as files."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from indexer.exchange.files import is_remote, written_whole
from indexer.exchange.incoming import BATCH_ROWS, Exchange, Incoming
from indexer.exchange.layout import Header, arrow_schema, to_arrow
from indexer.exchange.pairs import write_pair
from indexer.exchange.progress import Meter, Moved
from search.errors import CatalogError, ConfigError
from search.store.base import Entity, Store
from search.types import FieldType

Form = Literal["parquet", "npy"]
Precision = Literal["float32", "float16"]

ROW_GROUP_BYTES = 64_000_000
"""About how much the embeddings of a row group weigh: so much is in memory at a time."""


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written, and where."""

    target: str
    source: str
    model: str
    rows: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Content:
    """What is to be written: its name, header, about how many rows, and the rows."""

    source: str
    header: Header
    total: int
    batches: Iterator[list[Entity]]


def export_collection(
    store: Store,
    name: str,
    target: str,
    *,
    form: Form = "parquet",
    precision: Precision = "float32",
    on_progress: Callable[[Moved], None] | None = None,
) -> ExportReport:
    """Write the collection of that name, or behind that alias, to a file (Parquet) or folder (npy).

    `target` is a path, or for Parquet a URL that fsspec knows. Memory holds one row group. The
    file is there when it is whole, and not before; one that was there before is replaced.
    `precision` is that of an .npy file: Parquet files always have float32.

    Raises:
        CollectionNotFoundError: no such collection.
        ConfigError: a target that this form cannot have, or a field's name that it needs itself.
        UnavailableError: the target cannot be written.
    """
    info = store.describe(name)
    content = _Content(
        info.name, Header(info.model, info.fields), info.count, store.scan(info.name)
    )
    return _write(content, target, form, precision, on_progress)


def export_job(
    job: Exchange,
    target: str,
    *,
    form: Form = "parquet",
    precision: Precision = "float32",
    on_progress: Callable[[Moved], None] | None = None,
) -> ExportReport:
    """Write what a job has staged: `open_exchange` of its folder; else as `export_collection`.

    Raises CatalogError also for a shard that cannot be read.
    """
    header = Header(job.model, job.fields)
    content = _Content(job.shown, header, job.rows, _staged(job))
    return _write(content, target, form, precision, on_progress)


def _staged(job: Exchange) -> Iterator[list[Entity]]:
    for batch in job.batches():
        entities = []
        for one in batch:
            if not isinstance(one, Incoming):
                raise CatalogError(
                    f"Row {one.row} of {job.shown} cannot be read: {one.reason}",
                    hint="Run the job again: it stages anew what is broken.",
                )
            entities.append(one.entity)
        if entities:
            yield entities


def _write(
    content: _Content,
    target: str,
    form: Form,
    precision: Precision,
    on_progress: Callable[[Moved], None] | None,
) -> ExportReport:
    started = time.perf_counter()
    meter = Meter(content.total, on_progress)
    if form == "npy":
        write_pair(target, content.header, content.batches, precision, _version(), meter)
    else:
        _check_file(target)
        _write_parquet(target, content, meter)
    meter.finish()
    seconds = time.perf_counter() - started
    return ExportReport(target, content.source, content.header.model.name, meter.done, seconds)


def _check_file(target: str) -> None:
    if not target.endswith((".parquet", ".pq")):
        raise ConfigError(
            f"{target} is not the name of a Parquet file.",
            hint="Let it end in .parquet, or choose --format npy for a folder.",
        )
    if not is_remote(target) and Path(target).is_dir():
        raise ConfigError(f"{target} is a folder.", hint="Name a file in it.")


def _write_parquet(target: str, content: _Content, meter: Meter) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    header = content.header
    schema = arrow_schema(header, _version())
    # Embeddings do not repeat: a dictionary of them would only take time and memory.
    repeating = [field.name for field in header.fields if field.type is FieldType.STRING]
    group_rows = max(BATCH_ROWS, min(20_000, ROW_GROUP_BYTES // (4 * header.model.dim)))
    with (
        written_whole(target) as stream,
        pq.ParquetWriter(stream, schema, compression="zstd", use_dictionary=repeating) as writer,
    ):
        waiting: list[pa.RecordBatch] = []

        def send() -> None:
            writer.write_table(pa.Table.from_batches(waiting, schema))
            rows = sum(map(len, waiting))
            waiting.clear()
            meter.add(rows)

        for entities in content.batches:
            for start in range(0, len(entities), group_rows):
                waiting.append(to_arrow(entities[start : start + group_rows], schema, header))
                if sum(map(len, waiting)) >= group_rows:
                    send()
        if waiting:
            send()


def _version() -> str:
    try:
        return version("vitrine")
    except PackageNotFoundError:
        return "unknown"
