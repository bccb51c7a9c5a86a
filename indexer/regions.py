"""Which regions of each picture are indexed beside the whole."""

import hashlib
import re
from dataclasses import dataclass
from itertools import pairwise

from search.errors import ConfigError
from search.types import Box

MOST_CELLS = 6
"""Most columns and rows of a grid."""

_GRID = re.compile(r"([1-9])x([1-9])")


@dataclass(frozen=True, slots=True)
class Regions:
    """The regions of every picture; `name` is what people call them."""

    name: str = "none"
    boxes: tuple[Box, ...] = ()

    @property
    def per_picture(self) -> int:
        """How many entities each picture becomes: the whole, and its regions."""
        return 1 + len(self.boxes)

    @classmethod
    def from_text(cls, text: str) -> "Regions":
        """What a name stands for.

        `none`; `halves`: left, right, upper and lower; or a grid, COLUMNSxROWS: `2x2`, `3x3`.

        Raises:
            ConfigError: it stands for nothing.
        """
        name = text.strip().lower()
        if name in ("none", "1x1"):
            return cls()
        if name == "halves":
            return cls(name, (*_grid(2, 1), *_grid(1, 2)))
        found = _GRID.fullmatch(name)
        if not found or max(map(int, found.groups())) > MOST_CELLS:
            raise ConfigError(
                f"There are no regions {text!r}.",
                hint="Regions are none, halves, or a grid of columns x rows such as 2x2 or 3x3, at "
                f"most {MOST_CELLS}x{MOST_CELLS}.",
            )
        return cls(name, _grid(*map(int, found.groups())))


def region_hash(image_hash: str, box: Box | None) -> str:
    """What stands for a region's pixels: the image's own hash for the whole, else another."""
    if box is None:
        return image_hash
    return hashlib.blake2b(f"{image_hash}@{box}".encode(), digest_size=16).hexdigest()


def _grid(columns: int, rows: int) -> tuple[Box, ...]:
    """The cells in reading order."""
    across, down = (
        [round(place / count, 4) for place in range(count + 1)] for count in (columns, rows)
    )
    return tuple(Box(x0, y0, x1, y1) for y0, y1 in pairwise(down) for x0, x1 in pairwise(across))
