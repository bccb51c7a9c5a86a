"""What a shop does not want to show, in words: flags, read from a TOML file."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from search.errors import ConfigError

FALSE_ALARMS = 0.01
"""Share of the harmless items that may be flagged, where a file does not say it."""

_KEYS = {"words", "unlike", "false_alarms", "column", "values"}
_FORM = (
    'Write [flags.weapons] and below it words = ["knife", "gun"]; '
    "docs/moderation.md has an example."
)


@dataclass(frozen=True, slots=True)
class Flag:
    """Something to flag.

    `words` say what shows it, each by itself; `unlike` what may look like it and is fine.
    `false_alarms` is the share of items without it that may be flagged. Where the catalogue knows,
    `column` has one of `values` for items that show it; both are empty otherwise.

    Raises ConfigError: no words, a share out of range, a column without values or the reverse.
    """

    name: str
    words: tuple[str, ...]
    unlike: tuple[str, ...] = ()
    false_alarms: float = FALSE_ALARMS
    column: str = ""
    values: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.words or not all(word.strip() for word in (*self.words, *self.unlike)):
            raise ConfigError(f"The flag {self.name!r} has no words, or a blank one.", hint=_FORM)
        if not 0 < self.false_alarms < 0.1:
            raise ConfigError(
                f"{self.name!r} allows a share of {self.false_alarms:g} false alarms.",
                hint="It lies between 0 and 0.1: 0.01 is one in a hundred items.",
                details={"flag": self.name},
            )
        if bool(self.column) != bool(self.values):
            raise ConfigError(
                f"The flag {self.name!r} has only one of column and values.",
                hint='Both or neither: column = "article_type", values = ["Knives"].',
                details={"flag": self.name},
            )


def read_flags(path: Path) -> list[Flag]:
    """The flags of a TOML file, in its order.

    Raises ConfigError: the file cannot be read, or says something else than flags.
    """
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"Cannot read {path}: {reason}.", hint=_FORM) from error
    flags = read.pop("flags", None)
    usual = read.pop("false_alarms", FALSE_ALARMS)
    if read or not isinstance(flags, dict) or not flags or not _is_number(usual):
        what = f"what {', '.join(read)} should be" if read else "what to flag"
        raise ConfigError(f"{path} does not say {what}.", hint=_FORM)
    return [_flag(path, name, table, usual) for name, table in flags.items()]


def _flag(path: Path, name: str, table: object, usual: float) -> Flag:
    if isinstance(table, list):
        table = {"words": table}
    if not isinstance(table, dict) or set(table) - _KEYS or not _is_typed(table):
        raise ConfigError(f"{path}: the flag {name!r} cannot be read.", hint=_FORM)
    return Flag(
        name,
        tuple(table.get("words", ())),
        tuple(table.get("unlike", ())),
        table.get("false_alarms", usual),
        table.get("column", ""),
        tuple(table.get("values", ())),
    )


def _is_typed(table: Mapping[str, Any]) -> bool:
    lists = (table.get(key, []) for key in ("words", "unlike", "values"))
    number, column = table.get("false_alarms", FALSE_ALARMS), table.get("column", "")
    return all(map(_is_words, lists)) and _is_number(number) and isinstance(column, str)


def _is_words(words: object) -> TypeGuard[Sequence[str]]:
    return isinstance(words, list) and all(isinstance(word, str) for word in words)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
