"""Which column of a catalogue says what: its id, image, title and product."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from search.errors import CatalogError

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
    """What a caller says of the columns; None: found by its usual names."""

    id: str | None = None
    image: str | None = None
    title: str | None = None
    product_id: str | None = None


@dataclass(frozen=True, slots=True)
class Roles:
    """The columns that every item needs or may have, as the catalogue names them."""

    id: str
    image: str
    title: str | None = None
    product_id: str | None = None

    @property
    def columns(self) -> frozenset[str]:
        """The columns that have a role."""
        columns = (self.id, self.image, self.title, self.product_id)
        return frozenset(column for column in columns if column is not None)


def find_roles(columns: Sequence[str], given: ColumnNames) -> Roles:
    """Find the columns that have a role, by what the caller said or by their usual names.

    Raises:
        CatalogError: a column that was named is not there, or none was found for the id or the
            image; lists the columns that were found.
    """
    id = _find("id", columns, given.id)
    image = _find("image", columns, given.image)
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
    return Roles(id, image, title, product_id)


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
