"""`python -m benchmarks.composition ../shared/catalog`: "this item, but in red", way by way.

A question is an item of the catalogue and another value of one attribute. Right are all items with
that value that are like the source in all else that the catalogue knows: gender and article type
in the photos' catalogue, kind and pattern (or colour) in the drawn one. For each such group of
items, each value that its source can have and each other value that the group has there is one
question. The source itself is never an answer. Everything is tuned and learnt on split `train`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray
from PIL import Image

from search.composition import Composer, read_changes
from search.encoders import Encoder, load_encoder
from search.vocabulary import vocabulary

SAMPLE = Path("sample_data")
TUNING_QUESTIONS = 1_000
LEARNING_QUESTIONS = 6_000
_DRAWN_VALUES = {"navy": "navy blue", "leaf": "leaf print"}
_UNSAYABLE = frozenset({"multi", "metallic", "skin", ""})

Vectors = NDArray[np.float32]
"""`(n, dim) float32`."""


@dataclass(frozen=True, slots=True)
class Task:
    """Questions about one attribute of one catalogue.

    `sources` has the row of each question's source, `wanted` its value in words; `embeddings` are
    those of all rows, `values` each row's own value, `right` the rows that answer each question.
    """

    name: str
    attribute: str
    embeddings: Vectors
    values: NDArray[np.str_]
    sources: NDArray[np.int64]
    wanted: tuple[str, ...]
    right: tuple[frozenset[int], ...]

    @property
    def images(self) -> Vectors:
        """The sources' embeddings, one for each question."""
        return np.asarray(self.embeddings[self.sources])


Way = Callable[[Task], Vectors]
"""Makes the query embeddings of a task's questions, normalised or not."""


def questions(
    name: str, rows: pd.DataFrame, embeddings: Vectors, attribute: str, like: Sequence[str],
    *, most: int | None = None, seed: int = 0,
) -> Task:  # fmt: skip
    """All questions of a catalogue, or `most` of them by lot; sources are drawn by lot too."""
    rng = np.random.default_rng(seed)
    found: list[tuple[int, str, frozenset[int]]] = []
    for _, group in rows.groupby(list(like)):
        values = {v: list(g.index) for v, g in group.groupby(attribute) if v not in _UNSAYABLE}
        for value, right in values.items():
            for other in values:
                if other != value:
                    found.append((int(rng.choice(values[other])), str(value), frozenset(right)))
    kept = rng.permutation(len(found))[:most]
    chosen = [found[place] for place in sorted(kept)]
    return Task(
        name=name,
        attribute=attribute,
        embeddings=embeddings,
        values=rows[attribute].to_numpy(object).astype(str),
        sources=np.array([source for source, _, _ in chosen]),
        wanted=tuple(value for _, value, _ in chosen),
        right=tuple(right for _, _, right in chosen),
    )


def first_ten(task: Task, queries: Vectors) -> NDArray[np.int64]:
    """The rows nearest to each query by cosine, best first, its source left out. `(n, 10)`."""
    scores = queries @ task.embeddings.T
    scores[np.arange(len(queries)), task.sources] = -np.inf
    top = np.sort(np.argpartition(-scores, 10, axis=1)[:, :10], axis=1)
    order = np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1, kind="stable")
    return np.take_along_axis(top, order, axis=1)


def ndcg(task: Task, queries: Vectors) -> float:
    """Mean nDCG@10, as `search.evaluation` has it (a test compares them), but in a moment."""
    discounts = 1 / np.log2(np.arange(2, 12))
    best_sums = np.cumsum(discounts)
    found = zip(first_ten(task, queries).tolist(), task.right)
    gained = [
        sum(discounts[place] for place, row in enumerate(ranked) if row in right)
        / best_sums[min(len(right), 10) - 1]
        for ranked, right in found
    ]
    return float(np.mean(gained))


def best(ways: Iterable[tuple[str, Way]], task: Task) -> tuple[str, Way]:
    """The way with the highest nDCG@10 on a task, the first among equals."""
    return max(ways, key=lambda named: ndcg(task, named[1](task)))


@dataclass(slots=True)
class Ways:
    """The ways that are compared, in the space of one encoder."""

    encoder: Encoder
    _texts: dict[str, Vectors]

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Embeddings of texts, each computed once."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._texts]
        if missing:
            self._texts.update(zip(missing, self.encoder.encode_texts(missing)))
        return np.stack([self._texts[text] for text in texts])

    def weighted_sum(self, task: Task, phrase: str, image: float) -> Vectors:
        """`image` times the source and the rest times the text."""
        texts = self.texts([phrase.format(value) for value in task.wanted])
        return _floats(image * task.images + (1 - image) * texts)

    def difference(self, task: Task, strength: float) -> Vectors:
        """Source + wanted text - text of the value that the source's image is nearest to."""
        values = self.texts(vocabulary().attributes[task.attribute].values)
        present = values[(task.images @ values.T).argmax(axis=1)]
        return _floats(task.images + strength * (self.texts(task.wanted) - present))

    def projection(self, task: Task, rank: int, strength: float) -> Vectors:
        """What the source has in the subspace of the values' texts, replaced by the wanted's."""
        values = self.texts(vocabulary().attributes[task.attribute].values)
        mean = values.mean(axis=0)
        span = np.linalg.svd(values - mean, full_matrices=False)[2][:rank]
        new = ((self.texts(task.wanted) - mean) @ span.T) @ span
        return _floats(task.images - (task.images @ span.T) @ span + strength * new)

    def with_noun(self, task: Task, strength: float) -> Vectors:
        """Source + the wanted value before the noun that is nearest to the source."""
        return _floats(task.images + strength * self.texts(self._worded(task, task.wanted)))

    def difference_with_noun(self, task: Task, strength: float) -> Vectors:
        """The difference, both texts before the noun that is nearest to the source."""
        values = vocabulary().attributes[task.attribute].values
        sources = {n: self.texts([f"{v} {n}" for v in values]) for n in set(self._nouns(task))}
        places = [int((sources[n] @ i).argmax()) for n, i in zip(self._nouns(task), task.images)]
        present = self.texts(self._worded(task, [values[place] for place in places]))
        new = self.texts(self._worded(task, task.wanted))
        return _floats(task.images + strength * (new - present))

    def composer(self, task: Task, strength: float) -> Vectors:
        """What ships: `search.composition.Composer`."""
        made = Composer(self.encoder, strength=strength)
        return np.stack(
            [
                made.changed(image, read_changes(f"in {v}"))
                for image, v in zip(task.images, task.wanted)
            ]
        )

    def learnt_map(self, weights: Vectors, task: Task) -> Vectors:
        """The learned composer's queries; see `learn`."""
        return _floats(self._features(task) @ weights)

    def learn(self, task: Task, penalty: float) -> Vectors:
        """Ridge regression from source and wanted text to the mean of the right answers."""
        features = self._features(task)
        goals = np.stack([task.embeddings[sorted(rows)].mean(axis=0) for rows in task.right])
        goals /= np.linalg.norm(goals, axis=1, keepdims=True)
        gram = features.T @ features + penalty * np.eye(features.shape[1])
        return _floats(np.linalg.solve(gram, features.T @ goals))

    def _features(self, task: Task) -> Vectors:
        ones = np.ones((len(task.wanted), 1))
        return _floats(np.hstack([task.images, self.texts(task.wanted), ones]))

    def _nouns(self, task: Task) -> list[str]:
        nouns = vocabulary().nouns
        nearest = (task.images @ self.texts(nouns).T).argmax(axis=1)
        return [nouns[place] for place in nearest]

    def _worded(self, task: Task, values: Sequence[str]) -> list[str]:
        return [f"{value} {noun}" for value, noun in zip(values, self._nouns(task))]


def class_means(means: dict[str, Vectors], task: Task, strength: float) -> Vectors:
    """The source without what the subspace of learnt class means holds, plus the wanted's mean."""
    centre = np.mean(list(means.values()), axis=0)
    span = np.linalg.svd(np.stack(list(means.values())) - centre, full_matrices=False)[2]
    new = np.stack([means.get(value, centre) - centre for value in task.wanted])
    return _floats(task.images - (task.images @ span.T) @ span + strength * (new @ span.T) @ span)


def tuned(ways: Ways, train: Task, lesson: Task) -> list[tuple[str, Way]]:
    """Every way with its best setting on `train`; what is learnt is learnt from `lesson`."""
    strengths = (0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0)
    phrases = ("{}", "in {}", "but in {}", "{} product")
    images = (0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7)
    means = {v: lesson.embeddings[lesson.values == v].mean(axis=0) for v in set(lesson.wanted)}
    maps = {p: ways.learn(lesson, p) for p in (0.1, 1.0, 10.0, 100.0)}
    grids: list[list[tuple[str, Way]]] = [
        [("weighted sum, 1 : 1, 'in red'", partial(ways.weighted_sum, phrase="in {}", image=0.5))],
        [(f"weighted sum, {w} : {1 - w:.2g}, '{p.format('red')}'",
          partial(ways.weighted_sum, phrase=p, image=w)) for p in phrases for w in images],
        [(f"text difference, {s}", partial(ways.difference, strength=s)) for s in strengths],
        [(f"projection on the values' texts, rank {r}, {s}",
          partial(ways.projection, rank=r, strength=s)) for r in (8, 16, 40) for s in strengths],
        [(f"projection on learnt class means, {s}", partial(class_means, means, strength=s))
         for s in strengths],
        [(f"'red NOUN', {s}", partial(ways.with_noun, strength=s)) for s in strengths],
        [(f"text difference with NOUN, {s}", partial(ways.difference_with_noun, strength=s))
         for s in strengths],
        [(f"learned linear map, penalty {p}", partial(ways.learnt_map, m))
         for p, m in maps.items()],
        [(f"Composer (default), {s}", partial(ways.composer, strength=s))
         for s in (1.0, 1.25, 1.5, 1.75, 2.0)],
    ]  # fmt: skip
    return [best(grid, train) for grid in grids]


def embed(catalog: Path, rows: pd.DataFrame, encoder: Encoder, keep: Path | None) -> Vectors:
    """Embeddings of the rows' images, in order, kept in a folder if one is given."""
    model = encoder.identity.fingerprint[:12]
    kept = keep / f"{catalog.resolve().name}-{len(rows)}-{model}.npy" if keep else None
    if kept and kept.exists():
        return _floats(np.load(kept))
    paths = [catalog / image for image in rows["image"]]
    parts = []
    for start in range(0, len(paths), 64):
        images = [Image.open(path).convert("RGB") for path in paths[start : start + 64]]
        parts.append(encoder.encode_images(images))
    made = np.concatenate(parts)
    if kept:
        np.save(kept, made)
    return made


def tasks(catalog: Path, encoder: Encoder, keep: Path | None, seed: int) -> dict[str, Task]:
    """The tasks by name: lesson and train to learn and tune on, the others to report."""
    rows = _rows(catalog).assign(colour=lambda all: all["colour"].str.lower())
    embeddings = embed(catalog, rows, encoder, keep)
    like = ("gender", "article_type")
    found: dict[str, Task] = {}
    for name, split, most in (
        ("lesson", "train", LEARNING_QUESTIONS),
        ("train", "train", TUNING_QUESTIONS),
        ("catalogue, colour", "test", None),
    ):
        of_split = (rows["split"] == split).to_numpy()
        part = rows[of_split].reset_index(drop=True)
        found[name] = questions(
            name, part, embeddings[of_split], "colour", like, most=most, seed=seed
        )
    return found | sample_tasks(encoder, keep, seed)


def sample_tasks(encoder: Encoder, keep: Path | None = None, seed: int = 0) -> dict[str, Task]:
    """Colour and pattern of the drawn catalogue."""
    drawn = _rows(SAMPLE).replace({"colour": _DRAWN_VALUES, "pattern": _DRAWN_VALUES})
    embeddings = embed(SAMPLE, drawn, encoder, keep)
    attributes = {"colour": ("kind", "pattern"), "pattern": ("kind", "colour")}
    return {
        f"drawn, {name}": questions(f"drawn, {name}", drawn, embeddings, name, like, seed=seed)
        for name, like in attributes.items()
    }


def main(
    catalog: Annotated[Path, typer.Argument(help="Folder with catalog.csv, with a column split.")],
    model: Annotated[str, typer.Option(help="Model to measure with.")] = "mini",
    keep: Annotated[Path | None, typer.Option(help="Folder to keep embeddings in.")] = None,
    seed: Annotated[int, typer.Option(help="Draws the sources.")] = 0,
) -> None:
    """Print a Markdown table: nDCG@10 of each way, and its ratio to the tuned weighted sum."""
    encoder = load_encoder(model, device="cpu")
    found = tasks(catalog, encoder, keep, seed)
    ways = tuned(Ways(encoder, {}), found["train"], found.pop("lesson"))
    names = list(found)
    typer.echo(f"| way | {' | '.join(f'{n} ({len(found[n].wanted)})' for n in names)} |")
    typer.echo("|---" * (len(names) + 1) + "|")
    plain = [ndcg(found[name], ways[1][1](found[name])) for name in names]
    for said, way in ways:
        reached = [ndcg(found[name], way(found[name])) for name in names]
        cells = [f"{got:.3f} ({got / base:.2f})" for got, base in zip(reached, plain)]
        typer.echo(f"| {said} | {' | '.join(cells)} |")


def _rows(catalog: Path) -> pd.DataFrame:
    read = pd.read_csv(catalog / "catalog.csv", dtype=str, keep_default_na=False)
    return read.astype(object)


def _floats(values: NDArray[np.floating]) -> Vectors:
    return np.asarray(values, dtype=np.float32)


if __name__ == "__main__":
    typer.run(main)
