"""Duplicates and outliers that were planted in a real collection, with the real encoder."""

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


@pytest.mark.parametrize("seed", [0, 1])
def test_swapped_pictures_are_the_clearest_outliers(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = [sample_rows()[at] for at in np.sort(rng.permutation(400)[:150])]
    swapped = one_of_each_kind(rows, rng.permutation(len(rows)).tolist(), 6)
    pictures = [rows[at]["image"] for at in swapped]
    for at, picture in zip(swapped, pictures[1:] + pictures[:1]):
        rows[at] = rows[at] | {"image": picture}
    wrong = {rows[at]["id"] for at in swapped}
    listed = [outlier.entry.id for outlier in find_outliers(looked_at(tmp_path, rows))]
    right = len(wrong & set(listed))
    assert right >= 4, f"recall {right}/6: {listed}"
    assert right / len(listed) >= 0.8, f"precision {right}/{len(listed)}: {listed}"
    assert set(listed[:4]) <= wrong


def one_of_each_kind(rows: list[Row], order: list[int], count: int) -> list[int]:
    """The first `count` rows, by this order, of kinds that differ and have five items or more."""
    chosen: dict[str, int] = {}
    for at in order:
        if sum(row["kind"] == rows[at]["kind"] for row in rows) >= 5:
            chosen.setdefault(rows[at]["kind"], at)
    return list(chosen.values())[:count]
