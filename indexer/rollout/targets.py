"""Which collection a new version is: another one beside the live one, or one that was begun."""

from pathlib import Path
from typing import Any

from indexer.columns import find_roles
from indexer.inference import infer_types
from indexer.job import database_of, refuse_if_alive
from indexer.options import IndexOptions
from indexer.plan import plan_columns
from indexer.rollout.versions import (
    Version,
    alias_and_number,
    drop_all,
    drop_unfinished,
    live_version,
    next_version,
    versions_of,
)
from indexer.sources import open_source
from search.encoders.base import Encoder
from search.errors import CollectionNotFoundError
from search.store.base import CollectionSpec, Store
from search.types import Field


def live_to_replace(store: Store, alias: str) -> CollectionSpec:
    """The live version, beside which another can be built.

    Raises:
        CollectionNotFoundError: there is none.
        ConflictError: the alias is a collection's own name.
    """
    try:
        return live_version(store, alias)
    except CollectionNotFoundError as error:
        raise CollectionNotFoundError(
            f"There is no collection behind {alias!r} to build a new version beside.",
            hint="Index the catalogue first: vitrine index.",
            details={"alias": alias},
        ) from error


def choose_target(
    store: Store,
    alias: str,
    live: CollectionSpec,
    catalog: str | Path,
    encoder: Encoder,
    options: IndexOptions,
    *,
    fresh: bool,
) -> tuple[str, bool]:
    """The collection to build, and whether it was begun before.

    It is gone on with if it is the highest version above the live one and what would be made now:
    of the same model and with the same fields. With `fresh` it is dropped instead, and so is one of
    which a bulk import did not come to its end.

    Raises:
        ConflictError: another run is still going and builds a version.
    """
    fields = planned_fields(catalog, options)
    database = database_of(store, options.job_dir)

    def refuse(version: Version) -> None:
        refuse_if_alive(options.job_dir, alias, version.name, database)

    drop_unfinished(store, alias, refuse)
    above = _above(store, alias, live)
    for version in above:
        refuse(version)
    if fresh:
        drop_all(store, above[-1:])
    elif above:
        last = above[-1].info
        same_model = last.model.fingerprint == encoder.identity.fingerprint
        if same_model and set(last.fields) == set(fields):
            return last.name, True
    return next_version(store, alias, encoder.identity, fields), False


def address(catalog: str | Path) -> Any:
    """The catalogue as `index_catalog` takes it: a URL stays text, as a path it loses a slash."""
    return catalog if "://" in str(catalog) else Path(catalog)


def planned_fields(catalog: str | Path, options: IndexOptions) -> tuple[Field, ...]:
    """The fields that a new collection of the catalogue gets; raises as `index_catalog`."""
    source = open_source(address(catalog))
    roles = find_roles(source.columns, options.columns)
    plan = plan_columns(infer_types(source), roles, options.types, None, options.regions)
    return plan.stored_fields


def _above(store: Store, alias: str, live: CollectionSpec) -> list[Version]:
    parts = alias_and_number(live.name)
    floor = parts[1] if parts and parts[0] == alias else 0
    versions = versions_of(store, alias)
    return [each for each in versions if each.number > floor and not each.info.aliases]
