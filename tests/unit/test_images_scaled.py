"""Scaled decoding: never smaller than asked for, upright, and aligned with the whole picture."""

import io

import numpy as np
import pytest
from PIL import Image

from search.errors import ImageUnreadableError
from search.images import ImageLimits, decode_image, extent_of

LIMITS = ImageLimits()


def jpeg(width: int, height: int, orientation: int = 1) -> bytes:
    """A JPEG with a bright upper left quarter."""
    image = Image.new("RGB", (width, height), (20, 30, 90))
    image.paste((230, 200, 40), (0, 0, width // 2, height // 2))
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95, exif=exif)
    return file.getvalue()


@pytest.mark.parametrize(
    ("size", "at_least", "expected"),
    [
        ((800, 600), None, (800, 600)),
        ((800, 600), (401, 10), (800, 600)),
        ((800, 600), (400, 300), (400, 300)),
        ((800, 600), (200, 100), (200, 150)),
        ((800, 600), (1, 1), (100, 75)),
        ((801, 603), (400, 300), (401, 302)),
    ],
)
def test_a_jpeg_is_decoded_as_small_as_it_may_be(
    size: tuple[int, int], at_least: tuple[int, int] | None, expected: tuple[int, int]
) -> None:
    assert decode_image(jpeg(*size), LIMITS, at_least=at_least).size == expected


@pytest.mark.parametrize("orientation", range(1, 9))
def test_at_least_is_of_the_upright_image(orientation: int) -> None:
    whole = decode_image(jpeg(800, 400, orientation), LIMITS)
    scaled = decode_image(jpeg(800, 400, orientation), LIMITS, at_least=whole.size)
    assert scaled.size == whole.size
    across, down = whole.width // 2, whole.height // 2
    half = decode_image(jpeg(800, 400, orientation), LIMITS, at_least=(across, down))
    assert half.size == (across, down)
    np.testing.assert_allclose(
        np.asarray(half.resize((8, 4))).astype(int),
        np.asarray(whole.resize((8, 4))).astype(int),
        atol=8,
    )


def test_the_extent_says_what_of_the_last_column_is_picture() -> None:
    image = decode_image(jpeg(801, 602), LIMITS, at_least=(300, 300))
    assert image.size == (401, 301)
    assert extent_of(image) == (400.5, 301)
    assert extent_of(decode_image(jpeg(800, 600), LIMITS, at_least=(300, 300))) == (400, 300)
    # Turned, the column that is picture in part would be another one: decoded whole.
    assert decode_image(jpeg(801, 602, 6), LIMITS, at_least=(300, 300)).size == (602, 801)


def test_a_truncated_jpeg_is_refused_at_every_scale() -> None:
    with pytest.raises(ImageUnreadableError, match="truncated"):
        decode_image(jpeg(800, 600)[:-200], LIMITS, at_least=(100, 75))
