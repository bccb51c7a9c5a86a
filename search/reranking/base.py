"""What a reranker is, and what it is given."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from search.encoders.base import Embeddings, Encoder
from search.errors import InvalidQueryError
from search.meaning import Meaning
from search.store.base import Store
from search.types import Item, TextPart

Scores = NDArray[np.float32]
"""`(n,) float32`, one for each candidate, higher is better; NaN where nothing can be said."""

Images = Callable[[Sequence[Item]], Iterable[bytes | None]]
"""Reads the image files of items, in order; None for those that cannot be read now."""


@dataclass(frozen=True, slots=True)
class Shortlist:
    """The first candidates of a ranking, best first, and where to look up more of them.

    `meaning` is what was asked, `encoder` the collection's model.
    """

    ids: tuple[str, ...]
    meaning: Meaning
    encoder: Encoder
    store: Store
    collection: str

    def texts(self) -> tuple[str, ...]:
        """The texts that say what is wanted; InvalidQueryError if there are none."""
        texts = [part.text for part, _ in self.meaning.wanted if isinstance(part, TextPart)]
        if not texts:
            raise InvalidQueryError(
                "The query has no text that says what is wanted, to rerank by.",
                hint="Rerank queries with a text, or leave rerank out.",
            )
        return tuple(texts)

    def items(self) -> list[Item | None]:
        """The candidates' items, in order; None for what was deleted since."""
        found = self.store.get(self.collection, self.ids)
        return [found.get(id) for id in self.ids]

    def image_hashes(self) -> list[str | None]:
        """The digests of the candidates' image files as they were indexed, in order."""
        found = self.store.hashes(self.collection, self.ids)
        return [found[id].image_hash if id in found else None for id in self.ids]

    def embeddings(self) -> Embeddings:
        """The stored embeddings, `(n, dim) float32`, in order; NaN for what was deleted since."""
        ids, rows = self.store.embeddings(self.collection, self.ids)
        known = dict(zip(ids, rows))
        gone = np.full(self.encoder.dim, np.nan, dtype=np.float32)
        return np.stack([known.get(id, gone) for id in self.ids])


class Reranker(Protocol):
    """Scores the first candidates of a ranking. Safe to call from several threads."""

    @property
    def weight(self) -> float:
        """Its share of the new order, 0..1; the rest is the first ranking's."""

    def scores(self, shortlist: Shortlist) -> Scores:
        """How well each candidate fits what was asked.

        Raises:
            VitrineError: it cannot say. The first ranking stands then, with a warning.
        """


def unknown_reranker(name: str, known: Iterable[str]) -> InvalidQueryError:
    """The error for a query that names a reranker which is not set up."""
    names = sorted(known)
    return InvalidQueryError(
        f"No reranker {name!r} is set up here.",
        hint=f"Set up are: {', '.join(names)}." if names else "Set VITRINE_RERANKERS to have some.",
        details={"reranker": name, "known": names},
    )
