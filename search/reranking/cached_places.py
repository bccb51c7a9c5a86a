"""Places of pictures, kept in memory for the next query."""

import threading
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

Kept = NDArray[np.float16]
"""`(places, dim) float16`: the places of one picture, without those that are padding."""

Key = tuple[str, str]
"""The model's fingerprint and the image's digest."""

MOST_BYTES = 256_000_000
"""30,000 pictures with `mini` (8 kB each), some 850 with a ViT-B/16 of 768 dims (300 kB)."""


class CachedPlaces:
    """Keeps the places of the pictures that were used last. Safe to use from several threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[Key, Kept] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Kept | None:
        """The places of that picture, if they are still there."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: Key, places: Kept) -> None:
        """Keep them, and let go of what was not used for longest."""
        with self._lock:
            replaced = self._kept.pop(key, None)
            self._bytes += places.nbytes - (0 if replaced is None else replaced.nbytes)
            self._kept[key] = places
            while self._bytes > self._most and self._kept:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes

    def clear(self) -> None:
        """Let go of all."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0
