"""`python -m benchmarks.hybrid ../shared/catalog`: pictures, words, and both, on six tasks.

Candidates are the items of one split; what is tuned is tuned on `train` (`--split train`). Right
answers: the item itself (and those of the same title) for its title, half of the words of its
title, and a model number in it; for colour and article type, all items with both in their columns;
for a brand (the first word of three titles or more), and a brand with an article type, all items
whose title begins with it. The words looked up are those of the titles alone; since these name
colour and type, attribute queries are easier here than in a catalogue whose titles do not.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray

from benchmarks.hybrid_cost import cost_lines
from benchmarks.relevance import embed_files, load_queries
from search.encoders import load_encoder
from search.encoders.base import Embeddings, Encoder
from search.lexical import LexicalIndex, corrected
from search.lexical.words import has_digit, words_of
from search.ranking.fusion import DEPTH, LEAST_SPREAD, WEIGHT, fused
from search.store.base import Candidate

MOST = 300
"""Most questions of a task, by lot."""

TEMPLATES = ("{}", "a photo of {}", "a product photo of {}", "{} on a white background")
LETTERS = "abcdefghijklmnopqrstuvwxyz"

Values = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Asked:
    """A text and the places of its right answers."""

    text: str
    right: frozenset[int]


@dataclass(frozen=True, slots=True)
class Scores:
    """What every item is worth for one text, `(n,)` each."""

    visual: Values
    words: Values
    titles: Values
    ensemble: Values


Way = Callable[[Scores], Values]


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
            self.index.ranking(words).shares,
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


def shipped(scores: Scores, index: LexicalIndex) -> Values:
    """What `search.ranking.fusion` makes of it, as values whose order is that of its ranking."""
    from search.lexical import WordRanking

    shares = np.asarray(scores.words, dtype=np.float32)
    order = np.flatnonzero(shares > 0)
    order = order[np.argsort(-shares[order], kind="stable")]

    def candidates(places: NDArray[np.int64]) -> Iterator[Candidate]:
        for place in places.tolist():
            score = round(float(scores.visual[place]), 6)
            yield Candidate(index.ids[place], score, {}, np.zeros(0, np.float32))

    near = candidates(np.argsort(-scores.visual, kind="stable"))
    ranking = WordRanking(index, order, shares)
    values = np.zeros(len(shares))
    for rank, each in enumerate(fused(list(near), list(candidates(order[:DEPTH])), ranking)):
        values[index.places[each.id]] = -rank
    return values


def weighed(visual: Values, words: Values, weight: float, power: float) -> Values:
    """The shipped formula, its weight and power to be chosen."""
    best = np.sort(visual)[::-1][:DEPTH]
    spread = max(float(best[0] - best[-1]), LEAST_SPREAD)
    found: Values = visual + weight * spread * words**power
    return found


def reciprocal(visual: Values, words: Values, weight: float, k: int = 60) -> Values:
    """Reciprocal rank fusion (G. Cormack et al., SIGIR 2009), k as published."""
    found = 1e-9 * visual
    for values, counts in ((visual, 1.0), (np.where(words > 0, words, -np.inf), weight)):
        order = np.argsort(-values, kind="stable")[:DEPTH]
        order = order[np.isfinite(values[order])]
        found[order] += counts / (k + 1 + np.arange(len(order)))
    return found


def ways_of(index: LexicalIndex) -> dict[str, Way]:
    """The ways that are compared."""
    return {
        "visual": lambda s: s.visual,
        "visual, prompt ensemble": lambda s: s.ensemble,
        "text": lambda s: s.words + 0.001 * s.visual,
        "title vector": lambda s: s.titles,
        "RRF, k 60": lambda s: reciprocal(s.visual, s.words, 1),
        "RRF, k 60, words twice": lambda s: reciprocal(s.visual, s.words, 2),
        "weight 1": lambda s: weighed(s.visual, s.words, 1, 1),
        "weight 2": lambda s: weighed(s.visual, s.words, 2, 1),
        "weight 4": lambda s: weighed(s.visual, s.words, 4, 1),
        "weight 2, squared": lambda s: weighed(s.visual, s.words, 2, 2),
        "**hybrid** (weight 4, squared)": lambda s: shipped(s, index),
        "weight 6, squared": lambda s: weighed(s.visual, s.words, 6, 2),
        "hybrid, prompt ensemble": lambda s: weighed(s.ensemble, s.words, WEIGHT, 2),
        "hybrid, 0.2 title vector": lambda s: weighed(
            0.8 * s.visual + 0.2 * s.titles, s.words, WEIGHT, 2
        ),
        "hybrid, 0.4 title vector": lambda s: weighed(
            0.6 * s.visual + 0.4 * s.titles, s.words, WEIGHT, 2
        ),
    }


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


def task_lines(catalogue: Catalogue) -> list[str]:
    """A Markdown table: each way on each task, nDCG@10 / recall@10."""
    tasks = questions(catalogue)
    catalogue.embed(q.text for asked in tasks.values() for q in asked)
    lines = [
        "\n| nDCG@10 / recall@10 | "
        + " | ".join(f"{name} ({len(asked)})" for name, asked in tasks.items())
        + " |\n|---|"
        + "---|" * len(tasks)
    ]
    scored = {name: [catalogue.scores(q.text) for q in asked] for name, asked in tasks.items()}
    for way, value in ways_of(catalogue.index).items():
        cells = []
        for name, asked in tasks.items():
            ranked = [first_ten(value(each)) for each in scored[name]]
            gains = [ndcg(found, q.right) for found, q in zip(ranked, asked)]
            found_ = [recall(found, q.right) for found, q in zip(ranked, asked)]
            cells.append(f"{np.mean(gains):.3f} / {np.mean(found_):.3f}")
        lines.append(f"| {way} | " + " | ".join(cells) + " |")
    return lines


def with_typos(text: str, rng: np.random.Generator, share: float = 0.3) -> str:
    """A letter swapped, dropped, inserted or replaced in one word or more, `share` of them."""
    words = text.split()
    plain = [n for n, word in enumerate(words) if len(word) >= 4 and word.isalpha()]
    if not plain:
        return text
    chosen = {n for n in plain if rng.random() < share} or {int(rng.choice(plain))}
    return " ".join(_misspelt(word, rng) if n in chosen else word for n, word in enumerate(words))


def _misspelt(word: str, rng: np.random.Generator) -> str:
    place, letter = int(rng.integers(0, len(word) - 1)), str(rng.choice(list(LETTERS)))
    match int(rng.integers(0, 4)):
        case 0:
            return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
        case 1:
            return word[:place] + word[place + 1 :]
        case 2:
            return word[:place] + letter + word[place:]
    return word[:place] + letter + word[place + 1 :]


def typo_lines(catalogue: Catalogue, seed: int = 0) -> list[str]:
    """A Markdown table: titles with typos, their spelling corrected or not."""
    rng = np.random.default_rng(seed)
    tasks = questions(catalogue)
    lines = ["\n| recall@10 with typos | text | hybrid | visual |\n|---|---|---|---|"]
    for name in ("title", "half a title"):
        asked = [(with_typos(q.text, rng), q) for q in tasks[name]]
        catalogue.embed(t for text, _ in asked for t in (text, _read(text, catalogue.index)))
        plain = {"as written": False, "corrected": True}
        for how, correct in plain.items():
            lines.append(
                _typo_line(
                    f"{name}, {how}",
                    [(catalogue.scores(t, correct=correct), q) for t, q in asked],
                    catalogue,
                )
            )
        read = [(_read(t, catalogue.index), q) for t, q in asked]
        seen = [(catalogue.scores(t, see=see), q) for (t, q), (see, _) in zip(asked, read)]
        lines.append(_typo_line(f"{name}, corrected for the model too", seen, catalogue))
        right = [(catalogue.scores(q.text), q) for q in tasks[name]]
        lines.append(_typo_line(f"{name}, without typos", right, catalogue))
    return lines


def _read(text: str, index: LexicalIndex) -> str:
    return " ".join(corrected(words_of(text), index).words)


def _typo_line(name: str, scored: list[tuple[Scores, Asked]], catalogue: Catalogue) -> str:
    ways = ways_of(catalogue.index)
    cells = []
    for way in ("text", "**hybrid** (weight 4, squared)", "visual"):
        found = [recall(first_ten(ways[way](scores)), asked.right) for scores, asked in scored]
        cells.append(f"{np.mean(found):.3f}")
    return f"| {name} | " + " | ".join(cells) + " |"


def misread_lines(index: LexicalIndex) -> list[str]:
    """How many well-spelt queries have a word read as another."""
    counts: Counter[str] = Counter()
    changed: dict[str, list[str]] = {"answered": [], "not answered": []}
    for query in load_queries():
        kind = "answered" if query.answered_by in ("both", "catalog") else "not answered"
        counts[kind] += 1
        pairs = corrected(words_of(query.text), index).changes
        changed[kind] += [f"{word} as {near}" for word, near in pairs[:1]]
    return [
        f"\nWell-spelt queries of relevance_queries.toml with a word read as another: {kind}: "
        f"{len(changed[kind])} of {counts[kind]} ({', '.join(changed[kind][:12])})"
        for kind in changed
    ]


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


def main(
    folder: Annotated[Path, typer.Argument(help="The folder of the catalogue.")],
    split: Annotated[str, typer.Option(help="The split: test, or train to choose by.")] = "test",
    keep: Annotated[Path | None, typer.Option(help="Keep embeddings in this folder.")] = None,
    cost: Annotated[list[int] | None, typer.Option(help="Time collections of so many.")] = None,
) -> None:
    """Print the tables."""
    encoder = load_encoder("mini", device="cpu")
    catalogue = load(folder, split, encoder, keep)
    lines = [f"{len(catalogue.titles):,} items of split {split}"]
    lines += [*task_lines(catalogue), *typo_lines(catalogue), *misread_lines(catalogue.index)]
    for items in cost or ():
        lines += cost_lines(catalogue.titles, catalogue.images, encoder, items)
    typer.echo("\n".join(lines))


if __name__ == "__main__":
    typer.run(main)
