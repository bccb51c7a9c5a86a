"""Which collection an alias stands for: `products__v1` at first, later versions beside it."""

import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from indexer.rollout.unfinished import is_marked, is_unfinished, let_imports_end, unmark
from search.encoders.base import ModelIdentity
from search.errors import CollectionNotFoundError, ConflictError, InvalidInputError
from search.store.base import CollectionInfo, CollectionSpec, Store
from search.types import Field

KEEP = 2
"""Versions that stay after a switch: the live one and the one before."""

_VERSIONED = re.compile(r"(.+)__v([0-9]+)")


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an alias. `live`: the alias leads to it."""

    number: int
    info: CollectionInfo
    live: bool

    @property
    def name(self) -> str:
        """The collection's name."""
        return self.info.name


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What `rollback` did, and the seconds that it took."""

    alias: str
    before: str
    now: CollectionInfo
    seconds: float


def alias_and_number(name: str) -> tuple[str, int] | None:
    """The parts of a versioned name such as `products__v3`; None for any other."""
    match = _VERSIONED.fullmatch(name)
    return (match[1], int(match[2])) if match else None


def version_name(alias: str, number: int) -> str:
    """The name of an alias's version."""
    return f"{alias}__v{number}"


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
    store: Store,
    alias: str,
    model: ModelIdentity,
    fields: Sequence[Field],
    *,
    at_once: bool = True,
) -> CollectionInfo:
    """Make the first collection of an alias and point the alias at it at once.

    Searches see from then on what is there already. Unless `at_once`: then `publish` does so when
    the collection is whole. Empty versions, which failed runs and runs killed between the two steps
    leave behind, are dropped, and those of which a bulk import did not come to its end.
    """
    drop_unfinished(store, alias)
    name = next_version(store, alias, model, fields)
    if at_once:
        publish(store, alias, name)
    return store.describe(name)


def publish(store: Store, alias: str, collection: str) -> None:
    """Point the alias at its first collection, and drop what failed runs have left of it."""
    store.set_alias(alias, collection)
    for other in _names_by_number(store, alias).values():
        if other != collection:
            with suppress(ConflictError, CollectionNotFoundError):  # Not one of ours to drop.
                _drop_if_unused(store, other)


def drop_unfinished(
    store: Store, alias: str, refuse: Callable[[Version], None] = lambda version: None
) -> list[str]:
    """Drop the versions of an alias whose bulk import never came to its end; their names.

    Raises:
        Whatever `refuse` raises, which is shown each of them before it is dropped.
    """
    dropped = []
    for version in versions_of(store, alias):
        info = version.info
        if is_unfinished(info):
            refuse(version)
            let_imports_end(store, info.name)
        if is_marked(info):
            unmark(store, info.name)
        if is_unfinished(info):
            dropped += drop_all(store, [version])
    return dropped


def next_version(store: Store, alias: str, model: ModelIdentity, fields: Sequence[Field]) -> str:
    """Make an empty collection, one number above all others of the alias; its name."""
    name = version_name(alias, max(_names_by_number(store, alias), default=0) + 1)
    store.create(CollectionSpec(name, model, tuple(fields)))
    return name


def versions_of(store: Store, alias: str) -> list[Version]:
    """The versions of an alias that this vitrine can read, by number.

    Counts are those of `Store.collections`: nothing is loaded for them.
    """
    found = []
    for info in store.collections():
        parts = alias_and_number(info.name)
        if parts and parts[0] == alias:
            found.append(Version(parts[1], info, live=alias in info.aliases))
    return sorted(found, key=lambda version: version.number)


def live_version(store: Store, alias: str) -> CollectionSpec:
    """The collection that an alias leads to.

    Raises:
        CollectionNotFoundError: there is no such alias.
        ConflictError: the name is a collection's own, so that nothing can be switched.
    """
    found = store.resolve(alias)
    if found.name == alias:
        raise ConflictError(
            f"{alias!r} is a collection and not an alias: it has no versions.",
            hint="Name the alias with --collection; vitrine collections lists them.",
            details={"collection": alias},
        )
    return found


def check_alias(store: Store, alias: str, written: str | None) -> None:
    """Raise ConflictError unless the alias leads to what is written (None: to nothing yet)."""
    now = find_collection(store, alias) if written is None else _behind(store, alias)
    name = now.name if now is not None else None
    if name == written:
        return
    leads = f"was pointed to {name}" if name is not None else "was removed"
    raise ConflictError(
        f"The alias {alias!r} {leads} by somebody else during this run, which wrote into "
        f"{written or 'nothing yet'}.",
        hint="Run the same command again: it writes into what the alias leads to now.",
        details={"alias": alias, "written": written, "live": name},
    )


def rollback(store: Store, alias: str, to: int | None = None) -> RolledBack:
    """Point the alias at the version before the live one, or at version `to`. Loads no model.

    The version before is the highest number below the live one's that has items.

    Raises:
        CollectionNotFoundError: no such alias, or no such version; says which there are.
        ConflictError: the version is empty.
        InvalidInputError: the version is live already.
    """
    started = time.perf_counter()
    before = live_version(store, alias)
    versions = versions_of(store, alias)
    chosen = _before(versions, before) if to is None else _numbered(versions, to)
    if chosen is None:
        raise _no_version(alias, before.name, versions, to)
    if chosen.name == before.name:
        raise InvalidInputError(
            f"{chosen.name} is live already.", hint=f"The versions are {_list(versions)}."
        )
    # In memory before anybody asks it, and counted exactly.
    info = store.describe(chosen.name)
    if info.count == 0:
        raise ConflictError(f"{chosen.name} has no items.", hint="Build it first: vitrine reindex.")
    store.set_alias(alias, chosen.name)
    return RolledBack(alias, before.name, info, time.perf_counter() - started)


def superseded(versions: Sequence[Version], keep: int = KEEP) -> list[Version]:
    """The versions below the live one that are beyond the last `keep`, the live one counted.

    Empty ones count for nothing. What another alias leads to stays, and so does whatever is above
    the live version: it may be in the making.
    """
    live = next((version.number for version in versions if version.live), None)
    if live is None:
        return []
    below = [version for version in reversed(versions) if version.number < live]
    kept = [version.number for version in below if version.info.count][: max(keep - 1, 0)]
    return sorted(
        (each for each in below if each.number not in kept and not each.info.aliases),
        key=lambda version: version.number,
    )


def prune(store: Store, alias: str, keep: int = KEEP) -> list[str]:
    """Drop the versions that are superseded; their names."""
    return drop_all(store, superseded(versions_of(store, alias), keep))


def clear_way_back(store: Store, alias: str, before: str, after: str) -> list[str]:
    """Drop what lies between two versions, as the alias is about to move up: the names of it.

    It was never finished, or was rolled back from: `rollback` must lead from `after` to `before`.
    """
    low, high = alias_and_number(before), alias_and_number(after)
    if low is None or high is None or low[0] != alias:
        return []
    versions = versions_of(store, alias)
    between = [each for each in versions if low[1] < each.number < high[1]]
    return drop_all(store, [each for each in between if not each.info.aliases])


def drop_all(store: Store, versions: Sequence[Version]) -> list[str]:
    """Drop versions that no alias leads to; the names of those that were dropped."""
    dropped = []
    for version in versions:
        # Dropped by somebody else, or come into use since it was looked up.
        with suppress(ConflictError, CollectionNotFoundError):
            store.drop(version.name)
            dropped.append(version.name)
    return dropped


def _names_by_number(store: Store, alias: str) -> dict[int, str]:
    # By name only: one that this version cannot read has its number all the same.
    named = ((alias_and_number(name), name) for name in store.names())
    return {parts[1]: name for parts, name in named if parts and parts[0] == alias}


def _behind(store: Store, alias: str) -> CollectionSpec | None:
    try:
        return store.resolve(alias)
    except CollectionNotFoundError:
        return None


def _before(versions: Sequence[Version], live: CollectionSpec) -> Version | None:
    number = next((each.number for each in versions if each.name == live.name), None)
    if number is None:  # The alias leads to a collection that is none of its versions.
        return None
    below = [each for each in versions if each.number < number and each.info.count]
    return below[-1] if below else None


def _numbered(versions: Sequence[Version], number: int) -> Version | None:
    return next((each for each in versions if each.number == number), None)


def _no_version(
    alias: str, live: str, versions: Sequence[Version], to: int | None
) -> CollectionNotFoundError:
    wanted = f"version {to}" if to is not None else f"version with items before {live}, the live"
    others = [version for version in versions if version.name != live]
    hint = f"There are {_list(others)}: choose with --to." if others else "It is the only one."
    return CollectionNotFoundError(
        f"{alias!r} has no {wanted}{' one' if to is None else ''}.",
        hint=hint,
        details={"alias": alias, "versions": [version.number for version in versions]},
    )


def _list(versions: Sequence[Version]) -> str:
    return ", ".join(f"{each.number} ({each.info.count:,} items)" for each in versions)


def _drop_if_unused(store: Store, version: str) -> None:
    info = store.describe(version)
    if info.count == 0 and not info.aliases:
        store.drop(version)
