"""What a picture looks like in a few numbers: enough to tell whether two show the same.

The perceptual hashes see rough shapes and are blind to colour; embeddings see what is shown and
may be blind to both. So a small picture is kept as well, to be laid over another: the same shoe in
red and in blue has close hashes and is no duplicate, nor are two white shirts on the same model.
"""

from dataclasses import dataclass

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.care.alignment import Residual, residual

GRID = 64
"""Cells a side of the small picture that is kept."""

_SMALL = (256, 256)

# From linear sRGB to the responses of the eye's cones, and from their cube roots to Oklab, in which
# equal steps look equally large (B. Ottosson, 2020).
_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    np.float32,
)
_TO_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    np.float32,
)


@dataclass(frozen=True, slots=True)
class Look:
    """A picture's size in pixels, its two 64-bit hashes, and itself at a small size.

    `small` is `(64, 64, 3) float16`, Oklab: lightness, green to red, blue to yellow.
    """

    width: int
    height: int
    phash: int
    dhash: int
    small: NDArray[np.float16]

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height


def look_of(image: Image.Image) -> Look:
    """The look of an upright RGB image."""
    width, height = image.size
    # Both hashes reduce to 32 pixels a side or less: once from the full picture is enough.
    small = image.resize(_SMALL, Image.Resampling.BOX) if max(image.size) > 512 else image
    grid = np.asarray(small.resize((GRID, GRID), Image.Resampling.BOX))
    return Look(
        width,
        height,
        _bits(imagehash.phash(small)),
        _bits(imagehash.dhash(small)),
        _oklab(grid).astype(np.float16),
    )


def hash_bits(one: Look, other: Look) -> int:
    """In how many of 64 bits the hashes differ, by the hash that differs less.

    Each has its own weakness (a border cut off on one side, a soft edge), and the cosine was high
    already: one of them is enough to confirm it.
    """
    return min((one.phash ^ other.phash).bit_count(), (one.dhash ^ other.dhash).bit_count())


def difference(one: Look, other: Look) -> Residual:
    """What differs once one picture is laid over the other, as cut off or stretched as it may be.

    It takes about 3 ms.
    """
    return residual(one.small.astype(np.float32), other.small.astype(np.float32))


def _bits(hash: imagehash.ImageHash) -> int:
    return int(str(hash), 16)


def _oklab(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    share = rgb.astype(np.float32) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt(linear @ _TO_CONES.T) @ _TO_OKLAB.T, np.float32)
