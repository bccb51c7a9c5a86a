"""From whatever a decoder gives to RGB of 8 bits, upright."""

import io

import numpy as np
from PIL import Image, ImageCms

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
SIDEWAYS = frozenset(
    {
        Image.Transpose.TRANSPOSE,
        Image.Transpose.ROTATE_270,
        Image.Transpose.TRANSVERSE,
        Image.Transpose.ROTATE_90,
    }
)
"""The turns that swap width and height."""


def turn_of(image: Image.Image) -> Image.Transpose | None:
    """What makes the image upright by its EXIF orientation; None where nothing is to be done."""
    try:
        orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:  # Broken EXIF data says nothing about the picture, which may decode well.
        return None
    return _ORIENTATIONS.get(orientation) if isinstance(orientation, int) else None


def to_rgb(image: Image.Image) -> Image.Image:
    """Any mode to RGB of 8 bits: transparency on white, CMYK by its profile, deep grey scaled."""
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
    return Image.fromarray(eight_bits).convert("RGB")


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
