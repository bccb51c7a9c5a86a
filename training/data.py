"""Products and their pixels: read once, kept as one uint8 array each for photos and drawings."""

import csv
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image

from training.captions import Product
from training.vocabulary import DRAWN_TYPES, pattern_of

Images = NDArray[np.uint8]
"""`(n, size, size, 3) uint8`, RGB."""

Masks = NDArray[np.bool_]
"""`(n, size / 2, size / 2) bool`, True on the near-white ground around a product."""

FIRST_SEED = 1_000_000
"""Drawings for training use seeds from here on; the sample catalogue's are below."""

_CHUNK = 64
_WHITE = 240
_SMOOTH = 14


@dataclass(frozen=True, slots=True)
class Corpus:
    """Products with their images and grounds, in one order; both may be memory maps."""

    products: tuple[Product, ...]
    images: Images
    grounds: Masks

    def __len__(self) -> int:
        """How many products."""
        return len(self.products)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a catalogue file."""

    id: str
    image: Path
    product: Product


def catalog_rows(folder: Path, split: str) -> list[Row]:
    """Read the rows of one split. No image of another split is ever opened."""
    with (folder / "catalog.csv").open(newline="", encoding="utf-8") as lines:
        return [
            Row(line["id"], folder / line["image"], _product(line))
            for line in csv.DictReader(lines)
            if line["split"] == split
        ]


def held_back(rows: Sequence[Row], count: int, seed: int) -> tuple[list[Row], list[Row]]:
    """Part rows into those to train on and `count` to validate on, by a hash of their ids."""
    order = sorted(rows, key=lambda row: hashlib.sha256(f"{seed}|{row.id}".encode()).digest())
    chosen = {row.id for row in order[:count]}
    return [r for r in rows if r.id not in chosen], [r for r in rows if r.id in chosen]


def photo_corpus(rows: Sequence[Row], size: int, cache: Path) -> Corpus:
    """Decode the photos of rows, or read them from the cache."""
    key = _key("photos", size, [str(row.image.name) for row in rows])
    path = cache / f"photos-{key}.npy"
    if not path.exists():
        _write_images(path, (_read(row.image, size) for row in rows), len(rows), size)
    return _corpus(tuple(row.product for row in rows), path)


def drawn_corpus(count: int, size: int, cache: Path, *, workers: int | None = None) -> Corpus:
    """Draw products, or read them from the cache; combinations held out are never drawn.

    The cache knows the drawing code by its hash, so a change there draws anew.
    """
    path = cache / f"drawn-{_key('drawn', count, size, _drawing_code())}.npy"
    facts = path.with_suffix(".json")
    if not (path.exists() and facts.exists()):
        found: list[dict[str, Any]] = []
        with ProcessPoolExecutor(workers or os.cpu_count()) as pool:
            _write_images(path, _drawn_images(pool, count, size, found), count, size)
        _replace(facts, json.dumps(found).encode())
    described = json.loads(facts.read_text(encoding="utf-8"))
    products = tuple(_from_facts(fact) for fact in described)
    return _corpus(products, path, smooth=True)


def squared(image: Image.Image, size: int) -> Image.Image:
    """Fit an image into a white square, its shape kept: what the model's preprocessing does."""
    image = image.convert("RGB")
    scale = size / max(image.size)
    fitted = image.resize(
        (max(1, round(image.width * scale)), max(1, round(image.height * scale))),
        Image.Resampling.BICUBIC,
    )
    if fitted.size == (size, size):
        return fitted
    square = Image.new("RGB", (size, size), (255, 255, 255))
    square.paste(fitted, ((size - fitted.width) // 2, (size - fitted.height) // 2))
    return square


def ground_masks(images: Images, *, smooth: bool = False) -> Masks:
    """Find the ground that reaches the border, at half the size.

    The ground is what is near white or, of drawings (`smooth`), what changes only little from
    pixel to pixel, up to the first outline. An image without such a ground, or made of nothing
    else, gets an empty mask.
    """
    pixels = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float()
    small = F.avg_pool2d(pixels, 2)
    if smooth:
        change = F.max_pool2d(small, 3, 1, 1) + F.max_pool2d(-small, 3, 1, 1)
        ground = (change.amax(1, keepdim=True) < _SMOOTH).float()
    else:
        ground = (small.amin(1, keepdim=True) > _WHITE).float()
    reached = torch.zeros_like(ground)
    reached[:, :, [0, -1], :] = ground[:, :, [0, -1], :]
    reached[:, :, :, [0, -1]] = ground[:, :, :, [0, -1]]
    for _ in range(ground.shape[-1] * 2):
        grown = F.max_pool2d(reached, 3, 1, 1) * ground
        if torch.equal(grown, reached):
            break
        reached = grown
    share = reached.mean((1, 2, 3))
    usable = ((share > 0.15) & (share < 0.92)).view(-1, 1, 1, 1)
    if smooth:  # The outline's own change hid one pixel of ground around the product.
        reached = F.max_pool2d(reached, 3, 1, 1)
    return np.asarray((reached.bool() & usable).squeeze(1).numpy())


def _corpus(products: tuple[Product, ...], path: Path, *, smooth: bool = False) -> Corpus:
    images = np.load(path, mmap_mode="r")
    masks = path.with_name(f"{path.stem}-grounds.npy")
    if not masks.exists():
        half = images.shape[1] // 2
        parts = [np.zeros((0, half, half), np.bool_)]
        parts += [
            ground_masks(images[at : at + 128], smooth=smooth) for at in range(0, len(images), 128)
        ]
        part = masks.with_name(f"{path.stem}-part.npy")
        np.save(part, np.concatenate(parts))
        part.replace(masks)
    return Corpus(products, images, np.load(masks, mmap_mode="r"))


def _product(line: dict[str, str]) -> Product:
    return Product(
        title=" ".join(line["title"].split()),
        article_type=line["article_type"],
        colour=line["colour"].lower(),
        gender=line["gender"],
        pattern=pattern_of(line["title"]),
        usage=line["usage"],
    )


def _drawing_code() -> list[str]:
    folder = Path(__file__).parent / "drawing"
    sources = sorted(folder.glob("*.py"))
    return [hashlib.sha256(source.read_bytes()).hexdigest() for source in sources]


def _drawn_images(
    pool: ProcessPoolExecutor, count: int, size: int, facts: list[dict[str, Any]]
) -> Iterator[Images]:
    """Yield drawings one by one, and add what each shows to `facts`."""
    seeds = range(FIRST_SEED, FIRST_SEED + count)
    chunks = [seeds[at : at + _CHUNK] for at in range(0, count, _CHUNK)]
    for found, images in pool.map(_draw_chunk, chunks, [size] * len(chunks)):
        facts += found
        yield from images


def _draw_chunk(seeds: Sequence[int], size: int) -> tuple[list[dict[str, Any]], Images]:
    from training import drawing

    facts: list[dict[str, Any]] = []
    images = np.empty((len(seeds), size, size, 3), np.uint8)
    for place, seed in enumerate(seeds):
        rng = np.random.default_rng(seed)
        spec = drawing.random_spec(rng)
        while drawing.is_held_out(spec.kind, spec.colour, spec.pattern):
            spec = drawing.random_spec(rng)
        images[place] = np.asarray(squared(drawing.draw(spec, seed=seed, size=256), size))
        texts = sorted({drawing.captions(spec, rng) for _ in range(16)})
        facts.append(
            {
                "kind": spec.kind,
                "colour": spec.colour,
                "pattern": spec.pattern,
                "long": dict(spec.shape).get("sleeve") == "long",
                "captions": texts,
            }
        )
    return facts, images


def _from_facts(fact: dict[str, Any]) -> Product:
    article_type = DRAWN_TYPES.get(fact["kind"], fact["kind"])
    if fact["kind"] == "t-shirt" and fact["long"]:
        article_type = "longsleeve"
    colour = "navy blue" if fact["colour"] == "navy" else fact["colour"]
    return Product(
        title=f"drawn {fact['kind']} {fact['colour']} {fact['pattern']}",
        article_type=article_type,
        colour=colour,
        pattern=fact["pattern"],
        alternatives=tuple(fact["captions"]),
    )


def _read(path: Path, size: int) -> Images:
    with Image.open(path) as image:
        return np.asarray(squared(image, size))


def _write_images(path: Path, images: Iterator[Images], count: int, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    array = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=(count, size, size, 3))
    for place, image in enumerate(images):
        array[place] = image
    array.flush()
    del array
    part.replace(path)


def _replace(path: Path, content: bytes) -> None:
    part = path.with_suffix(path.suffix + ".part")
    part.write_bytes(content)
    part.replace(path)


def _key(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
