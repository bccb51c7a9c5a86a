"""Where in a picture a text is found: the model's view of each place, compared with the text."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from search.encoders.base import Encoder, View
from search.encoders.known_texts import embed_known

Grid = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class HeatMap:
    """How much each place of a picture shows of a text.

    `values` is `(rows, columns) float32`, the cosine similarity of text and place, in a grid over
    `view`: the part of the picture that the model sees, in pixels of the picture, which reaches
    beyond it where the model pads. `size` is the picture's width and height.
    """

    text: str
    values: Grid
    view: View
    size: tuple[int, int]

    def over(self, width: int, height: int) -> Grid:
        """The values over the picture at another size, `(height, width) float32`, interpolated.

        What the model pads is left out; what it cuts off has the values of the edge beside it.
        """
        rows, columns = self.values.shape
        left, top, right, bottom = self.view
        down = _weights(height, self.size[1], rows, top, bottom)
        across = _weights(width, self.size[0], columns, left, right)
        return np.asarray(down @ self.values @ across.T, dtype=np.float32)

    def peak(self) -> tuple[float, float]:
        """Where it is found most, as x and y in pixels of the picture."""
        side = 64
        values = self.over(side, side)
        y, x = np.unravel_index(int(values.argmax()), values.shape)
        width, height = self.size
        return (float(x) + 0.5) * width / side, (float(y) + 0.5) * height / side


def heat_maps(encoder: Encoder, image: Image.Image, texts: Sequence[str]) -> tuple[HeatMap, ...]:
    """One map for each text, in order. `image` is RGB, as `search.images.load_image` gives it.

    Raises:
        UnsupportedError: the model does not keep the places of a picture apart.
    """
    if not texts:
        return ()
    [places] = encoder.encode_places(encoder.preprocess_places([image]))
    norms = np.linalg.norm(places, axis=-1, keepdims=True)
    wanted = embed_known(encoder, list(texts))
    values = np.moveaxis(places / np.maximum(norms, 1e-12) @ wanted.T, -1, 0)
    view = encoder.view(image.size)
    return tuple(
        HeatMap(text, np.asarray(grid, dtype=np.float32), view, image.size)
        for text, grid in zip(texts, values)
    )


def _weights(count: int, extent: int, cells: int, start: float, end: float) -> Grid:
    """How much each of `count` pixels along an axis takes of each cell, `(count, cells)`."""
    at = (np.arange(count) + 0.5) * extent / count
    place = np.clip((at - start) / (end - start) * cells - 0.5, 0, cells - 1)
    weights = np.maximum(0, 1 - np.abs(place[:, None] - np.arange(cells)))
    return np.asarray(weights, dtype=np.float32)
