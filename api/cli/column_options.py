"""What the options of `index` and `reindex` say of a catalogue's columns."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from search.errors import ConfigError
from search.types import FieldType

if TYPE_CHECKING:
    from indexer import ColumnNames


def columns_and_types(
    file: Path | None, given: "ColumnNames", types: dict[str, FieldType]
) -> tuple["ColumnNames", dict[str, FieldType]]:
    """Columns and types from a file, with those given as options before them."""
    if file is None:
        return given, types
    from indexer.columns import load_catalog_settings

    columns, read = load_catalog_settings(file)
    chosen = {
        name: value for name in ("id", "image", "title", "product_id")
        if (value := getattr(given, name))
    }  # fmt: skip
    return replace(columns, **chosen), {**read, **types}


def parse_types(given: Sequence[str]) -> dict[str, FieldType]:
    """Read `COLUMN=TYPE` options. Raises ConfigError for one that is no such thing."""
    types: dict[str, FieldType] = {}
    for option in given:
        column, _, name = option.rpartition("=")
        try:
            types[column] = FieldType(name.strip().lower())
        except ValueError:
            column = ""
        if not column:
            raise ConfigError(
                f"--type {option} cannot be read.",
                hint=f"Write COLUMN=TYPE, with a type of {', '.join(FieldType)}.",
            )
    return types
