"""`python -m benchmarks.looks ../shared/catalog`: does what goes with an item agree with it?

There are no outfits to judge by. The judges are the catalogue's columns: of the first three in
each slot that goes with an item, the share that has the item's own gender, usage, season and family
of colours (navy is blue). That shows whether a look holds together in these; not whether people
would wear it, for which nothing here knows the answer. Equal colours are only one way to match.

Candidates of a slot are the 200 items nearest to the source, as in `vitrine look`. The ways are

- any: all candidates, which is what an order by lot comes to,
- nearness: cosines alone,
- residual: cosines after each kind's mean is taken off the source and the candidate,
- nearness and one of wearer and occasion, and all three.

Everything that was chosen was chosen on split `train` (`--tune`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.labelling import SAMPLE, embedded
from search.encoders import load_encoder
from search.encoders.base import Embeddings
from search.recommending import read_rules
from search.recommending.likeness import LIKENED, Likeness
from search.recommending.looks import CANDIDATES

TOP = 3
SOURCES = 300
FAMILIES = {
    "black": "Black,Charcoal",
    "grey": "Grey,Silver,Steel,Grey Melange",
    "blue": "Blue,Navy Blue,Turquoise Blue,Teal,navy",
    "white": "White,Off White,Cream",
    "brown": "Brown,Tan,Beige,Khaki,Coffee Brown,Copper,Bronze,Rust",
    "red": "Red,Maroon,Burgundy",
    "pink": "Pink,Magenta,Peach",
    "purple": "Purple,Lavender",
    "green": "Green,Olive,Sea Green,Fluorescent Green",
    "yellow": "Yellow,Mustard,Gold",
    "orange": "Orange",
}
_FAMILY = {name: family for family, names in FAMILIES.items() for name in names.split(",")}

Scores = NDArray[np.float64]
Way = Callable[[int, NDArray[np.int64]], Scores]
"""Scores of candidates, by their places, beside a source."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Items that have a slot, with what the columns say of them."""

    name: str
    slots: NDArray[np.str_]
    kinds: NDArray[np.str_]
    judges: dict[str, NDArray[np.str_]]
    embeddings: Embeddings


def main(
    catalog: Annotated[Path, typer.Argument(help="Folder of the catalogue with splits.")],
    model: Annotated[str, typer.Option(help="Model to measure with.")] = "mini",
    tune: Annotated[bool, typer.Option("--tune", help="Split train instead of test.")] = False,
) -> None:
    """Print the table as Markdown, one for each catalogue."""
    encoder = load_encoder(model, device="cpu")
    split = "train" if tune else "test"
    read: list[tuple[Path, str, str, tuple[str, ...]]] = [
        (catalog, split, "article_type", ("gender", "usage", "season")),
        (SAMPLE, "", "kind", ("pattern",)),
    ]
    for folder, part, kind, columns in read:
        rows, embeddings = embedded(encoder, folder, part)
        table(catalogue(part or "sample", rows, embeddings, kind, columns), Likeness(encoder))


def catalogue(
    name: str,
    rows: Sequence[dict[str, str]],
    embeddings: Embeddings,
    kind: str,
    columns: Sequence[str],
) -> Catalogue:
    slots = np.array([read_rules().slot_of(row[kind]) or "" for row in rows])
    places: list[int] = np.flatnonzero(slots != "").tolist()
    judges = {each: np.array([rows[place][each] for place in places]) for each in columns}
    colours = [rows[place]["colour"] for place in places]
    judges["colour family"] = np.array([_FAMILY.get(each, each.lower()) for each in colours])
    kinds = np.array([rows[place][kind] for place in places])
    return Catalogue(name, slots[places], kinds, judges, embeddings[places])


def table(read: Catalogue, likeness: Likeness) -> None:
    typer.echo(f"\n| {read.name}, first {TOP} of each slot | {' | '.join(read.judges)} |")
    typer.echo("|---" * (len(read.judges) + 1) + "|")
    for name, way in ways(read, likeness):
        typer.echo(f"| {name} | {' | '.join(f'{each:.3f}' for each in agreement(read, way))} |")


def ways(read: Catalogue, likeness: Likeness) -> Iterator[tuple[str, Way | None]]:
    every = read.embeddings
    residuals = normalised(every - means(read))

    def style(only: Sequence[str]) -> Way:
        return lambda own, others: likeness.styles(every[own], every[others], only)

    yield "any", None
    yield "nearness", lambda own, others: (every[others] @ every[own]).astype(float)
    yield "residual", lambda own, others: (residuals[others] @ residuals[own]).astype(float)
    for name in LIKENED:
        yield f"nearness, {name}", style([name])
    yield f"**nearness, {', '.join(LIKENED)}**", style(LIKENED)


def agreement(read: Catalogue, way: Way | None) -> list[float]:
    """For each judge, the share of the first hits that agree, mean over sources and slots."""
    agrees: dict[str, list[float]] = {name: [] for name in read.judges}
    for own in sources(read):
        for slot in read_rules().slots_with(str(read.slots[own])):
            others = nearest(read, own, slot)
            if len(others) <= TOP:
                continue
            if way is not None:
                others = others[np.argsort(-way(own, others), kind="stable")[:TOP]]
            for name, values in read.judges.items():
                if values[own]:
                    agrees[name].append(float((values[others] == values[own]).mean()))
    return [float(np.mean(shares)) for shares in agrees.values()]


def sources(read: Catalogue) -> list[int]:
    rng = np.random.default_rng(0)
    count = len(read.slots)
    return sorted(rng.choice(count, min(SOURCES, count), replace=False).tolist())


def nearest(read: Catalogue, own: int, slot: str) -> NDArray[np.int64]:
    there = np.flatnonzero(read.slots == slot)
    cosines = read.embeddings[there] @ read.embeddings[own]
    return there[np.argsort(-cosines, kind="stable")[:CANDIDATES]]


def means(read: Catalogue) -> Embeddings:
    found = np.zeros_like(read.embeddings)
    for kind in set(read.kinds.tolist()):
        rows = read.kinds == kind
        found[rows] = read.embeddings[rows].mean(axis=0)
    return found


def normalised(rows: Embeddings) -> Embeddings:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-12), dtype=np.float32)


if __name__ == "__main__":
    typer.run(main)
