"""The folder of a run: what it was asked, what it left out, how it ended."""

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path

from indexer.report import Failure
from search.errors import UnavailableError


class Job:
    """A run's folder: `manifest.json`, `errors.jsonl` (as they happen), `report.json` (at its end).

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

    def finish(self, report: Mapping[str, object]) -> None:
        """Write the report and close the errors file. Finishing twice keeps the later report."""
        with self._lock, _writing(self.folder):
            self._errors.close()
            _write_json(self.folder / "report.json", report)


def _new_folder(job_dir: Path, alias: str) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3] + "Z"
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
    # Whole or not at all: a run that is killed here leaves no half of a file.
    draft = path.with_name(path.name + ".part")
    with _open(draft) as stream:
        json.dump(content, stream, ensure_ascii=False, indent=2, default=str)
        stream.write("\n")
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
