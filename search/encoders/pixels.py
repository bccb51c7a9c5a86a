"""A model's validation transform, from RGB image to pixels: open_clip's own, without its cost.

Most of that cost is resizing. Where the CPU has AVX2, torch does it with the same filter in an
eighth of Pillow's time, a value in some hundred being one level of 255 apart, and in the thread
that asks. Elsewhere torch is slower than Pillow and opens threads of its own in every thread that
asks, so that Pillow does it there. Pixels stay bytes until a batch is normalised on the model's
device: a quarter of the memory to hand from thread to thread.
"""

import functools
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn.functional import interpolate
from torch.utils.dlpack import from_dlpack

from search.encoders.torchvision_ops import import_torchvision
from search.images import extent_of

Bytes = NDArray[np.uint8]

MAX_ASPECT = 100
"""An image longer than this many times its shorter side is cut to it, around its centre.

Resizing the shorter side of a strip of one pixel by 60,000 to 224 would make 3 billion pixels, of
which the crop keeps 50,000.
"""

ENOUGH = 3
"""How many times larger than the model's input an image is decoded at least.

Measured on photographs laid side by side to 672 to 1,344 pixels: from 2.7 times on, every
embedding of `mini` kept a cosine above 0.999 to that of the whole image. At 2.4 times 4 of 600
photographs did not.
"""

_QUICK = ("bicubic", "bilinear")


class PixelTransform:
    """RGB images to `(3, height, width) uint8`, and batches of those to what the model takes.

    Safe to call from several threads.
    """

    def __init__(self, transform: Any) -> None:
        """`transform` is open_clip's: geometry on PIL images, then to tensor, then normalise."""
        *geometry, _, normalise = transform.transforms
        self._geometry: list[Callable[[Image.Image], Image.Image]] = geometry
        self._resize: Any = geometry[0]
        self._fill = next((step.fill for step in geometry if hasattr(step, "fill")), 0)
        self._mean, self._std = (
            torch.as_tensor(values, dtype=torch.float32).view(-1, 1, 1)
            for values in (normalise.mean, normalise.std)
        )
        width, height = self._by_pillow(Image.new("RGB", (8, 8))).size
        self.shape = (3, height, width)

    def __reduce__(self) -> tuple[Callable[[bytes], "PixelTransform"], tuple[bytes]]:
        return _unpickled, (pickle.dumps(self.__dict__),)

    @property
    def decode_at_least(self) -> tuple[int, int]:
        """Width and height from which on a larger image makes no other embedding."""
        _, height, width = self.shape
        return ENOUGH * width, ENOUGH * height

    def preprocess(self, images: Sequence[Image.Image]) -> Bytes:
        """The pixels of RGB images, in order: `(n, 3, height, width) uint8`."""
        pixels = np.empty((len(images), *self.shape), dtype=np.uint8)
        for row, image in zip(pixels, images, strict=True):
            self.write(image, row)
        return pixels

    def write(self, image: Image.Image, out: Bytes) -> None:
        """Write an image's pixels into `out`, `(3, height, width) uint8`."""
        image = _of_sane_aspect(image)
        extent, way = extent_of(image), self._resize.interpolation.value
        across, down = extent
        if across != image.width or down != image.height:
            kernel = Image.Resampling[way.upper()]
            resized = np.asarray(image.resize(self._target(extent), kernel, box=(0, 0, *extent)))
        elif image.mode == "RGB" and way in _QUICK and _torch_is_quick():
            resized = _resized(image, self._target(extent), way)
        else:
            resized = np.asarray(self._by_pillow(image))
        _place(resized, out, self._fill)

    def view(self, size: tuple[int, int]) -> tuple[float, float, float, float]:
        """Which part of a picture of this width and height is taken: left, top, right, bottom.

        In pixels of the picture; beyond its edges where the transform pads.
        """
        across, down = _sane_size(size)
        _, *room = self.shape
        (left, right), (top, bottom) = (
            _taken(whole, part, target, side)
            for whole, part, target, side in zip(
                size, (across, down), self._target((across, down)), reversed(room)
            )
        )
        return left, top, right, bottom

    def normalised(self, pixels: Bytes, device: torch.device) -> torch.Tensor:
        """A batch `(n, 3, height, width) uint8` as `(n, 3, height, width) float32`, normalised.

        On `device`, channels last; to the bit what open_clip's transform makes of the same bytes.
        """
        batch = torch.from_numpy(pixels).to(device).to(torch.float32).div_(255)
        batch.sub_(self._mean.to(device)).div_(self._std.to(device))
        return batch.contiguous(memory_format=torch.channels_last)

    def _by_pillow(self, image: Image.Image) -> Image.Image:
        for step in self._geometry:
            image = step(image)
        return image

    def _target(self, extent: tuple[float, float]) -> tuple[int, int]:
        """The width and height that the first step, torchvision's or open_clip's, resizes to."""
        resize, (width, height) = self._resize, extent
        if hasattr(resize, "longest"):
            high, wide = resize.size
            ratios = height / high, width / wide
            ratio = max(ratios) * resize.longest + min(ratios) * (1 - resize.longest)
            return max(1, round(width / ratio)), max(1, round(height / ratio))
        if isinstance(resize.size, int):
            side = resize.size
            if width <= height:
                return side, int(side * height / width)
            return int(side * width / height), side
        high, wide = resize.size
        return wide, high


def _unpickled(state: bytes) -> PixelTransform:
    """A transform in another process, where torchvision may not have been imported yet."""
    import_torchvision()
    transform = PixelTransform.__new__(PixelTransform)
    transform.__dict__.update(pickle.loads(state))
    return transform


@functools.cache
def _torch_is_quick() -> bool:
    """Whether torch has a kernel for bytes on this CPU: elsewhere it takes Pillow's time thrice."""
    return torch.backends.cpu.get_cpu_capability().startswith("AVX")


def _resized(image: Image.Image, size: tuple[int, int], way: str) -> Bytes:
    """An RGB image resized to `size` (width, height), as `(height, width, 3 or 4) uint8`."""
    values = _values(image)
    if image.size != size:
        values = interpolate(values, size=size[::-1], mode=way, antialias=True)
    resized: Bytes = values[0].permute(1, 2, 0).numpy()
    return resized


def _values(image: Image.Image) -> torch.Tensor:
    """An RGB image as `(1, 3 or 4, height, width) uint8`, channels last.

    Pillow keeps four bytes a pixel, of which the fourth says nothing. Where these lie in one piece
    they are not copied, which would cost as much as resizing.
    """
    width, height = image.size
    try:
        flat = from_dlpack(pa.array(image).values)
    except ValueError:  # Large images lie in several pieces.
        return torch.from_numpy(np.array(image))[None].permute(0, 3, 1, 2)
    return flat.view(1, height, width, 4).permute(0, 3, 1, 2)


def _place(values: Bytes, out: Bytes, fill: Any) -> None:
    """Write the middle of `values` into the middle of `out`; what is left of that is filled."""
    (there_y, here_y), (there_x, here_x) = (
        _middle(values.shape[axis], out.shape[axis + 1]) for axis in (0, 1)
    )
    colours = np.broadcast_to(fill, 3)
    for channel in range(3):
        if out[channel, here_y, here_x].size < out[channel].size:
            out[channel] = colours[channel]
        out[channel, here_y, here_x] = values[there_y, there_x, channel]


def _middle(size: int, room: int) -> tuple[slice, slice]:
    """Which part of `size` to take, and where in `room` to put it."""
    if size > room:
        start = round((size - room) / 2)
        return slice(start, start + room), slice(0, room)
    start = (room - size) // 2
    return slice(0, size), slice(start, start + size)


def _taken(whole: int, part: int, target: int, side: int) -> tuple[float, float]:
    """Where what is taken begins and ends, of a picture's `whole` width (or height).

    Its middle `part` is resized to `target`, and the middle of that makes `side`, or is padded.
    """
    there, here = _middle(target, side)
    scale = target / part
    start = (whole - part) // 2 + (there.start - here.start) / scale
    return start, start + side / scale


def _sane_size(size: tuple[int, int]) -> tuple[int, int]:
    limit = MAX_ASPECT * min(size)
    return min(size[0], limit), min(size[1], limit)


def _of_sane_aspect(image: Image.Image) -> Image.Image:
    width, height = image.size
    across, down = _sane_size(image.size)
    if (across, down) == image.size:
        return image
    left, top = (width - across) // 2, (height - down) // 2
    middle = image.crop((left, top, left + across, top + down))
    middle.info = {}  # The image's extent is not that of its middle.
    return middle
