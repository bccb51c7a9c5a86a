"""A collection's items and embeddings in memory, as one look through it finds them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.care.progress import OnStep, Stage, unheard
from search.errors import UnknownFieldError
from search.regions import is_part, whole_item
from search.store.base import Entity, Store
from search.types import Field, FieldType, Item

CATEGORY_NAMES = (
    "article_type", "product_type", "kind", "category", "categories", "type", "subcategory",
    "sub_category", "class", "department", "folder",
)  # fmt: skip
"""Columns that are taken for the category, the finest first, where none is named."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept of an item: `filled` counts its columns with a value, the title included.

    `label` is its value in the category column; None if there is no such column or no value.
    `image_hash` is the hex digest of its image's bytes, or empty.
    """

    id: str
    image: str
    title: str
    product_id: str | None
    image_hash: str
    filled: int
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All entries, ordered by id, and their embeddings: `(n, dim) float32`, L2-normalised.

    Takes 4 x dim bytes an item for the embeddings and about 500 for the rest.
    """

    collection: str
    model: str
    category: str | None
    entries: tuple[Entry, ...]
    embeddings: NDArray[np.float32]


def take_snapshot(
    store: Store,
    name: str,
    *,
    category: str | None = None,
    on_item: Callable[[Item], None] | None = None,
    on_step: OnStep = unheard,
) -> Snapshot:
    """Read a collection once. `on_item` is called with every item, in no promised order.

    The category is the column of that name, else the first column with a usual name.

    Raises:
        CollectionNotFoundError: no such collection or alias.
        UnknownFieldError: no column of the name in `category`.
    """
    spec = store.resolve(name)
    label = category_of(spec.fields, category)
    stage = Stage("Reading the collection", store.count(name), on_step)
    entries: list[Entry] = []
    parts: list[NDArray[np.float32]] = []
    scanned = 0
    for stored in store.scan(name, embeddings=True):
        scanned += len(stored)
        # Parts of pictures would be told apart as badly as they would be judged.
        batch = [entity for entity in stored if not is_part(entity.item)]
        for entity in batch:
            entries.append(entry_of(entity, label))
            if on_item is not None:
                on_item(whole_item(entity.item))
        parts.append(_stacked(batch, spec.model.dim))
        stage.at(scanned)
    order = sorted(range(len(entries)), key=lambda place: entries[place].id)
    embeddings = np.concatenate(parts) if parts else np.zeros((0, spec.model.dim), np.float32)
    return Snapshot(
        collection=spec.name,
        model=spec.model.name,
        category=label,
        entries=tuple(entries[place] for place in order),
        embeddings=embeddings[order] if order else embeddings,
    )


def category_of(fields: Iterable[Field], wanted: str | None) -> str | None:
    """The name of the category column: the wanted one, or the first with a usual name, or None.

    Raises UnknownFieldError if the wanted one does not exist.
    """
    given = tuple(fields)
    if wanted is not None:
        if any(field.name == wanted for field in given):
            return wanted
        raise UnknownFieldError(
            f"The collection has no column '{wanted}'.",
            hint="Its columns: " + (", ".join(field.name for field in given) or "none") + ".",
            details={"field": wanted},
        )
    names = {f.name.lower(): f.name for f in given if f.type is FieldType.STRING}
    return next((names[usual] for usual in CATEGORY_NAMES if usual in names), None)


def entry_of(entity: Entity, category: str | None) -> Entry:
    """What is kept of a stored item."""
    item = whole_item(entity.item)
    values = [item.title, *item.fields.values(), *item.extra.values()]
    value = item.fields.get(category) if category else None
    return Entry(
        id=item.id,
        image=item.image,
        title=item.title,
        product_id=item.product_id or None,
        image_hash=entity.image_hash,
        filled=sum(is_filled(value) for value in values),
        label=str(value).strip() if is_filled(value) else None,
    )


def is_filled(value: object) -> bool:
    """Whether a column says something: not None, no blank text, no empty list or object."""
    if isinstance(value, str):
        return bool(value.strip())
    return value is not None and value != [] and value != {}


def _stacked(batch: list[Entity], dim: int) -> NDArray[np.float32]:
    if not batch:
        return np.zeros((0, dim), np.float32)
    return np.stack([entity.embedding for entity in batch]).astype(np.float32, copy=False)
