"""Pictures that are something else besides: what goes out is their pixels and nothing more."""

import io
import zipfile

import pytest
from PIL import Image

from api.images import ImageBytes, render_jpeg
from search.errors import NotFoundError
from search.images import ImageLimits

PAYLOAD = b"<script>alert('payload')</script>"
LIMITS = ImageLimits(5_000_000, 1_000_000)


def encoded(form: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(file, form, **options)
    return file.getvalue()


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("page.html", PAYLOAD)
    return file.getvalue()


def animation() -> bytes:
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue")]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    return file.getvalue()


POLYGLOTS = {
    "picture and archive": encoded("PNG") + archive(),
    "picture and page": encoded("JPEG") + PAYLOAD,
    "comment": encoded("GIF", comment=PAYLOAD),
    "EXIF": encoded("JPEG", exif=b"Exif\0\0" + PAYLOAD),
    "colour profile": encoded("JPEG", icc_profile=PAYLOAD),
    "XMP": encoded("WEBP", xmp=PAYLOAD, lossless=True),
    "animation and page": animation() + PAYLOAD,
}


@pytest.mark.parametrize("name", POLYGLOTS)
def test_of_a_polyglot_only_the_picture_goes_out(name: str) -> None:
    assert PAYLOAD in POLYGLOTS[name] or name == "picture and archive"
    served = render_jpeg(ImageBytes("x", POLYGLOTS[name]), 100, LIMITS)
    assert b"payload" not in served and b"PK\x03\x04" not in served
    assert served.startswith(b"\xff\xd8\xff") and served.endswith(b"\xff\xd9")
    with Image.open(io.BytesIO(served)) as picture:
        red, _, blue = picture.convert("RGB").getpixel((20, 15))  # type: ignore[misc]
        assert picture.size == (40, 30) and red > 200 > 50 > blue, "the first frame"


@pytest.mark.parametrize(
    "data", [archive() + encoded("PNG"), PAYLOAD + encoded("PNG"), b"%PDF-1.7\n" + encoded("JPEG")]
)
def test_what_begins_as_something_else_is_no_picture(data: bytes) -> None:
    with pytest.raises(NotFoundError):
        render_jpeg(ImageBytes("x", data), 100, LIMITS)
