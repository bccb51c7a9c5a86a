"""Which collection an alias stands for: `products__v1` at first, later versions beside it."""

import re
from collections.abc import Sequence
from contextlib import suppress

from search.encoders.base import ModelIdentity
from search.errors import CollectionNotFoundError, ConflictError
from search.store.base import CollectionInfo, CollectionSpec, Store
from search.types import Field


def find_collection(store: Store, alias: str) -> CollectionInfo | None:
    """The collection behind an alias, or of that name; None if there is none with items.

    An empty one binds nobody: what a first run of which every row failed has left behind must not
    decide the fields of the next.
    """
    try:
        info = store.describe(alias)
    except CollectionNotFoundError:
        return None
    return info if info.count or alias not in info.aliases else None


def first_version(
    store: Store, alias: str, model: ModelIdentity, fields: Sequence[Field]
) -> CollectionInfo:
    """Make the first collection of an alias and point the alias at it at once.

    Searches see from then on what is there already. Empty versions, which failed runs and runs
    killed between the two steps leave behind, are dropped.
    """
    pattern = re.compile(rf"{re.escape(alias)}__v([0-9]+)")
    # By name only: one that this version cannot read has its number all the same.
    versions = {int(match[1]): name for name in store.names() if (match := pattern.fullmatch(name))}
    name = f"{alias}__v{max(versions, default=0) + 1}"
    store.create(CollectionSpec(name, model, tuple(fields)))
    store.set_alias(alias, name)
    for version in versions.values():
        with suppress(ConflictError, CollectionNotFoundError):  # Not one of ours to drop.
            _drop_if_unused(store, version)
    return store.describe(name)


def _drop_if_unused(store: Store, name: str) -> None:
    info = store.describe(name)
    if info.count == 0 and not info.aliases:
        store.drop(name)
