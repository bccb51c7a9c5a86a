"""Drawn fashion products: seeded pictures, captions and a sample catalogue with known answers.

The words (kinds, captions, titles) need nothing but numpy; drawing needs skia-python, which is
imported on the first picture.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from training.drawing.palette import COLOURS
from training.drawing.spec import (
    KINDS,
    PATTERNS,
    ProductSpec,
    is_held_out,
    patterns_for,
    random_spec,
)
from training.drawing.words import captions, title

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "COLOURS",
    "KINDS",
    "PATTERNS",
    "ProductSpec",
    "captions",
    "draw",
    "is_held_out",
    "patterns_for",
    "random_spec",
    "title",
    "write_sample_data",
]


def draw(spec: ProductSpec, *, seed: int, size: int = 256) -> "Image.Image":
    """Draw one RGB photo of a product; another seed gives a fresh photo of the same product."""
    from training.drawing.scene import photograph

    return photograph(spec, seed=seed, size=size)


def write_sample_data(folder: Path, seed: int) -> None:
    """Write the sample catalogue, its images, queries and known answers into a folder."""
    from training.drawing.sample import write

    write(folder, seed)
