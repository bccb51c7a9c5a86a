"""Heat maps as pictures: the picture with its warm places coloured."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from search.explaining.heatmaps import HeatMap

COLOURS = (
    (0.0, (40, 20, 110)),
    (0.35, (140, 30, 140)),
    (0.65, (235, 85, 55)),
    (1.0, (255, 225, 90)),
)
"""From cold to warm, as shares of the strongest place."""

STRONGEST = 0.7
"""How much of the warmest place's colour is the map's; of the coldest it is nothing."""


LEAST_SPAN = 0.15
"""Cosine similarities that differ by less than this over a picture are not told apart in it."""


def span_of(maps: Sequence[HeatMap]) -> tuple[float, float]:
    """The coldest and the warmest value for maps of one picture, drawn beside each other.

    Cold is the mean of all their values, warm the largest: a word that is nowhere in the picture
    stays cold beside one that is found.
    """
    values = np.concatenate([each.values.ravel() for each in maps])
    low = float(values.mean())
    return low, max(float(values.max()), low + LEAST_SPAN)


def overlay(image: Image.Image, heat: HeatMap, *, span: tuple[float, float]) -> Image.Image:
    """The picture, in grey, with the map over it; RGB, of the picture's size.

    `span` are the values that are coldest and warmest: give the maps of one picture the same one
    (`span_of`), and a word that is nowhere in it stays cold.
    """
    low, high = span
    values = heat.over(*image.size)
    warmth = np.clip((values - low) / max(high - low, 1e-6), 0, 1)
    grey = np.asarray(image.convert("L"), dtype=np.float32)[..., None]
    share = STRONGEST * warmth[..., None]
    mixed = (1 - share) * grey + share * _coloured(warmth)
    return Image.fromarray(np.asarray(mixed.round(), dtype=np.uint8), "RGB")


def _coloured(warmth: NDArray[np.float32]) -> NDArray[np.float32]:
    """The colour of each value between 0 and 1, `(height, width, 3) float32`."""
    places = [place for place, _ in COLOURS]
    channels = [
        np.interp(warmth, places, [colour[channel] for _, colour in COLOURS])
        for channel in range(3)
    ]
    return np.stack(channels, axis=-1).astype(np.float32)
