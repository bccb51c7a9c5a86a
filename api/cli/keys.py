"""`vitrine keys`: who may use the service."""

import getpass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import options
from api.cli.console import counted, note, print_json, stdout
from search.errors import ConfigError

if TYPE_CHECKING:
    from api.security.keys import Key
    from search.config import Settings

UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}

keys = typer.Typer(
    name="keys",
    help="Make, list and revoke the keys that the service wants.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
KeysFile = Annotated[
    Path | None,
    typer.Option(
        "--keys-file",
        help="The file of keys. (env: VITRINE_KEYS_FILE; default: keys.db beside the database)",
    ),
]


@keys.command()
def create(
    scope: Annotated[
        str,
        typer.Option(
            "--scope",
            "-s",
            help="search: read everything; write: change items, too; admin: jobs, versions, too.",
        ),
    ],
    name: Annotated[
        str | None, typer.Option("--name", help="Whose it is, for lists and the audit log.")
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(
            "--expires",
            metavar="WHEN",
            help="12h, 90d, 8w, or a date such as 2027-12-31 (its first moment, UTC). "
            "(default: never)",
        ),
    ] = None,
    db: options.Db = None,
    keys_file: KeysFile = None,
    json: options.Json = False,
) -> None:
    """Make a key and show it, this once: only its hash is kept. A running service knows it at once.

    Examples:

      vitrine keys create --scope search --name "Shop window" --expires 90d

      KEY=$(vitrine keys create --scope admin) # the key alone is on stdout
    """
    from api.security.keys import KeyFile, now_utc
    from api.security.scopes import Scope

    if scope not in list(Scope):
        raise ConfigError(f"There is no scope {scope!r}.", hint=f"Choose {', '.join(Scope)}.")
    settings = options.make_settings(db=db, keys_file=keys_file)
    ends = None if expires is None else read_expiry(expires, now_utc())
    token, key = KeyFile(settings.keys_path).create(
        scope if name is None else name, Scope(scope), ends
    )
    _write_down(settings, "key created", key)
    if json:
        print_json({"key": token, **_shown(key)})
        return
    stdout.out(token)
    note(f"Key {key.id} ({key.scope}, {key.name!r}) is in {settings.keys_path}.")
    note("It is not shown again: only its hash is kept.")


@keys.command("list")
def list_keys(
    db: options.Db = None, keys_file: KeysFile = None, json: options.Json = False
) -> None:
    """List the keys: id, name, scope, until when they are good. Never the keys themselves."""
    from api.security.keys import KeyFile

    settings = options.make_settings(db=db, keys_file=keys_file)
    found = list(KeyFile(settings.keys_path).read().keys.values())
    if json:
        print_json({"keys": [_shown(key) for key in found]})
        return
    if found:
        _print_table(found)
    note(f"{counted(len(found), 'key')} in {settings.keys_path}.")


@keys.command()
def revoke(
    id: Annotated[str, typer.Argument(help="The key's id, as the list shows it.")],
    db: options.Db = None,
    keys_file: KeysFile = None,
    json: options.Json = False,
) -> None:
    """Revoke a key, and end the page's sessions by it: running services refuse it in a second."""
    from api.security.keys import KeyFile

    settings = options.make_settings(db=db, keys_file=keys_file)
    # What is at hand is often the key itself.
    key = KeyFile(settings.keys_path).revoke(id.split("_")[1] if id.count("_") > 1 else id)
    _write_down(settings, "key revoked", key)
    if json:
        print_json(_shown(key))
        return
    note(f"Key {key.id} ({key.scope}, {key.name!r}) is revoked.")


def read_expiry(text: str, now: datetime) -> datetime:
    """The moment that `90d` after now, or a date, stands for. ConfigError if it is neither."""
    count, unit = text[:-1], text[-1:].lower()
    try:
        if unit in UNITS and count.isascii() and count.isdecimal():
            return now + int(count) * UNITS[unit]
        given = datetime.fromisoformat(text)
        return given if given.tzinfo else given.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise ConfigError(
            f"{text[:50]!r} is no time at which a key could expire.",
            hint="Give 12h, 90d, 8w or a date such as 2027-12-31.",
        ) from error


def _print_table(found: "list[Key]") -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("id", "name", "scope", "created", "expires", "state"):
        table.add_column(title, overflow="fold")
    now = datetime.now(UTC)
    for key in found:
        ends = "never" if key.expires is None else f"{key.expires:%Y-%m-%d %H:%M}"
        made = f"{key.created:%Y-%m-%d %H:%M}"
        table.add_row(key.id, key.name, key.scope, made, ends, key.state(now))
    stdout.print(table)


def _shown(key: "Key") -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "scope": key.scope.value,
        "created": key.created.isoformat(),
        "expires": key.expires and key.expires.isoformat(),
        "revoked": key.revoked and key.revoked.isoformat(),
        "state": key.state(datetime.now(UTC)),
    }


def _write_down(settings: "Settings", action: str, key: "Key") -> None:
    from api.security.audit import AuditLog

    try:
        who = getpass.getuser()
    except (KeyError, OSError):  # A container's user without a name.
        who = "unknown"
    audit = AuditLog(settings.audit_file)
    audit.write_file(action, who=f"user:{who}", key=key.id, name=key.name, scope=key.scope.value)
