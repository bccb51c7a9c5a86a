"""A small real collection for the service's tests: a part of sample_data in an embedded Milvus."""

import csv
from pathlib import Path

from indexer import index_catalog
from indexer.options import IndexOptions
from search.config import Settings
from search.encoders import load_encoder
from search.store import open_store

SAMPLE = Path(__file__).parent.parent / "sample_data"

ODD_IDS = (
    "a/b/c",
    "a/image",
    "a/similar",
    "x y+z&q=1#frag?%2F",
    "Grün-Größe-42/🧥",
    "<img src=x onerror=alert(1)>",
    'it\'s "quoted"',
)
"""Ids that an address, a page or a filter could trip over. Each is a copy of another item."""


def sample_rows() -> list[dict[str, str]]:
    """All rows of the drawn catalogue, image paths made absolute."""
    with (SAMPLE / "catalog.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row | {"image": str(SAMPLE / row["image"])} for row in rows]


def chosen_rows(most: int = 60) -> list[dict[str, str]]:
    """Every red floral dress, other items of all kinds up to `most`, and those with odd ids."""
    rows = sample_rows()
    wanted = [row for row in rows if is_red_floral_dress(row)]
    others = [row for row in rows if not is_red_floral_dress(row)]
    room = most - len(wanted)
    spread = others[:: max(1, len(others) // room)][:room]
    odd = [row | {"id": id} for id, row in zip(ODD_IDS, spread, strict=False)]
    return wanted + spread + odd


def is_red_floral_dress(row: dict[str, str]) -> bool:
    """Whether the drawn item is one, by its attributes."""
    return (row["colour"], row["pattern"], row["kind"]) == ("red", "floral", "dress")


def write_catalog(rows: list[dict[str, str]], path: Path) -> Path:
    """The rows as a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def build(folder: Path, rows: list[dict[str, str]]) -> Settings:
    """Index the rows into an embedded database in `folder`; the settings that find it again."""
    settings = Settings(db=str(folder / "sample.db"), job_dir=folder / "jobs")
    catalog = write_catalog(rows, folder / "catalog.csv")
    store = open_store(settings.db)
    try:
        report = index_catalog(
            catalog,
            store=store,
            encoder=load_encoder("mini", device="cpu"),
            alias=settings.collection,
            options=IndexOptions(job_dir=settings.job_dir),
        )
        assert not report.failures, report.failures
    finally:
        store.close()
    return settings
