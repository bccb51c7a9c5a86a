"""The twelve colour words and the paint behind them."""

import colorsys
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

Rgb = tuple[int, int, int]

PAINT: Mapping[str, Rgb] = MappingProxyType(
    {
        "black": (40, 40, 44),
        "white": (247, 246, 243),
        "grey": (146, 149, 154),
        "navy": (30, 42, 86),
        "blue": (47, 116, 210),
        "red": (206, 38, 46),
        "pink": (245, 152, 184),
        "green": (48, 142, 80),
        "yellow": (250, 212, 52),
        "orange": (242, 120, 28),
        "brown": (116, 72, 46),
        "purple": (126, 66, 168),
    }
)
COLOURS: tuple[str, ...] = tuple(PAINT)

# Colours that read well as a motif on each ground; the first is the commonest.
CONTRAST: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "black": ("white", "grey", "red", "yellow", "pink"),
        "white": ("navy", "black", "red", "blue", "green", "pink"),
        "grey": ("white", "black", "yellow", "pink"),
        "navy": ("white", "yellow", "pink"),
        "blue": ("white", "navy", "yellow", "orange"),
        "red": ("white", "navy", "black"),
        "pink": ("white", "red", "purple", "black"),
        "green": ("white", "yellow", "navy", "pink"),
        "yellow": ("white", "black", "navy", "orange"),
        "orange": ("white", "navy", "black"),
        "brown": ("white", "yellow", "pink"),
        "purple": ("white", "pink", "yellow", "black"),
    }
)

SILVER: Rgb = (196, 200, 206)
GOLD: Rgb = (214, 174, 92)
THREAD: Rgb = (222, 160, 84)
RUBBER: Rgb = (250, 249, 246)
GUM: Rgb = (206, 160, 108)


def mix(one: Rgb, other: Rgb, share: float) -> Rgb:
    """Blend `share` (0 to 1) of `other` into `one`."""
    keep = 1.0 - share
    return (
        round(one[0] * keep + other[0] * share),
        round(one[1] * keep + other[1] * share),
        round(one[2] * keep + other[2] * share),
    )


def darker(rgb: Rgb, share: float) -> Rgb:
    """Blend towards a warm black."""
    return mix(rgb, (18, 14, 20), share)


def lighter(rgb: Rgb, share: float) -> Rgb:
    """Blend towards white."""
    return mix(rgb, (255, 255, 255), share)


def luminance(rgb: Rgb) -> float:
    """Perceived lightness, 0 (black) to 1 (white)."""
    return (0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]) / 255.0


def shaded(colour: str, rng: np.random.Generator) -> Rgb:
    """One dye lot of a colour: a little off in hue, saturation and value, never off in name."""
    red, green, blue = (part / 255.0 for part in PAINT[colour])
    hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
    hue = (hue + float(rng.uniform(-0.011, 0.011))) % 1.0
    saturation = min(1.0, saturation * float(rng.uniform(0.92, 1.06)))
    value = min(1.0, value * float(rng.uniform(0.94, 1.06)))
    if colour == "white":
        value = max(value, 0.95)
    dyed = colorsys.hsv_to_rgb(hue, saturation, value)
    return (round(dyed[0] * 255), round(dyed[1] * 255), round(dyed[2] * 255))


def toned(rgb: Rgb) -> Rgb:
    """Return a second tone of the same colour, far enough away to show as a motif."""
    if luminance(rgb) > 0.62:
        return darker(rgb, 0.26)
    return lighter(rgb, 0.42)


def line_for(rgb: Rgb) -> Rgb:
    """Seam and contour paint for a ground: darker on light cloth, lighter on near-black."""
    light = luminance(rgb)
    if light < 0.24:
        return lighter(rgb, 0.30)
    if light > 0.9:
        return (158, 158, 166)
    return darker(rgb, 0.42)
