"""`index_catalog`: one run from a catalogue to a collection, with its job folder."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.bulk import BulkLoad, choose_place
from indexer.columns import ColumnNames, find_roles
from indexer.fetching import Fetcher
from indexer.inference import inspect_rows
from indexer.intake import Intake
from indexer.job import Job, database_of, made_with, refuse_if_alive, unfinished_jobs
from indexer.job_report import report_text
from indexer.judging import judge
from indexer.manifest import manifest_of
from indexer.memory import ImageMemory
from indexer.missing import check_deletion, delete_missing, find_missing
from indexer.options import MOST_BY_DEFAULT, IndexOptions
from indexer.patience import PatientStore, interrupting
from indexer.pipeline import Pipeline
from indexer.plan import Plan, PlannedColumn, describe_plan, plan_columns
from indexer.preparing import Comparer, Preparer
from indexer.report import Failure, IndexReport, Progress
from indexer.rollout import find_collection, first_version
from indexer.rollout.versions import check_alias
from indexer.rows import Row, read_rows
from indexer.seen import SeenIds
from indexer.shard_folder import ShardFolder
from indexer.sources import Source, open_source
from indexer.staging import Shards, StagedEmbeddings
from indexer.tally import Count, Tally
from indexer.writing import Writer
from search.encoders.base import Encoder
from search.encoders.late import LateEncoder
from search.engine import check_model
from search.errors import VitrineError
from search.store.base import CollectionInfo, Hashes, Store

if TYPE_CHECKING:
    from indexer.distributed import RayEngine, RayRun

MEMORY_FILE = "images.sqlite"
"""In the job folder's parent: what was seen at the addresses of images."""

_PROGRESS_EVERY_S = 0.1
_BATCHES_AHEAD = 2


def check_catalog(catalog: str | Path, columns: ColumnNames) -> None:
    """Look whether a catalogue is there and has the columns that it needs; quick.

    For callers who would rather know before they load a model.

    Raises:
        CatalogError: it cannot be read, is empty, or lacks a column.
    """
    find_roles(open_source(catalog).columns, columns)


def index_catalog(
    catalog: str | Path,
    *,
    store: Store,
    encoder: Encoder | Sequence[Encoder],
    alias: str,
    options: IndexOptions | None = None,
    on_plan: Callable[[Sequence[PlannedColumn]], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    target: str | None = None,
    engine: "RayEngine | None" = None,
) -> IndexReport:
    """Bring the collection behind `alias` to what the catalogue says; make it if there is none.

    Rows that cannot be used are written to the job's `errors.jsonl` and left out; items that are
    not in the catalogue are listed, and stay unless `options.delete_missing`. Killed at any
    moment, the same call goes on where it stopped, without embedding again what was embedded.
    Ctrl-C writes what was encoded and raises KeyboardInterrupt. `on_plan` is told what becomes of
    each column before anything is written; `on_progress` is called from this thread, at most ten
    times a second.

    `encoder` may be several of the same model, on a device each, or a `LateEncoder`, which is
    loaded when something has to be embedded. `target` names a collection to write into, made with
    that model; the alias then stays where it is. `engine` has the work done on a cluster, with
    encoders of its own; `encoder` then says which model.

    Raises:
        ModelMismatchError: the collection was made with another model; nothing was read.
        CatalogError: the catalogue cannot be read, has no row or lacks a column, or more than
            `options.max_failed_share` of its rows failed.
        SchemaMismatchError: a type that was asked for contradicts the collection.
        ConflictError: another run is still going and writes into the same collection; nothing was
            read then. Or `options.delete_missing` would remove too much; all rows are indexed. Or
            the alias was pointed elsewhere meanwhile; all rows are in the version before.
        StoreUnavailableError, StoreError: from the store; what is counted is in it.
        UnavailableError: the job folder cannot be written, or shards be read or written.
    """
    options = options or IndexOptions()
    encoders = tuple(encoder) if isinstance(encoder, Sequence) else (encoder,)
    model = encoders[0].identity
    found = find_collection(store, alias) if target is None else store.describe(target)
    if found is not None:
        check_model(found, encoders[0])
    collection = found.name if found is not None else None
    database = database_of(store, options.job_dir)
    # Said before the catalogue is looked through; `Job` makes sure of it.
    refuse_if_alive(options.job_dir, alias, collection, database)
    source = open_source(catalog)
    roles = find_roles(source.columns, options.columns)
    existing = found.fields if found is not None else None
    inspected = inspect_rows(source)
    plan = plan_columns(inspected.types, roles, options.types, existing, options.regions)
    if on_plan is not None:
        on_plan(describe_plan(plan, inspected))
    reuse = [made_with(job, model.fingerprint) for job in options.reuse]
    resumed = unfinished_jobs(options.job_dir, alias, model.fingerprint, database)
    place, said = choose_place(
        options,
        store,
        lambda: source.estimate() * plan.per_picture,
        used=found if found is not None and (target is None or found.count) else None,
    )
    plan = replace(plan, notices=(*plan.notices, *said))
    manifest = {
        **manifest_of(catalog, source, plan, alias, model, options, resumed),
        "database": database,
        "collection": collection,
    }
    job = Job(options.job_dir, alias, manifest)
    try:
        if options.shards_dir is not None:
            apart = ShardFolder.below(options.shards_dir, job.folder)
            apart.begin()
            manifest = {**manifest, "shards": apart.address}
        if target is None:
            check_alias(store, alias, collection)
        info = found or first_version(
            store, alias, model, plan.stored_fields, at_once=place is None
        )
        bulk = None
        if place is not None:
            bulk = BulkLoad.into(info, place, job.folder, alias if target is None else None)
            manifest = {**manifest, "bulk_import": bulk.files.address}
        job.describe({**manifest, "collection": info.name})
        staged = StagedEmbeddings([*reuse, *resumed])
    except BaseException:
        job.abandon()
        raise
    run = _Run(
        source, plan, info, alias, store, encoders, options, job, staged, Tally(), resumed,
        follows_alias=target is None, engine=engine, bulk=bulk,
    )  # fmt: skip
    return run.execute(on_progress)


@dataclass(slots=True)
class _Run:
    """A run whose catalogue, collection and job folder are there."""

    source: Source
    plan: Plan
    info: CollectionInfo
    alias: str
    store: Store
    encoders: Sequence[Encoder]
    options: IndexOptions
    job: Job
    staged: StagedEmbeddings
    tally: Tally
    resumed: Sequence[Path]
    follows_alias: bool = True
    engine: "RayEngine | None" = None
    bulk: BulkLoad | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    missing: int = 0
    deleted: int = 0
    fetcher: "Fetcher | RayRun | None" = None

    @property
    def shards(self) -> ShardFolder:
        """Where this run keeps what it embeds."""
        return ShardFolder.of_job(self.job.folder)

    def execute(self, on_progress: Callable[[Progress], None] | None) -> IndexReport:
        """Run the pipeline and write the report, however it ends."""
        try:
            with interrupting(self.stop):
                self._index(on_progress)
            if on_progress is not None:
                on_progress(replace(self._progress(total=0), ended=True))
        except BaseException as error:
            interrupted = isinstance(error, KeyboardInterrupt)
            # A disk that is full has ended the run and does not take the report either.
            with suppress(VitrineError):
                self._finish("interrupted" if interrupted else "failed", error)
            raise
        self._finish("done")
        self.job.take_over(self.resumed)
        return self._report()

    def _index(self, on_progress: Callable[[Progress], None] | None) -> None:
        options, store = self.options, PatientStore(self.store, self.info.name, stop=self.stop)
        with (
            SeenIds(self.job.folder / "seen.sqlite") as seen,
            closing(ImageMemory(options.job_dir / MEMORY_FILE)) as memory,
        ):
            rows = read_rows(self.source, self.plan, seen)
            if self.engine is not None:
                self._index_on_cluster(self.engine, rows, store, memory, on_progress)
            else:
                with Fetcher(options.limits, options.fetch) as self.fetcher:
                    self._pipeline(store, memory, self.fetcher, on_progress).run(rows)
            self._judge(at_end=True)
            if self.bulk is not None:
                self.bulk.load(store, self.tally, self._shower(on_progress))
            if self.info.count:
                # Begun anew when the database goes away in its middle: the list is whole or not.
                self.missing = store.again(lambda: self.job.list_missing(find_missing(store, seen)))
        if options.delete_missing and self.missing:
            check_deletion(self.job, self.missing, self.info.count, self.tally, options)
            delete_missing(store, self.job, self._count_deleted)
        if self.follows_alias:
            store.again(lambda: check_alias(self.store, self.alias, self.info.name))

    def _count_deleted(self, items: int) -> None:
        self.deleted += items

    def _index_on_cluster(
        self,
        engine: "RayEngine",
        rows: Iterator[Row | Failure],
        store: PatientStore,
        memory: ImageMemory,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        from indexer.distributed import Work

        work = Work(
            rows=rows,
            look_up=self._look_up(store),
            memory=memory,
            staged=self.staged,
            store=store,
            encoder=self.encoders[0],
            shards=self.shards,
            options=self.options,
            tally=self.tally,
            fail=self._fail,
            held=self.bulk.held if self.bulk is not None else None,
            on_rows=self._judge_and_show(self._shower(on_progress)),
        )
        self.fetcher = running = engine.begin(work)
        running.run()

    def _look_up(self, store: PatientStore) -> Callable[[Sequence[str]], Mapping[str, Hashes]]:
        # Without items there is nothing to look up.
        return store.hashes if self.info.count else lambda ids: {}

    def _judge_and_show(self, show: Callable[[], None]) -> Callable[[], None]:
        def judge_and_show() -> None:
            self._judge()
            show()

        return judge_and_show

    def _pipeline(
        self,
        store: PatientStore,
        memory: ImageMemory,
        fetcher: Fetcher,
        on_progress: Callable[[Progress], None] | None,
    ) -> Pipeline:
        options, tally = self.options, self.tally
        comparer = Comparer(fetcher, self.staged, tally, options.images)
        preparer = Preparer(comparer, self.encoders[0], options.limits)
        show = self._shower(on_progress)
        ahead = _BATCHES_AHEAD * options.rows_at_once
        return Pipeline(
            intake=Intake(
                look_up=self._look_up(store),
                memory=memory,
                fetch=comparer.fetch,
                work=preparer.prepare,
                tally=tally,
                workers=options.workers,
                window=max(1, ahead // self.plan.per_picture),
                encoders=self._at_work,
            ),
            encoders=self._all_encoders,
            writer=Writer(
                store,
                Shards(self.shards),
                tally,
                self._fail,
                shard_rows=options.shard_rows,
                shard_s=options.shard_s,
                held=self.bulk.held if self.bulk is not None else None,
            ),
            staged=self.staged,
            memory=memory,
            tally=tally,
            batch_size=self._batch_size,
            rows_at_once=options.rows_at_once,
            fail=self._fail,
            on_row=self._judge_and_show(show),
            on_wait=show,
        )

    def _all_encoders(self) -> Sequence[Encoder]:
        first = self.encoders[0]
        return first.encoders if isinstance(first, LateEncoder) else self.encoders

    def _at_work(self) -> int:
        """How many encoders there are by now; loads none."""
        first = self.encoders[0]
        is_late = isinstance(first, LateEncoder) and not first.is_loaded
        return 1 if is_late else len(self._all_encoders())

    def _batch_size(self) -> int:
        return self.options.batch_size or min(self.encoders[0].max_batch, MOST_BY_DEFAULT)

    def _fail(self, failure: Failure) -> None:
        self.job.record(failure)
        self.tally.fail(failure)

    def _judge(self, *, at_end: bool = False) -> None:
        errors = self.job.folder / "errors.jsonl"
        judge(self.tally, self.options.max_failed_share, errors, at_end=at_end)

    def _shower(self, on_progress: Callable[[Progress], None] | None) -> Callable[[], None]:
        if on_progress is None:
            return lambda: None
        total = self.source.estimate() * self.plan.per_picture
        shown = 0.0

        def show() -> None:
            nonlocal shown
            now = time.perf_counter()
            if now - shown >= _PROGRESS_EVERY_S:
                shown = now
                try:
                    on_progress(self._progress(total))
                except BaseException:  # How a program stops a run: as Ctrl-C does.
                    self.stop.set()
                    raise

        return show

    def _progress(self, total: int) -> Progress:
        """How far the run is; `total` is an estimate and never below what is done."""
        done, report = self.tally.done, self._report()
        return Progress(
            done=done,
            total=max(total, done),
            embedded=report.embedded,
            failed=report.failed,
            seconds=report.seconds,
            stages=report.stage_rows,
        )

    def _report(self) -> IndexReport:
        counts = self.tally.counts
        return IndexReport(
            job=self.job.folder,
            collection=self.info.name,
            alias=self.alias,
            model=self.encoders[0].identity.name,
            indexed=counts[Count.INDEXED],
            updated=counts[Count.UPDATED],
            columns_updated=counts[Count.COLUMNS_UPDATED],
            unchanged=counts[Count.UNCHANGED],
            failed=self.tally.failed,
            failed_by_code=self.tally.failed_by_code,
            seconds=self.tally.seconds,
            stages=self.tally.stages,
            failures=self.tally.sample,
            notices=(*self.plan.notices, *(self.bulk.notices if self.bulk is not None else ())),
            reused=self.tally.reused,
            missing=self.missing,
            deleted=self.deleted,
            resumed=tuple(job.name for job in self.resumed),
            stage_rows=self.tally.stage_rows,
            hosts=tuple(self.fetcher.hosts()) if self.fetcher is not None else (),
            lanes=getattr(self.fetcher, "lanes", self.tally.lanes),
        )

    def _finish(self, status: str, error: BaseException | None = None) -> None:
        said = error.message if isinstance(error, VitrineError) else type(error).__name__
        report = self._report()
        ended = {
            "status": status,
            "error": None if error is None else said,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            **asdict(report),
        }
        self.job.finish(ended, report_text(report, ended, self.plan))
