"""Scenes of several pictures, for what is said of parts of one."""

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

TILE = 224
"""Pixels along each side of a picture of a mosaic."""


def mosaic(paths: Sequence[Path]) -> bytes:
    """Four pictures, two by two, in reading order: the bytes of a PNG of 448 x 448 pixels."""
    scene = Image.new("RGB", (2 * TILE, 2 * TILE), "white")
    for place, path in enumerate(paths):
        with Image.open(path) as picture:
            tile = picture.convert("RGB").resize((TILE, TILE), Image.Resampling.LANCZOS)
        scene.paste(tile, (place % 2 * TILE, place // 2 * TILE))
    file = io.BytesIO()
    scene.save(file, "PNG")
    return file.getvalue()
