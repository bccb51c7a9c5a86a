"""Small catalogues with images of random colours, for tests of runs."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

Row = dict[str, object]


def draw(path: Path, seed: int) -> str:
    """Draw an image; its path as a row of a catalogue beside its folder says it."""
    path.parent.mkdir(exist_ok=True)
    colours = np.random.default_rng(seed).integers(0, 255, (3, 4, 3), dtype=np.uint8)
    Image.fromarray(colours).resize((40, 30), Image.Resampling.NEAREST).save(path)
    return f"{path.parent.name}/{path.name}"


def rows_of(catalog: Path, count: int) -> list[Row]:
    """Rows i000, i001, ... with an image each, drawn beside the catalogue."""
    return [
        {
            "id": f"i{number:03}",
            "image": draw(catalog.parent / "images" / f"{number:03}.png", number),
            "title": f"Item {number}",
            "price": number + 0.5,
        }
        for number in range(count)
    ]


def write(catalog: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """Write the rows as JSONL."""
    catalog.write_text("\n".join(json.dumps(row) for row in rows))
    return catalog
