"""`python -m benchmarks.regions ../shared/catalog`: finding a thing in a scene of several.

Scenes are composed of four catalogue pictures of different article types, by seed, from split
`test`: each picture is in one scene. In a *mosaic* they lie two by two, as the regions of 2x2 do;
in a *scatter* each is at a place and of a size of its own (0.3 to 0.5 of the scene's side), and no
grid knows where. The tables are

1. recall@10 of scenes, with and without regions: by text ("navy blue shirts": the scenes that have
   one, where these are ten at most), and by one picture of each scene (that scene),
2. what regions cost: time to index, size on disk, time of a query,
3. a scene as the query for single items, whole and cropped: recall of the item that is meant.
"""

import csv
import random
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image

from indexer import IndexOptions, index_catalog
from indexer.regions import Regions
from search.encoders import load_encoder
from search.encoders.base import Encoder
from search.engine import SearchEngine
from search.images import ImageLimits
from search.store import open_store
from search.types import Box, ImagePart, Query, QueryPart, TextPart

SEED = 0
GRIDS = ("none", "2x2", "3x3", "halves")
SIDE = 640
"""Pixels along each side of a scene."""

MOST_RIGHT = 10
TEXTS = 120
"""Most queries by text, of each layout, drawn by seed."""

Item = Mapping[str, str]


@dataclass(frozen=True)
class Scene:
    """A scene of four items, and where each of them is."""

    id: str
    items: tuple[Item, ...]
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class Found:
    """What a collection of scenes answered: recalls, and milliseconds of a text query (median)."""

    by_text: float
    by_picture: float
    query_ms: float


@dataclass(frozen=True)
class Cost:
    """What a collection took."""

    entities: int
    seconds: float
    megabytes: float


def main(
    catalog: Annotated[Path, typer.Argument(help="Folder of the catalogue.")],
    split: Annotated[str, typer.Option(help="Which rows; nothing is tuned here.")] = "test",
    scenes: Annotated[int, typer.Option(min=10, help="How many scenes of each layout.")] = 300,
    model: Annotated[str, typer.Option(help="Model to measure with.")] = "mini",
) -> None:
    """Measure what regions find and cost, as Markdown tables."""
    encoder = load_encoder(model, device="cpu")
    with (catalog / "catalog.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    items = [{**row, "image": str((catalog / row["image"]).absolute())} for row in rows]
    with tempfile.TemporaryDirectory(prefix="vitrine-regions-") as folder:
        mosaics, scatters = (
            list(compose(items, scenes, layout, Path(folder) / layout))
            for layout in ("mosaic", "scatter")
        )
        show_regions(encoder, Path(folder), mosaics, scatters)
        show_crops(encoder, Path(folder), items, mosaics, scatters)


def compose(items: Sequence[Item], count: int, layout: str, folder: Path) -> Iterator[Scene]:
    """Scenes of four items of different types, drawn and written to the folder."""
    folder.mkdir()
    rng = random.Random(SEED)
    left = list(items)
    rng.shuffle(left)
    for number in range(count):
        chosen: list[Item] = []
        for item in left:
            if item["article_type"] not in {each["article_type"] for each in chosen}:
                chosen.append(item)
            if len(chosen) == 4:
                break
        if len(chosen) < 4:
            return
        left = [item for item in left if item not in chosen]
        boxes = MOSAIC if layout == "mosaic" else scattered(rng)
        id = f"s{number:03}"
        draw(chosen, boxes).save(folder / f"{id}.jpg", quality=92)
        yield Scene(id, tuple(chosen), boxes)


MOSAIC = (Box(0, 0, 0.5, 0.5), Box(0.5, 0, 1, 0.5), Box(0, 0.5, 0.5, 1), Box(0.5, 0.5, 1, 1))


def scattered(rng: random.Random) -> tuple[Box, ...]:
    """Four squares that do not overlap, wherever they fall."""
    while True:
        boxes: list[Box] = []
        for _ in range(60):
            side = rng.uniform(0.3, 0.5)
            x, y = rng.uniform(0, 1 - side), rng.uniform(0, 1 - side)
            box = Box(x, y, x + side, y + side)
            if all(_apart(box, other) for other in boxes):
                boxes.append(box)
            if len(boxes) == 4:
                return tuple(boxes)


def _apart(one: Box, other: Box) -> bool:
    beside = one.x1 <= other.x0 or other.x1 <= one.x0
    return beside or one.y1 <= other.y0 or other.y1 <= one.y0


def draw(items: Sequence[Item], boxes: Sequence[Box]) -> Image.Image:
    """The items at their places, on white."""
    scene = Image.new("RGB", (SIDE, SIDE), "white")
    for item, box in zip(items, boxes, strict=True):
        left, top, right, bottom = (round(edge * SIDE) for edge in box.edges)
        with Image.open(item["image"]) as picture:
            size = right - left, bottom - top
            scene.paste(picture.convert("RGB").resize(size, Image.Resampling.LANCZOS), (left, top))
    return scene


def show_regions(
    encoder: Encoder, folder: Path, mosaics: Sequence[Scene], scatters: Sequence[Scene]
) -> None:
    """Tables 1 and 2."""
    found: list[str] = []
    costs: list[str] = []
    for grid in GRIDS:
        told = []
        for layout, scenes in (("mosaic", mosaics), ("scatter", scatters)):
            place = folder / f"{layout}-{grid}"
            cost = index(encoder, folder / layout, [scene.id for scene in scenes], grid, place)
            told.append(measure(encoder, place, scenes))
        cells = [f"{one.by_text:.3f} | {one.by_picture:.3f}" for one in told]
        found.append(f"| {grid} | {' | '.join(cells)} |")
        ms = " | ".join(f"{one.query_ms:.1f}" for one in told[1:])
        costs.append(
            f"| {grid} | {cost.entities:,} | {cost.seconds:.1f} | {cost.megabytes:.1f} | {ms} |"
        )
    queries = len(text_queries(mosaics)), len(text_queries(scatters))
    lines = (
        f"{len(mosaics)} mosaics and {len(scatters)} scatters; {queries[0]} and {queries[1]} texts,"
        f" a picture of each scene; recall@10\n",
        "| regions | mosaic: text | mosaic: picture | scatter: text | scatter: picture |",
        "|---|---|---|---|---|",
        *found,
        "\n| regions | entities | index, s | on disk, MB | text query, ms (median) |",
        "|---|---|---|---|---|",
        *costs,
    )
    typer.echo("\n".join(lines))


def index(encoder: Encoder, images: Path, ids: Sequence[str], grid: str, place: Path) -> Cost:
    """Index the scenes with those regions; what that took, the job's shards left out."""
    catalog = images / "scenes.csv"
    catalog.write_text("id,image\n" + "".join(f"{id},{id}.jpg\n" for id in ids))
    store = open_store(str(place / "vitrine.db"))
    try:
        options = IndexOptions(job_dir=place / "jobs", regions=Regions.from_text(grid))
        started = time.perf_counter()
        index_catalog(catalog, store=store, encoder=encoder, alias="scenes", options=options)
        seconds = time.perf_counter() - started
        count = store.count("scenes")
    finally:
        store.close()
    stored = sum(file.stat().st_size for file in (place / "vitrine.db").rglob("*"))
    return Cost(count, seconds, stored / 1e6)


def measure(encoder: Encoder, place: Path, scenes: Sequence[Scene]) -> Found:
    """Ask a collection of scenes by texts and by pictures."""
    store = open_store(str(place / "vitrine.db"))
    try:
        engine = SearchEngine(store, encoder, "scenes", ImageLimits())
        times, by_text = [], []
        for text, right in text_queries(scenes).items():
            started = time.perf_counter()
            ids = ranked(engine, TextPart(text))
            times.append(time.perf_counter() - started)
            by_text.append(len(right & set(ids)) / len(right))
        by_picture = [
            scene.id in ranked(engine, ImagePart(Path(scene.items[number]["image"])))
            for number, scene in zip(_cycle(), scenes, strict=False)
        ]
    finally:
        store.close()
    return Found(
        float(np.mean(by_text)), float(np.mean(by_picture)), 1000 * float(np.median(times))
    )


def text_queries(scenes: Sequence[Scene]) -> dict[str, set[str]]:
    """The scenes that have it, by colour and type in words; some of those with few answers."""
    right: dict[str, set[str]] = {}
    for scene in scenes:
        for item in scene.items:
            said = f"{item['colour']} {item['article_type']}".lower()
            right.setdefault(said, set()).add(scene.id)
    few = sorted(said for said, ids in right.items() if len(ids) <= MOST_RIGHT)
    chosen = random.Random(SEED).sample(few, min(TEXTS, len(few)))
    return {said: right[said] for said in chosen}


def ranked(engine: SearchEngine, part: QueryPart, limit: int = 10) -> list[str]:
    """The ids of the first hits."""
    return [hit.id for hit in engine.search(Query((part,), limit=limit, literal=True)).hits]


def show_crops(
    encoder: Encoder,
    folder: Path,
    items: Sequence[Item],
    mosaics: Sequence[Scene],
    scatters: Sequence[Scene],
) -> None:
    """Table 3."""
    place = folder / "items"
    place.mkdir()
    catalog = place / "items.csv"
    lines = [f"{item['id']},{item['image']}\n" for item in items]
    catalog.write_text("id,image\n" + "".join(lines))
    store = open_store(str(place / "vitrine.db"))
    told: list[str] = []
    try:
        options = IndexOptions(job_dir=place / "jobs")
        index_catalog(catalog, store=store, encoder=encoder, alias="items", options=options)
        engine = SearchEngine(store, encoder, "items", ImageLimits())
        for layout, scenes in (("mosaic", mosaics), ("scatter", scatters)):
            for crop in (False, True):
                found = [
                    place_of(engine, folder / layout / f"{scene.id}.jpg", scene, number, crop)
                    for number, scene in zip(_cycle(), scenes, strict=False)
                ]
                recalls = [np.mean([at < most for at in found]) for most in (1, 10)]
                cells = " | ".join(f"{recall:.3f}" for recall in recalls)
                told.append(f"| {layout} | {'with' if crop else 'without'} | {cells} |")
    finally:
        store.close()
    heading = f"\nAn item meant in each scene, among {len(items):,} single items\n"
    typer.echo(f"{heading}\n| scene | crop | recall@1 | recall@10 |\n|---|---|---|---|")
    typer.echo("\n".join(told))


def place_of(engine: SearchEngine, image: Path, scene: Scene, number: int, crop: bool) -> int:
    """At which place of the hits (from 0) the item is that was meant; 10 if it is not there."""
    part = ImagePart(image, crop=scene.boxes[number] if crop else None)
    ids = ranked(engine, part)
    wanted = scene.items[number]["id"]
    return ids.index(wanted) if wanted in ids else 10


def _cycle() -> Iterator[int]:
    """0, 1, 2, 3, 0, ...: each place of a scene as often as the others."""
    while True:
        yield from range(4)


if __name__ == "__main__":
    typer.run(main)
