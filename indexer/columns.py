"""Which column of a catalogue says what: its id, image, title and product."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from search.errors import CatalogError, ConfigError
from search.types import FieldType

_USUAL_NAMES = {
    "id": ("id", "item_id", "sku", "asin", "article_id", "article_number", "code", "uid"),
    "image": (
        "image", "image_path", "image_file", "image_url", "image_uri", "image_link", "img",
        "img_path", "photo", "picture", "file_name", "filename", "file", "path",
    ),
    "title": (
        "title", "name", "product_name", "product_title", "item_name", "display_name", "caption",
    ),
    "product_id": (
        "product_id", "item_group_id", "group_id", "parent_sku", "parent_id", "style_id",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """What a caller says of the columns; None: found by its usual names.

    With several image columns every image is an item of its own, with the id `ID#COLUMN`.
    """

    id: str | None = None
    image: str | tuple[str, ...] | None = None
    title: str | None = None
    product_id: str | None = None

    @property
    def images(self) -> tuple[str, ...]:
        """The image columns that were named, each once."""
        given = (self.image,) if isinstance(self.image, str) else self.image or ()
        return tuple(dict.fromkeys(given))


@dataclass(frozen=True, slots=True)
class Roles:
    """The columns that every item needs or may have, as the catalogue names them."""

    id: str
    image: str
    title: str | None = None
    product_id: str | None = None
    more_images: tuple[str, ...] = ()

    @property
    def images(self) -> tuple[str, ...]:
        """All image columns; several make several items of a row."""
        return (self.image, *self.more_images)

    @property
    def columns(self) -> frozenset[str]:
        """The columns that have a role."""
        columns = (self.id, *self.images, self.title, self.product_id)
        return frozenset(column for column in columns if column is not None)


def find_roles(columns: Sequence[str], given: ColumnNames) -> Roles:
    """Find the columns that have a role, by what the caller said or by their usual names.

    Raises:
        CatalogError: a column that was named is not there, or none was found for the id or the
            image; lists the columns that were found.
    """
    id = _find("id", columns, given.id)
    images = [_find("image", columns, column) for column in given.images or (None,)]
    image = images[0]
    for role, column in (("image", image), ("id", id)):
        if column is None:
            raise CatalogError(
                f"The catalogue has no {role} column; its columns are: {', '.join(columns)}.",
                hint=f"Name it with --{role}-column.",
                details={"columns": list(columns)},
            )
    assert id is not None and image is not None
    title = _find("title", columns, given.title)
    product_id = _find("product_id", columns, given.product_id)
    more = tuple(column for column in images[1:] if column is not None)
    return Roles(id, image, title, product_id, more)


def load_catalog_settings(path: Path) -> tuple[ColumnNames, dict[str, FieldType]]:
    """Read which column is what, and types, from a TOML file.

        [columns]
        id = "sku"
        image = ["front", "back"]

        [types]
        price = "float"

    Raises:
        ConfigError: the file cannot be read, or has a key or value that means nothing here.
    """
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.", hint=_TOML) from error
    except (tomllib.TOMLDecodeError, UnicodeError, RecursionError) as error:
        raise ConfigError(f"{path} is not TOML: {error}.", hint=_TOML) from error
    for table, content in read.items():
        if table not in ("columns", "types") or not isinstance(content, dict):
            raise ConfigError(f"{path} has {table!r}, which means nothing.", hint=_TOML)
    columns, types = read.get("columns", {}), read.get("types", {})
    for role, column in columns.items():
        _check_role(path, role, column)
    image = columns.get("image")
    named = columns | {"image": tuple(image) if isinstance(image, list) else image}
    return ColumnNames(**named), {
        column: _type(path, column, name) for column, name in types.items()
    }


_TOML = 'Write a table [columns] with id, image, title or product_id, and [types] like a = "float".'


def _check_role(path: Path, role: str, column: object) -> None:
    if role not in _USUAL_NAMES:
        raise ConfigError(
            f"{path}: [columns] has {role!r}, which is no role.",
            hint=f"Roles are {', '.join(_USUAL_NAMES)}.",
        )
    several = isinstance(column, list) and role == "image" and column
    texts = column if isinstance(column, list) and several else [column]
    if not all(isinstance(text, str) and text for text in texts):
        raise ConfigError(
            f"{path}: {role} of [columns] does not name a column.",
            hint="Write a column's name as text; image may be a list of them.",
        )


def _type(path: Path, column: str, name: object) -> FieldType:
    try:
        return FieldType(str(name).strip().lower())
    except ValueError:
        raise ConfigError(
            f"{path}: {column} of [types] is {name!r}, which is no type.",
            hint=f"Types are {', '.join(FieldType)}.",
        ) from None


def plain_name(column: str) -> str:
    """A column's name in lower case with `_` for whatever is no letter or digit."""
    return re.sub(r"[\W_]+", "_", column.strip().lower()).strip("_")


def _find(role: str, columns: Sequence[str], given: str | None) -> str | None:
    if given is not None:
        if given not in columns:
            raise CatalogError(
                f"The catalogue has no column {given!r}; its columns are: {', '.join(columns)}.",
                hint=f"Give --{role.replace('_', '-')}-column one of them.",
                details={"columns": list(columns)},
            )
        return given
    by_name = {plain_name(column): column for column in reversed(columns)}
    return next((by_name[name] for name in _USUAL_NAMES[role] if name in by_name), None)
