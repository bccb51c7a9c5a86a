"""What vitrine asks of an encoder. Nothing here imports torch."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Embeddings = NDArray[np.float32]
"""`(n, dim) float32`, each row L2-normalised."""

Pixels = NDArray[np.uint8]
"""`(n, 3, height, width) uint8`, RGB, resized and cropped or padded as the model wants it."""


Places = NDArray[np.float32]
"""`(n, rows, columns, dim) float32`, in the joint space, not normalised."""

View = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels of a picture; may reach beyond its edges."""


DECLARED = "declared:"
"""How the fingerprint begins of embeddings of which only the model's name is known."""


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which embedding space a vector belongs to.

    Two encoders with the same `fingerprint` put the same image at the same place. `name` is what
    to pass to load the model again; it takes no part in the comparison of spaces. Embeddings that
    others made come without a fingerprint: theirs is `declared:` and the model's name.
    """

    name: str
    fingerprint: str
    dim: int

    def takes(self, other: "ModelIdentity") -> bool:
        """Whether embeddings of `other` belong among those of this identity.

        The same fingerprint decides. Declared embeddings take those of the model that they are
        said to be of, by its name and dim: nothing else is known of them.
        """
        if self.fingerprint == other.fingerprint:
            return self.dim == other.dim
        return self.fingerprint == f"{DECLARED}{other.name}" and self.dim == other.dim


class Preprocessor(Protocol):
    """What an encoder does before its model: small, and may be sent to other processes."""

    @property
    def decode_at_least(self) -> tuple[int, int]:
        """As the encoder's."""

    def preprocess(self, images: Sequence[Image.Image]) -> Pixels:
        """As the encoder's."""


class Lanes(Protocol):
    """Threads that embed batches beside each other, each with its part of the cores."""

    @property
    def count(self) -> int:
        """How many threads: 1 on a GPU."""

    def enter(self) -> None:
        """To be called by each of these threads before it embeds anything."""


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

    @property
    def max_batch(self) -> int:
        """Most images or texts that go through the model at once; any number may be given."""

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts, in order; what exceeds the context is cut off (see `truncated`)."""

    def truncated(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text is longer than the context."""

    def encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        """Embed RGB images, in order: `encode_pixels` of `preprocess`."""

    @property
    def decode_at_least(self) -> tuple[int, int]:
        """Width and height from which on a larger image makes no other embedding.

        That is, a cosine above 0.999: what to hand to `decode_image` as `at_least`, wherever an
        image is decoded for this encoder.
        """

    def preprocess(self, images: Sequence[Image.Image]) -> Pixels:
        """Resize and crop or pad RGB images as the model's own config says. CPU work only."""

    @property
    def preprocessor(self) -> Preprocessor:
        """What `preprocess` does, without the model; it can be pickled."""

    def encode_pixels(self, pixels: Pixels) -> Embeddings:
        """Embed a batch that `preprocess` made, in order."""

    def preprocess_places(self, images: Sequence[Image.Image]) -> Pixels:
        """As `preprocess`, in the size at which `encode_places` tells places apart best."""

    def encode_places(self, pixels: Pixels) -> Places:
        """What the model sees at each place of pictures, as a grid over what was preprocessed.

        Each place is taken through the model's end alone (`search.encoders.places`). Where that
        end is a mean and a projection, and the pixels are those of `preprocess`, the mean over
        rows and columns is the picture's embedding before it is normalised.

        Raises:
            UnsupportedError: a model that does not keep places apart.
        """

    def view(self, size: tuple[int, int]) -> View:
        """Which part of a picture of this width and height is preprocessed, at either size.

        Within the picture where it crops, beyond its edges where it pads.
        """

    def lanes(self) -> AbstractContextManager[Lanes]:
        """Lanes for many batches. Meant for programs that do nothing but embed meanwhile."""


class PairScorer(Protocol):
    """Reads a text and a picture together. For one thread at a time."""

    @property
    def decode_at_least(self) -> tuple[int, int]:
        """Width and height from which on a larger image says no more."""

    def score(self, text: str, image: Image.Image) -> float:
        """How likely the picture shows the text, 0..1."""
