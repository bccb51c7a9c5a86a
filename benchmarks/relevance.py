"""How well queries that a catalogue answers are told from those that it does not.

`python -m benchmarks.relevance ../shared/catalog` prints the area under ROC of several ways to
decide it, on the catalogue's split `test` and on sample_data, over the half of the queries that
served no choice; `--choose` does so on split `train` and the other half.
"""

import hashlib
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray

from benchmarks.relevance_pictures import pictures
from search.encoders import load_encoder
from search.encoders.base import Embeddings, Encoder
from search.images import ImageLimits, load_image
from search.lexical import LexicalIndex
from search.ranking.relevance import (
    SAMPLE,
    Background,
    Calibration,
    Modality,
    calibrate,
    embed_background,
)
from search.ranking.relevance_files import Made, written
from search.ranking.relevance_fitting import logit_of, scores_of
from search.ranking.relevance_words import share_known, with_words

QUERIES = Path(__file__).with_name("relevance_queries.toml")
SAMPLE_DATA = Path("sample_data")
BATCH = 64
PARTS = ("easy", "hard", "other")
UNSAID = frozenset({"id", "image", "split", "product_id", "price", "currency"})

Values = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class TextQuery:
    """A text of the query set.

    `answered_by` is both, catalog or sample; of what no catalogue has it is empty, and `part` is
    easy, hard or other.
    """

    text: str
    answered_by: str
    part: str
    chosen_with: bool


def load_queries() -> list[TextQuery]:
    """Every query of the set, in its order."""
    told = tomllib.loads(QUERIES.read_text(encoding="utf-8"))
    return [
        TextQuery(text, part if side == "in" else "", part if side == "out" else "", _even(text))
        for side, parts in told.items()
        for part, groups in parts.items()
        for texts in groups.values()
        for text in texts
    ]


def _even(text: str) -> bool:
    """Half of all queries, by a hash: those that methods may be chosen with."""
    return hashlib.sha256(text.encode()).digest()[-1] % 2 == 0


def area(inside: Values, outside: Values) -> float:
    """Area under ROC: how often a value of `inside` exceeds one of `outside`; ties count half."""
    difference = inside[:, None] - outside[None, :]
    return float((difference > 0).mean() + (difference == 0).mean() / 2)


SHIPPED = "shipped: that, and whether titles have its words"


def ways(
    texts: list[str],
    queries: Embeddings,
    sample: Embeddings,
    background: Background,
    index: LexicalIndex,
) -> dict[str, Values]:
    """Each way to decide: a value `(n,)` for each query, higher for what the catalogue has."""
    scores = queries @ sample.T
    known = background.texts @ sample.T
    top = min(10, len(sample))
    own = scores_of(queries, sample)
    softly = np.log(np.exp(known / 0.05).sum(axis=0))
    hubs = np.sort(known, axis=0)[-top:].mean(axis=0)
    by_pictures = page_values(calibrate(background, sample), queries, "text")
    shares = np.array([share_known(text, index) for text in texts], dtype=np.float64)
    known = np.nan_to_num(shares, nan=0.5)
    return {
        "best raw cosine": own.best,
        "mean of the 10 best": _top(scores, top),
        "stands out of its own scores": own.standout,
        "10 best less the background's mean on the item": _top(scores - known.mean(axis=0), top),
        "10 best in the background's deviations": _top(
            (scores - known.mean(axis=0)) / known.std(axis=0), top
        ),
        "10 best less the background's best (CSLS)": _top(2 * scores - hubs, top)
        - _top(scores, top),
        "share among the background, softmax at 0.05": _top(
            scores / 0.05 - np.logaddexp(scores / 0.05, softly), top
        ),
        "near the groups in stock": logit_of(
            queries, calibrate(background, sample).texts.direction
        ),
        "near the groups in stock, and scores": by_pictures,
        "whether titles have its words": known,
        SHIPPED: np.array([with_words(*each) for each in zip(by_pictures, known)]),
    }


def page_values(calibration: Calibration, queries: Embeddings, modality: Modality) -> Values:
    """`page_relevance` of each query, `(n,)`."""
    return np.array([calibration.page_relevance(query, modality) for query in queries])


def _top(values: Values, count: int) -> Values:
    found: Values = np.sort(values, axis=1)[:, -count:].mean(axis=1)
    return found


def text_lines(
    name: str, answered_by: str, queries: list[TextQuery], values: Mapping[str, Values]
) -> list[str]:
    """Lines of a Markdown table, one for each way."""
    inside = np.array([query.answered_by in ("both", answered_by) for query in queries])
    outside = {part: np.array([query.part == part for query in queries]) for part in PARTS}
    outside = {"all": np.array([query.part != "" for query in queries])} | outside
    lines = [
        f"\n{name}: {inside.sum()} queries that it answers; that it does not: "
        + ", ".join(f"{chosen.sum()} {part}" for part, chosen in outside.items()),
        "\n| way | " + " | ".join(outside) + " |\n|---|" + "---|" * len(outside),
    ]
    for way, told in values.items():
        areas = [f"{area(told[inside], told[chosen]):.3f}" for chosen in outside.values()]
        lines.append(f"| {way} | " + " | ".join(areas) + " |")
    told = values[SHIPPED]
    kept = [f"{(told[chosen] < 0.5).mean():.3f} of {part}" for part, chosen in outside.items()]
    lines.append(
        f"\nAt 0.5: answers {(told[inside] >= 0.5).mean():.3f}; refuses {', '.join(kept)}."
    )
    return lines


def image_lines(
    name: str, calibration: Calibration, inside: Mapping[str, Embeddings],
    outside: Mapping[str, Embeddings],
) -> list[str]:  # fmt: skip
    """Lines of a Markdown table: each kind of pictures inside against each outside."""
    told = {kind: page_values(calibration, each, "image") for kind, each in inside.items()}
    other = {kind: page_values(calibration, each, "image") for kind, each in outside.items()}
    lines = [f"\n| {name} | at 0.5 or more | " + " | ".join(f"against {k}" for k in other) + " |"]
    lines.append("|---|---|" + "---|" * len(other))
    for kind, values in told.items():
        areas = " | ".join(f"{area(values, each):.3f}" for each in other.values())
        lines.append(f"| {kind} ({len(values)}) | {(values >= 0.5).mean():.3f} | {areas} |")
    for kind, values in other.items():
        nothing = " | " * len(other)
        lines.append(f"| {kind} ({len(values)}) | {(values >= 0.5).mean():.3f} | {nothing}|")
    return lines


def reliability_lines(
    encoder: Encoder, calibration: Calibration, rows: pd.DataFrame, least: int = 5
) -> list[str]:
    """How often hits of each relevance are right: each pair of colour and article type asked.

    `rows` are those of the calibration's sample, in its order; pairs of `least` items or more.
    """
    kinds = list(zip(rows["colour"].str.lower(), rows["article_type"].str.lower(), strict=True))
    asked = sorted({kind for kind in kinds if kinds.count(kind) >= least})
    worth, right = [], []
    for kind, query in zip(asked, encoder.encode_texts([" ".join(kind) for kind in asked])):
        page = calibration.page_relevance(query, "text")
        worth.append(calibration.relevance(calibration.sample @ query, query, page))
        right.append(np.array([each == kind for each in kinds]))
    told, is_right = np.concatenate(worth), np.concatenate(right)
    lines = [f"\n| relevance of a hit, {len(asked)} queries | hits | right |\n|---|---|---|"]
    for low, high in pairwise([0, 0.1, 0.3, 0.5, 0.7, 0.9, 1]):
        chosen = (told >= low) & (told < high)
        share = f"{is_right[chosen].mean():.2f}" if chosen.any() else ""
        lines.append(f"| {low} to {high} | {chosen.sum()} | {share} |")
    return lines


def embed_files(encoder: Encoder, paths: list[Path]) -> Embeddings:
    """The images of these files, `(n, dim) float32`."""
    rows = []
    for start in range(0, len(paths), BATCH):
        some = paths[start : start + BATCH]
        images = [
            load_image(path, ImageLimits(), at_least=encoder.decode_at_least) for path in some
        ]
        rows.append(encoder.encode_images(images))
    return np.concatenate(rows)


def rows_of(folder: Path, split: str | None = None) -> pd.DataFrame:
    """The rows of a catalogue folder, SAMPLE at most, by a hash of their ids."""
    rows = pd.read_csv(folder / "catalog.csv", dtype=str)
    rows = rows if split is None else rows[rows["split"] == split]
    hashed = rows["id"].map(lambda id: hashlib.sha256(str(id).encode()).hexdigest())
    return rows.assign(hashed=hashed).sort_values("hashed").head(SAMPLE)


def words_of_rows(folder: Path, split: str | None = None) -> LexicalIndex:
    """An index of the words that a catalogue folder says of its items, all of the split's."""
    rows = pd.read_csv(folder / "catalog.csv", dtype=str).fillna("")
    rows = rows if split is None else rows[rows["split"] == split]
    said = rows[[name for name in rows.columns if name not in UNSAID]].agg(" ".join, axis=1)
    return LexicalIndex.of(zip(rows["id"], said, strict=True))


def files_of(folder: Path, split: str | None = None) -> list[Path]:
    """The images of `rows_of`."""
    return [folder / image for image in rows_of(folder, split)["image"]]


def main(
    catalog: Annotated[Path, typer.Argument(help="Folder of the catalogue, with its splits.")],
    photos: Annotated[Path | None, typer.Option(help="Folder of photos taken at home.")] = None,
    elsewhere: Annotated[
        Path | None, typer.Option(help="Folder of pictures that no fashion catalogue has.")
    ] = None,
    choose: Annotated[bool, typer.Option("--choose", help="The half to choose with.")] = False,
    model: Annotated[str, typer.Option(help="Model to measure with.")] = "mini",
) -> None:
    """Print the tables."""
    encoder = load_encoder(model, device="cpu")
    started = time.perf_counter()
    background = embed_background(encoder)
    lines = [f"background: {len(background.texts)} texts, {time.perf_counter() - started:.1f} s"]
    queries = [query for query in load_queries() if query.chosen_with == choose]
    asked = [query.text for query in queries]
    texts = encoder.encode_texts(asked)
    outside = {"drawn": encoder.encode_images([picture for _, picture in pictures()])}
    if elsewhere is not None:
        files = sorted(path for path in elsewhere.iterdir() if path.is_file())
        outside["real"] = embed_files(encoder, files)
    at_home = {} if photos is None else {"photos at home": embed_files(encoder, files_of(photos))}
    drawn = sorted((SAMPLE_DATA / "queries").glob("*.jpg"))
    inside = {"drawn queries": embed_files(encoder, drawn)}
    split = "train" if choose else "test"
    for name, part, sample, words in (
        (
            "sample_data",
            "sample",
            embed_files(encoder, files_of(SAMPLE_DATA)),
            words_of_rows(SAMPLE_DATA),
        ),
        (
            f"catalogue, split {split}",
            "catalog",
            embed_files(encoder, files_of(catalog, split)),
            words_of_rows(catalog, split),
        ),
    ):
        started = time.perf_counter()
        calibration = calibrate(background, sample)
        took = time.perf_counter() - started
        ids = tuple(map(str, range(len(sample))))
        size = len(written(Made(calibration, ids, len(ids)))) / 1000
        lines += text_lines(name, part, queries, ways(asked, texts, sample, background, words))
        lines.append(
            f"In stock: {', '.join(calibration.stocked)}. Fit: {took:.2f} s, {size:.0f} kB."
        )
        own = inside if part == "sample" else {"held-out own": sample[1::2]}
        fitted = calibration if part == "sample" else calibrate(background, sample[::2])
        lines += image_lines(name, fitted, own | at_home, outside)
        if part == "catalog":
            lines += reliability_lines(encoder, calibration, rows_of(catalog, split))
    typer.echo("\n".join(lines))


if __name__ == "__main__":
    typer.run(main)
