"""Filling a new collection of a Milvus server: by upserts, and by the server's bulk import.

    python -m benchmarks.bulk_import http://localhost:19530 s3://bucket/imports

From a job's shards, whose making is not counted in, until all rows are counted and the last one is
found by a search for its own embedding. Rows are random, with the fields of a small catalogue.
"""

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from indexer.bulk import BulkLoad
from indexer.exchange.incoming import Incoming
from indexer.exchange.shards import JobExchange
from indexer.patience import PatientStore
from indexer.shard_folder import ShardFolder
from indexer.staging import Shards, shards_of
from indexer.tally import Count, Tally
from search.encoders.base import ModelIdentity
from search.errors import VitrineError
from search.store import CollectionSpec, Entity, SearchRequest, Store, open_store
from search.types import Field, FieldType, FieldValue, Item

SHARD_ROWS = 1_000
SEED = 7
PATIENCE_S = 600.0
COLOURS = ("red", "blue", "green", "black")
FIELDS = (
    Field("colour", FieldType.STRING),
    Field("price", FieldType.FLOAT),
    Field("stock", FieldType.INTEGER),
    Field("added", FieldType.DATE),
    Field("tags", FieldType.STRINGS),
)


def main(
    db: Annotated[str, typer.Argument(help="URL of a Milvus server.")],
    place: Annotated[str, typer.Argument(help="Folder or address in its storage.")],
    rows: Annotated[list[int] | None, typer.Option(help="How many; can be repeated.")] = None,
    dim: Annotated[int, typer.Option(help="Dimensions of the embeddings.")] = 256,
) -> None:
    """Print seconds until found, and rows a second, of both ways as a Markdown table."""
    typer.echo(
        f"| rows x {dim} | upserts, s | rows/s | bulk import, s | rows/s | import / upserts |"
    )
    typer.echo("|---|---|---|---|---|---|")
    with closing(open_store(db)) as store:
        for number in rows or [10_000, 100_000, 300_000]:
            with tempfile.TemporaryDirectory(prefix="vitrine-bench-") as folder:
                upserts, bulk = _both(store, Path(folder), number, dim, place)
            typer.echo(
                f"| {number:,} | {upserts:.1f} | {number / upserts:,.0f} "
                f"| {bulk:.1f} | {number / bulk:,.0f} | {bulk / upserts:.2f} |"
            )


def _both(store: Store, job: Path, rows: int, dim: int, place: str) -> tuple[float, float]:
    """Seconds by upserts and by import, of the same shards."""
    last = _stage(job, rows, dim)
    stamp = f"bench_{int(time.time())}"
    spec = CollectionSpec(f"{stamp}__v1", ModelIdentity("random", stamp, dim), FIELDS)
    seconds = []
    for fill in (_upserted, _imported):
        store.create(spec)
        try:
            started = time.perf_counter()
            fill(store, spec, job, rows, place)
            _found(store, spec.name, rows, last)
            seconds.append(time.perf_counter() - started)
        finally:
            store.drop(spec.name)
    return seconds[0], seconds[1]


def _stage(job: Path, rows: int, dim: int) -> Entity:
    """Write shards as a run does; the last row."""
    rng, shards = np.random.default_rng(SEED), Shards(ShardFolder(str(job / "shards")))
    (job / "shards").mkdir()
    for start in range(0, rows, SHARD_ROWS):
        count = min(SHARD_ROWS, rows - start)
        vectors = rng.normal(size=(count, dim)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        entities = [_entity(start + k, vector, rng) for k, vector in enumerate(vectors)]
        shards.write(entities)
    return entities[-1]


def _entity(number: int, vector: NDArray[np.float32], rng: np.random.Generator) -> Entity:
    fields: dict[str, FieldValue] = {
        "colour": COLOURS[number % len(COLOURS)],
        "price": float(rng.integers(100, 20_000)) / 100,
        "stock": int(rng.integers(0, 1_000)),
        "added": date(2024, 1 + number % 12, 1 + number % 28),
        "tags": ["summer", "new"][: number % 3],
    }
    item = Item(
        f"item-{number:08}",
        f"img/{number}.jpg",
        f"Item number {number}",
        None,
        fields,
        {"n": number},
    )
    return Entity(item, vector, f"{number:032x}", f"{number:032x}")


def _upserted(store: Store, spec: CollectionSpec, job: Path, rows: int, place: str) -> None:
    patient = PatientStore(store, spec.name)
    for batch in _batches(spec, job):
        patient.upsert(batch)
    patient.flush()


def _imported(store: Store, spec: CollectionSpec, job: Path, rows: int, place: str) -> None:
    bulk = BulkLoad.into(store.describe(spec.name), place, job, None)
    bulk.held.stored(Counter({Count.INDEXED: rows}), 0)
    bulk.load(PatientStore(store, spec.name), Tally(), lambda: None)
    if bulk.notices:
        raise SystemExit(" ".join(bulk.notices))


def _batches(spec: CollectionSpec, job: Path) -> Iterator[list[Entity]]:
    staged = JobExchange(str(job), tuple(shards_of(job)), spec.model, spec.fields, rows=0)
    for batch in staged.batches():
        yield [one.entity for one in batch if isinstance(one, Incoming)]


def _found(store: Store, name: str, rows: int, last: Entity) -> None:
    """Wait until all rows are counted, and the last one comes first for its own embedding."""
    _wait(lambda: store.count(name) == rows)
    request = SearchRequest(last.embedding, limit=1)
    _wait(lambda: [hit.id for hit in store.search(name, request)] == [last.item.id])


def _wait(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > ends:
            raise VitrineError(f"Not all rows were found within {PATIENCE_S:.0f} s.")
        time.sleep(0.2)


if __name__ == "__main__":
    typer.run(main)
