"""Bytes of unknown origin to a checked RGB image.

Everything that gets an image from outside (a catalogue, a query, an upload) goes through here, so
that limits and looks are the same on every path. What an image is, is decided by its content and
never by its name. Sizes are checked from the header, before a pixel is decoded.
"""

import io
import stat
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
    features,
)

from search.errors import ImageTooLargeError, ImageUnreadableError

DEFAULT_MAX_BYTES = 50_000_000
DEFAULT_MAX_PIXELS = 100_000_000

DECODING = threading.BoundedSemaphore(2)
"""Held from decoding an image until it is let go, wherever many people may ask for that at once.

At the default limit one image takes 300 MB decoded, so that a few dozen at once would end the
process. Two keep one disk and one core busy; encoding is not sped up by more either."""

_WHITE = (255, 255, 255)
_EXIF_ORIENTATION = 0x0112
_ORIENTATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """The largest file (bytes) and the largest picture (width x height) that is accepted."""

    max_bytes: int = DEFAULT_MAX_BYTES
    max_pixels: int = DEFAULT_MAX_PIXELS


@dataclass(frozen=True, slots=True)
class _Format:
    """A file format: how its files begin, and what opens them (reads the header only)."""

    name: str
    begins: Callable[[bytes], bool]
    open: Callable[[io.BytesIO], ImageFile.ImageFile]


def _is_webp(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def _is_avif(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and any(
        head[start : start + 4] in (b"avif", b"avis") for start in range(8, len(head), 4)
    )


def _open_avif(file: io.BytesIO) -> ImageFile.ImageFile:
    from PIL import AvifImagePlugin

    return AvifImagePlugin.AvifImageFile(file)


# The plugins are called directly, because Image.open has limits of its own that are global to the
# process and that no setting of ours could raise.
_FORMATS: tuple[_Format, ...] = (
    _Format("JPEG", lambda head: head[:3] == b"\xff\xd8\xff", JpegImagePlugin.JpegImageFile),
    _Format("PNG", lambda head: head[:8] == b"\x89PNG\r\n\x1a\n", PngImagePlugin.PngImageFile),
    _Format("WebP", _is_webp, WebPImagePlugin.WebPImageFile),
    _Format("GIF", lambda head: head[:6] in (b"GIF87a", b"GIF89a"), GifImagePlugin.GifImageFile),
    _Format("BMP", lambda head: head[:2] == b"BM", BmpImagePlugin.BmpImageFile),
    _Format(
        "TIFF",
        lambda head: head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        TiffImagePlugin.TiffImageFile,
    ),
    *((_Format("AVIF", _is_avif, _open_avif),) if features.check("avif") else ()),
)


def read_image_bytes(path: Path, limits: ImageLimits) -> bytes:
    """Read an image file whole, after its size was checked.

    Raises:
        ImageUnreadableError: missing, not a regular file, or not allowed to be read.
        ImageTooLargeError: more than `limits.max_bytes`.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise ImageUnreadableError(f"{path} is {kind}.", details={"image": str(path)})
        _check_bytes(status.st_size, limits, str(path))
        with path.open("rb") as file:
            data = file.read(limits.max_bytes + 1)
    except FileNotFoundError as error:
        raise ImageUnreadableError(
            f"{path} does not exist.", details={"image": str(path)}
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageUnreadableError(
            f"{path} cannot be read: {reason}.", details={"image": str(path)}
        ) from error
    _check_bytes(len(data), limits, str(path))
    return data


def decode_image(data: bytes, limits: ImageLimits, *, name: str = "image") -> Image.Image:
    """Decode an image: RGB, 8 bits, upright by its EXIF orientation, transparency on white.

    Of an animation it is the first frame. JPEG, PNG, WebP, GIF, BMP and TIFF are read, and AVIF
    where Pillow was built with it. `name` stands for the image in messages.

    Raises:
        ImageUnreadableError: of no known format, truncated, or broken.
        ImageTooLargeError: more bytes or pixels than `limits` allow; nothing was decoded then.
    """
    _check_bytes(len(data), limits, name)
    form = _format_of(data, name)
    _silence_pillow()
    try:
        with form.open(io.BytesIO(data)) as image:
            _check_pixels(image.size, limits, name)
            image.load()
            return _to_rgb(_upright(image))
    except (ImageTooLargeError, ImageUnreadableError):
        raise
    except Image.DecompressionBombError as error:
        raise ImageTooLargeError(
            f"{name} has more pixels than Pillow decodes.", details={"image": name}
        ) from error
    # Decoders of hostile data raise anything: OSError, SyntaxError, struct.error, MemoryError...
    except Exception as error:
        raise ImageUnreadableError(
            f"{name} is not a whole {form.name} image: {_reason(error)}.",
            hint="Export or download it again.",
            details={"image": name, "format": form.name},
        ) from error


def load_image(
    source: Path | bytes, limits: ImageLimits, *, name: str | None = None
) -> Image.Image:
    """`decode_image` of a file or of bytes; a file is named by its path unless `name` is given."""
    if isinstance(source, bytes):
        return decode_image(source, limits, name=name or "image")
    return decode_image(read_image_bytes(source, limits), limits, name=name or str(source))


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


def _format_of(data: bytes, name: str) -> _Format:
    if not data:
        raise ImageUnreadableError(f"{name} is empty (0 bytes).", details={"image": name})
    head = data[:64]
    for form in _FORMATS:
        if form.begins(head):
            return form
    known = ", ".join(form.name for form in _FORMATS)
    raise ImageUnreadableError(
        f"{name} is not an image of a known format.",
        hint=f"Formats that are read: {known}.",
        details={"image": name},
    )


def _silence_pillow() -> None:
    """Ignore Pillow's own warnings (odd EXIF, large images): what matters of them is checked here.

    A filter set once would be lost wherever somebody resets the filters, and
    `warnings.catch_warnings` is not safe in the threads that decode.
    """
    if _PILLOW_IGNORED not in warnings.filters:
        warnings.filterwarnings("ignore", module=_PILLOW_MODULES)


def _reason(error: Exception) -> str:
    text = str(error).strip().rstrip(".")
    if "truncated" in text.lower() or "unexpected end" in text.lower():
        return "the file is truncated"
    return text or type(error).__name__


def _upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:  # Broken EXIF data says nothing about the picture, which decoded well.
        return image
    turn = _ORIENTATIONS.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return _deep_grey_to_rgb(image)
    if image.mode == "CMYK":
        return _cmyk_to_rgb(image)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        opaque = Image.new("RGB", rgba.size, _WHITE)
        opaque.paste(rgba, mask=rgba.getchannel("A"))
        return opaque
    return image if image.mode == "RGB" else image.convert("RGB")


def _deep_grey_to_rgb(image: Image.Image) -> Image.Image:
    """Greyscale of 16 or 32 bits or floats: scaled to 8 bits, where Pillow's `convert` clips."""
    grey = np.nan_to_num(np.asarray(image).astype(np.float32), posinf=0.0, neginf=0.0)
    peak = float(grey.max(initial=0.0))
    if image.mode.startswith("I;16") or (image.mode == "I" and 255 < peak <= 65_535):
        white = 65_535.0
    elif image.mode == "F" and peak <= 1:
        white = 1.0
    else:
        white = max(peak, 255.0)
    eight_bits = np.clip(np.rint(grey * (255.0 / white)), 0, 255).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        eight_bits[np.asarray(image) == transparent] = 255
    return Image.fromarray(eight_bits, "L").convert("RGB")


def _cmyk_to_rgb(image: Image.Image) -> Image.Image:
    """By the image's own colour profile where it has a usable one, else by plain subtraction."""
    profile = image.info.get("icc_profile")
    if profile:
        try:
            converted = ImageCms.profileToProfile(
                image, io.BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
        except (ImageCms.PyCMSError, OSError, ValueError):
            converted = None
        if converted is not None:
            return converted
    return image.convert("RGB")


_PILLOW_MODULES = r"PIL\."
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", module=_PILLOW_MODULES)
    _PILLOW_IGNORED = warnings.filters[0]
