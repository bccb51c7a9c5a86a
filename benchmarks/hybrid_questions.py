"""The questions that `benchmarks.hybrid` asks, and how their answers are measured."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.relevance import embed_files
from search.encoders.base import Embeddings, Encoder
from search.lexical import LexicalIndex, WordRanking, corrected
from search.lexical.words import has_digit, words_of

MOST = 300
"""Most questions of a task, by lot."""

TEMPLATES = ("{}", "a photo of {}", "a product photo of {}", "{} on a white background")

Values = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Asked:
    """A text and the places of its right answers."""

    text: str
    right: frozenset[int]


@dataclass(frozen=True, slots=True)
class Scores:
    """What every item is worth for one text: `(n,)` by picture, and its words."""

    visual: Values
    ranking: WordRanking
    titles: Values
    ensemble: Values

    @property
    def words(self) -> Values:
        """The share of the words that each item has, `(n,)`."""
        return self.ranking.shares


class Catalogue:
    """The items of a split, and texts against them."""

    def __init__(self, rows: pd.DataFrame, images: Embeddings, encoder: Encoder) -> None:
        self.rows = rows.reset_index(drop=True)
        self.titles = list(self.rows["title"])
        self.images = images
        self.encoder = encoder
        self.title_vectors = encoder.encode_texts(self.titles)
        self.index = LexicalIndex.of((f"{n:06}", title) for n, title in enumerate(self.titles))
        self._embedded: dict[str, tuple[Embeddings, Embeddings]] = {}

    def embed(self, texts: Iterable[str]) -> None:
        """Embed texts at once, as they stand and in the ensemble of templates."""
        new = [text for text in dict.fromkeys(texts) if text not in self._embedded]
        filled = [template.format(text) for text in new for template in TEMPLATES]
        if filled:
            found = self.encoder.encode_texts(filled).reshape(len(new), len(TEMPLATES), -1)
            means = found.mean(axis=1)
            means /= np.linalg.norm(means, axis=1, keepdims=True)
            self._embedded |= dict(zip(new, zip(found[:, 0], means)))

    def scores(self, text: str, *, correct: bool = True, see: str | None = None) -> Scores:
        """`see` is what the model is asked in place of the text."""
        seen = text if see is None else see
        self.embed([seen])
        plain, ensemble = self._embedded[seen]
        words = words_of(text)
        words = list(corrected(words, self.index).words) if correct else words
        return Scores(
            self.images @ plain,
            self.index.ranking(words),
            self.title_vectors @ plain,
            self.images @ ensemble,
        )


def questions(catalogue: Catalogue, seed: int = 0) -> dict[str, list[Asked]]:
    """The questions of every task."""
    rng = np.random.default_rng(seed)
    titles, rows = catalogue.titles, catalogue.rows
    same: dict[str, set[int]] = {}
    begins: dict[str, set[int]] = {}
    for place, title in enumerate(titles):
        same.setdefault(title.lower(), set()).add(place)
        begins.setdefault(title.split()[0], set()).add(place)
    drawn = rng.choice(len(titles), min(MOST, len(titles)), replace=False).tolist()
    brands = {b: found for b, found in begins.items() if len(found) >= 3 and b.isalpha()}
    typed = [
        (f"{brand} {kind}", found & set(some.index))
        for brand, found in brands.items()
        for kind, some in rows.groupby("article_type")
    ]
    numbers: dict[str, set[int]] = {}
    for place, title in enumerate(titles):
        for word in title.split():
            if len(word) >= 4 and has_digit(word) and not word.isdigit():
                numbers.setdefault(word, set()).add(place)
    pairs = rows.groupby(["colour", "article_type"])
    tasks = {
        "title": [(titles[n], same[titles[n].lower()]) for n in drawn],
        "half a title": [(_half(titles[n], rng), same[titles[n].lower()]) for n in drawn],
        "attributes": [(" ".join(map(str, pair)).lower(), set(some.index)) for pair, some in pairs],
        "brand": list(brands.items()),
        "brand + type": typed,
        "model number": list(numbers.items()),
    }
    fewest = {"attributes": 3, "brand + type": 3}
    return {
        name: [Asked(t, frozenset(r)) for t, r in asked if len(r) >= fewest.get(name, 1)][:MOST]
        for name, asked in tasks.items()
    }


def _half(title: str, rng: np.random.Generator) -> str:
    words = title.split()
    kept = sorted(rng.choice(len(words), (len(words) + 1) // 2, replace=False))
    return " ".join(words[n] for n in kept)


def first_ten(values: Values) -> list[int]:
    """The places of the ten best, ties by place."""
    found: list[int] = np.argsort(-values, kind="stable")[:10].tolist()
    return found


def ndcg(ranked: Sequence[int], right: frozenset[int]) -> float:
    """nDCG@10 with gains of 1."""
    gained = sum(1 / np.log2(n + 2) for n, place in enumerate(ranked) if place in right)
    return float(gained / sum(1 / np.log2(n + 2) for n in range(min(10, len(right)))))


def recall(ranked: Sequence[int], right: frozenset[int]) -> float:
    """Recall@10, of at most ten."""
    return len(right.intersection(ranked)) / min(10, len(right))


def load(folder: Path, split: str, encoder: Encoder, keep: Path | None) -> Catalogue:
    """The items of a split, their embeddings kept in a folder if there is one."""
    rows = pd.read_csv(folder / "catalog.csv", dtype=str, keep_default_na=False)
    rows = rows[rows["split"] == split]
    kept = keep / f"hybrid-{split}-{encoder.identity.fingerprint[:12]}.npy" if keep else None
    if kept is not None and kept.exists():
        return Catalogue(rows, np.load(kept), encoder)
    images = embed_files(encoder, [folder / path for path in rows["image"]])
    if kept is not None:
        np.save(kept, images)
    return Catalogue(rows, images, encoder)
