"""What one training step sees: a pure function of the seed and the step's number.

Nothing is remembered between steps, so a run that was killed goes on exactly where it stopped.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.captions import Caption, CaptionWriter, Product, concepts
from training.data import Corpus, Images, Masks

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

ATTRIBUTES = ("article_type", "colour", "gender", "pattern", "usage")
UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Batch:
    """Images and two captions each.

    images: (n, size, size, 3) uint8; grounds: (n, half, half) bool, near-white background.
    texts: 2n, the first n are titles, the others described. matches: (2n, n) bool, whether an
    image fits a text. labels: (n, attributes) int64, UNKNOWN where not known.
    """

    images: Images
    grounds: Masks
    texts: list[str]
    matches: Bools
    labels: Ints

    @property
    def own(self) -> Bools:
        """Each text's own image: (2n, n) bool."""
        return np.tile(np.eye(len(self.images), dtype=bool), (2, 1))


class Attributes:
    """The values each attribute takes, and products as rows of their numbers."""

    def __init__(self, products: Sequence[Product]) -> None:
        self.values = {
            name: tuple(sorted({getattr(product, name) for product in products} - {""}))
            for name in ATTRIBUTES
        }
        self._places = {
            name: {value: place for place, value in enumerate(values)}
            for name, values in self.values.items()
        }
        covered = concepts(self.values["article_type"])
        self._concepts = {name: place for place, name in enumerate(covered)}
        self._covers = np.array(
            [[t in types for t in self.values["article_type"]] for types in covered.values()]
        )

    def rows(self, products: Sequence[Product]) -> Ints:
        """Return (n, attributes) int64."""
        found = [
            [self._places[name].get(getattr(product, name), UNKNOWN) for name in ATTRIBUTES]
            for product in products
        ]
        return np.array(found, np.int64).reshape(-1, len(ATTRIBUTES))

    def fits(self, captions: Sequence[Caption], labels: Ints) -> Bools:
        """Say which images fit what described captions claim: (captions, images) bool."""
        concept = np.array([self._concepts[caption.concept] for caption in captions])
        fit: Bools = self._covers[concept][:, labels[:, 0]]
        for column, name in enumerate(ATTRIBUTES[1:], start=1):
            places = self._places[name]
            claimed = np.array([places.get(getattr(c, name), UNKNOWN) for c in captions])
            same = claimed[:, None] == labels[None, :, column]
            fit = fit & (same | (claimed == UNKNOWN)[:, None])
        return fit


class Sampler:
    """Draws batches from photos and drawings in a fixed proportion."""

    def __init__(
        self, corpora: Sequence[Corpus], shares: Sequence[float], *, batch: int, seed: int
    ) -> None:
        counts = [round(batch * share) for share in shares]
        counts[0] += batch - sum(counts)
        self._parts = [(c, n) for c, n in zip(corpora, counts, strict=True) if n and len(c)]
        self._seed = seed
        self._writer = CaptionWriter()
        self.attributes = Attributes([p for corpus in corpora for p in corpus.products])
        self._labels = [self.attributes.rows(corpus.products) for corpus, _ in self._parts]

    def batch(self, step: int) -> Batch:
        """Return the batch of one step."""
        rng = np.random.default_rng([self._seed, step])
        products: list[Product] = []
        images, grounds, labels = [], [], []
        for part, (corpus, _) in enumerate(self._parts):
            chosen = self._chosen(part, step)
            products += [corpus.products[place] for place in chosen]
            images.append(corpus.images[np.asarray(chosen)])
            grounds.append(corpus.grounds[np.asarray(chosen)])
            labels.append(self._labels[part][chosen])
        rows = np.concatenate(labels)
        titled = [self._writer.titled(product, rng) for product in products]
        described = [self._writer.described(product, rng) for product in products]
        return Batch(
            images=np.concatenate(images),
            grounds=np.concatenate(grounds),
            texts=[caption.text for caption in titled + described],
            matches=np.concatenate([_same_title(products), self._described(described, rows)]),
            labels=rows,
        )

    def _described(self, captions: Sequence[Caption], rows: Ints) -> Bools:
        fit = self.attributes.fits(captions, rows)
        return np.asarray(fit | np.eye(len(rows), dtype=bool))

    def _chosen(self, part: int, step: int) -> list[int]:
        """Walk through a corpus in a new order each epoch; any step's places can be asked for."""
        corpus, count = self._parts[part]
        places = range(step * count, (step + 1) * count)
        epochs = sorted({place // len(corpus) for place in places})
        orders = {
            epoch: np.random.default_rng([self._seed, part, epoch, 1]).permutation(len(corpus))
            for epoch in epochs
        }
        return [int(orders[place // len(corpus)][place % len(corpus)]) for place in places]


def _same_title(products: Sequence[Product]) -> Bools:
    titles = np.array([product.title.lower() for product in products])
    return np.asarray(titles[:, None] == titles[None, :])
