"""A small catalogue of every type of field, for the suites that run on both backends."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from search.encoders.base import ModelIdentity
from search.store import Entity
from search.types import Field, FieldType, FieldValue, Item

DIM = 8
MODEL = ModelIdentity("mini", "fingerprint-of-mini", DIM)
FIELDS = (
    Field("colour", FieldType.STRING),
    Field("Price (€)", FieldType.FLOAT),
    Field("stock", FieldType.INTEGER),
    Field("on sale", FieldType.BOOLEAN),
    Field("added_on", FieldType.DATE),
    Field("tags", FieldType.STRINGS),
)
HOSTILE = (
    "it's",
    'say "hi"',
    "back\\slash",
    "ends in \\",
    '\\"',
    "%like_",
    "{template}",
    "é—漢字😀",
    "' or 1 == 1 or '",
    '" or id != "',
    "] and (",
    "\\u0041",
    "a b",
    "\u2028",
    "null",
    "\u0085",
)
"""Texts that could break out of a literal; all of them may be ids."""

HOSTILE_VALUES = (*HOSTILE, "two\nlines", "tab\t", "carriage\r\nreturn", "\x00", "\x01\x08\x0c\x1f")
"""Texts that are no ids, but may well be values."""


def unit_vector(seed: int, dim: int = DIM) -> NDArray[np.float32]:
    vector = np.random.default_rng(seed).normal(size=dim)
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def towards(score: float, dim: int = DIM) -> NDArray[np.float32]:
    """A unit vector whose inner product with the first axis is `score`."""
    vector = np.zeros(dim, dtype=np.float32)
    vector[0], vector[1] = score, np.sqrt(1 - score**2)
    return vector


def entity(
    id: str,
    embedding: NDArray[np.float32] | None = None,
    fields: Mapping[str, FieldValue] | None = None,
    extra: Mapping[str, object] | None = None,
    title: str = "",
    product_id: str | None = None,
) -> Entity:
    vector = embedding if embedding is not None else unit_vector(sum(map(ord, id)))
    item = Item(id, f"images/{id[:20]}.jpg", title, product_id, fields or {}, extra or {})
    return Entity(item, vector, f"image-hash-of-{id[:20]}", f"row-hash-of-{id[:20]}")


def shop() -> Sequence[Entity]:
    """Eight items: the first five say everything, then one with gaps and two with nothing."""
    rows: list[tuple[str, dict[str, FieldValue]]] = [
        ("a", _row("red", 10.0, 5, True, date(2024, 1, 1), ["summer", "new"])),
        ("b", _row("red", 20.5, 0, False, date(2024, 2, 29), ["winter"])),
        ("c", _row("blue", 50.0, -3, True, date(2023, 12, 31), ["summer"])),
        ("d", _row("Blue", 99.99, 12, False, date(2025, 6, 1), ["new", "winter"])),
        ("e", _row("green", -0.5, 2**40, True, date(1999, 5, 5), ["x"])),
        ("f", _row("red", None, 7, None, None, [])),
        ("g", {}),
        ("h", _row(None, None, None, None, None, None)),
    ]
    return [
        entity(id, fields=row, title=f"Item {id}", product_id="p1" if id in "abc" else None)
        for id, row in rows
    ]


def fresh_name() -> str:
    return f"test_{uuid.uuid4().hex[:12]}__v1"


def _row(*values: FieldValue) -> dict[str, FieldValue]:
    return {field.name: value for field, value in zip(FIELDS, values, strict=True)}
