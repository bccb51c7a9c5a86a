"""Reading and decoding, within limits."""

import io
import os
import stat
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from PIL import Image, ImageFile, JpegImagePlugin

from search.errors import ImageTooLargeError, ImageUnreadableError
from search.images.colours import SIDEWAYS, to_rgb, turn_of
from search.images.formats import format_of
from search.images.quiet import silence_pillow

DEFAULT_MAX_BYTES = 50_000_000
DEFAULT_MAX_PIXELS = 100_000_000

DECODING = threading.BoundedSemaphore(2)
"""Held from decoding an image until it is let go, wherever many people may ask for that at once.

At the default limit one image takes 300 MB decoded, so that a few dozen at once would end the
process. Two keep one disk and one core busy; encoding is not sped up by more either."""

_EXTENT = "vitrine extent"
_SAYING = (OSError, SyntaxError, ValueError)
"""Errors by which Pillow says what is wrong; others are slips of its readers over broken data."""


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """The largest file (bytes) and the largest picture (width x height) that is accepted."""

    max_bytes: int = DEFAULT_MAX_BYTES
    max_pixels: int = DEFAULT_MAX_PIXELS


class Decoder(Protocol):
    """What decodes as `decode_image` does, in a place of its own."""

    def decode(
        self, data: bytes, limits: ImageLimits, *, name: str, at_least: tuple[int, int] | None
    ) -> Image.Image:
        """Decode an image, or raise as `decode_image` does."""
        ...


_elsewhere: Decoder | None = None


def read_image_bytes(path: Path, limits: ImageLimits) -> bytes:
    """Read an image file whole, after its size was checked. Raises what `read_image_file` does."""
    return read_image_file(path, limits)[0]


def read_image_file(path: Path, limits: ImageLimits) -> tuple[bytes, os.stat_result]:
    """Read an image file whole, after its size was checked, with its status before it was read.

    Raises:
        ImageUnreadableError: missing, not a regular file, or not allowed to be read.
        ImageTooLargeError: more than `limits.max_bytes`.
    """
    try:
        # A pipe that nobody writes to is opened at once, and then refused.
        with open(path, "rb", buffering=0, opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ImageUnreadableError(f"{path} is not a regular file.", details=_named(path))
            _check_bytes(status.st_size, limits, str(path))
            data = file.read(status.st_size + 1)
            # It grows or shrinks, or came in parts.
            while len(data) != status.st_size and len(data) <= limits.max_bytes:
                if not (more := file.read(limits.max_bytes + 1 - len(data))):
                    break
                data += more
    except IsADirectoryError as error:
        raise ImageUnreadableError(f"{path} is a folder.", details=_named(path)) from error
    except FileNotFoundError as error:
        raise ImageUnreadableError(f"{path} does not exist.", details=_named(path)) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageUnreadableError(
            f"{path} cannot be read: {reason}.", details=_named(path)
        ) from error
    _check_bytes(len(data), limits, str(path))
    return data, status


def decode_image(
    data: bytes,
    limits: ImageLimits,
    *,
    name: str = "image",
    at_least: tuple[int, int] | None = None,
) -> Image.Image:
    """Decode an image: RGB, 8 bits, upright by its EXIF orientation, transparency on white.

    Of an animation it is the first frame. JPEG, PNG, WebP, GIF, BMP and TIFF are read, and AVIF
    where Pillow was built with it. `name` stands for the image in messages.

    With `at_least` (width, height; see `Encoder.decode_at_least`) a JPEG may be decoded at a half,
    a quarter or an eighth of its size, which costs much less; the upright result is not smaller
    than that. Its last column and row may then be picture in part only: see `extent_of`.

    Raises:
        ImageUnreadableError: of no known format, truncated, or broken.
        ImageTooLargeError: more bytes or pixels than `limits` allow; nothing was decoded then.
    """
    decode = decode_here if _elsewhere is None else _elsewhere.decode
    return decode(data, limits, name=name, at_least=at_least)


def decode_elsewhere(decoder: Decoder | None) -> Decoder | None:
    """Have the whole process decode by this from now on; None: here, as it does at first.

    For a service, at its start: whichever way an image comes in, none is decoded beside it.
    Returns what did it before.
    """
    global _elsewhere
    before, _elsewhere = _elsewhere, decoder
    return before


def decode_here(
    data: bytes, limits: ImageLimits, *, name: str, at_least: tuple[int, int] | None
) -> Image.Image:
    """`decode_image` in this very process."""
    _check_bytes(len(data), limits, name)
    form = format_of(data, name)
    silence_pillow()
    try:
        with form.open(io.BytesIO(data)) as image:
            _check_pixels(image.size, limits, name)
            extent = _scale_down(image, at_least) if at_least else None
            image.load()
            turn = turn_of(image)
            decoded = to_rgb(image if turn is None else image.transpose(turn))
    except (ImageTooLargeError, ImageUnreadableError):
        raise
    except Image.DecompressionBombError as error:
        raise ImageTooLargeError(
            f"{name} has more pixels than Pillow decodes.",
            hint="Scale it down.",
            details={"image": name},
        ) from error
    # Decoders of hostile data raise anything: OSError, SyntaxError, struct.error, MemoryError...
    except Exception as error:
        raise ImageUnreadableError(
            f"{name} is not a whole {form.name} image: {_reason(error)}.",
            hint="Export or download it again.",
            details={"image": name, "format": form.name},
        ) from error
    # What else the file said of itself is of no use to anybody and may be large.
    decoded.info = {} if extent is None else {_EXTENT: extent}
    return decoded


def extent_of(image: Image.Image) -> tuple[float, float]:
    """Width and height of what is picture in an image of `decode_image`: its size, mostly.

    A JPEG of 401 x 300 decoded at half its size is 201 x 150, of which 200.5 x 150 are picture.
    Resizing as if it were all picture would move what is in it by a part of a pixel, and that is
    enough for some models to see something else.
    """
    extent: tuple[float, float] = image.info.get(_EXTENT, image.size)
    return extent


def load_image(
    source: Path | bytes,
    limits: ImageLimits,
    *,
    name: str | None = None,
    at_least: tuple[int, int] | None = None,
) -> Image.Image:
    """`decode_image` of a file or of bytes; a file is named by its path unless `name` is given."""
    if isinstance(source, bytes):
        return decode_image(source, limits, name=name or "image", at_least=at_least)
    data = read_image_bytes(source, limits)
    return decode_image(data, limits, name=name or str(source), at_least=at_least)


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _named(path: Path) -> dict[str, str]:
    return {"image": str(path)}


def _check_bytes(size: int, limits: ImageLimits, name: str) -> None:
    if size > limits.max_bytes:
        raise ImageTooLargeError(
            f"{name} has {size:,} bytes; at most {limits.max_bytes:,} are read.",
            hint="Save it smaller, or raise max_image_bytes.",
            details={"image": name, "bytes": size, "max_bytes": limits.max_bytes},
        )


def _check_pixels(size: tuple[int, int], limits: ImageLimits, name: str) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise ImageUnreadableError(f"{name} has no pixels.", details={"image": name})
    if width * height > limits.max_pixels:
        raise ImageTooLargeError(
            f"{name} is {width:,} x {height:,} pixels; at most {limits.max_pixels:,} pixels are"
            " decoded.",
            hint="Scale it down, or raise max_image_pixels.",
            details={
                "image": name,
                "width": width,
                "height": height,
                "max_pixels": limits.max_pixels,
            },
        )


def _scale_down(
    image: ImageFile.ImageFile, at_least: tuple[int, int]
) -> tuple[float, float] | None:
    """Have a JPEG decoded at a part of its size; the extent of that if it is not the size."""
    if not isinstance(image, JpegImagePlugin.JpegImageFile):
        return None
    turn = turn_of(image)
    across, down = at_least[::-1] if turn in SIDEWAYS else at_least
    width, height = image.size
    for scale in (8, 4, 2):
        whole = width % scale == 0 and height % scale == 0
        # A turn would move the columns and rows that are picture in part to another side.
        if width >= scale * across and height >= scale * down and (whole or turn is None):
            image.draft(None, (width // scale, height // scale))
            return None if whole else (width / scale, height / scale)
    return None


def _reason(error: Exception) -> str:
    """What to tell a person of a decoder's error: its words, where they are words."""
    text = str(error).strip().rstrip(".")
    if "truncated" in text.lower() or "unexpected end" in text.lower():
        return "the file is truncated"
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    if text.startswith("decoder error") or not isinstance(error, _SAYING):
        return "its data is damaged"
    return "its header is damaged" if "not identified" in text else text or "its data is damaged"
