"""Jobs of the service: started, followed and stopped; each runs on a thread of its own.

An embedded database can be open in one process only, so that indexing beside a service has to
happen inside it. Queries go on: they wait for nothing but a write that is under way.
"""

import threading
import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from datetime import UTC, datetime
from pathlib import Path

import structlog

from api.jobs.choices import index_options, reindex_options
from api.jobs.errors import JobRunsError, StateConflictError
from api.jobs.folders import JobFolders
from api.jobs.schemas import JobBody, JobErrorOut, JobOut, State
from api.jobs.sources import AllowedSources
from api.jobs.telling import index_report, progress_of, reindex_report
from indexer.job import Held, database_of, refuse_if_alive
from indexer.report import Progress
from indexer.runs import index_run, reindex_run
from search.config import Settings
from search.errors import (
    CollectionNotFoundError,
    ConflictError,
    SchemaMismatchError,
    UnavailableError,
    VitrineError,
)
from search.store import Store, open_store_of

WRITTEN_EVERY_S = 0.4
"""Seconds between two states of a job that is running."""

STOP_WAIT_S = 60.0
"""How long the service's end waits for its jobs to store what they have embedded."""

_log = structlog.stdlib.get_logger("vitrine.jobs")


class _Stopped(KeyboardInterrupt):
    """A job is to stop, as Ctrl-C stops a run: what was embedded is stored, and goes on later."""


class Jobs:
    """The jobs of a service. Safe to use from several threads.

    Several services (workers) may share a job folder: each sees and stops the jobs of all.
    """

    def __init__(self, settings: Settings, on_end: Callable[[], None]) -> None:
        """`on_end` is called after each job: there may be a collection now."""
        self._settings = settings
        self._on_end = on_end
        self._sources = AllowedSources(settings.job_sources)
        self._folders = JobFolders(settings.jobs)
        self._starting = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()

    def start(self, body: JobBody) -> JobOut:
        """Begin a job.

        Raises:
            SourceRefusedError: it may not read from there.
            InvalidQueryError: the options contradict each other or cannot be read.
            JobRunsError: something writes into the collection.
            UnavailableError: the service is stopping, or the job folder cannot be written.
        """
        body.check()
        self._sources.check(body.source if body.source is not None else self._any_source())
        if body.options.model is not None:
            self._sources.check_model(body.options.model)
        settings = self._settings_of(body)
        index_options(body.options, settings, label="")  # Refused now, and not by a failed job.
        with self._starting:
            self._refuse_beside(settings, body)
            try:
                job, held = self._folders.begin(body, settings.collection)
            except OSError as error:
                raise UnavailableError("The job folder cannot be written.") from error
            if cleared := self._folders.clear(self._settings.jobs_kept):
                _log.info("jobs of long ago are forgotten", jobs=len(cleared))
            return self._begin(job, body, held)

    def resume(self, id: str) -> JobOut:
        """Go on with a job that was interrupted or cancelled, or that failed.

        Raises:
            JobNotFoundError, StateConflictError: there is none that could go on.
            and others: as `start`.
        """
        job = self._folders.get(id)
        if not job.can_resume:
            raise StateConflictError(
                f"The job is {job.state}: it cannot be resumed.",
                hint="Run vitrine index again for a run of the command line."
                if job.kind == "run"
                else "Start another one.",
                details={"id": id, "state": job.state},
            )
        body = self._folders.request(id)
        if body.source is not None:
            self._sources.check(body.source)
        with self._starting:
            self._refuse_beside(self._settings_of(body), body)
            held = self._folders.hold(id)
            self._folders.forget_cancel(id)
            again = JobOut(
                id=id,
                kind=job.kind,
                state="running",
                source=job.source,
                collection=job.collection,
                doing="Starting",
                started=job.started,
                revision=job.revision + 1,
            )
            self._folders.write(again)
            return self._begin(again, body, held)

    def cancel(self, id: str) -> JobOut:
        """Have a job stop at its next batch; one that has ended stays as it is.

        Raises:
            JobNotFoundError: there is none.
            StateConflictError: it is a run of the command line, and still going.
        """
        job = self._folders.get(id)
        if job.state != "running":
            return job
        if job.kind == "run":
            raise StateConflictError(
                "The run was started by the command line.",
                hint="Stop it there, with Ctrl-C.",
                details={"id": id},
            )
        self._folders.want_cancelled(id)
        return job

    @property
    def allowed(self) -> AllowedSources:
        """What the operator lets jobs read."""
        return self._sources

    @property
    def known(self) -> JobFolders:
        """What is known of jobs."""
        return self._folders

    def stop(self) -> None:
        """Have all jobs of this process stop, and begin no others. Returns at once."""
        self._stopping.set()

    def close(self) -> None:
        """Stop, and wait until what was embedded is stored."""
        self.stop()
        ends = time.monotonic() + STOP_WAIT_S
        for thread in self._threads:
            thread.join(max(0.0, ends - time.monotonic()))

    def _any_source(self) -> str:
        """An allowed one: a reindex of what was indexed before asks only whether jobs may run."""
        return self._settings.job_sources.split(",")[0].strip()

    def _settings_of(self, body: JobBody) -> Settings:
        options = body.options
        said = {
            "collection": body.collection,
            "model": options.model,
            "batch_size": options.batch_size,
            "max_failed_share": options.max_failed_share,
        }
        known = {name: value for name, value in said.items() if value is not None}
        return self._settings.model_copy(update=known)

    def _refuse_beside(self, settings: Settings, body: JobBody) -> None:
        if self._stopping.is_set():
            raise UnavailableError("The service is stopping.", hint="Try again in a moment.")
        alias = settings.collection
        for job in self._folders.all():
            if job.state == "running" and job.kind != "run" and job.collection == alias:
                raise _runs(alias, job.id)
        with closing(open_store_of(settings, create=body.kind == "index")) as store:
            database, live = database_of(store, settings.jobs), _collection_of(store, alias)
        try:
            # A run of the alias, whichever version it writes, or one that names the collection.
            for collection in {None, live}:
                refuse_if_alive(settings.jobs, alias, collection, database)
        except ConflictError as error:
            raise _runs(alias, self._folders.job_of(Path(str(error.details["job"])))) from None

    def _begin(self, job: JobOut, body: JobBody, held: Held) -> JobOut:
        thread = threading.Thread(
            target=self._run, args=(job, body, held), name=f"job-{job.id}", daemon=True
        )
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()
        return job

    def _run(self, job: JobOut, body: JobBody, held: Held) -> None:
        """The thread of a job: however it ends, that is written down."""
        reporter = _Reporter(self._folders, job, self._stopping)
        _log.info("job begins", job=job.id, kind=job.kind)
        try:
            self._work(reporter, body)
        except _Stopped:
            reporter.end("interrupted" if self._stopping.is_set() else "cancelled")
        except VitrineError as error:
            _log.warning("job failed", job=job.id, code=error.code, error=str(error))
            said = JobErrorOut(code=error.code, message=str(error), details=_plain(error.details))
            reporter.end("failed", error=said)
        except Exception:
            _log.exception("job failed", job=job.id)
            message = "Something went wrong inside the service. Its log says more."
            reporter.end("failed", error=JobErrorOut(code="internal_error", message=message))
        finally:
            held.release()
            self._on_end()
        _log.info("job ended", job=job.id, state=reporter.job.state)

    def _work(self, reporter: "_Reporter", body: JobBody) -> None:
        settings = self._settings_of(body)
        options = index_options(body.options, settings, label=reporter.job.id)
        if body.kind == "index":
            assert body.source is not None
            reporter.say("Indexing")
            done = index_run(
                body.source, settings, options, showing=reporter.showing, warn=_log.warning
            )
            reporter.end("done", report=index_report(done))
            return
        switched = reindex_run(
            body.source,
            settings,
            reindex_options(body.options, options),
            showing=reporter.showing,
            warn=_log.warning,
            on_stage=reporter.say,
        )
        reporter.end("done", report=reindex_report(switched))


class _Reporter:
    """Writes down how far a job is, and raises where it is to stop."""

    def __init__(self, folders: JobFolders, job: JobOut, stopping: threading.Event) -> None:
        self.job = job
        self._folders = folders
        self._stopping = stopping
        self._written = 0.0

    def say(self, doing: str) -> None:
        """Another stage begins."""
        self._go_on()
        self._write(doing=doing)

    def showing(self) -> nullcontext[Callable[[Progress], None]]:
        """What a run tells how far it is."""
        return nullcontext(self._show)

    def _show(self, now: Progress) -> None:
        if now.ended:
            self._write(progress=progress_of(now))
        else:
            self._go_on()
            if time.monotonic() - self._written >= WRITTEN_EVERY_S:
                self._write(progress=progress_of(now))

    def end(self, state: State, **said: object) -> None:
        """The job has ended."""
        self._write(state=state, ended=datetime.now(UTC), doing="", **said)

    def _go_on(self) -> None:
        if self._stopping.is_set() or self._folders.is_unwanted(self.job.id):
            raise _Stopped

    def _write(self, **said: object) -> None:
        self._written = time.monotonic()
        self.job = self.job.model_copy(update={**said, "revision": self.job.revision + 1})
        self._folders.write(self.job)


def _collection_of(store: Store, alias: str) -> str | None:
    """The name of the collection behind the alias; None if there is none that can be read."""
    try:
        return store.resolve(alias).name
    except (CollectionNotFoundError, SchemaMismatchError):
        return None


def _plain(details: dict[str, object]) -> dict[str, object]:
    plain = (str, int, float, bool, list, dict, type(None))
    return {name: each if isinstance(each, plain) else str(each) for name, each in details.items()}


def _runs(alias: str, id: str | None) -> JobRunsError:
    by = f"job {id}" if id is not None else "a run of the command line"
    return JobRunsError(
        f"Something writes into {alias!r} already: {by}.",
        hint="Wait until it has ended, or stop it.",
        details={"collection": alias, "job": id},
    )
