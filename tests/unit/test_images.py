import io
import os
import struct
import subprocess
import sys
import time
import tracemalloc
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from search.errors import ImageTooLargeError, ImageUnreadableError
from search.images import ImageLimits, decode_image, load_image, read_image_bytes

ROOT = Path(__file__).parents[2]
LIMITS = ImageLimits(max_bytes=10_000_000, max_pixels=1_000_000)
SAVED = {
    "JPEG": {"quality": 95},
    "PNG": {},
    "WEBP": {"lossless": True},
    "GIF": {},
    "BMP": {},
    "TIFF": {},
    **({"AVIF": {"quality": 95}} if features.check("avif") else {}),
}


def halves(size: tuple[int, int] = (40, 30)) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", size, (220, 20, 20))
    image.paste((20, 20, 220), (size[0] // 2, 0, *size))
    return image


def saved(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def noise(size: tuple[int, int], seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels, "RGB")


def assert_halves(image: Image.Image, tolerance: int = 12) -> None:
    assert image.mode == "RGB"
    width, height = image.size
    left, right = image.getpixel((2, height // 2)), image.getpixel((width - 3, height // 2))
    np.testing.assert_allclose(left, (220, 20, 20), atol=tolerance)
    np.testing.assert_allclose(right, (20, 20, 220), atol=tolerance)


@pytest.mark.parametrize("form", SAVED)
def test_every_format_is_known_by_its_content(form: str) -> None:
    image = decode_image(saved(halves(), form, **SAVED[form]), LIMITS)
    assert image.size == (40, 30)
    assert_halves(image)


@pytest.mark.parametrize("form", SAVED)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_truncated_files_are_refused_whatever_the_format(form: str, share: float) -> None:
    data = saved(noise((200, 150)), form, **SAVED[form])
    with pytest.raises(ImageUnreadableError, match=r"cap\.img") as refused:
        decode_image(data[: int(len(data) * share)], LIMITS, name="cap.img")
    assert "truncated" in str(refused.value) or "is not a whole" in str(refused.value)


def test_a_truncated_jpeg_is_named_and_called_truncated() -> None:
    data = saved(noise((200, 150)), "JPEG")[:-2000]
    with pytest.raises(ImageUnreadableError, match=r"shoe\.jpg .*truncated"):
        decode_image(data, LIMITS, name="shoe.jpg")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "TIFF", "PNG", "WEBP"])
def test_exif_orientation_is_applied(form: str, orientation: int) -> None:
    upright = halves((40, 30))
    upright.paste((0, 160, 0), (0, 0, 40, 10))
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = upright if undo is None else upright.transpose(undo)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}.get(form, {})
    image = decode_image(saved(stored, form, exif=exif, **options), LIMITS)
    assert image.size == (40, 30)
    np.testing.assert_allclose(
        np.asarray(image).astype(int), np.asarray(upright).astype(int), atol=40
    )


def test_broken_exif_does_not_cost_the_picture() -> None:
    data = saved(halves(), "JPEG", quality=95, exif=b"Exif\0\0II*\0\xff\xff\xff\x7f" + b"\xff" * 40)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_halves(decode_image(data, LIMITS))


def test_transparency_lies_on_white() -> None:
    image = Image.new("RGBA", (4, 1))
    image.putdata([(0, 0, 0, 0), (255, 0, 0, 128), (255, 0, 0, 255), (9, 9, 9, 0)])
    for form in ("PNG", "WEBP", "TIFF"):
        options = {"lossless": True, "exact": True} if form == "WEBP" else {}
        decoded = np.asarray(decode_image(saved(image, form, **options), LIMITS))[0]
        expected = [(255, 255, 255), (255, 127, 127), (255, 0, 0), (255, 255, 255)]
        np.testing.assert_allclose(decoded, expected, atol=1)


def test_palettes_with_transparency_lie_on_white() -> None:
    palette = Image.new("P", (3, 1))
    palette.putpalette([0, 0, 0, 200, 0, 0, 0, 0, 200])
    palette.putdata([0, 1, 2])
    expected = [(255, 255, 255), (200, 0, 0), (0, 0, 200)]
    for form in ("PNG", "GIF"):
        decoded = decode_image(saved(palette, form, transparency=0), LIMITS)
        np.testing.assert_array_equal(np.asarray(decoded)[0], expected)
    partly = decode_image(saved(palette, "PNG", transparency=b"\x00\xff\x80"), LIMITS)
    np.testing.assert_allclose(
        np.asarray(partly)[0], [(255, 255, 255), (200, 0, 0), (127, 127, 227)], atol=1
    )


def test_grey_with_alpha_and_black_and_white() -> None:
    grey = Image.new("LA", (2, 1))
    grey.putdata([(50, 255), (50, 0)])
    np.testing.assert_array_equal(
        np.asarray(decode_image(saved(grey), LIMITS))[0], [(50, 50, 50), (255, 255, 255)]
    )
    line = Image.new("1", (2, 1))
    line.putdata([0, 255])
    np.testing.assert_array_equal(
        np.asarray(decode_image(saved(line), LIMITS))[0], [(0, 0, 0), (255, 255, 255)]
    )


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_grey_of_16_bits_is_scaled_not_clipped(form: str) -> None:
    ramp = np.linspace(0, 65_535, 256).astype(np.uint16)[None, :].repeat(4, axis=0)
    decoded = np.asarray(decode_image(saved(Image.fromarray(ramp), form), LIMITS))
    np.testing.assert_allclose(decoded[0, :, 0], np.arange(256), atol=1)


def test_float_tiffs_are_scaled() -> None:
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None, :]
    for scale in (1.0, 255.0):
        data = saved(Image.fromarray(ramp * np.float32(scale)), "TIFF")
        decoded = np.asarray(decode_image(data, LIMITS))
        np.testing.assert_allclose(decoded[0, :, 1], np.arange(256), atol=1)


def test_cmyk_with_and_without_a_profile() -> None:
    cmyk = halves().convert("CMYK")
    assert_halves(decode_image(saved(cmyk, "JPEG", quality=95), LIMITS), tolerance=20)
    # A profile that is not CMYK's cannot be applied, and does not cost the picture.
    wrong = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert_halves(decode_image(saved(cmyk, "TIFF", icc_profile=wrong), LIMITS), tolerance=20)


def test_of_an_animation_it_is_the_first_frame() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ((250, 0, 0), (0, 250, 0))]
    for form in ("GIF", "WEBP", "PNG"):
        options = {"lossless": True} if form == "WEBP" else {}
        data = saved(frames[0], form, save_all=True, append_images=frames[1:], **options)
        assert decode_image(data, LIMITS).getpixel((3, 3)) == pytest.approx((250, 0, 0), abs=5)


def png_bomb(width: int, height: int) -> bytes:
    """A small PNG that says it is width x height and holds that many zeros, in a few KB."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    row = b"\0" * (1 + width // 8)
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(row) for _ in range(2_000)) + packer.flush()
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(50_000, 50_000), (12_000, 9_000), (1_001, 1_000)])
def test_pixel_bombs_are_refused_from_the_header(size: tuple[int, int]) -> None:
    data = png_bomb(*size)
    assert len(data) < 100_000
    tracemalloc.start()
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ImageTooLargeError, match=f"{size[0]:,} x {size[1]:,}") as refused:
            decode_image(data, LIMITS, name="bomb.png")
    took = time.perf_counter() - started
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert took < 1
    assert peak < 5_000_000
    assert "bomb.png" in str(refused.value)
    assert refused.value.details["width"] == size[0]


@pytest.mark.parametrize("form", ["WEBP", "GIF", "BMP", "TIFF", "JPEG"])
def test_the_pixel_limit_holds_for_every_format(form: str) -> None:
    with pytest.raises(ImageTooLargeError):
        decode_image(saved(Image.new("RGB", (1_100, 1_000)), form), LIMITS)
    exact = saved(Image.new("RGB", (1_000, 1_000)), form)
    assert decode_image(exact, LIMITS).size == (1_000, 1_000)


def test_our_limit_counts_and_not_pillows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for form in ("JPEG", "PNG", "BMP"):
        data = saved(halves(), form, **SAVED[form])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert decode_image(data, LIMITS).size == (40, 30)
    # Some of Pillow's readers ask for its own limit: all versions of GIFs whose frame is larger
    # than their screen, and of WebP those from 12 on. That too is said in our words.
    beyond = bytearray(saved(halves(), "GIF"))
    beyond[6:10] = struct.pack("<HH", 20, 20)
    with pytest.raises(ImageTooLargeError, match="more pixels than Pillow decodes"):
        decode_image(bytes(beyond), LIMITS)


def test_too_many_bytes_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(50_000_000_000)  # Sparse: takes no room.
    with pytest.raises(ImageTooLargeError, match=r"huge\.png .*50,000,000,000 bytes"):
        read_image_bytes(path, LIMITS)
    with pytest.raises(ImageTooLargeError, match="upload"):
        decode_image(b"\0" * 11, ImageLimits(max_bytes=10), name="upload")


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageUnreadableError, match=r"gone\.png does not exist"):
        load_image(tmp_path / "gone.png", LIMITS)
    with pytest.raises(ImageUnreadableError, match="is a folder"):
        load_image(tmp_path, LIMITS)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ImageUnreadableError, match="not a regular file"):
        load_image(tmp_path / "pipe", LIMITS)
    with pytest.raises(ImageUnreadableError, match="cannot be read"):
        load_image(tmp_path / ("x" * 300), LIMITS)
    with pytest.raises(ImageUnreadableError, match="cannot be read"):
        load_image(Path("a\0b"), LIMITS)


@pytest.mark.parametrize(
    "data",
    [b"", b"\0", b"<html>404</html>", b"GIF89a", b"BM", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n",
     b"RIFF\0\0\0\0WEBPVP8 ", b"II*\0\xff\xff\xff\xff", b"\0\0\0\x18ftypavif" + b"\0" * 40],
)  # fmt: skip
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(ImageUnreadableError, match=r"^row 7 "):
        decode_image(data, LIMITS, name="row 7")


def test_damaged_images_are_refused_or_decoded_but_never_crash() -> None:
    random = np.random.default_rng(5)
    for form in SAVED:
        clean = saved(noise((60, 50)), form)
        for _ in range(60):
            data = bytearray(clean)
            for at in random.integers(0, len(data), 8):
                data[at] = random.integers(0, 256)
            try:
                image = decode_image(bytes(data), LIMITS)
            except (ImageUnreadableError, ImageTooLargeError):
                continue
            assert image.mode == "RGB"


def test_many_threads_may_decode() -> None:
    data = [saved(noise((64, 48), seed), "JPEG", quality=90) for seed in range(16)]
    alone = [np.asarray(decode_image(one, LIMITS)) for one in data]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda one: np.asarray(decode_image(one, LIMITS)), data * 4))
    for one, other in zip(together, alone * 4, strict=True):
        np.testing.assert_array_equal(one, other)


def test_pillow_logs_nothing_of_a_broken_image(capfd: pytest.CaptureFixture[str]) -> None:
    """A TIFF of 51,200 samples a pixel: Pillow says so in its log, which names no image."""
    data = bytearray(saved(halves(), "TIFF"))
    (entries,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, entries)
    tags = [entries + 2 + 12 * number for number in range(count)]
    (samples,) = (tag for tag in tags if struct.unpack_from("<H", data, tag) == (277,))
    struct.pack_into("<H", data, samples + 8, 51_200)
    script = (
        "import sys; from search.images import ImageLimits, decode_image\n"
        "try: decode_image(sys.stdin.buffer.read(), ImageLimits())\n"
        "except Exception as error: print(error.code)"
    )
    # A process of its own: logging was set up in this one.
    subprocess.run([sys.executable, "-c", script], input=bytes(data), check=True, cwd=ROOT)
    assert capfd.readouterr() == ("image_unreadable\n", "")
