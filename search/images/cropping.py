"""A part of a picture as a picture of its own."""

import math

from PIL import Image

from search.errors import InvalidQueryError
from search.images.decoding import extent_of
from search.types.box import Box

LEAST_PIXELS = 16
"""Pixels along each side that a crop of a query has at least: with fewer nothing can be told."""


def cropped(image: Image.Image, box: Box, *, least: int = 1) -> Image.Image:
    """The part of an image of `decode_image` that the box says, edges at the nearest pixels.

    Pixels that are picture in part only (see `extent_of`) are never in it. It is one pixel wide
    and high at least.

    Raises:
        InvalidQueryError: fewer than `least` pixels along a side.
    """
    left, top, right, bottom = _pixels(box, extent_of(image))
    if right - left < least or bottom - top < least:
        raise InvalidQueryError(
            f"The crop {box} is {right - left} x {bottom - top} pixels of this picture; "
            f"it takes {least} along each side.",
            hint="Choose a larger part, or a larger picture.",
            details={"crop": str(box), "width": right - left, "height": bottom - top},
        )
    part = image.crop((left, top, right, bottom))
    part.info = {}  # What was known of the whole is not true of its part.
    return part


def enlarged(at_least: tuple[int, int], box: Box | None) -> tuple[int, int]:
    """How large a whole picture has to be for its part in the box to be `at_least` so large.

    Width and height in pixels; what to hand to `decode_image` for `cropped`.
    """
    if box is None:
        return at_least
    across, down = at_least
    return math.ceil(across / (box.x1 - box.x0)), math.ceil(down / (box.y1 - box.y0))


def _pixels(box: Box, extent: tuple[float, float]) -> tuple[int, int, int, int]:
    left, right = _span(box.x0, box.x1, extent[0])
    top, bottom = _span(box.y0, box.y1, extent[1])
    return left, top, right, bottom


def _span(start: float, end: float, length: float) -> tuple[int, int]:
    """The nearest whole pixels, one at least, of those that are picture throughout."""
    whole = int(length)
    first = min(round(start * length), whole - 1)
    return first, max(min(round(end * length), whole), first + 1)
