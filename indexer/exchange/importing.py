"""Loading embeddings that exist already into a collection, without a model."""

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from indexer.exchange.incoming import CURE, Exchange, Incoming
from indexer.exchange.progress import Meter, Moved
from indexer.job import Job, database_of, refuse_if_alive
from indexer.patience import PatientStore
from indexer.report import Failure
from indexer.rollout import find_collection, first_version
from indexer.seen import SeenIds, key_of
from indexer.values import json_value
from search.errors import (
    CatalogError,
    ItemInvalidError,
    ModelMismatchError,
    SchemaMismatchError,
    VitrineError,
)
from search.store.base import CollectionInfo, Entity, Store
from search.types import Field

FLUSH_ROWS = 10_000
"""Rows between two flushes: what a power failure may cost."""

MIN_ROWS_TO_JUDGE = 100
SAMPLE = 5
SMALLEST_NORM = 1e-6
"""Below it, an embedding has no direction."""

UNIT_TOLERANCE = 1e-6
"""An embedding whose norm is so near to 1 is kept to the last bit."""

SAME = 1e-6


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did. Every row of the files is in exactly one of the three counts."""

    job: Path
    collection: str
    alias: str
    model: str
    imported: int
    unchanged: int
    failed: int
    failed_by_code: Mapping[str, int]
    seconds: float
    failures: tuple[Failure, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Rows that were read."""
        return self.imported + self.unchanged + self.failed

    @property
    def errors_file(self) -> Path:
        """One JSON object a line for every row that was left out."""
        return self.job / "errors.jsonl"


def import_embeddings(
    exchange: Exchange,
    *,
    store: Store,
    alias: str,
    job_dir: Path,
    max_failed_share: float = 0.5,
    on_progress: Callable[[Moved], None] | None = None,
) -> ImportReport:
    """Load what `open_exchange` found into the collection behind `alias`; make it if there is none.

    Embeddings are L2-normalised; rows without a usable one, without an id, or with an id that an
    earlier row has are left out and listed in the job's `errors.jsonl`. Rows that are stored as
    they are in the files are not written again, so that an import that was killed goes on when it
    is run again. Fields that the collection does not have are kept with the item all the same.

    Raises:
        ModelMismatchError: the collection was made with another model, or has another dim.
        SchemaMismatchError: a field of the files has another type in the collection.
        CatalogError: the files cannot be read to their end, hold no row, or more than
            `max_failed_share` of the rows failed.
        StoreUnavailableError, StoreError: from the store, which is waited for when it is away;
            what is counted is in it.
        UnavailableError: the job folder cannot be written.
    """
    found = find_collection(store, alias)
    if found is not None:
        _check_model(found, exchange)
    placed = _place(exchange.fields, found)
    if not exchange.rows:
        raise CatalogError(f"{exchange.shown} holds no rows.", hint="Export it again.")
    database = database_of(store, job_dir)
    # The first run of another command fills a version that no alias leads to yet.
    refuse_if_alive(job_dir, alias, found.name if found else None, database)
    info = found or first_version(store, alias, exchange.model, exchange.fields)
    job = Job(job_dir, alias, _manifest(exchange, info, alias, database))
    run = _Run(exchange, PatientStore(store, info.name), alias, job, placed, max_failed_share)
    return run.execute(on_progress)


def _check_model(found: CollectionInfo, exchange: Exchange) -> None:
    stored, given = found.model, exchange.model
    if not stored.takes(given):
        raise ModelMismatchError(
            f"Collection {found.name!r} was made with model {stored.name!r} ({stored.dim} "
            f"dimensions, {stored.fingerprint[:24]}); {exchange.shown} has embeddings of "
            f"{given.name!r} ({given.dim}, {given.fingerprint[:24]}).",
            hint="Import into another --collection.",
            details={"collection": found.name, "stored": stored.name, "given": given.name},
        )


@dataclass(frozen=True, slots=True)
class _Placed:
    """Which fields of the files the collection has, and which go to `extra`."""

    extra: tuple[str, ...]

    def item_of(self, entity: Entity) -> Entity:
        """The entity as the collection can hold it."""
        if not self.extra:
            return entity
        item = entity.item
        fields = {name: value for name, value in item.fields.items() if name not in self.extra}
        moved = {
            name: json_value(value)
            for name, value in item.fields.items()
            if name in self.extra and value is not None
        }
        item = replace(item, fields=fields, extra={**moved, **item.extra})
        return replace(entity, item=item)


def _place(fields: Sequence[Field], found: CollectionInfo | None) -> _Placed:
    if found is None:
        return _Placed(())
    stored = {one.name: one.type for one in found.fields}
    for one in fields:
        if stored.get(one.name, one.type) is not one.type:
            raise SchemaMismatchError(
                f"Field {one.name!r} of collection {found.name!r} is of type {stored[one.name]}, "
                f"in the files it is {one.type}.",
                hint="Import into another --collection.",
                details={"field": one.name, "stored": stored[one.name], "given": one.type},
            )
    return _Placed(tuple(one.name for one in fields if one.name not in stored))


@dataclass
class _Run:
    """An import whose collection and job folder are there."""

    exchange: Exchange
    store: PatientStore
    alias: str
    job: Job
    placed: _Placed
    max_failed_share: float
    imported: int = 0
    unchanged: int = 0
    unflushed: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    sample: list[Failure] = field(default_factory=list)
    started: float = field(default_factory=time.perf_counter)

    def execute(self, on_progress: Callable[[Moved], None] | None) -> ImportReport:
        """Load all batches and write the report, however it ends."""
        meter = Meter(self.exchange.rows, on_progress)
        try:
            with (
                tempfile.TemporaryDirectory(prefix="vitrine-") as folder,
                SeenIds(Path(folder) / "seen.sqlite") as seen,
            ):
                for batch in self.exchange.batches():
                    failed = self.failed.total()
                    self._load(self._sound(batch, seen))
                    meter.add(len(batch), self.failed.total() - failed)
                    self._judge()
            self._judge(at_end=True)
            self.store.flush()
            meter.finish()
        except BaseException as error:
            interrupted = isinstance(error, KeyboardInterrupt)
            self._finish("interrupted" if interrupted else "failed", error)
            raise
        self._finish("done")
        return self._report()

    def _sound(self, batch: Sequence[Incoming | Failure], seen: SeenIds) -> list[Incoming]:
        """The rows that can be loaded, normalised; the others are counted as failed."""
        sound: list[Incoming] = []
        for one in batch:
            if isinstance(one, Failure):
                self._fail(one)
                continue
            item = one.entity.item
            norm = float(np.linalg.norm(one.entity.embedding.astype(np.float64)))
            if not item.id:
                self._fail(one.failure("id_empty", "The row has no id."))
            elif not np.isfinite(norm) or norm < SMALLEST_NORM:
                what = "is zero" if norm < SMALLEST_NORM else "has values that are not numbers"
                self._fail(one.failure("embedding_invalid", f"The row's embedding {what}."))
            elif (first := seen.claim(key_of(item.id), one.number)) != one.number:
                reason = f"Id {item.id!r} is already used by row {first}."
                self._fail(one.failure("id_duplicate", reason))
            else:
                sound.append(replace(one, entity=self.placed.item_of(_unit(one.entity, norm))))
        return sound

    def _load(self, rows: list[Incoming]) -> None:
        """Write what is not stored already; count every row."""
        stored = self._stored(rows)
        self.unchanged += len(stored)
        writes = {row.entity.item.id: row for row in rows if row.entity.item.id not in stored}
        while writes:
            try:
                self.store.upsert([row.entity for row in writes.values()])
            except ItemInvalidError as error:
                # The store wrote nothing of it and names the one that it refuses.
                bad = writes.pop(str(error.details["id"]))
                self._fail(bad.failure(error.code, error.message, error.hint or CURE))
            else:
                break
        self.imported += len(writes)
        self.unflushed += len(writes)
        if self.unflushed >= FLUSH_ROWS:
            self.store.flush()
            self.unflushed = 0

    def _stored(self, rows: Sequence[Incoming]) -> set[str]:
        """The ids of rows that are in the collection as they are in the files."""
        if not rows:
            return set()
        by_id = {row.entity.item.id: row.entity for row in rows}
        known = self.store.hashes(list(by_id))
        same = [
            id
            for id, hashes in known.items()
            if (hashes.image_hash, hashes.row_hash) == (by_id[id].image_hash, by_id[id].row_hash)
        ]
        ids, vectors = self.store.embeddings(same)
        return {
            id
            for id, vector in zip(ids, vectors, strict=True)
            if np.allclose(vector, by_id[id].embedding, rtol=0, atol=SAME)
        }

    def _fail(self, failure: Failure) -> None:
        self.job.record(failure)
        self.failed[failure.code] += 1
        if len(self.sample) < SAMPLE:
            self.sample.append(failure)

    def _judge(self, *, at_end: bool = False) -> None:
        """Stop an import of which too much fails: most likely the files are wrong as a whole."""
        failed = self.failed.total()
        rows = self.imported + self.unchanged + failed
        if failed > self.max_failed_share * rows and (at_end or rows >= MIN_ROWS_TO_JUDGE):
            first = self.sample[0]
            raise CatalogError(
                f"{failed} of {rows} rows failed; the first is row {first.row}: {first.reason}",
                hint=f"All are listed in {self.job.folder / 'errors.jsonl'}.",
                details={"failed": failed, "rows": rows, "by_code": dict(self.failed)},
            )

    def _report(self) -> ImportReport:
        extra = ", ".join(self.placed.extra)
        notice = f"Kept, but not to filter by (the collection has no such field): {extra}."
        return ImportReport(
            job=self.job.folder,
            collection=self.store.collection,
            alias=self.alias,
            model=self.exchange.model.name,
            imported=self.imported,
            unchanged=self.unchanged,
            failed=self.failed.total(),
            failed_by_code=dict(self.failed.most_common()),
            seconds=time.perf_counter() - self.started,
            failures=tuple(self.sample),
            notices=(notice,) if extra else (),
        )

    def _finish(self, status: str, error: BaseException | None = None) -> None:
        said = error.message if isinstance(error, VitrineError) else type(error).__name__
        report = self._report()
        told = {
            "status": status,
            "error": None if error is None else said,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            **asdict(report),
        }
        self.job.finish(told, _in_words(report, self.exchange.shown, status))


def _in_words(report: ImportReport, source: str, status: str) -> str:
    lines = [
        f"# Import into {report.alias} ({report.collection}): {status}",
        "",
        f"From {source}, embeddings of {report.model}.",
        f"{report.rows:,} rows in {report.seconds:.1f} s: {report.imported:,} imported, "
        f"{report.unchanged:,} unchanged, {report.failed:,} failed.",
    ]
    lines += [f"- {code}: {count:,}" for code, count in report.failed_by_code.items()]
    lines += [f"- row {failure.row}: {failure.reason}" for failure in report.failures]
    return "\n".join([*lines, *report.notices, ""])


def _unit(entity: Entity, norm: float) -> Entity:
    if abs(norm - 1) <= UNIT_TOLERANCE:
        return entity
    unit = (entity.embedding.astype(np.float64) / norm).astype(np.float32)
    return replace(entity, embedding=unit)


def _manifest(
    exchange: Exchange, info: CollectionInfo, alias: str, database: str
) -> Mapping[str, object]:
    return {
        "import": exchange.shown,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "alias": alias,
        "collection": info.name,
        "database": database,
        # Not as "model": a job that names one has shards to go on from.
        "embeddings_of": asdict(exchange.model),
        "fields": {one.name: asdict(one) for one in exchange.fields},
    }
