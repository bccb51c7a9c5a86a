"""Texts and images of one request as embeddings."""

import base64
from collections.abc import Sequence

import numpy as np

from api.requests import decoded
from search.encoders.base import Embeddings, Encoder
from search.images import DECODING, ImageLimits, decode_image


def embed_texts(encoder: Encoder, texts: Sequence[str]) -> Embeddings:
    """`(n, dim) float32`, L2-normalised; n may be 0."""
    return encoder.encode_texts(list(texts)) if texts else _nothing(encoder)


def embed_images(encoder: Encoder, images: Sequence[str], limits: ImageLimits) -> Embeddings:
    """`(n, dim) float32` of base64 image files, L2-normalised; n may be 0.

    Raises:
        ImageUnreadableError, ImageTooLargeError: one of them, named by its number from 0.
    """
    if not images:
        return _nothing(encoder)
    pixels = []
    for number, image in enumerate(images):
        with DECODING:
            found = decode_image(
                decoded(image),
                limits,
                name=f"Image {number}",
                at_least=encoder.decode_at_least,
            )
            pixels.append(encoder.preprocess([found]))
    return encoder.encode_pixels(np.concatenate(pixels))


def as_base64(embedding: Embeddings) -> str:
    """One embedding, `(dim,)`, as little-endian float32 in base64."""
    return base64.b64encode(embedding.astype("<f4").tobytes()).decode("ascii")


def _nothing(encoder: Encoder) -> Embeddings:
    return np.zeros((0, encoder.dim), np.float32)
