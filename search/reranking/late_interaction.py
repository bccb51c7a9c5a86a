"""Late interaction: how much of a picture each word of the query finds.

One embedding of a whole picture blurs what is where in it. Here each word is compared with each
place of the picture, and counts by the place that shows it best (ColBERT's sum of maxima, Khattab
and Zaharia 2020, with places for tokens of the document, as in FILIP, Yao et al. 2022). Pictures
are looked at in the model's own size: the finer places of heat maps found right answers no better,
on split `train` of a catalogue, and cost four times as much.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from search.encoders.base import Encoder, Pixels, View
from search.encoders.known_texts import embed_known
from search.errors import ImageError
from search.explaining.words import words_of
from search.images import DECODING, ImageLimits, decode_image
from search.reranking.base import Images, Scores, Shortlist
from search.reranking.cached_places import CachedPlaces, Kept
from search.types import Item

WEIGHT = 0.1
"""Its share of the new order; chosen on split `train` of a catalogue (docs/reranking.md)."""

Prepared = tuple[Pixels, View, tuple[int, int]]
"""A picture as the model takes it, `(1, 3, height, width)`, which part that is, and its size."""

BATCH = 16
"""Pictures that are held decoded and go through the model at once."""


class LateInteraction:
    """Compares words with places of pictures. See `Reranker`; safe to use from several threads.

    Pictures are read from where the catalogue says they are, once: what the model saw in them
    stays in memory as long as there is room.
    """

    def __init__(
        self,
        images: Images,
        limits: ImageLimits,
        *,
        weight: float = WEIGHT,
        cache: CachedPlaces | None = None,
    ) -> None:
        self.weight = weight
        self._images = images
        self._limits = limits
        self._cache = cache or CachedPlaces()

    def forget(self) -> None:
        """Let go of all pictures that are kept in memory."""
        self._cache.clear()

    def scores(self, shortlist: Shortlist) -> Scores:
        """The mean over the words of what their best places say; NaN where there is no picture.

        Raises:
            InvalidQueryError: the query has no text.
            UnsupportedError: the model does not keep the places of a picture apart.
        """
        texts = shortlist.texts()
        wanted = embed_known(shortlist.encoder, list(words_of(texts) or texts))
        scores = np.full(len(shortlist.ids), np.nan, dtype=np.float32)
        for place, kept in self._places(shortlist):
            scores[place] = found_of(kept, wanted)
        return scores

    def _places(self, shortlist: Shortlist) -> Iterable[tuple[int, Kept]]:
        """Which candidate, and the places of its picture; those with one that can be read."""
        model = shortlist.encoder.identity.fingerprint
        missing: list[int] = []
        hashes = shortlist.image_hashes()
        for number, digest in enumerate(hashes):
            kept = self._cache.get((model, digest)) if digest else None
            if kept is not None:
                yield number, kept
            elif digest is not None:
                missing.append(number)
        if not missing:
            return
        items = shortlist.items()
        there = [number for number in missing if items[number] is not None]
        read = self._read([item for number in there if (item := items[number])], shortlist.encoder)
        for number, kept in zip(there, read):
            if kept is not None:
                self._cache.put((model, str(hashes[number])), kept)
                yield number, kept

    def _read(self, items: Sequence[Item], encoder: Encoder) -> Iterable[Kept | None]:
        """The places of the items' pictures, in order; None where there is no picture."""
        batch: list[Prepared | None] = []
        for data in self._images(items):
            batch.append(None if data is None else self._prepared(data, encoder))
            if len(batch) == BATCH:
                yield from _encoded(batch, encoder)
                batch = []
        yield from _encoded(batch, encoder)

    def _prepared(self, data: bytes, encoder: Encoder) -> Prepared | None:
        """The picture of an image file; None if it cannot be decoded."""
        try:
            with DECODING:
                image: Image.Image = decode_image(
                    data, self._limits, at_least=encoder.decode_at_least
                )
                return encoder.preprocess([image]), encoder.view(image.size), image.size
        except ImageError:
            return None


def found_of(places: Kept, words: NDArray[np.float32]) -> float:
    """How well the words, `(k, dim) float32`, are found among the places of one picture."""
    found = places.astype(np.float32) @ words.T
    return float(found.max(axis=0).mean())


def _encoded(batch: Sequence[Prepared | None], encoder: Encoder) -> Iterable[Kept | None]:
    pictures = [each for each in batch if each is not None]
    if not pictures:
        return [None] * len(batch)
    grids = iter(encoder.encode_places(np.concatenate([pixels for pixels, _, _ in pictures])))
    return [
        None if each is None else _seen(next(grids), each[1], each[2]).astype(np.float16)
        for each in batch
    ]


def _seen(grid: NDArray[np.float32], view: View, size: tuple[int, int]) -> NDArray[np.float32]:
    """The places of a grid that lie in the picture and not in its padding, as unit vectors."""
    rows, columns, _ = grid.shape
    left, top, right, bottom = view
    down = top + (np.arange(rows) + 0.5) / rows * (bottom - top)
    across = left + (np.arange(columns) + 0.5) / columns * (right - left)
    inside = ((down >= 0) & (down <= size[1]))[:, None] & ((across >= 0) & (across <= size[0]))
    kept = grid[inside] if inside.any() else grid.mean(axis=(0, 1))[None]
    return np.asarray(kept / np.maximum(np.linalg.norm(kept, axis=1, keepdims=True), 1e-12))
