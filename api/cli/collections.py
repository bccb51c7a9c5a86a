"""`vitrine collections`."""

from contextlib import closing

from rich.table import Table

from api.cli import options
from api.cli.console import print_json, stdout
from search.store.base import CollectionInfo


def collections(db: options.Db = None, json: options.Json = False) -> None:
    """List the collections of a database: items, model, fields and the aliases that lead there."""
    from search.store import open_store_of

    settings = options.make_settings(db=db)
    with closing(open_store_of(settings, create=False)) as store:
        found = store.collections()
    if json:
        print_json({"collections": [_object(info) for info in found]})
    elif not found:
        stdout.print(f"No collection in {settings.db}.", markup=False)
    else:
        stdout.print(_table(found))


def _table(found: list[CollectionInfo]) -> Table:
    table = Table(header_style="bold")
    for name in ("collection", "alias", "items", "model", "dim", "fields"):
        table.add_column(
            name, overflow="fold", justify="right" if name in ("items", "dim") else "left"
        )
    for info in found:
        fields = ", ".join(f"{field.name} ({field.type})" for field in info.fields)
        aliases = ", ".join(info.aliases)
        table.add_row(
            info.name, aliases, f"{info.count:,}", info.model.name, str(info.model.dim), fields
        )
    return table


def _object(info: CollectionInfo) -> dict[str, object]:
    return {
        "name": info.name,
        "aliases": list(info.aliases),
        "count": info.count,
        "model": {
            "name": info.model.name,
            "fingerprint": info.model.fingerprint,
            "dim": info.model.dim,
        },
        "fields": {field.name: str(field.type) for field in info.fields},
    }
