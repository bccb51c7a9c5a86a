"""Which format a file has, by how it begins; and what to do about those that are not read."""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
    features,
)

from search.errors import ImageUnreadableError

_HEAD = 1024


@dataclass(frozen=True, slots=True)
class Format:
    """A file format: how its files begin, and what opens them (reads the header only)."""

    name: str
    begins: Callable[[bytes], bool]
    open: Callable[[io.BytesIO], ImageFile.ImageFile]


def _is_webp(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def _brands(head: bytes) -> set[bytes]:
    """The brands of a file of the ISO family (AVIF, HEIC, MP4), the empty set of others."""
    if head[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(head[:4], "big"), 64)
    return {head[8:12], *(head[start : start + 4] for start in range(16, end, 4))}


def _is_avif(head: bytes) -> bool:
    return not _brands(head).isdisjoint((b"avif", b"avis"))


def _open_avif(file: io.BytesIO) -> ImageFile.ImageFile:
    from PIL import AvifImagePlugin

    return AvifImagePlugin.AvifImageFile(file)


# The plugins are called directly, because Image.open has limits of its own that are global to the
# process and that no setting of ours could raise.
_FORMATS: tuple[Format, ...] = (
    Format("JPEG", lambda head: head[:3] == b"\xff\xd8\xff", JpegImagePlugin.JpegImageFile),
    Format("PNG", lambda head: head[:8] == b"\x89PNG\r\n\x1a\n", PngImagePlugin.PngImageFile),
    Format("WebP", _is_webp, WebPImagePlugin.WebPImageFile),
    Format("GIF", lambda head: head[:6] in (b"GIF87a", b"GIF89a"), GifImagePlugin.GifImageFile),
    Format("BMP", lambda head: head[:2] == b"BM", BmpImagePlugin.BmpImageFile),
    Format(
        "TIFF",
        lambda head: head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        TiffImagePlugin.TiffImageFile,
    ),
    *((Format("AVIF", _is_avif, _open_avif),) if features.check("avif") else ()),
)
_KNOWN = ", ".join(form.name for form in _FORMATS)
_CONVERT = f"Convert it to one of {_KNOWN}."
_AGAIN = "Copy or download it again."
_NOT_A_PICTURE = "Give the picture itself: its own file, or its own address."


def _starts(*beginnings: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(beginnings)


def _text_with(pattern: bytes) -> Callable[[bytes], bool]:
    search = re.compile(pattern, re.IGNORECASE).search
    return lambda head: _is_text(head) and search(head) is not None


def _is_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:
            return False
        text = head[: error.start].decode("utf-8")
    return all(mark.isprintable() or mark in "\t\n\r\f\ufeff" for mark in text)


# What is often found where a picture should be: how it begins, what it is, what to do about it.
_OTHERS: tuple[tuple[Callable[[bytes], bool], str, str], ...] = (
    (_is_avif, "an AVIF image, which this build of Pillow does not read", _CONVERT),
    (
        lambda head: not _brands(head).isdisjoint((b"heic", b"heix", b"hevc", b"mif1", b"msf1")),
        "a HEIC image, which is not read",
        _CONVERT,
    ),
    (lambda head: bool(_brands(head)), "a video", "Take one of its frames as the picture."),
    (_text_with(rb"<svg[\s>]"), "an SVG drawing, which has no pixels of its own", _CONVERT),
    (
        _text_with(rb"<!doctype html|<html|<head|<body"),
        "a web page, not an image",
        f"Its address may be gone or want a login. {_NOT_A_PICTURE}",
    ),
    (_text_with(rb"^\W*<(\?xml|[a-z])"), "an XML document, not an image", _NOT_A_PICTURE),
    (_starts(b"%PDF-"), "a PDF document, not an image", "Export its page as a picture."),
    (_starts(b"8BPS"), "a Photoshop document, which is not read", _CONVERT),
    (_starts(b"\xff\x0a", b"\0\0\0\x0cJXL "), "a JPEG XL image, which is not read", _CONVERT),
    (
        _starts(b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"),
        "a JPEG 2000 image, which is not read",
        _CONVERT,
    ),
    (_starts(b"\0\0\x01\0", b"\0\0\x02\0"), "an icon file, which is not read", _CONVERT),
    (
        _starts(b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"7z\xbc\xaf", b"Rar!", b"\xfd7zXZ"),
        "an archive, not an image",
        "Unpack it, and name the pictures in it.",
    ),
    (lambda head: not head.strip(b"\0"), "no image: it begins with zero bytes", _AGAIN),
    (_is_text, "text, not an image", _NOT_A_PICTURE),
)


def format_of(data: bytes, name: str) -> Format:
    """The format of an image file.

    Raises:
        ImageUnreadableError: empty, or of none of the formats that are read; the hint says what
            to do about what it is instead.
    """
    if not data:
        raise ImageUnreadableError(
            f"{name} is empty (0 bytes).",
            hint=_AGAIN,
            details={"image": name},
        )
    head = data[:_HEAD]
    for form in _FORMATS:
        if form.begins(head):
            return form
    for is_it, what, cure in _OTHERS:
        if is_it(head):
            raise ImageUnreadableError(f"{name} is {what}.", hint=cure, details={"image": name})
    raise ImageUnreadableError(
        f"{name} is not an image of a known format.",
        hint=f"Formats that are read: {_KNOWN}.",
        details={"image": name},
    )
