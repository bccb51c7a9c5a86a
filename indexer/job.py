"""The folder of a run: what it was asked, what it left out, what it made, how it ended."""

import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path

from indexer.report import Failure
from search.errors import CatalogError, ModelMismatchError, UnavailableError

_FINISHED_BY = "finished_by.txt"
_SUFFIX = "Z"


class Job:
    """A run's folder.

    `manifest.json`: what was asked. `errors.jsonl`: rows that were left out, as they happen.
    `shards/`: embeddings (see `indexer.staging`). `missing.jsonl`: items that the catalogue does
    not have any more. `report.json` and `report.md`, at the end: how it went.

    Safe to use from several threads. Everything raises UnavailableError when the folder cannot be
    written.
    """

    def __init__(self, job_dir: Path, alias: str, manifest: Mapping[str, object]) -> None:
        """Make the folder `<job_dir>/<UTC timestamp>-<alias>/`, another one for every run."""
        self._lock = threading.Lock()
        with _writing(job_dir):
            self.folder = _new_folder(job_dir, alias)
        with _writing(self.folder):
            _write_json(self.folder / "manifest.json", manifest)
            self._errors = _open(self.folder / "errors.jsonl")

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

        Finishing twice keeps the later report.
        """
        with self._lock, _writing(self.folder):
            self._errors.close()
            _write_text(self.folder / "report.md", text)
            _write_json(self.folder / "report.json", report)

    def take_over(self, jobs: Sequence[Path]) -> None:
        """Note in the folders of unfinished jobs that this one has brought them to their end."""
        for job in jobs:
            # Without the note the next run looks through the shards once more, and that is all.
            with suppress(OSError):
                (job / _FINISHED_BY).write_text(self.folder.name, encoding="utf-8")


def unfinished_jobs(job_dir: Path, alias: str, fingerprint: str) -> list[Path]:
    """Folders of runs that were killed, interrupted or failed, and that no later run made good.

    Only those that embedded for this alias with the model of that fingerprint; oldest first.
    """
    found = []
    for folder in sorted(job_dir.glob(f"*{_SUFFIX}-{alias}*")):
        if (folder / _FINISHED_BY).exists() or _ended_well(folder):
            continue
        manifest = _read_json(folder / "manifest.json")
        if manifest.get("alias") == alias and _fingerprint(manifest) == fingerprint:
            found.append(folder)
    return found


def made_with(job: Path, fingerprint: str) -> Path:
    """The folder of a job whose embeddings are to be used, after checking its model.

    Raises:
        CatalogError: it is no job's folder.
        ModelMismatchError: the job embedded with another model.
    """
    manifest = _read_json(job / "manifest.json")
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


def _ended_well(folder: Path) -> bool:
    return _read_json(folder / "report.json").get("status") == "done"


def _fingerprint(manifest: Mapping[str, object]) -> str | None:
    model = manifest.get("model")
    found = model.get("fingerprint") if isinstance(model, dict) else None
    return found if isinstance(found, str) else None


def _read_json(path: Path) -> dict[str, object]:
    """The object in a file; an empty one if there is no such file or nothing of that kind in it."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


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


def _write_json(path: Path, content: Mapping[str, object]) -> None:
    _write_text(path, json.dumps(content, ensure_ascii=False, indent=2, default=str) + "\n")


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
