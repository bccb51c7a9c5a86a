"""What is kept of jobs: a folder each, below the job folder, which all the service's workers read.

`<job folder>/asked/<id>/` has `request.json` (what was asked), `state.json` (what `JobOut` says,
written by whoever runs it), `cancel` (somebody wants it to stop) and, while it runs, `lock`. The
runs that it makes have folders of their own beside `asked`, whose manifests carry the job's id.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from api.jobs.clearing import clear_old
from api.jobs.errors import JobNotFoundError
from api.jobs.schemas import FailureOut, JobBody, JobErrorOut, JobOut, State
from indexer.fetching.addresses import shown
from indexer.job import Held, is_alive, read_json, write_json

_RESUMABLE: Sequence[State] = ("failed", "cancelled", "interrupted")


class JobFolders:
    """The folders of jobs, and those of runs that the command line made."""

    def __init__(self, job_dir: Path) -> None:
        self._runs = job_dir
        self._asked = job_dir / "asked"

    def begin(self, body: JobBody, alias: str) -> tuple[JobOut, Held]:
        """A new job's folder, held by this process; OSError if it cannot be written."""
        now = datetime.now(UTC)
        stamp = now.strftime("%Y%m%dT%H%M%S.%f")[:-3] + "Z"
        folder = _new(self._asked, f"{stamp}-{alias}")
        held = self.hold(folder.name)
        source = None if body.source is None else shown(body.source)
        job = JobOut(
            id=folder.name,
            kind=body.kind,
            state="running",
            source=source,
            collection=alias,
            started=now,
            doing="Starting",
        )
        write_json(folder / "request.json", body.model_dump(mode="json", exclude_unset=True))
        self.write(job)
        return job, held

    def hold(self, id: str) -> Held:
        """Say that this process runs the job, for as long as it lives or until released."""
        return Held(self._asked / id / "lock")

    def write(self, job: JobOut) -> None:
        """Write down what is said of a job from now on."""
        write_json(self._asked / job.id / "state.json", job.model_dump(mode="json"))

    def request(self, id: str) -> JobBody:
        """What was asked."""
        return JobBody.model_validate(read_json(self._asked / id / "request.json"))

    def clear(self, keep: int) -> list[str]:
        """Forget jobs of long ago, but for the newest `keep`; which, as `clear_old` says."""
        return clear_old(self._asked, keep)

    def job_of(self, run: Path) -> str | None:
        """The id of the job that made the run of this folder; None for one of the command line."""
        return _label(_manifest(run))

    def get(self, id: str) -> JobOut:
        """What is known of a job or run; JobNotFoundError."""
        if self.is_asked(id) and (job := self._read(id)):
            return job
        if id in _names(self._runs) and (run := self._run(self._runs / id)):
            return run
        raise JobNotFoundError(f"There is no job {id!r}.", details={"id": id})

    def is_asked(self, id: str) -> bool:
        """Whether it is a job, and not a run of the command line."""
        return id in _names(self._asked)

    def all(self) -> list[JobOut]:
        """All jobs and runs, newest first."""
        asked = {job.id: job for id in _names(self._asked) if (job := self._read(id))}
        found = [run for id in _names(self._runs) if (run := self._run(self._runs / id))]
        return sorted([*asked.values(), *found], key=lambda job: job.id, reverse=True)

    def want_cancelled(self, id: str) -> None:
        """Have whoever runs the job stop it."""
        (self._asked / id / "cancel").touch()

    def is_unwanted(self, id: str) -> bool:
        """Whether the job is to stop."""
        return (self._asked / id / "cancel").exists()

    def forget_cancel(self, id: str) -> None:
        """The job may go on."""
        (self._asked / id / "cancel").unlink(missing_ok=True)

    def failures(self, id: str) -> list[FailureOut]:
        """The rows that the last run of a job left out."""
        return list(self._failures(id))

    def failure(self, id: str, row: int, item: str | None) -> FailureOut | None:
        """The one of those that is of this row, and item: a row with several images has several."""
        found = (each for each in self._failures(id) if (each.row, each.id) == (row, item))
        return next(found, None)

    def base(self, id: str) -> str | None:
        """The address that relative images start from in what a job read; None: not known."""
        run = self._last_run(id)
        base = None if run is None else _manifest(run).get("base")
        return base if isinstance(base, str) else None

    def _failures(self, id: str) -> Iterator[FailureOut]:
        run = self._last_run(id)
        if run is None:
            return
        with suppress(OSError), (run / "errors.jsonl").open("rb") as lines:
            for line in lines:
                with suppress(ValueError):  # The last line of a run that was killed may be half.
                    yield FailureOut.model_validate(_whole(json.loads(line)))

    def _last_run(self, id: str) -> Path | None:
        if not self.is_asked(id):
            return self._runs / id
        newest = (self._runs / name for name in sorted(_names(self._runs), reverse=True))
        return next((folder for folder in newest if self.job_of(folder) == id), None)

    def _read(self, id: str) -> JobOut | None:
        folder = self._asked / id
        # Looked at before the state is read: who lets go has written the last state before.
        alive = is_alive(folder)
        try:
            job = JobOut.model_validate(read_json(folder / "state.json"))
        except ValidationError:
            return None
        state = "interrupted" if job.state == "running" and not alive else job.state
        return job.model_copy(update={"state": state, "can_resume": state in _RESUMABLE})

    def _run(self, folder: Path) -> JobOut | None:
        """A run that no job made."""
        manifest = _manifest(folder)
        if not manifest or "doing" in manifest or _label(manifest) is not None:
            return None
        alive, report = is_alive(folder), read_json(folder / "report.json")
        state = "running" if alive else report.get("status", "interrupted")
        failed = state == "failed"
        source, ended = manifest.get("catalog"), report.get("finished")
        with suppress(ValidationError):
            return JobOut.model_validate(
                {
                    "id": folder.name,
                    "kind": "run",
                    "state": state,
                    "source": None if source is None else shown(str(source)),
                    "collection": manifest.get("alias"),
                    "started": manifest.get("started"),
                    "ended": ended,
                    "progress": {"stages": report.get("stage_rows") or {}},
                    "error": _failed(report) if failed else None,
                }
            )
        return None


def _failed(report: Mapping[str, object]) -> JobErrorOut:
    return JobErrorOut(code="failed", message=str(report.get("error")))


def _manifest(folder: Path) -> dict[str, object]:
    return read_json(folder / "manifest.json")


def _label(manifest: Mapping[str, object]) -> str | None:
    options = manifest.get("options")
    label = options.get("label") if isinstance(options, dict) else None
    return label if isinstance(label, str) else None


def _whole(line: Mapping[str, Any]) -> dict[str, Any]:
    """A failure as it is told: its texts can be sent, whatever bytes a file's name has."""
    return {
        name: value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else value
        for name, value in line.items()
    }


def _names(folder: Path) -> frozenset[str]:
    """Names of what is in it: an id that is none of these leads nowhere."""
    try:
        return frozenset(path.name for path in folder.iterdir())
    except OSError:
        return frozenset()


def _new(parent: Path, name: str) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    for number in range(1, 100):
        folder = parent / (name if number == 1 else f"{name}-{number}")
        with suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise FileExistsError(name)
