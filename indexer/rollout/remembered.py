"""From which catalogue a collection was last indexed, and how: its last job's folder knows."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from indexer.columns import ColumnNames
from indexer.job import read_json, same_database
from indexer.regions import Regions
from search.errors import CatalogError
from search.types import FieldType


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a job was given: its catalogue, and what was said of the columns and of regions."""

    catalog: str
    columns: ColumnNames
    types: Mapping[str, FieldType]
    job: Path
    regions: Regions | None = None


def last_job(job_dir: Path, alias: str, live: str, database: str | None = None) -> Remembered:
    """The last job of an alias that came to its end; or the last one, if none did.

    Only jobs that wrote into `database` count (as `indexer.job.database_of` says; None: any), and
    those that do not say into which: two databases may share a job folder. Those that wrote into
    `live`, the collection that the alias leads to, come first: another version may have been made
    of a wrong catalogue, and never become live.

    Raises:
        CatalogError: no job folder of the alias names a catalogue.
    """
    jobs = sorted(job_dir.glob("*/manifest.json"), reverse=True)
    read = [(path.parent, read_json(path)) for path in jobs]
    found = [
        one
        for one in read
        if one[1].get("alias") == alias
        and one[1].get("catalog")
        and same_database(one[1], database)
    ]
    done = [one for one in found if _is_done(one[0])]
    into_live = [one for one in [*done, *found] if one[1].get("collection") == live]
    for folder, manifest in [*into_live, *done, *found]:
        return Remembered(
            catalog=str(manifest["catalog"]),
            columns=_columns(_part(_part(manifest, "options"), "columns")),
            types=_types(_part(_part(manifest, "options"), "types")),
            job=folder,
            regions=_regions(_part(_part(manifest, "options"), "regions")),
        )
    raise CatalogError(
        f"No job in {job_dir} says from which catalogue {alias!r} was indexed.",
        hint="Name the catalogue, or the folder of the jobs with --job-dir.",
        details={"alias": alias, "job_dir": str(job_dir)},
    )


def _is_done(folder: Path) -> bool:
    return read_json(folder / "report.json").get("status") == "done"


def _part(whole: Mapping[str, object], name: str) -> Mapping[str, object]:
    part = whole.get(name)
    return part if isinstance(part, dict) else {}


def _columns(given: Mapping[str, object]) -> ColumnNames:
    # Only what this version knows: the folder may be an older or a newer one's.
    known = {field.name for field in fields(ColumnNames)}
    said: dict[str, Any] = {name: value for name, value in given.items() if name in known}
    lists = {name: tuple(value) for name, value in said.items() if isinstance(value, list)}
    return ColumnNames(**(said | lists))


def _types(given: Mapping[str, object]) -> dict[str, FieldType]:
    return {column: FieldType(str(type)) for column, type in given.items() if type in _TYPES}


def _regions(given: Mapping[str, object]) -> Regions | None:
    return Regions.from_text(str(given["name"])) if "name" in given else None


_TYPES = frozenset(FieldType)
