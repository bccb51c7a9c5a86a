"""Files as catalogues really have them where a picture should be: drawn from a seed, with names."""

import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms, features

PICTURE = (40, 30)
"""Width and height of the pictures that are spoilt, in pixels."""


@dataclass(frozen=True, slots=True)
class BadImage:
    """A file: what was done to it, and its bytes. `number` draws the same file again."""

    number: int
    kind: str
    data: bytes


def bad_images(count: int, seed: int = 0) -> Iterator[BadImage]:
    """`count` files, every kind about equally often, the same ones for the same seed."""
    kinds = list(_KINDS)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        yield BadImage(number, kind, _KINDS[kind](random.Random(f"{seed}/{number}")))


def picture(rng: random.Random, size: tuple[int, int] = PICTURE, mode: str = "RGB") -> Image.Image:
    """A picture of a few blocks of colour with some noise."""
    noise = np.random.default_rng(rng.randrange(2**32))
    blocks = noise.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    image = Image.fromarray(blocks).resize(size, Image.Resampling.BICUBIC)
    grain = noise.integers(-8, 8, (size[1], size[0], 3))
    values = np.clip(np.asarray(image).astype(int) + grain, 0, 255).astype(np.uint8)
    return Image.fromarray(values).convert(mode)


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    """The picture as a file."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


_FORMS: tuple[tuple[str, dict[str, object]], ...] = (
    ("JPEG", {}),
    ("JPEG", {"progressive": True, "quality": 60}),
    ("PNG", {}),
    ("WEBP", {}),
    ("WEBP", {"lossless": True}),
    ("GIF", {}),
    ("BMP", {}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("TIFF", {"compression": "jpeg"}),
    *((("AVIF", {"speed": 10}),) if features.check("avif") else ()),
)


def _any_file(rng: random.Random) -> bytes:
    form, options = rng.choice(_FORMS)
    return saved(picture(rng), form, **options)


def _flipped(rng: random.Random) -> bytes:
    data = bytearray(_any_file(rng))
    for _ in range(rng.choice((1, 2, 8, 64))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _flipped_head(rng: random.Random) -> bytes:
    data = bytearray(_any_file(rng))
    for _ in range(rng.choice((1, 3, 10))):
        data[rng.randrange(min(len(data), 80))] = rng.choice((0, 1, 127, 128, 255))
    return bytes(data)


def _truncated(rng: random.Random) -> bytes:
    data = _any_file(rng)
    return data[: rng.randrange(1, len(data))]


def _spliced(rng: random.Random) -> bytes:
    one, other = _any_file(rng), _any_file(rng)
    return one[: rng.randrange(2, min(len(one), 60))] + other[rng.randrange(len(other)) :]


def _repeated(rng: random.Random) -> bytes:
    data = _any_file(rng)
    start = rng.randrange(len(data))
    end = rng.randrange(start, len(data)) + 1
    return data[:end] + data[start:end] * rng.choice((1, 2, 20)) + data[end:]


def _hole(rng: random.Random) -> bytes:
    data = bytearray(_any_file(rng))
    start = rng.randrange(2, len(data))
    data[start : start + 50] = b"\0" * len(data[start : start + 50])
    return bytes(data)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _bomb(rng: random.Random) -> bytes:
    side = rng.choice((20_000, 65_500, 2**31 - 1))
    kind = rng.choice(("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "body"))
    if kind == "PNG":
        header = struct.pack(">IIBBBBB", side, side, rng.choice((1, 8, 16)), 0, 0, 0, 0)
        body = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b"\0" * 100_000))
        return b"\x89PNG\r\n\x1a\n" + body + png_chunk(b"IEND", b"")
    if kind == "body":  # More than its header says: it ends with the picture.
        header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
        body = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b"\0" * 3_000_000))
        return b"\x89PNG\r\n\x1a\n" + body + png_chunk(b"IEND", b"")
    data = bytearray(saved(picture(rng), kind))
    wide = struct.pack("<H", 65_000)
    if kind == "JPEG":
        frame = data.index(b"\xff\xc0")
        data[frame + 5 : frame + 9] = b"\xfd\xe8\xfd\xe8"
    elif kind == "GIF":
        data[6:10] = wide + wide
        frame = data.index(b",")
        data[frame + 5 : frame + 9] = wide + wide
    elif kind == "BMP":
        data[18:26] = struct.pack("<ii", min(side, 2**31 - 1), 65_000)
    elif kind == "TIFF":
        at = data.index(struct.pack("<HHI", 256, 4, 1)) if b"\0\1\4\0" in data else 8
        data[at + 8 : at + 12] = struct.pack("<I", 2**31 - 1)
    else:
        data[26:30] = b"\xff\x3f\xff\x3f"
    return bytes(data)


def _animated(rng: random.Random) -> bytes:
    frames = [picture(rng) for _ in range(3)]
    form = rng.choice(("GIF", "WEBP", "PNG", *(("AVIF",) if features.check("avif") else ())))
    data = saved(frames[0], form, save_all=True, append_images=frames[1:])
    return data if rng.random() < 0.3 else data[: rng.randrange(1, len(data))]


def _odd_mode(rng: random.Random) -> bytes:
    mode, form = rng.choice(
        (("CMYK", "JPEG"), ("CMYK", "TIFF"), ("P", "PNG"), ("P", "GIF"), ("1", "PNG"),
         ("1", "TIFF"), ("L", "JPEG"), ("LA", "PNG"), ("RGBA", "PNG"), ("RGBA", "WEBP"),
         ("F", "TIFF"), ("I", "TIFF"), ("LAB", "TIFF"), ("YCbCr", "TIFF"), ("I;16", "PNG"))
    )  # fmt: skip
    image = picture(rng)
    if mode == "I;16":
        deep = np.random.default_rng(1).integers(0, 65_536, (30, 40), dtype=np.uint16)
        image = Image.fromarray(deep)
    elif mode == "LAB":
        image = ImageCms.profileToProfile(
            image,
            ImageCms.createProfile("sRGB"),
            ImageCms.createProfile("LAB"),
            outputMode="LAB",
        )
    else:
        image = image.convert(mode)
    data = bytearray(saved(image, form))
    if rng.random() < 0.5:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _odd_metadata(rng: random.Random) -> bytes:
    junk = rng.randbytes(rng.choice((1, 40, 4_000)))
    form = rng.choice(("JPEG", "PNG", "WEBP"))
    if rng.random() < 0.5:
        icc = rng.choice((junk, ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()))
        broken = icc[: rng.randrange(1, len(icc) + 1)]
        mode = rng.choice(("RGB", "CMYK")) if form == "JPEG" else "RGB"
        return saved(picture(rng, mode=mode), form, icc_profile=broken)
    exif = Image.Exif()
    exif[0x0112] = rng.choice((0, 3, 6, 8, 9, 65_535))
    exif[0x010E] = "x" * rng.choice((1, 1_000))
    whole = exif.tobytes()
    spoilt = whole[:20] + junk if rng.random() < 0.7 else whole[: rng.randrange(8, len(whole))]
    return saved(picture(rng), form, exif=rng.choice((whole, spoilt)))


def _odd_size(rng: random.Random) -> bytes:
    size = rng.choice(((1, 1), (1, 20_000), (20_000, 1), (2, 3), (1, 257), (7_000, 2)))
    form = rng.choice([one for one in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP")])
    if form == "WEBP":
        size = (min(size[0], 16_383), min(size[1], 16_383))
    return saved(Image.new("RGB", size, (rng.randrange(256), 90, 20)), form)


_TEXTS = (
    b"<!DOCTYPE html><html><head><title>404</title></head><body>Not found</body></html>",
    b"\xef\xbb\xbf\r\n  <html lang='en'><body>Log in</body></html>",
    b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    b"<svg viewBox='0 0 1 1'><image href='file:///etc/passwd'/></svg>",
    b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
    b'{"error": "image not found"}',
    b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n",
    b"https://shop.example/pictures/1.jpg\n",
    "not a picture: \u00e9t\u00e9 \u8d64".encode(),
    "UTF-16 text".encode("utf-16"),
)


def _other_kind(rng: random.Random) -> bytes:
    binary = (
        b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf" + rng.randbytes(200),
        b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + rng.randbytes(200),
        b"\0\0\0\x0cJXL \r\n\x87\n" + rng.randbytes(60),
        b"\0\0\0\x0cjP  \r\n\x87\n" + rng.randbytes(60),
        b"PK\x03\x04" + rng.randbytes(100),
        b"\x1f\x8b\x08" + rng.randbytes(50),
        b"8BPS\0\1" + rng.randbytes(50),
        b"\0\0\1\0\1\0" + rng.randbytes(50),
        b"\0" * rng.choice((1, 100, 5_000)),
        b"\xff" * 300,
        rng.randbytes(rng.choice((1, 7, 300))),
        b"",
    )
    return rng.choice(_TEXTS) if rng.random() < 0.5 else rng.choice(binary)


def _polyglot(rng: random.Random) -> bytes:
    """The start of one format before something else, or a whole picture with something behind."""
    starts = (
        b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0\x08\0\0\0",
        b"MM\0*\0\0\0\x08", b"RIFF\x24\0\0\0WEBPVP8 ", b"\0\0\0\x1cftypavif",
    )  # fmt: skip
    behind = rng.choice((*_TEXTS, rng.randbytes(500), _any_file(rng)))
    before = rng.choice(starts) if rng.random() < 0.6 else _any_file(rng)
    return before + behind


_KINDS: dict[str, Callable[[random.Random], bytes]] = {
    "bits flipped": _flipped,
    "head spoilt": _flipped_head,
    "truncated": _truncated,
    "two files spliced": _spliced,
    "a part repeated": _repeated,
    "a hole of zeros": _hole,
    "says it is huge": _bomb,
    "animated": _animated,
    "odd mode": _odd_mode,
    "odd metadata": _odd_metadata,
    "odd size": _odd_size,
    "another kind of file": _other_kind,
    "polyglot": _polyglot,
}
