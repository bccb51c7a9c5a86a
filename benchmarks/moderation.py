"""`python -m benchmarks.moderation ../shared/catalog`: flags against the columns.

Kinds of goods stand in for what a shop may forbid. For each, with words alone: how well scores
order the items (average precision), and what the threshold does that should give one false alarm in
a hundred harmless items: the share it really gives, and precision and recall. First with the
collection's own tail of scores, which needs no answers; then counted on one half of the items by
their column, and judged on the other half. The last table compares thresholds without answers.

Everything that was chosen was chosen on split `train` (`--tune`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.labelling import SAMPLE, average_precision, embedded
from search.encoders import load_encoder
from search.labelling import Flag, Flagger
from search.labelling.tails import Floats, counted_tail, tail_of

STATED = 0.01
SHARES = (0.005, 0.01, 0.02)
SEEDS = range(10)

Threshold = Callable[[Floats, float], float]

FLAGS = (
    Flag("watches", ("watch", "wristwatch"), values=("Watches",), column="article_type"),
    Flag("sunglasses", ("sunglasses", "pair of glasses"), values=("Sunglasses",),
         column="article_type"),
    Flag("perfume", ("perfume bottle", "deodorant", "body spray", "fragrance"),
         values=("Perfume and Body Mist", "Deodorant", "Fragrance Gift Set"),
         column="article_type"),
    Flag("innerwear", ("underwear", "briefs", "bra", "undershirt", "boxers"),
         values=("Briefs", "Innerwear Vests", "Bra", "Trunk", "Boxers"), column="article_type"),
    Flag("flip flops", ("flip flops", "rubber slippers"), values=("Flip Flops",),
         column="article_type"),
)  # fmt: skip
DRAWN = (
    Flag("watches", ("watch", "wristwatch"), values=("watch",), column="kind"),
    Flag("sunglasses", ("sunglasses", "pair of glasses"), values=("sunglasses",), column="kind"),
    Flag("boots", ("boots",), values=("boots",), column="kind"),
)


@dataclass(frozen=True, slots=True)
class Scored:
    """A flag, its score of each item, and which items show the thing."""

    name: str
    scores: Floats
    shows: NDArray[np.bool_]

    def cells(self, threshold: float, judged: NDArray[np.bool_] | None = None) -> list[float]:
        """False-alarm rate, precision and recall, over the judged items."""
        rows = np.ones(len(self.shows), dtype=bool) if judged is None else judged
        said, shows = self.scores[rows] >= threshold, self.shows[rows]
        return [
            float((said & ~shows).sum() / (~shows).sum()),
            float((said & shows).sum() / max(said.sum(), 1)),
            float((said & shows).sum() / max(shows.sum(), 1)),
        ]


def main(
    catalog: Annotated[Path, typer.Argument(help="Folder of the catalogue with splits.")],
    model: Annotated[str, typer.Option(help="Model to measure with.")] = "mini",
    tune: Annotated[bool, typer.Option("--tune", help="Split train instead of test.")] = False,
) -> None:
    """Print the tables as Markdown."""
    encoder = load_encoder(model, device="cpu")
    flagger = Flagger(encoder)
    split = "train" if tune else "test"
    scored = []
    for folder, part, flags in ((catalog, split, FLAGS), (SAMPLE, "", DRAWN)):
        rows, embeddings = embedded(encoder, folder, part)
        for flag in flags:
            shows = np.array([row[flag.column] in flag.values for row in rows])
            name = f"{part or 'sample'}: {flag.name}"
            scored.append(Scored(name, flagger.scores(flag, embeddings), shows))
    by_flag(scored)
    by_way([each for each in scored if each.name.startswith(split)])


def by_flag(scored: list[Scored]) -> None:
    typer.echo(
        "\n| | show it | average precision | tail: false alarms | precision | recall "
        "| counted: false alarms | precision | recall |\n" + "|---" * 9 + "|"
    )
    for each in scored:
        cells = each.cells(tail_of(each.scores).threshold(STATED))
        cells += list(np.mean([counted(each, seed) for seed in SEEDS], axis=0))
        precision = average_precision(each.scores, each.shows)
        said = " | ".join(f"{cell:.3f}" for cell in [precision, *cells])
        typer.echo(f"| {each.name} | {each.shows.sum()} of {len(each.shows):,} | {said} |")


def counted(each: Scored, seed: int) -> list[float]:
    half = np.random.default_rng(seed).random(len(each.shows)) < 0.5
    tail = counted_tail(each.scores[~each.shows & half])
    return each.cells(tail.threshold(STATED), ~half)


def by_way(scored: list[Scored]) -> None:
    heads = " | ".join(f"{share:.1%} stated" for share in SHARES)
    typer.echo(f"\n| false alarms, lowest to highest; mean recall | {heads} |\n" + "|---" * 4 + "|")
    ways: dict[str, Threshold] = {
        "so many of the collection": lambda scores, share: float(np.quantile(scores, 1 - share)),
        "normal distribution around the median": normal,
        "**exponential tail**": lambda scores, share: tail_of(scores).threshold(share),
    }
    for name, way in ways.items():
        cells = []
        for share in SHARES:
            found = np.array([each.cells(way(each.scores, share)) for each in scored])
            alarms, recall = found[:, 0], found[:, 2].mean()
            cells.append(f"{alarms.min():.1%} to {alarms.max():.1%}; {recall:.2f}")
        typer.echo(f"| {name} | {' | '.join(cells)} |")


def normal(scores: Floats, share: float) -> float:
    """Mean and deviation from the quartiles, which few items of the thing itself do not move."""
    from statistics import NormalDist

    low, middle, high = np.quantile(scores, [0.25, 0.5, 0.75])
    return float(middle + NormalDist().inv_cdf(1 - share) * (high - low) / 1.349)


if __name__ == "__main__":
    typer.run(main)
