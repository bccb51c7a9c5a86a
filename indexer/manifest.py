"""What a job's folder says that it was asked."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from indexer.options import IndexOptions
from indexer.plan import Plan
from indexer.sources import Source
from search.encoders.base import ModelIdentity


def catalog_name(catalog: str | Path) -> str:
    """How a manifest names the catalogue: its address, or its absolute path."""
    return str(catalog) if "://" in str(catalog) else str(Path(catalog).absolute())


def manifest_of(
    catalog: str | Path,
    source: Source,
    plan: Plan,
    alias: str,
    model: ModelIdentity,
    options: IndexOptions,
    resumed: Sequence[Path],
) -> Mapping[str, object]:
    """What a job is asked, as its folder keeps it; where it writes is added to it.

    `resumed` are the jobs that it goes on from.
    """
    return {
        "catalog": catalog_name(catalog),
        "base": source.base,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "alias": alias,
        "model": asdict(model),
        "columns": {**asdict(plan.roles), "others": list(source.columns)},
        "fields": {column: asdict(field) for column, field in plan.fields.items()},
        "options": asdict(options),
        "resumes": [job.name for job in resumed],
        "versions": {name: _version(name) for name in ("vitrine", "pillow", "numpy", "torch")},
    }


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
