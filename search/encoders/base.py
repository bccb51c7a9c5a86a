"""What vitrine asks of an encoder. Nothing here imports torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Embeddings = NDArray[np.float32]
"""`(n, dim) float32`, each row L2-normalised."""

Pixels = NDArray[np.float32]
"""`(n, 3, height, width) float32`, resized and normalised as the model wants it."""


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which embedding space a vector belongs to.

    Two encoders with the same `fingerprint` put the same image at the same place. `name` is what
    to pass to load the model again; it takes no part in the comparison of spaces.
    """

    name: str
    fingerprint: str
    dim: int


class Encoder(Protocol):
    """Images and texts into one space. Safe to call from several threads."""

    @property
    def identity(self) -> ModelIdentity:
        """Name, fingerprint and dim of the model."""

    @property
    def dim(self) -> int:
        """Length of every embedding."""

    @property
    def context_length(self) -> int:
        """Most tokens of a text that the model reads, its start and end marks included."""

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts, in order; what exceeds the context is cut off (see `truncated`)."""

    def truncated(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text is longer than the context."""

    def encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        """Embed RGB images, in order: `encode_pixels` of `preprocess`."""

    def preprocess(self, images: Sequence[Image.Image]) -> Pixels:
        """Resize and normalise RGB images as the model's own config says. CPU work only."""

    def encode_pixels(self, pixels: Pixels) -> Embeddings:
        """Embed a batch that `preprocess` made, in order."""
