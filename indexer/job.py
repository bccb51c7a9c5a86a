"""The folder of a run: what it was asked, what it left out, what it made, how it ended."""

import fcntl
import json
import os
import shutil
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path

from indexer.report import Failure
from search.errors import (
    CatalogError,
    ConflictError,
    ModelMismatchError,
    UnavailableError,
    WriteConflictError,
)
from search.store.base import Store

_FINISHED_BY = "finished_by.txt"
_LOCK = "lock"
_SUFFIX = "Z"


class Job:
    """A run's folder.

    `manifest.json`: what was asked. `errors.jsonl`: rows that were left out, as they happen.
    `shards/`: embeddings (see `indexer.staging`). `missing.jsonl`: items that the catalogue does
    not have any more. `report.json` and `report.md`, at the end: how it went. `lock`: held for as
    long as the run lives, by which others know that it does; gone once it has ended.

    Safe to use from several threads. Everything raises UnavailableError when the folder cannot be
    written.
    """

    def __init__(self, job_dir: Path, alias: str, manifest: Mapping[str, object]) -> None:
        """Make the folder `<job_dir>/<UTC timestamp>-<alias>/`, another one for every run.

        Of the manifest, `alias`, `collection` (None: not made yet) and `database` say where the
        run writes.

        Raises:
            ConflictError: a run that is still going writes into the same collection.
        """
        self._lock = threading.Lock()
        with _writing(job_dir), _one_at_a_time(job_dir):
            _refuse_beside(job_dir, manifest)
            self.folder = _new_folder(job_dir, alias)
            self._alive = Held(self.folder / _LOCK)
            try:
                write_json(self.folder / "manifest.json", manifest)
                self._errors = _open(self.folder / "errors.jsonl")
            except BaseException:
                self._alive.release()
                raise

    def describe(self, manifest: Mapping[str, object]) -> None:
        """Write the manifest again, now that more is known."""
        write_json(self.folder / "manifest.json", manifest)

    def abandon(self) -> None:
        """Remove the folder of a run that could not begin."""
        self._errors.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._alive.release()

    def record(self, failure: Failure) -> None:
        """Write a failure down at once, so that a run that is killed keeps what it knew."""
        line = json.dumps(asdict(failure), ensure_ascii=False)
        with self._lock, _writing(self.folder):
            self._errors.write(line + "\n")

    def list_missing(self, ids: Iterable[str]) -> int:
        """Write down the items that the catalogue does not have; how many there are."""
        count = 0
        with _writing(self.folder), _open(self.folder / "missing.jsonl") as stream:
            for id in ids:
                stream.write(json.dumps({"id": id}, ensure_ascii=False) + "\n")
                count += 1
        return count

    def missing(self) -> Iterator[str]:
        """The ids that `list_missing` wrote down."""
        with (self.folder / "missing.jsonl").open(encoding="utf-8") as stream:
            for line in stream:
                yield json.loads(line)["id"]

    def finish(self, report: Mapping[str, object], text: str) -> None:
        """Write the report, for programs and for people, and close the errors file.

        Finishing twice keeps the later report. From here on the run is not alive any more, also
        when the report cannot be written.
        """
        try:
            with self._lock, _writing(self.folder):
                self._errors.close()
                _write_text(self.folder / "report.md", text)
                write_json(self.folder / "report.json", report)
        finally:
            self._alive.release()

    def take_over(self, jobs: Sequence[Path]) -> None:
        """Note in the folders of unfinished jobs that this one has brought them to their end."""
        for job in jobs:
            # Without the note the next run looks through the shards once more, and that is all.
            with suppress(OSError):
                (job / _FINISHED_BY).write_text(self.folder.name, encoding="utf-8")


class Held:
    """A lock on a file for as long as this process lives, or until it is released.

    The kernel lets go of it whatever ends the process. On a file system without locks nothing is
    held, and a run that goes on cannot be told from one that was killed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream = path.open("w", encoding="utf-8")
        with suppress(OSError):
            # Nobody but those who look whether it is held can have it: for a moment.
            fcntl.flock(self._stream, fcntl.LOCK_EX)
        self._stream.write(f"process {os.getpid()} on {socket.gethostname()}")
        self._stream.flush()

    def release(self) -> None:
        """Let go, and remove the file. Releasing twice does nothing."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
            self._stream.close()


def is_alive(job: Path) -> bool:
    """Whether the run of that folder is still going, here or on a machine that shares locks."""
    try:
        with (job / _LOCK).open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def unfinished_jobs(
    job_dir: Path, alias: str, fingerprint: str, database: str | None = None
) -> list[Path]:
    """Folders of runs that were killed, interrupted or failed, and that no later run made good.

    Only those that embedded for this alias of this `database` (as `database_of` says; None: of
    any) with the model of that fingerprint, and that are not still going; oldest first.
    """
    found = []
    for folder in sorted(job_dir.glob(f"*{_SUFFIX}-{alias}*")):
        if (folder / _FINISHED_BY).exists() or _ended_well(folder) or is_alive(folder):
            continue
        manifest = read_json(folder / "manifest.json")
        ours = manifest.get("alias") == alias and same_database(manifest, database)
        if ours and _fingerprint(manifest) == fingerprint:
            found.append(folder)
    return found


def refuse_if_alive(
    job_dir: Path, alias: str, collection: str | None, database: str | None
) -> None:
    """Raise ConflictError if a run that is still going writes into the collection.

    `collection` None: a first run, that has yet to make it; any other of the alias is in its way.
    """
    for lock in job_dir.glob(f"*{_SUFFIX}-*/{_LOCK}"):
        job = lock.parent
        if not is_alive(job):
            continue
        manifest = read_json(job / "manifest.json")
        theirs = manifest.get("collection")
        unknown = theirs is None or collection is None
        same = manifest.get("alias") == alias if unknown else theirs == collection
        if same and same_database(manifest, database):
            doing = str(manifest.get("doing") or "writes into")
            raise _still_going(job, doing, str(theirs or alias))


@contextmanager
def between_runs(
    job_dir: Path, alias: str, collections: Sequence[str], database: str
) -> Iterator[None]:
    """For a short write that is no run: while this is open, no run begins.

    Raises:
        WriteConflictError: a run that is still going writes into one of the collections.
        UnavailableError: the folder cannot be made.
    """
    with ExitStack() as held:
        with _writing(job_dir):
            held.enter_context(_one_at_a_time(job_dir))
        try:
            for collection in collections:
                refuse_if_alive(job_dir, alias, collection, database)
        except ConflictError:
            raise WriteConflictError(
                "A run writes into the collection, or builds its next version.",
                hint="Send it again when the run has ended.",
            ) from None
        yield


def database_of(store: Store, job_dir: Path) -> str:
    """How a manifest names the database.

    A server by its URL, without user and password. An embedded database by its path from
    `job_dir`, which stays the same when both are moved together.
    """
    address = store.address
    return address.rstrip("/") if "://" in address else os.path.relpath(address, job_dir.resolve())


def same_database(manifest: Mapping[str, object], database: str | None) -> bool:
    """Whether a job wrote into the database that `database_of` names; so it is taken if unknown."""
    named = manifest.get("database")
    return named is None or database is None or named == database


def made_with(job: Path, fingerprint: str) -> Path:
    """The folder of a job whose embeddings are to be used, after checking its model.

    Raises:
        CatalogError: it is no job's folder.
        ModelMismatchError: the job embedded with another model.
    """
    manifest = read_json(job / "manifest.json")
    found = _fingerprint(manifest)
    if found is None:
        raise CatalogError(
            f"{job} is no folder of a job: it has no manifest.json that names a model.",
            hint="Give one of the folders in --job-dir.",
        )
    if found != fingerprint:
        raise ModelMismatchError(
            f"The job {job} embedded with another model ({found[:12]}) than this run "
            f"({fingerprint[:12]}).",
            hint="Leave it out of --reuse.",
            details={"job": str(job), "stored": found, "given": fingerprint},
        )
    return job


def read_json(path: Path) -> dict[str, object]:
    """The object in a file; an empty one if there is no such file or nothing of that kind in it."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write an object to a file, whole or not at all. Raises UnavailableError if it cannot be."""
    with _writing(path.parent):
        _write_text(path, json.dumps(content, ensure_ascii=False, indent=2, default=str) + "\n")


def _ended_well(folder: Path) -> bool:
    return read_json(folder / "report.json").get("status") == "done"


def _fingerprint(manifest: Mapping[str, object]) -> str | None:
    model = manifest.get("model")
    found = model.get("fingerprint") if isinstance(model, dict) else None
    return found if isinstance(found, str) else None


def _still_going(job: Path, doing: str, what: str) -> ConflictError:
    who = ""
    with suppress(OSError):
        who = f" ({(job / _LOCK).read_text(encoding='utf-8')})"
    return ConflictError(
        f"Another run is still going and {doing} {what}: {job}{who}.",
        hint="Wait until it has ended, or end it; then run the same command again.",
        details={"job": str(job), "collection": what},
    )


def _refuse_beside(job_dir: Path, manifest: Mapping[str, object]) -> None:
    named = {key: manifest.get(key) for key in ("alias", "collection", "database")}
    known = {key: str(value) if value is not None else None for key, value in named.items()}
    refuse_if_alive(job_dir, known["alias"] or "", known["collection"], known["database"])


@contextmanager
def _one_at_a_time(job_dir: Path) -> Iterator[None]:
    """Among those who look which runs there are, in order to begin another: for a moment."""
    job_dir.mkdir(parents=True, exist_ok=True)
    folder = os.open(job_dir, os.O_RDONLY)
    try:
        with suppress(OSError):  # A file system without locks.
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _new_folder(job_dir: Path, alias: str) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3] + _SUFFIX
    for suffix in ("", *(f"-{number}" for number in range(2, 100))):
        folder = job_dir / f"{stamp}-{alias}{suffix}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder.absolute()
    raise FileExistsError(f"{stamp}-{alias}")


def _open(path: Path) -> TextIOWrapper:
    # The names of files may hold bytes that are no text; in JSON their escapes stand for the same.
    return path.open("w", encoding="utf-8", errors="backslashreplace", buffering=1)


def _write_text(path: Path, text: str) -> None:
    # Whole or not at all: a run that is killed here leaves no half of a file.
    draft = path.with_name(path.name + ".part")
    with _open(draft) as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnavailableError(
            f"The job folder {folder} cannot be written: {error.strerror or error}.",
            hint="Free some space or grant the right to write, or choose another --job-dir.",
        ) from error
