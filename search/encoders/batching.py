"""An encoder whose single texts and pictures, asked for by many threads, are embedded in batches.

Importing this imports no torch.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial

import numpy as np
from PIL import Image

from search.batching import BatchCounts, Batches
from search.encoders.base import (
    Embeddings,
    Encoder,
    Lanes,
    ModelIdentity,
    Pixels,
    Places,
    Preprocessor,
    View,
)
from search.encoders.known_texts import KnownTexts

MOST_WAITING = 256
"""Texts, and pictures, that wait for a batch at most."""

TEXTS_AT_ONCE = 32
"""Texts that go through the model at once; pictures: the encoder's own `max_batch`."""


class BatchingEncoder:
    """Wraps an encoder for a service. See `search.encoders.base.Encoder`, whose promises it keeps.

    What one call asks for is embedded together. A call of more than a batch is no single query's:
    it goes to the encoder directly, beside the batches, which it would only hold up. Texts come
    from memory where they are known.

    `encode_texts`, `encode_images` and `encode_pixels` raise OverloadedError when too much waits.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        wait_s: float = 0.0,
        most_waiting: int = MOST_WAITING,
        known: KnownTexts | None = None,
        watch: Callable[[str, int, float], None] | None = None,
    ) -> None:
        """Nothing is embedded before it is asked for.

        Args:
            encoder: what embeds.
            wait_s: how long a batch waits for more (`search.batching`).
            most_waiting: texts, and pictures, that may wait.
            known: the memory.
            watch: is told of every batch: "text" or "image", and as `search.batching.Watch`.
        """
        self._encoder = encoder
        self._known = known
        self._texts = Batches[None, Sequence[str], Embeddings](
            self._encode_texts,
            most=TEXTS_AT_ONCE,
            most_waiting=most_waiting,
            wait_s=wait_s,
            watch=None if watch is None else partial(watch, "text"),
        )
        self._pixels = Batches[None, Pixels, Embeddings](
            self._encode_pixels,
            most=encoder.max_batch,
            most_waiting=most_waiting,
            wait_s=wait_s,
            watch=None if watch is None else partial(watch, "image"),
        )

    @property
    def text_counts(self) -> BatchCounts:
        """Calls and batches of texts."""
        return self._texts.counts

    @property
    def image_counts(self) -> BatchCounts:
        """Calls and batches of pictures."""
        return self._pixels.counts

    @property
    def known(self) -> KnownTexts | None:
        """The memory of texts."""
        return self._known

    @property
    def identity(self) -> ModelIdentity:
        """Name, fingerprint and dim of the model."""
        return self._encoder.identity

    @property
    def dim(self) -> int:
        """Length of every embedding."""
        return self._encoder.dim

    @property
    def context_length(self) -> int:
        """Most tokens of a text that the model reads."""
        return self._encoder.context_length

    @property
    def max_batch(self) -> int:
        """Most images or texts that go through the model at once."""
        return self._encoder.max_batch

    @property
    def decode_at_least(self) -> tuple[int, int]:
        """Width and height from which on a larger image makes no other embedding."""
        return self._encoder.decode_at_least

    @property
    def preprocessor(self) -> Preprocessor:
        """What `preprocess` does, without the model."""
        return self._encoder.preprocessor

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts, in order, `(n, dim) float32`, L2-normalised."""
        if self._known is None:
            return self._batched_texts(texts)
        return self._known.embed(self.identity, texts, self._batched_texts)

    def truncated(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text is longer than the context."""
        return self._encoder.truncated(texts)

    def encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        """Embed RGB images, in order: `encode_pixels` of `preprocess`, of this thread."""
        if not 0 < len(images) <= self.max_batch:
            return self._encoder.encode_images(images)
        return self.encode_pixels(self.preprocess(images))

    def preprocess(self, images: Sequence[Image.Image]) -> Pixels:
        """Resize and crop or pad RGB images; not batched: every thread does its own."""
        return self._encoder.preprocess(images)

    def encode_pixels(self, pixels: Pixels) -> Embeddings:
        """Embed what `preprocess` made, in order, `(n, dim) float32`, L2-normalised."""
        if not 0 < len(pixels) <= self.max_batch:
            return self._encoder.encode_pixels(pixels)
        return self._pixels(None, pixels, len(pixels))

    def preprocess_places(self, images: Sequence[Image.Image]) -> Pixels:
        """As the encoder's."""
        return self._encoder.preprocess_places(images)

    def encode_places(self, pixels: Pixels) -> Places:
        """As the encoder's, not batched."""
        return self._encoder.encode_places(pixels)

    def view(self, size: tuple[int, int]) -> View:
        """As the encoder's."""
        return self._encoder.view(size)

    def lanes(self) -> AbstractContextManager[Lanes]:
        """As the encoder's."""
        return self._encoder.lanes()

    def _batched_texts(self, texts: Sequence[str]) -> Embeddings:
        if not 0 < len(texts) <= TEXTS_AT_ONCE:
            return self._encoder.encode_texts(texts)
        return self._texts(None, texts, len(texts))

    def _encode_texts(self, _: None, calls: Sequence[Sequence[str]]) -> list[Embeddings]:
        rows = self._encoder.encode_texts([text for texts in calls for text in texts])
        return _split(rows, calls)

    def _encode_pixels(self, _: None, calls: Sequence[Pixels]) -> list[Embeddings]:
        # Those of `preprocess_places` may be among them, which have another size.
        if len({pixels.shape[1:] for pixels in calls}) > 1:
            return [self._encoder.encode_pixels(pixels) for pixels in calls]
        return _split(self._encoder.encode_pixels(np.concatenate(calls)), calls)


def unbatched(encoder: Encoder) -> Encoder:
    """What embeds beneath the batches and the memory, for texts that are no queries."""
    return encoder._encoder if isinstance(encoder, BatchingEncoder) else encoder


def _split(rows: Embeddings, calls: Sequence[Sequence[str]] | Sequence[Pixels]) -> list[Embeddings]:
    """The rows of each call."""
    ends = np.cumsum([len(call) for call in calls])[:-1]
    return np.split(rows, ends)
