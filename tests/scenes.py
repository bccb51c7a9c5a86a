"""Scenes of four drawn items each, as a catalogue, and where each item is to be seen."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from search.types import Box
from tests.mosaics import mosaic
from tests.sample_collection import sample_rows

CELLS = (Box(0, 0, 0.5, 0.5), Box(0.5, 0, 1, 0.5), Box(0, 0.5, 0.5, 1), Box(0.5, 0.5, 1, 1))
"""The places of a scene's items, in order: the regions of 2x2."""

Item = dict[str, str]


@dataclass(frozen=True)
class Scenes:
    """A catalogue file, and by the id of each scene the rows of its four items."""

    catalog: Path
    items: dict[str, tuple[Item, ...]]

    def picture(self, id: str) -> Path:
        """The file of a scene."""
        return self.catalog.parent / f"{id}.png"


def draw_scenes(folder: Path, count: int) -> Scenes:
    """Scenes of items that look different, drawn from all of sample_data in steps."""
    rows = sample_rows()
    step = len(rows) // (4 * count)
    chosen = rows[:: max(1, step)][: 4 * count]
    scenes = {f"s{place}": tuple(chosen[place::count]) for place in range(count)}
    for id, items in scenes.items():
        (folder / f"{id}.png").write_bytes(mosaic([Path(item["image"]) for item in items]))
    made = Scenes(folder / "scenes.csv", scenes)
    write_scenes(made.catalog, list(scenes))
    return made


def write_scenes(
    catalog: Path, ids: Sequence[str], *, products: bool = False, title: str = "scene"
) -> Path:
    """The catalogue of these scenes; with `products`, two scenes belong to one."""
    with catalog.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "image", "title", "room", *(["product_id"] if products else [])])
        for place, id in enumerate(ids):
            room = "hall" if place % 2 else "attic"
            product = [f"p{place // 2}"] if products else []
            writer.writerow([id, f"{id}.png", f"{title} {id}", room, *product])
    return catalog
