"""How old what is searched is: when a run last brought the live version up to its catalogue."""

from datetime import datetime
from pathlib import Path

from indexer.job import database_of, read_json, same_database
from search.store.base import Store

MOST_RUNS = 200
"""Newest runs that are looked through: this is asked every few seconds."""


def last_run(job_dir: Path, collection: str, store: Store) -> float | None:
    """When the newest run that wrote into the collection ended well, in seconds since 1970.

    Read from the folders of jobs; None where none of the newest `MOST_RUNS` did. A run that found
    nothing changed counts: since then the collection is known to be what the catalogue says.
    """
    database = database_of(store, job_dir)
    for path in sorted(job_dir.glob("*/manifest.json"), reverse=True)[:MOST_RUNS]:
        manifest = read_json(path)
        if manifest.get("collection") != collection or not same_database(manifest, database):
            continue
        report = read_json(path.with_name("report.json"))
        if report.get("status") == "done":
            return _seconds(report.get("finished"))
    return None


def _seconds(finished: object) -> float | None:
    try:
        return datetime.fromisoformat(str(finished)).timestamp()
    except ValueError:
        return None
