"""The figures of a model beside those of simpler recipes, as a table and as JSON.

The first recipe was measured once, on another division of the photos. The plain recipe,
`plain.toml`, is the same thing trained anew on the photos that `mini.toml` trains on.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

Figures = dict[str, dict[str, float]]

_PAIR = '"{colour} {article type}"'

# (part, figure) -> what it is, and what the first recipe reached where it was measured.
FIGURES: dict[tuple[str, str], tuple[str, float | None]] = {
    ("test", "title_recall@1"): ("title to image, recall@1, 1,415 candidates", None),
    ("test", "title_recall@5"): ("title to image, recall@5, 1,415 candidates", None),
    ("test", "title_recall@10"): ("title to image, recall@10, 1,415 candidates", None),
    ("test", "wide_title_recall@1"): ("title to image, recall@1, 1,886 candidates", 0.21),
    ("test", "wide_title_recall@5"): ("title to image, recall@5, 1,886 candidates", 0.55),
    ("test", "wide_title_recall@10"): ("title to image, recall@10, 1,886 candidates", 0.70),
    ("test", "pair_precision@5"): (f"{_PAIR}, precision@5, 1,415 candidates", None),
    ("test", "pair_precision@10"): (f"{_PAIR}, precision@10, 1,415 candidates", None),
    ("test", "wide_pair_precision@5"): (f"{_PAIR}, precision@5, 1,886 candidates", 0.64),
    ("test", "wide_pair_precision@10"): (f"{_PAIR}, precision@10, 1,886 candidates", 0.60),
    ("test", "neighbours_same_article_type"): ("10 nearest images, same article type", 0.65),
    ("test", "neighbours_same_colour"): ("10 nearest images, same colour", 0.49),
    ("test", "zero_shot_types"): ("zero-shot article type, 25 commonest", None),
    ("photos", "zero_shot_labels"): ("zero-shot label of photos taken at home, 10 labels", None),
    ("sample", "ndcg@10_text"): ("sample catalogue, text queries, nDCG@10", None),
    ("sample", "ndcg@10_text_seen"): ("... combinations seen in training", None),
    ("sample", "ndcg@10_text_held_out"): ("... combinations never seen", None),
    ("sample", "ndcg@10_image"): ("sample catalogue, image queries, nDCG@10", None),
    ("sample", "ndcg@10_image_seen"): ("... combinations seen in training", None),
    ("sample", "ndcg@10_image_held_out"): ("... combinations never seen", None),
}


def table(figures: Figures, plain: Figures | None = None) -> Table:
    """Lay the figures out, with the first recipe's and the plain recipe's where there are any."""
    laid = Table(*_columns(plain), title="Measured")
    for row in _rows(figures, plain):
        laid.add_row(*row)
    return laid


def markdown(figures: Figures, plain: Figures | None = None) -> str:
    """Lay the same table out for a model card."""
    columns = _columns(plain)
    lines = [columns, ["---"] * len(columns), *_rows(figures, plain)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def show(figures: Figures, plain: Figures | None = None, console: Console | None = None) -> None:
    """Print the table."""
    (console or Console()).print(table(figures, plain))


def read(path: Path) -> Figures:
    """The figures that `write` wrote."""
    found: Figures = json.loads(path.read_text(encoding="utf-8"))
    return found


def _columns(plain: Figures | None) -> list[str]:
    return ["figure", "first recipe", *(["plain recipe"] if plain else []), "this model"]


def _rows(figures: Figures, plain: Figures | None) -> Iterator[list[str]]:
    for (part, name), (words, before) in FIGURES.items():
        value = figures.get(part, {}).get(name)
        if value is None:
            continue
        beside = (plain or {}).get(part, {}).get(name)
        shown = ["" if beside is None else f"{beside:.3f}"] if plain else []
        yield [words, "" if before is None else f"{before:.2f}", *shown, f"{value:.3f}"]


def write(figures: Figures, to: Path) -> None:
    """Write the figures as JSON, rounded to four digits."""
    rounded = {
        part: {name: round(value, 4) for name, value in found.items()}
        for part, found in figures.items()
    }
    to.write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8")
