"""A large JPEG decoded at a part of its size gives the embedding of the whole one."""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from indexer import IndexOptions, index_catalog
from search.encoders import Encoder, load_encoder
from search.engine import SearchEngine
from search.images import ImageLimits, decode_image
from search.store import open_store
from search.store.base import SearchRequest
from search.types import ImagePart, Query

pytestmark = pytest.mark.model

ROOT = Path(__file__).parents[2]
DRAWINGS = ROOT / "sample_data" / "images"
PHOTOS = ROOT.parent / "shared" / "photos" / "images"
LIMITS = ImageLimits()
SIDES = ((672, 672), (901, 1203), (1345, 1001), (1347, 1793), (2000, 1500))
"""From the smallest that is scaled for `mini`, at a half, to a quarter; mostly odd ones."""
ORIENTATION = 0x0112

Maker = Callable[[list[Path], tuple[int, int]], Image.Image]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder("mini", device="cpu")


def tiled(paths: list[Path], size: tuple[int, int]) -> Image.Image:
    """Pictures side by side, so that there is detail down to the pixel."""
    image = Image.new("RGB", size, "white")
    files: Iterator[Path] = cycle(paths)
    with Image.open(paths[0]) as first:
        step = first.size
    for top in range(0, size[1], step[1]):
        for left in range(0, size[0], step[0]):
            with Image.open(next(files)) as tile:
                image.paste(tile.convert("RGB"), (left, top))
    return image


def enlarged(paths: list[Path], size: tuple[int, int]) -> Image.Image:
    """One picture, as a shop's photograph of one item, large enough to cover `size`."""
    with Image.open(paths[0]) as image:
        scale = max(size[0] / image.width, size[1] / image.height)
        across, down = round(image.width * scale), round(image.height * scale)
        return image.convert("RGB").resize((across, down), Image.Resampling.LANCZOS)


def jpegs(folder: Path, make: Maker, each: int) -> Iterator[bytes]:
    """`each` large JPEGs of every size, of the pictures in `folder`."""
    paths = sorted(folder.iterdir())
    for number in range(each * len(SIDES)):
        some = list(islice(cycle(paths), number * 7 % len(paths), number * 7 % len(paths) + 20))
        yield saved(make(some, SIDES[number % len(SIDES)]))


def saved(image: Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=92, **options)
    return file.getvalue()


def agreement(encoder: Encoder, files: Iterator[bytes]) -> tuple[list[float], int]:
    """The cosine of each file decoded scaled to the same decoded whole; how many were scaled."""
    cosines, scaled = [], 0
    for data in files:
        whole = decode_image(data, LIMITS)
        image = decode_image(data, LIMITS, at_least=encoder.decode_at_least)
        scaled += image.size != whole.size
        one, other = encoder.encode_images([image, whole])
        cosines.append(float(one @ other))
    return cosines, scaled


@pytest.mark.parametrize("make", [tiled, enlarged])
@pytest.mark.parametrize("folder", [DRAWINGS, PHOTOS], ids=["drawings", "photos"])
def test_a_scaled_jpeg_has_the_embedding_of_the_whole(
    encoder: Encoder, folder: Path, make: Maker
) -> None:
    if not folder.is_dir():
        pytest.skip("The photographs are not beside this repository.")
    cosines, scaled = agreement(encoder, jpegs(folder, make, each=6))
    assert scaled == len(cosines)
    assert min(cosines) >= 0.999


@dataclass
class Asked:
    """The real store, with what it was asked for."""

    store: Any
    requests: list[SearchRequest] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def search(self, name: str, request: SearchRequest) -> Any:
        self.requests.append(request)
        return self.store.search(name, request)


def test_a_large_jpeg_is_decoded_alike_as_item_and_as_query(
    encoder: Encoder, tmp_path: Path
) -> None:
    paths = sorted(DRAWINGS.iterdir())
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    files = {
        "odd.jpg": saved(tiled(paths[:20], (1345, 1001))),
        "turned.jpg": saved(tiled(paths[20:40], (1600, 1200)), exif=exif),
        "small.jpg": saved(tiled(paths[40:42], (400, 300))),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    with (tmp_path / "catalog.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "image"), *((name, name) for name in files)])
    store = Asked(open_store(str(tmp_path / "vitrine.db")))
    try:
        options = IndexOptions(job_dir=tmp_path / "jobs", batch_size=1)
        index_catalog(
            tmp_path / "catalog.csv",
            store=store, encoder=encoder, alias="products", options=options,
        )  # fmt: skip
        engine = SearchEngine(store, encoder, "products", LIMITS)
        for name, data in files.items():
            for part in (ImagePart(tmp_path / name), ImagePart(data)):
                assert engine.search(Query((part,), limit=1)).hits[0].item.id == name
            _, (stored,) = store.embeddings("products", [name])
            for request in store.requests[-2:]:
                np.testing.assert_allclose(request.embedding, stored, atol=1e-6)
        # Were one of the two decoded whole, it would show.
        whole = encoder.encode_images([decode_image(files["odd.jpg"], LIMITS)])[0]
        _, (stored,) = store.embeddings("products", ["odd.jpg"])
        assert np.abs(whole - stored).max() > 1e-4
    finally:
        store.close()
