"""`python -m benchmarks.negation CATALOG`: how well each way leaves out what a query excludes.

Queries are "shirts, not blue", "kurtas -men", "dress but not floral" and so on: a kind and a value
that some items of the kind have, in five forms that take turns. Right answers are decided by the
catalogue's columns alone. Of the first ten answers are measured

- violation: the share that has the excluded value,
- kind: the share that is of the kind,
- right: the share that is of the kind and lacks the excluded value.

Everything that was chosen was chosen on split `train` (`--tune`); the table is of split `test` and
of the drawn sample data.
"""

import csv
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from search.encoders import load_encoder
from search.encoders.base import Embeddings, Encoder
from search.images import ImageLimits, load_image
from search.negation import NEUTRAL, Excluder, Strictness, read_negation
from search.vocabulary import vocabulary

FORMS = (
    "{kind}, not {value}",
    '{kind} -"{value}"',
    "{kind} that are not {value}",
    "{kind} but not {value}",
    "non-{value} {kind}",
)
SAMPLE = Path("sample_data")
TOP = 10
_BATCH = 64

Ranking = NDArray[np.int64]
Way = Callable[[str, "Items"], Ranking]


@dataclass(frozen=True, slots=True)
class Items:
    """A catalogue, or a split of one, embedded: `embeddings` is `(n, dim) float32`."""

    name: str
    kind_column: str
    rows: list[dict[str, str]]
    embeddings: Embeddings


@dataclass(frozen=True, slots=True)
class Case:
    """One query: a text that wants a kind without a value of the column."""

    text: str
    kind: str
    column: str
    value: str


class _Texts:
    """A text encoder that embeds every text once."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._known: dict[str, NDArray[np.float32]] = {}

    @property
    def dim(self) -> int:
        return self._encoder.dim

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        if new := [text for text in dict.fromkeys(texts) if text not in self._known]:
            self._known |= dict(zip(new, self._encoder.encode_texts(new)))
        return np.stack([self._known[text] for text in texts])

    def __call__(self, text: str) -> NDArray[np.float32]:
        return np.asarray(self.encode_texts([text])[0])

    def wanted(self, text: str) -> NDArray[np.float32]:
        return self(read_negation(text).wanted or NEUTRAL)

    def excluded(self, text: str) -> NDArray[np.float32]:
        return self(read_negation(text).without[0])

    def with_wanted(self, text: str) -> NDArray[np.float32]:
        spoken = read_negation(text)
        return self(f"{spoken.without[0]} {spoken.wanted}".strip())


def main(
    catalog: Annotated[Path, typer.Argument(help="Folder of the catalogue with splits.")],
    model: Annotated[str, typer.Option(help="Model to measure with.")] = "mini",
    tune: Annotated[bool, typer.Option("--tune", help="The choice on split train.")] = False,
) -> None:
    """Print a Markdown table: violation / kind / right, each of the first ten, by way and set."""
    encoder = load_encoder(model, device="cpu")
    real = embedded(encoder, catalog, "train" if tune else "test", "article_type")
    sets = [(real, cases(real, column, 5, 10)) for column in ("colour", "usage", "gender")]
    if not tune:
        drawn = embedded(encoder, SAMPLE, "", "kind")
        sets += [(drawn, cases(drawn, column, 2, 10)) for column in ("colour", "pattern")]
        sets.append((drawn, neutral_cases(drawn, "colour")))
    heads = [f"{items.name} {found[0].column} ({len(found)})" for items, found in sets]
    typer.echo("| way | " + " | ".join(heads) + " |\n|" + "---|" * (len(heads) + 1))
    texts = _Texts(encoder)
    for name, way in tried(texts) if tune else ways(texts):
        cells = (measured(way, items, found) for items, found in sets)
        typer.echo(f"| {name} | " + " | ".join(cells) + " |")


def embedded(encoder: Encoder, folder: Path, split: str, kind_column: str) -> Items:
    with (folder / "catalog.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get("split", "") == split]
    limits = ImageLimits()
    batches = (
        encoder.encode_images(
            [
                load_image(folder / row["image"], limits, at_least=encoder.decode_at_least)
                for row in batch
            ]
        )
        for batch in (rows[at : at + _BATCH] for at in range(0, len(rows), _BATCH))
    )
    return Items(split or "sample", kind_column, rows, np.concatenate(list(batches)))


def cases(items: Items, column: str, least: int, others: int) -> list[Case]:
    """All pairs of a kind and a value that `least` items have and `others` of the kind do not."""
    kinds = Counter(row[items.kind_column] for row in items.rows)
    pairs = Counter((row[items.kind_column], row[column]) for row in items.rows if row[column])
    chosen = [
        pair for pair, n in sorted(pairs.items()) if n >= least and kinds[pair[0]] - n >= others
    ]
    return [
        Case(form.format(kind=kind.lower(), value=value.lower()), kind, column, value)
        for (kind, value), form in zip(chosen, itertools.cycle(FORMS))
    ]


def neutral_cases(items: Items, column: str) -> list[Case]:
    """Queries that want nothing in particular: "not red". Any kind is right."""
    values = sorted({row[column] for row in items.rows})
    return [Case(f"not {value}", "", column, value) for value in values]


def measured(way: Way, items: Items, found: Sequence[Case]) -> str:
    shares = []
    for case in found:
        rows = [items.rows[at] for at in way(case.text, items)[:TOP]]
        of_kind = [not case.kind or row[items.kind_column] == case.kind for row in rows]
        shows = [row[case.column] == case.value for row in rows]
        right = [kind and not shown for kind, shown in zip(of_kind, shows)]
        shares.append([sum(shows) / TOP, sum(of_kind) / TOP, sum(right) / TOP])
    return " / ".join(f"{share:.3f}" for share in np.mean(shares, axis=0))


def ways(texts: _Texts) -> Iterator[tuple[str, Way]]:
    yield "the text as it is", lambda text, items: nearest(texts(text), items)
    yield "only what is wanted", lambda text, items: nearest(texts.wanted(text), items)
    for weight in (0.25, 0.5, 1.0):
        yield f"subtract {weight} x phrase", _subtract(texts, weight)
    for weight in (0.5, 1.0):
        yield f"subtract {weight} x (phrase + wanted, less wanted)", _subtract(texts, weight, True)
    yield "project the phrase out", _project(texts)
    yield "leave out: nearer to phrase + wanted than to wanted", _nearer(texts)
    best = Strictness()
    yield "leave out: best value", excluding(texts, Strictness(away=0, slack=0))
    yield f"leave out: slack {best.slack}", excluding(texts, Strictness(away=0))
    yield "**default: subtract and leave out**", excluding(texts, best)
    yield "default, the attribute not in the vocabulary", excluding(texts, best, hidden=True)


def tried(texts: _Texts) -> Iterator[tuple[str, Way]]:
    for away, slack in itertools.product((0.0, 0.15, 0.25, 0.35), (0.0, 0.25, 0.4, 0.5)):
        strictness = Strictness(away=away, slack=slack)
        yield f"away {away}, slack {slack}", excluding(texts, strictness)
    for away, stands_out in itertools.product((0.25, 0.5, 0.75), (1.0, 1.25, 1.5)):
        strictness = Strictness(away_unknown=away, stands_out=stands_out)
        name = f"away_unknown {away}, stands_out {stands_out}"
        yield name, excluding(texts, strictness, hidden=True)


def nearest(query: NDArray[np.float32], items: Items) -> Ranking:
    return np.argsort(-(items.embeddings @ query), kind="stable")


def excluding(texts: _Texts, strictness: Strictness, *, hidden: bool = False) -> Way:
    """What vitrine does; `hidden` takes the attribute out of the vocabulary first."""

    def way(text: str, items: Items) -> Ranking:
        spoken = read_negation(text)
        known = vocabulary()
        if hidden and (sense := known.find(spoken.without[0])):
            known = known.without(sense.attribute.name)
        excluder = Excluder(texts, vocabulary=known, strictness=strictness)
        exclusion = excluder.exclusion(spoken.wanted, spoken.without)
        ranking = nearest(exclusion.away(texts.wanted(text)), items)
        return ranking[~exclusion.violates(items.embeddings[ranking])]

    return way


def _subtract(texts: _Texts, weight: float, difference: bool = False) -> Way:
    def way(text: str, items: Items) -> Ranking:
        wanted = texts.wanted(text)
        less = texts.with_wanted(text) - wanted if difference else texts.excluded(text)
        return nearest(wanted - weight * less, items)

    return way


def _project(texts: _Texts) -> Way:
    def way(text: str, items: Items) -> Ranking:
        wanted, excluded = texts.wanted(text), texts.excluded(text)
        return nearest(wanted - (wanted @ excluded) * excluded, items)

    return way


def _nearer(texts: _Texts) -> Way:
    def way(text: str, items: Items) -> Ranking:
        ranking = nearest(texts.wanted(text), items)
        gain = items.embeddings[ranking] @ (texts.with_wanted(text) - texts.wanted(text))
        return ranking[gain <= 0]

    return way


if __name__ == "__main__":
    typer.run(main)
