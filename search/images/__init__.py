"""Bytes of unknown origin to a checked RGB image.

Everything that gets an image from outside (a catalogue, a query, an upload) goes through here, so
that limits and looks are the same on every path. What an image is, is decided by its content and
never by its name. Sizes are checked from the header, before a pixel is decoded.
"""

from search.images.apart import decoding_apart
from search.images.cropping import LEAST_PIXELS, cropped, enlarged
from search.images.decoding import (
    DECODING,
    DEFAULT_MAX_BYTES,
    DEFAULT_MAX_PIXELS,
    ImageLimits,
    decode_image,
    extent_of,
    load_image,
    read_image_bytes,
    read_image_file,
)

__all__ = [
    "DECODING",
    "DEFAULT_MAX_BYTES",
    "DEFAULT_MAX_PIXELS",
    "LEAST_PIXELS",
    "ImageLimits",
    "cropped",
    "decode_image",
    "decoding_apart",
    "enlarged",
    "extent_of",
    "load_image",
    "read_image_bytes",
    "read_image_file",
]
