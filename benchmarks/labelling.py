"""`python -m benchmarks.labelling ../shared/catalog`: zero-shot labels against the columns.

For each column, every item that has one of its values gets one of them; the accuracy is the share
that gets its own. `article_type` has its 25 commonest values. The tables are

1. accuracy by how values are worded and how cosines are calibrated,
2. accuracy where the column is not known: the vocabulary's own values instead,
3. how far confidences are from the truth (expected calibration error, ten bins),
4. labels each by itself: mean average precision, and F1 at a confidence of 0.5,
5. of the 20 clearest disagreements, how many are errors that were planted: 5 % of the items, drawn
   by seed, got another value of the column. What else the catalogue has wrong counts as a mistake.

Everything that was chosen was chosen on split `train` (`--tune`); the tables are of split `test`
and of the drawn sample data.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from search.encoders import load_encoder
from search.encoders.base import Embeddings, Encoder
from search.images import ImageLimits, load_image
from search.labelling import (
    Attribute,
    Calibration,
    Labeller,
    Presence,
    attribute_of,
    calibrate,
    match_frequencies,
    named_attribute,
)
from search.labelling.attributes import ALONE

SAMPLE = Path("sample_data")
TOP = 20
PLANTED = 0.05
SEEDS = range(10)
_BATCH = 64

Floats = NDArray[np.float64]
Calibrate = Callable[[NDArray[np.float32], NDArray[np.int64]], Calibration | Floats]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a catalogue: its values as an attribute, and the number of each item's."""

    name: str
    attribute: Attribute
    codes: NDArray[np.int64]
    embeddings: Embeddings


def main(
    catalog: Annotated[Path, typer.Argument(help="Folder of the catalogue with splits.")],
    model: Annotated[str, typer.Option(help="Model to measure with.")] = "mini",
    tune: Annotated[bool, typer.Option("--tune", help="Split train instead of test.")] = False,
) -> None:
    """Print the tables as Markdown."""
    encoder = load_encoder(model, device="cpu")
    labeller = Labeller(encoder)
    split = "train" if tune else "test"
    rows, embeddings = embedded(encoder, catalog, split)
    columns = [
        column(f"{split} {name}", rows, embeddings, name, most)
        for name, most in (("article_type", 25), ("colour", None), ("gender", None))
    ]
    rows, embeddings = embedded(encoder, SAMPLE, "")
    drawn = [
        column(f"sample {name}", rows, embeddings, name) for name in ("kind", "colour", "pattern")
    ]
    columns += drawn
    table("wording, calibration", columns, accuracies(labeller, columns))
    table("not knowing the column", drawn, unknown(labeller, drawn))
    table("calibration error", columns, errors(labeller, columns))
    table("each by itself, mAP / F1", columns, presences(labeller, columns))
    table(f"precision@{TOP}", columns, planted(labeller, columns))


def table(
    title: str, columns: Sequence[Column], lines: Iterator[tuple[str, Sequence[str]]]
) -> None:
    heads = [
        f"{each.name} ({len(each.codes):,} items, {len(each.attribute.values)} values)"
        for each in columns
    ]
    typer.echo(f"\n| {title} | {' | '.join(heads)} |\n" + "|---" * (len(heads) + 1) + "|")
    for name, cells in lines:
        typer.echo(f"| {name} | {' | '.join(cells)} |")


def embedded(encoder: Encoder, folder: Path, split: str) -> tuple[list[dict[str, str]], Embeddings]:
    with (folder / "catalog.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get("split", "") == split]
    limits, least = ImageLimits(), encoder.decode_at_least
    parts = [
        encoder.encode_images(
            [load_image(folder / row["image"], limits, at_least=least) for row in batch]
        )
        for batch in (rows[at : at + _BATCH] for at in range(0, len(rows), _BATCH))
    ]
    return rows, np.concatenate(parts)


def column(
    title: str,
    rows: Sequence[dict[str, str]],
    embeddings: Embeddings,
    name: str,
    most: int | None = None,
) -> Column:
    """The items that have one of the `most` commonest values of a column."""
    counts = Counter(row[name] for row in rows if row[name])
    values = sorted(value for value, _ in counts.most_common(most))
    places = [place for place, row in enumerate(rows) if row[name] in values]
    codes = np.array([values.index(rows[place][name]) for place in places])
    return Column(title, named_attribute(name, values), codes, embeddings[places])


def accuracies(
    labeller: Labeller, columns: Sequence[Column]
) -> Iterator[tuple[str, Sequence[str]]]:
    for wording, templates in (
        ("one template", ("{}",)),
        (f"{len(ALONE)} templates", ALONE),
        ("as `tag` words it", None),
    ):
        for calibration, way in calibrations():
            cells = [accuracy(labeller, each, templates, way) for each in columns]
            yield f"{wording}, {calibration}", [f"{cell:.3f}" for cell in cells]


def calibrations() -> Iterator[tuple[str, Calibrate]]:
    yield "none", lambda cosines, codes: Calibration()
    yield "each value's mean taken off", lambda cosines, codes: -cosines.mean(axis=0)
    yield "equal frequencies", equal
    yield "the column's frequencies", calibrate


def equal(cosines: NDArray[np.float32], codes: NDArray[np.int64]) -> Calibration:
    values = cosines.shape[1]
    return match_frequencies(cosines, np.full(values, 1 / values))


def accuracy(
    labeller: Labeller, each: Column, templates: tuple[str, ...] | None, way: Calibrate
) -> float:
    attribute = replace(each.attribute, templates=templates) if templates else each.attribute
    cosines = labeller.cosines(attribute, each.embeddings)
    found = way(cosines, each.codes)
    scores = found.confidences(cosines) if isinstance(found, Calibration) else cosines + found
    return float((scores.argmax(axis=1) == each.codes).mean())


def unknown(labeller: Labeller, columns: Sequence[Column]) -> Iterator[tuple[str, Sequence[str]]]:
    cells = []
    for each in columns:
        usual = attribute_of(each.attribute.values)
        assert usual is not None
        own = [usual.value_of(each.attribute.values[code]) for code in each.codes]
        best = labeller.cosines(usual, each.embeddings).argmax(axis=1)
        right = np.mean([usual.values[at] == value for at, value in zip(best, own)])
        cells.append(f"{right:.3f} of {len(usual.values)} values")
    yield "the vocabulary's values", cells


def errors(labeller: Labeller, columns: Sequence[Column]) -> Iterator[tuple[str, Sequence[str]]]:
    for name, way in (("temperature 0.02", None), ("calibrated", calibrate)):
        cells = []
        for each in columns:
            cosines = labeller.cosines(each.attribute, each.embeddings)
            found = way(cosines, each.codes) if way else Calibration()
            error = calibration_error(found.confidences(cosines), each.codes)
            cells.append(f"{error:.3f}" + (f" at {found.temperature:g}" if way else ""))
        yield name, cells


def calibration_error(confidences: Floats, codes: NDArray[np.int64]) -> float:
    """Mean difference of confidence and accuracy over ten bins of confidence, by their size."""
    sure, right = confidences.max(axis=1), confidences.argmax(axis=1) == codes
    bins = np.minimum((sure * 10).astype(int), 9)
    gaps = [abs(float((sure - right)[bins == each].sum())) for each in range(10)]
    return sum(gaps) / len(codes)


def presences(labeller: Labeller, columns: Sequence[Column]) -> Iterator[tuple[str, Sequence[str]]]:
    cells = []
    for each in columns:
        sure = Presence(labeller).confidences(each.attribute, each.embeddings)
        right = np.eye(len(each.attribute.values), dtype=bool)[each.codes]
        precise = np.mean(
            [average_precision(sure[:, k], right[:, k]) for k in range(sure.shape[1])]
        )
        said = sure > 0.5
        f1 = 2 * (said & right).sum() / (said.sum() + right.sum())
        cells.append(f"{precise:.3f} / {f1:.3f}")
    yield "`--several`", cells


def average_precision(scores: Floats, right: NDArray[np.bool_]) -> float:
    ranked = right[np.argsort(-scores, kind="stable")]
    return float((np.cumsum(ranked) / np.arange(1, len(ranked) + 1))[ranked].mean())


def planted(labeller: Labeller, columns: Sequence[Column]) -> Iterator[tuple[str, Sequence[str]]]:
    for name, way, as_ratio in (
        ("not calibrated, difference of confidences", None, False),
        ("not calibrated, their ratio", None, True),
        ("calibrated, difference of confidences", calibrate, False),
        ("calibrated, their ratio", calibrate, True),
    ):
        cells = []
        for each in columns:
            cosines = labeller.cosines(each.attribute, each.embeddings)
            found = [precision(cosines, each.codes, way, as_ratio, seed) for seed in SEEDS]
            cells.append(f"{np.mean(found):.2f}")
        yield name, cells


def precision(
    cosines: NDArray[np.float32],
    codes: NDArray[np.int64],
    way: Calibrate | None,
    as_ratio: bool,
    seed: int,
) -> float:
    """The share of planted errors among the `TOP` clearest disagreements."""
    rng = np.random.default_rng(seed)
    wrong = rng.choice(len(codes), round(len(codes) * PLANTED), replace=False)
    said = codes.copy()
    said[wrong] = (codes[wrong] + rng.integers(1, cosines.shape[1], len(wrong))) % cosines.shape[1]
    found = way(cosines, said) if way else Calibration()
    assert isinstance(found, Calibration)
    sure = found.log_confidences(cosines) if as_ratio else found.confidences(cosines)
    clearness = sure.max(axis=1) - sure[np.arange(len(said)), said]
    clearest = np.argsort(-clearness, kind="stable")[:TOP]
    return float(np.isin(clearest, wrong).mean())


if __name__ == "__main__":
    typer.run(main)
