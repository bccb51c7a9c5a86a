"""Duplicates and outliers that were planted in a real collection, with the real encoder."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.care.duplicates import Duplicates, find_duplicates
from indexer.care.outliers import find_outliers
from indexer.care.pictures import PictureReader
from indexer.care.snapshot import Snapshot, take_snapshot
from search.images import ImageLimits
from search.store import open_store_of
from tests.sample_collection import build, sample_rows

pytestmark = pytest.mark.model

Row = dict[str, str]


def cut(image: Image.Image, *sides: float) -> Image.Image:
    """The image without these shares of its left, upper, right and lower side."""
    left, upper, right, lower = sides
    box = (left * image.width, upper * image.height, image.width * (1 - right))
    return image.crop((*map(round, box), round(image.height * (1 - lower))))


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "quality": lambda image: image,
    "smaller": lambda image: image.resize((image.width * 4 // 5, image.height * 4 // 5)),
    "two-sides": lambda image: cut(image, 0, 0, 0.03, 0.03),
    "other-two": lambda image: cut(image, 0.03, 0.03, 0, 0),
    "all-sides": lambda image: cut(image, 0.03, 0.03, 0.03, 0.03),
}


def planted(folder: Path, row: Row) -> Iterator[Row]:
    """A copy of the row for each way in which shops' pictures come to differ."""
    image = Image.open(row["image"]).convert("RGB")
    for name, made in COPIES.items():
        path = folder / f"{row['id']}-{name}.jpg"
        made(image).save(path, quality=60 if name == "quality" else 88)
        yield row | {"id": path.stem, "image": str(path), "product_id": path.stem}


def in_colours(folder: Path, kind: str, like: Row) -> Iterator[Row]:
    """A photo of the same thing in other colours, as products of their own."""
    from training.drawing import draw, random_spec

    spec = random_spec(np.random.default_rng(1), kind=kind, colour="red", pattern="plain")
    for colour in ("red", "navy", "black", "green", "brown"):
        path = folder / f"variant-{kind}-{colour}.png"
        draw(replace(spec, colour=colour), seed=5).save(path)
        yield like | {"id": path.stem, "image": str(path), "product_id": path.stem}


def looked_at(folder: Path, rows: list[Row]) -> Snapshot:
    """The rows, indexed into an embedded Milvus, and read from it."""
    settings = build(folder, rows)
    with closing(open_store_of(settings, create=False)) as store:
        return take_snapshot(store, settings.collection)


def test_planted_copies_are_found_and_nothing_else(tmp_path: Path) -> None:
    pytest.importorskip("skia")
    rows = sample_rows()[::4]
    originals = rows[::8]
    for row in originals:
        rows = rows + list(planted(tmp_path, row))
    for kind in ("sunglasses", "watch", "dress", "sneakers"):
        rows += in_colours(tmp_path, kind, rows[0])
    snapshot = looked_at(tmp_path, rows)
    with PictureReader(ImageLimits()) as pictures:
        found = find_duplicates(snapshot, pictures)
    expected = {(row["id"], f"{row['id']}-{name}") for row in originals for name in COPIES}
    pairs = pairs_of(found)
    assert len(expected) >= 60
    assert len(pairs & expected) / len(expected) >= 0.95, sorted(expected - pairs)
    assert pairs <= expected, sorted(pairs - expected)


def pairs_of(found: Duplicates) -> set[tuple[str, str]]:
    """Keeper and other, for all others; the originals are the largest, so they are kept."""
    return {
        (group.keeper.entry.id, member.entry.id)
        for group in found.groups
        for member in group.members[1:]
    }


def test_swapped_pictures_are_the_clearest_outliers(tmp_path: Path) -> None:
    """In forty random parts of the catalogue, six pictures swapped in each."""
    rows = sample_rows()
    whole = looked_at(tmp_path, rows)
    place = {entry.id: at for at, entry in enumerate(whole.entries)}
    found = listed = first = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        part = [place[rows[at]["id"]] for at in np.sort(rng.permutation(len(rows))[:150])]
        swapped = one_of_each_kind(whole, rng.permutation(part).tolist(), part, count=6)
        pictures = dict(zip(part, part)) | dict(zip(swapped, swapped[1:] + swapped[:1]))
        entries = [whole.entries[at] for at in part]
        embeddings = whole.embeddings[[pictures[at] for at in part]]
        outliers = find_outliers(replace(whole, entries=entries, embeddings=embeddings))
        right = [
            outlier.entry.id in {whole.entries[at].id for at in swapped} for outlier in outliers
        ]
        found, listed, first = found + sum(right), listed + len(right), first + sum(right[:1])
    assert found / (40 * 6) >= 0.55
    assert found / listed >= 0.8
    assert first >= 36


def one_of_each_kind(whole: Snapshot, order: list[int], part: list[int], count: int) -> list[int]:
    """The first `count` places, by this order, of kinds that differ and have five items or more."""
    sizes = Counter(whole.entries[at].label for at in part)
    chosen: dict[str | None, int] = {}
    for at in order:
        if sizes[whole.entries[at].label] >= 5:
            chosen.setdefault(whole.entries[at].label, at)
    return list(chosen.values())[:count]
