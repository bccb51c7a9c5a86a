"""`vitrine collections`."""

import sys
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import options, remote
from api.cli.console import note, print_json, stdout
from search.config import Settings
from search.errors import ConfigError
from search.store.base import CollectionInfo, Store

if TYPE_CHECKING:
    from rich.table import Table

UNITS = ("B", "kB", "MB", "GB", "TB")


def collections(
    db: options.Db = None,
    collection: Annotated[
        str | None,
        typer.Option("--collection", "-c", help="Only the versions of this one."),
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Drop versions older than the last --keep.")
    ] = False,
    keep: Annotated[
        int,
        typer.Option(min=1, metavar="NUMBER", help="Versions that stay, the live one counted."),
    ] = 2,
    drop: Annotated[
        str | None,
        typer.Option("--drop", help="Drop this one, such as products__v3; never a live one."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Drop without asking.")] = False,
    server: options.Server = None,
    json: options.Json = False,
) -> None:
    """List the collections of a database, version by version: items, model, size, which is live.

    Live is the version that an alias leads to, by which it is searched. Sizes are those of the
    vectors, and of the folder of an embedded database. Below the table are the fields of the live
    version, and of others only where they differ.

    Examples:

      vitrine collections
      vitrine collections --prune --keep 1 --yes
      vitrine collections --drop products__v3
    """
    if prune and drop:
        raise ConfigError("--prune and --drop do not go together.", hint="Give one of them.")
    settings = options.make_settings(db=db, server=server)
    here = {"--db": db, "--prune": prune, "--drop": drop}
    if remote.is_asked(settings, server, here):
        found = [info for info in remote.collections(settings) if _is_of(info, collection)]
        _show(found, settings, json=json, place=str(settings.server), has_files=False)
        return
    from search.store import open_store_of

    with closing(open_store_of(settings, create=False)) as store:
        dropped: list[str] = []
        unwanted = [drop] if drop else _superseded(store, collection, keep) if prune else []
        if unwanted and (yes or _agreed(unwanted)):
            dropped = _drop(store, unwanted)
        found = [info for info in store.collections() if _is_of(info, collection)]
    if (prune or drop) and not json:
        nothing = "Nothing was dropped." if unwanted else "There was nothing to drop."
        note(f"Dropped: {', '.join(dropped)}." if dropped else nothing)
    _show(found, settings, json=json, place=settings.db, dropped=dropped)


def _show(
    found: list[CollectionInfo],
    settings: Settings,
    *,
    json: bool,
    place: str,
    has_files: bool = True,
    dropped: Sequence[str] = (),
) -> None:
    """Print them; `has_files`: whether the folder of an embedded database is of this machine."""
    at = settings if has_files else settings.model_copy(update={"db": place})
    if json:
        said = {"collections": [_object(info, at) for info in found], "dropped": list(dropped)}
        print_json(said)
        return
    if not found:
        stdout.print(f"No collection in {place}.", markup=False)
        return
    found.sort(key=_by_version)
    stdout.print(_table(found, at))
    live = {_alias_of(info): set(info.fields) for info in found if is_live(info)}
    for info in found:
        if is_live(info) or set(info.fields) != live.get(_alias_of(info)):
            fields = ", ".join(f"{field.name} ({field.type})" for field in info.fields)
            line = f"{info.name}: {fields or 'no fields'}"
            stdout.print(line, markup=False, highlight=False, soft_wrap=True)


def is_live(info: CollectionInfo) -> bool:
    """Whether the alias that the collection is a version of leads to it."""
    from indexer.rollout.versions import alias_and_number

    parts = alias_and_number(info.name)
    return parts[0] in info.aliases if parts else bool(info.aliases)


def _is_of(info: CollectionInfo, alias: str | None) -> bool:
    from indexer.rollout.versions import alias_and_number

    parts = alias_and_number(info.name)
    return alias in (None, info.name, parts[0] if parts else None, *info.aliases)


def _superseded(store: Store, alias: str | None, keep: int) -> list[str]:
    """Names of the versions that are older than the last `keep`, of one alias or of all."""
    from indexer.rollout.versions import alias_and_number, superseded, versions_of

    parts = (alias_and_number(name) for name in store.names())
    aliases = sorted({each[0] for each in parts if each})
    chosen = [each for each in aliases if alias in (None, each)]
    return [
        version.name for each in chosen for version in superseded(versions_of(store, each), keep)
    ]


def _drop(store: Store, names: Sequence[str]) -> list[str]:
    """Drop what nobody searches; the names of it."""
    for name in names:
        store.drop(name)
    return list(names)


def _agreed(names: Sequence[str]) -> bool:
    if not sys.stdin.isatty():
        raise ConfigError(
            f"Nothing was dropped: {', '.join(names)} would be, and nobody can be asked here.",
            hint="Say --yes to drop without being asked.",
            details={"collections": list(names)},
        )
    return typer.confirm(f"Drop {', '.join(names)} for good?", err=True)


def _table(found: Sequence[CollectionInfo], settings: Settings) -> "Table":
    from rich.table import Table

    table = Table(header_style="bold")
    for name in ("collection", "live as", "items", "dim", "vectors", "disk", "model"):
        to_the_right = name in ("items", "dim", "vectors", "disk")
        table.add_column(name, overflow="fold", justify="right" if to_the_right else "left")
    for info in found:
        vectors, disk = _sizes(info, settings)
        table.add_row(
            info.name,
            ", ".join(info.aliases),
            f"{info.count:,}",
            str(info.model.dim),
            readable(vectors),
            "-" if disk is None else readable(disk),
            info.model.name,
        )
    return table


def _object(info: CollectionInfo, settings: Settings) -> dict[str, object]:
    from indexer.rollout.versions import alias_and_number

    parts = alias_and_number(info.name)
    vectors, disk = _sizes(info, settings)
    return {
        "name": info.name,
        "version": parts[1] if parts else None,
        "live": is_live(info),
        "aliases": list(info.aliases),
        "count": info.count,
        "vector_bytes": vectors,
        "disk_bytes": disk,
        "model": {
            "name": info.model.name,
            "fingerprint": info.model.fingerprint,
            "dim": info.model.dim,
        },
        "fields": {field.name: str(field.type) for field in info.fields},
    }


def readable(size: int) -> str:
    """Bytes in the largest unit of which there is at least one: 1.5 MB."""
    value, unit = float(size), UNITS[0]
    for unit in UNITS:
        if value < 1000 or unit == UNITS[-1]:
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == UNITS[0] else f"{value:.1f} {unit}"


def _sizes(info: CollectionInfo, settings: Settings) -> tuple[int, int | None]:
    from search.store.sizes import disk_bytes, vector_bytes

    return vector_bytes(info), disk_bytes(settings.db, info.name)


def _alias_of(info: CollectionInfo) -> str:
    """The alias that the collection is a version of; of one that is none, its name."""
    return _by_version(info)[0]


def _by_version(info: CollectionInfo) -> tuple[str, int]:
    from indexer.rollout.versions import alias_and_number

    return alias_and_number(info.name) or (info.name, 0)
