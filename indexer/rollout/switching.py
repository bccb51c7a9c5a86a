"""The note that a switch is under way: by it a run that is killed then is known to have switched.

It lies in the job's folder from just before the alias moves until nothing is left to do.
"""

from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from indexer.job import read_json, same_database, write_json
from indexer.report import Failure, IndexReport, StageRows, StageSeconds

_NOTE = "switching.json"


@dataclass(frozen=True, slots=True)
class Switched:
    """A switch of which the run was killed before it could say so: from which collection."""

    before: str
    index: IndexReport


def note_switch(job: Path, before: str, after: str) -> None:
    """Note that the alias is about to move. Raises UnavailableError if it cannot be written."""
    write_json(job / _NOTE, {"before": before, "after": after})


def forget_switch(job_dir: Path, after: str, database: str | None) -> None:
    """Remove all notes of a switch to that collection."""
    for note in job_dir.glob(f"*/{_NOTE}"):
        manifest = read_json(note.parent / "manifest.json")
        if read_json(note).get("after") == after and same_database(manifest, database):
            with suppress(OSError):
                note.unlink()


def killed_switch(
    job_dir: Path, live: str, catalog: str, fingerprint: str, database: str | None
) -> Switched | None:
    """The killed run that made `live` of that catalogue, with the model of that fingerprint."""
    for note in sorted(job_dir.glob(f"*/{_NOTE}"), reverse=True):
        said, manifest = read_json(note), read_json(note.parent / "manifest.json")
        model = manifest.get("model")
        if (
            said.get("after") == manifest.get("collection") == live
            and manifest.get("catalog") == catalog
            and isinstance(model, dict)
            and model.get("fingerprint") == fingerprint
            and same_database(manifest, database)
        ):
            # What another version of vitrine wrote may lack something: then it is built again.
            with suppress(KeyError, TypeError, ValueError):
                index = _report(read_json(note.parent / "report.json"))
                return Switched(str(said["before"]), index)
    return None


def _report(read: dict[str, Any]) -> IndexReport:
    """The report as it was; of the hosts that were asked nothing is said."""
    if read["status"] != "done":
        raise ValueError("It did not come to its end.")
    known = {field.name for field in fields(IndexReport)} - {"hosts"}
    said = {name: value for name, value in read.items() if name in known}
    return IndexReport(
        **{
            **said,
            "job": Path(said["job"]),
            "stages": StageSeconds(**said["stages"]),
            "stage_rows": StageRows(**said["stage_rows"]),
            "failures": tuple(Failure(**one) for one in said["failures"]),
            "notices": tuple(said["notices"]),
            "resumed": tuple(said["resumed"]),
        }
    )
