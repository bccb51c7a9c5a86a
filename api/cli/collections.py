"""`vitrine collections`."""

from rich.table import Table

from api.cli import options
from api.cli.console import print_json, stdout
from search.store.base import CollectionInfo


def collections(db: options.Db = None, json: options.Json = False) -> None:
    """List the collections of a database: items, model, fields and the aliases that lead there."""
    from search.store import open_store

    settings = options.make_settings(db=db)
    token = settings.db_token.get_secret_value() if settings.db_token else None
    store = open_store(settings.db, token=token, timeout_s=settings.db_timeout_s)
    try:
        found = store.collections()
    finally:
        store.close()
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
