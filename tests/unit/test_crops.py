"""Crops: which are none, which pixels they are, and that they are the same at every size."""

import io
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from search.errors import InvalidQueryError
from search.images import ImageLimits, cropped, decode_image, enlarged, extent_of
from search.types import Box

LIMITS = ImageLimits()


def numbered(width: int, height: int) -> Image.Image:
    """A picture whose pixels say where they are: red is the column, green the row."""
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    return Image.fromarray(np.stack([columns, rows, 0 * rows], axis=2).astype(np.uint8))


def saved(image: Image.Image, form: str = "PNG", orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    image.save(file, form, exif=exif)
    return file.getvalue()


@pytest.mark.parametrize("text", ["0,0,1,1", "0,0.25,0.5,1", "0.3333,0,0.6667,0.3333"])
def test_a_box_is_read_as_it_is_written(text: str) -> None:
    assert str(Box.from_text(text)) == text
    assert Box.from_text(text) == Box(*map(float, text.split(",")))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0,0,1.01,1", "outside"),
        ("-0.1,0,1,1", "outside"),
        ("10,20,200,300", "outside"),
        ("2,2,3,3", "outside"),
        ("nan,0,1,1", "outside"),
        ("0,0,inf,1", "outside"),
        ("0.5,0,0.5,1", "empty"),
        ("0,0.5,1,0.5", "empty"),
        ("0.6,0,0.4,1", "empty"),
        ("0,0,1", "four numbers"),
        ("0,0,1,1,1", "four numbers"),
        ("left", "four numbers"),
        ("", "four numbers"),
    ],
)
def test_what_is_no_crop_is_refused_with_a_cure(text: str, said: str) -> None:
    with pytest.raises(InvalidQueryError, match=said) as raised:
        Box.from_text(text)
    assert "0,0,0.5,1 is its left half" in str(raised.value)


def test_a_crop_is_the_nearest_pixels() -> None:
    part = np.asarray(cropped(numbered(100, 50), Box(0.251, 0.5, 0.749, 1)))
    assert part.shape == (25, 50, 3)
    assert part[0, 0].tolist() == [25, 25, 0] and part[-1, -1].tolist() == [74, 49, 0]


def test_crops_beside_each_other_share_no_pixel_and_leave_out_none() -> None:
    image = numbered(101, 67)
    edges = (0, 0.3333, 0.6667, 1)
    parts = [
        cropped(image, Box(x0, y0, x1, y1))
        for y0, y1 in pairwise(edges)
        for x0, x1 in pairwise(edges)
    ]
    assert sum(part.width * part.height for part in parts) == 101 * 67


def test_a_crop_is_of_the_picture_as_it_is_seen() -> None:
    seen = numbered(80, 40)
    stored = seen.transpose(Image.Transpose.ROTATE_90)  # What orientation 6 turns back.
    part = cropped(decode_image(saved(stored, orientation=6), LIMITS), Box(0, 0, 0.5, 1))
    np.testing.assert_array_equal(np.asarray(part), np.asarray(seen)[:, :40])


def test_the_tiniest_crop_is_one_pixel_unless_more_is_asked_for() -> None:
    image = numbered(10, 10)
    assert cropped(image, Box(0.999, 0.999, 1, 1)).size == (1, 1)
    assert cropped(image, Box(0, 0, 1e-9, 1)).size == (1, 10)
    with pytest.raises(InvalidQueryError, match="5 x 10 pixels of this picture; it takes 6"):
        cropped(image, Box(0, 0, 0.5, 1), least=6)


def test_a_scaled_picture_is_large_enough_for_its_crop() -> None:
    data = saved(numbered(800, 600).convert("RGB"), "JPEG")
    box = Box(0.5, 0.5, 1, 1)
    scaled = decode_image(data, LIMITS, at_least=enlarged((100, 75), box))
    assert scaled.size == (200, 150)
    assert cropped(scaled, box).size == (100, 75)
    assert enlarged((100, 75), None) == (100, 75)


def test_columns_that_are_picture_in_part_are_not_in_a_crop() -> None:
    scaled = decode_image(saved(numbered(401, 300), "JPEG"), LIMITS, at_least=(200, 150))
    assert scaled.size == (201, 150) and extent_of(scaled) == (200.5, 150)
    part = cropped(scaled, Box(0.5, 0, 1, 1))
    assert part.size == (100, 150)
    assert extent_of(part) == part.size, "nothing of the whole's extent is left"
