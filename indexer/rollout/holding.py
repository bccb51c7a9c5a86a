"""Who may write while a new version is made: nobody else builds one, and at its end all is quiet.

Both are locks like that of a run (`indexer.job.Job`), so that they hold where those do: among runs
with the same job folder, until the process ends, however it does.
"""

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from indexer.job import Job, is_alive, read_json, same_database
from search.errors import ConflictError

_WRITTEN = ("indexed", "updated", "columns_updated", "deleted", "imported")
"""What a report counts of rows that changed a collection."""


@dataclass(frozen=True, slots=True)
class Beside:
    """The live version while another is built. `settled`: jobs that had ended before."""

    job_dir: Path
    alias: str
    live: str
    database: str
    settled: frozenset[Path]

    @classmethod
    def now(cls, job_dir: Path, alias: str, live: str, database: str) -> "Beside":
        """The live version as it is before the other one is begun."""
        jobs = _jobs_into(job_dir, live, database)
        settled = frozenset(job for job in jobs if not is_alive(job))
        return cls(job_dir, alias, live, database, settled)

    def written(self) -> list[Path]:
        """The jobs that have changed the live version since, oldest first."""
        return [
            job
            for job in _jobs_into(self.job_dir, self.live, self.database)
            if job not in self.settled and _has_written(job)
        ]

    @contextmanager
    def quiet(self, on_wait: Callable[[str], None]) -> Iterator[None]:
        """Keep everybody from writing into the live version, once nobody does.

        `on_wait` is told whom it waits for.
        """
        hold = None
        while hold is None:
            try:
                hold = _hold(self.job_dir, self.alias, self.live, self.database, "is replacing")
            except ConflictError as error:
                job = Path(str(error.details["job"]))
                on_wait(f"Waiting for {job.name}, which writes into {self.live}")
                _wait_for(job)
        try:
            yield
        finally:
            hold.abandon()


@contextmanager
def building(job_dir: Path, alias: str, database: str) -> Iterator[None]:
    """Be the one who builds a version of the alias.

    Raises:
        ConflictError: somebody else does.
    """
    hold = _hold(job_dir, alias, coming_version(alias), database, "is building")
    _clear_up(job_dir, alias)
    try:
        yield
    finally:
        hold.abandon()


def coming_version(alias: str) -> str:
    """What the next version of an alias is called in the folder of who builds it."""
    return f"{alias} (next version)"


def _hold(job_dir: Path, alias: str, collection: str, database: str, doing: str) -> Job:
    manifest = {"alias": alias, "collection": collection, "database": database, "doing": doing}
    return Job(job_dir, f"{alias}-reindex", manifest)


def _clear_up(job_dir: Path, alias: str) -> None:
    """Remove the locks that were left by processes which were killed."""
    for path in job_dir.glob(f"*Z-{alias}-reindex*/manifest.json"):
        if "doing" in read_json(path) and not is_alive(path.parent):
            shutil.rmtree(path.parent, ignore_errors=True)


def _jobs_into(job_dir: Path, collection: str, database: str) -> list[Path]:
    found = []
    for path in sorted(job_dir.glob("*/manifest.json")):
        manifest = read_json(path)
        ours = manifest.get("collection") == collection and same_database(manifest, database)
        if ours and "doing" not in manifest:
            found.append(path.parent)
    return found


def _has_written(job: Path) -> bool:
    """Whether a job has changed its collection; one that was killed may have."""
    report = read_json(job / "report.json")
    counts = [report.get(name) for name in _WRITTEN]
    return not report or any(isinstance(count, int) and count > 0 for count in counts)


def _wait_for(job: Path) -> None:
    """Wait until the run of that folder has ended."""
    with suppress(OSError), (job / "lock").open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_SH)
