"""`index_catalog`: one run from a catalogue to a collection, with its job folder."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from indexer.columns import ColumnNames, find_roles
from indexer.inference import infer_types
from indexer.job import Job
from indexer.options import IndexOptions
from indexer.pipeline import Pipeline
from indexer.plan import Plan, plan_columns
from indexer.preparing import Preparer
from indexer.report import Failure, IndexReport, Progress
from indexer.rollout import find_collection, first_version
from indexer.rows import read_rows
from indexer.sources import Source, open_source
from indexer.tally import Count, Tally
from indexer.writing import Writer
from search.encoders.base import Encoder
from search.engine import check_model
from search.errors import CatalogError, VitrineError
from search.store.base import CollectionInfo, Store

MIN_ROWS_TO_JUDGE = 100
"""Rows that a run goes on for, however many of them fail, before it may stop for that."""

_PROGRESS_EVERY_S = 0.1


def check_catalog(catalog: Path, columns: ColumnNames) -> None:
    """Look whether a catalogue is there and has the columns that it needs; quick.

    For callers who would rather know before they load a model.

    Raises:
        CatalogError: it cannot be read, is empty, or lacks a column.
    """
    find_roles(open_source(catalog).columns, columns)


def index_catalog(
    catalog: Path,
    *,
    store: Store,
    encoder: Encoder,
    alias: str,
    options: IndexOptions | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> IndexReport:
    """Bring the collection behind `alias` to what the catalogue says; make it if there is none.

    Rows that cannot be used are written to the job's `errors.jsonl` and left out; items that are
    not in the catalogue stay. Killed at any moment, the same call goes on where it stopped.
    Ctrl-C writes what was encoded and raises KeyboardInterrupt. `on_progress` is called from this
    thread, at most ten times a second.

    Raises:
        ModelMismatchError: the collection was made with another model; nothing was read.
        CatalogError: the catalogue cannot be read, has no row or lacks a column, or more than
            `options.max_failed_share` of its rows failed.
        SchemaMismatchError: a type that was asked for contradicts the collection.
        StoreUnavailableError, StoreError: from the store; what is counted is in it.
        UnavailableError: the job folder cannot be written.
    """
    options = options or IndexOptions()
    found = find_collection(store, alias)
    if found is not None:
        check_model(found, encoder)
    source = open_source(catalog)
    roles = find_roles(source.columns, options.columns)
    existing = found.fields if found is not None else None
    plan = plan_columns(infer_types(source), roles, options.types, existing)
    info = found or first_version(store, alias, encoder.identity, tuple(plan.fields.values()))
    manifest = _manifest(catalog, source, plan, info, alias, encoder, options)
    job = Job(options.job_dir, alias, manifest)
    run = _Run(source, plan, info, alias, store, encoder, options, job, Tally())
    return run.execute(on_progress)


@dataclass(frozen=True, slots=True)
class _Run:
    """A run whose catalogue, collection and job folder are there."""

    source: Source
    plan: Plan
    info: CollectionInfo
    alias: str
    store: Store
    encoder: Encoder
    options: IndexOptions
    job: Job
    tally: Tally

    def execute(self, on_progress: Callable[[Progress], None] | None) -> IndexReport:
        """Run the pipeline and write the report, however it ends."""
        try:
            self._pipeline(on_progress).run(read_rows(self.source, self.plan))
            self._judge(at_end=True)
            if on_progress is not None:
                on_progress(self._progress(total=0))
        except BaseException as error:
            interrupted = isinstance(error, KeyboardInterrupt)
            self.job.finish(self._ended("interrupted" if interrupted else "failed", error))
            raise
        self.job.finish(self._ended("done"))
        return self._report()

    def _pipeline(self, on_progress: Callable[[Progress], None] | None) -> Pipeline:
        writer = Writer(self.store, self.info.name, self.tally, self._fail)
        return Pipeline(
            store=self.store,
            encoder=self.encoder,
            collection=self.info.name,
            stored_before=self.info.count > 0,
            preparer=Preparer(self.encoder, self.options.limits, self.tally),
            writer=writer,
            tally=self.tally,
            batch_size=self.options.batch_size,
            workers=self.options.workers,
            fail=self._fail,
            on_row=self._after_row(on_progress),
        )

    def _fail(self, failure: Failure) -> None:
        self.job.record(failure)
        self.tally.fail(failure)

    def _judge(self, *, at_end: bool = False) -> None:
        """Stop a run of which too much fails: most likely it is set up wrongly as a whole."""
        seen, failed = self.tally.seen, self.tally.failed
        if seen < MIN_ROWS_TO_JUDGE and not at_end:
            return
        if failed > self.options.max_failed_share * seen:
            first = self.tally.sample[0]
            raise CatalogError(
                f"{failed} of {seen} rows failed; the first is row {first.row}: {first.reason}",
                hint=f"All are listed in {self.job.folder / 'errors.jsonl'}. "
                "To go on regardless, raise --max-failed-share.",
                details={"failed": failed, "rows": seen, "by_code": self.tally.failed_by_code},
            )

    def _after_row(self, on_progress: Callable[[Progress], None] | None) -> Callable[[], None]:
        if on_progress is None:
            return self._judge
        total = self.source.estimate()
        shown = 0.0

        def judge_and_show() -> None:
            nonlocal shown
            self._judge()
            now = time.perf_counter()
            if now - shown >= _PROGRESS_EVERY_S:
                shown = now
                on_progress(self._progress(total))

        return judge_and_show

    def _progress(self, total: int) -> Progress:
        """How far the run is; `total` is an estimate and never below what is done."""
        counts, done = self.tally.counts, self.tally.done
        embedded = counts[Count.INDEXED] + counts[Count.UPDATED]
        return Progress(done, max(total, done), embedded, self.tally.failed, self.tally.seconds)

    def _report(self) -> IndexReport:
        counts = self.tally.counts
        return IndexReport(
            job=self.job.folder,
            collection=self.info.name,
            alias=self.alias,
            model=self.encoder.identity.name,
            indexed=counts[Count.INDEXED],
            updated=counts[Count.UPDATED],
            columns_updated=counts[Count.COLUMNS_UPDATED],
            unchanged=counts[Count.UNCHANGED],
            failed=self.tally.failed,
            failed_by_code=self.tally.failed_by_code,
            seconds=self.tally.seconds,
            stages=self.tally.stages,
            failures=self.tally.sample,
            notices=self.plan.notices,
        )

    def _ended(self, status: str, error: BaseException | None = None) -> Mapping[str, object]:
        said = error.message if isinstance(error, VitrineError) else type(error).__name__
        return {
            "status": status,
            "error": None if error is None else said,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            **asdict(self._report()),
        }


def _manifest(
    catalog: Path,
    source: Source,
    plan: Plan,
    info: CollectionInfo,
    alias: str,
    encoder: Encoder,
    options: IndexOptions,
) -> Mapping[str, object]:
    return {
        "catalog": str(catalog.absolute()),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "alias": alias,
        "collection": info.name,
        "model": asdict(encoder.identity),
        "columns": {**asdict(plan.roles), "others": list(source.columns)},
        "fields": {column: asdict(field) for column, field in plan.fields.items()},
        "options": asdict(options),
        "versions": {name: _version(name) for name in ("vitrine", "pillow", "numpy")},
    }


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
