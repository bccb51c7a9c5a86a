"""A model's validation transform, from RGB image to pixels: open_clip's own, without its cost.

What resizes and crops is used as it is. Turning bytes to floats and normalising them maps each of
256 values of a channel to one float: a table of what open_clip's transform makes of them gives
the same bits without torch, whose thread pool would be started by every thread that decodes.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MAX_ASPECT = 100
"""An image longer than this many times its shorter side is cut to it, around its centre.

Resizing the shorter side of a strip of one pixel by 60,000 to 224 would make 3 billion pixels, of
which the crop keeps 50,000.
"""


class PixelTransform:
    """RGB images to `(3, height, width) float32`. Safe to call from several threads."""

    def __init__(self, transform: Any) -> None:
        """`transform` is open_clip's: geometry on PIL images, then to tensor, then normalise."""
        *geometry, to_tensor, normalise = transform.transforms
        self._geometry: list[Callable[[Image.Image], Image.Image]] = geometry
        every_value = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)
        table = normalise(to_tensor(Image.fromarray(every_value, "RGB")))
        self._table: NDArray[np.float32] = np.ascontiguousarray(table[:, :, 0].numpy())
        width, height = self._resized(Image.new("RGB", (8, 8))).size
        self.shape = (3, height, width)

    def write(self, image: Image.Image, out: NDArray[np.float32]) -> None:
        """Write an image's pixels into `out`, `(3, height, width) float32`."""
        values = np.asarray(self._resized(image))
        for channel in range(3):
            np.take(self._table[channel], values[:, :, channel], out=out[channel], mode="clip")

    def _resized(self, image: Image.Image) -> Image.Image:
        image = _of_sane_aspect(image)
        for step in self._geometry:
            image = step(image)
        return image


def _of_sane_aspect(image: Image.Image) -> Image.Image:
    width, height = image.size
    limit = MAX_ASPECT * min(width, height)
    if max(width, height) <= limit:
        return image
    across, down = min(width, limit), min(height, limit)
    left, top = (width - across) // 2, (height - down) // 2
    return image.crop((left, top, left + across, top + down))
