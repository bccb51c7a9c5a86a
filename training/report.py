"""The figures of a model beside those of the first recipe, as a table and as JSON."""

import json
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


def table(figures: Figures) -> Table:
    """Lay the figures out, with the first recipe's where there are any."""
    laid = Table("figure", "first recipe", "this model", title="Measured")
    for (part, name), (words, before) in FIGURES.items():
        value = figures.get(part, {}).get(name)
        if value is not None:
            laid.add_row(words, "" if before is None else f"{before:.2f}", f"{value:.3f}")
    return laid


def markdown(figures: Figures) -> str:
    """Lay the same table out for a model card."""
    lines = ["| figure | first recipe | this model |", "|---|---|---|"]
    for (part, name), (words, before) in FIGURES.items():
        value = figures.get(part, {}).get(name)
        if value is not None:
            shown = "" if before is None else f"{before:.2f}"
            lines.append(f"| {words} | {shown} | {value:.3f} |")
    return "\n".join(lines) + "\n"


def show(figures: Figures, console: Console | None = None) -> None:
    """Print the table."""
    (console or Console()).print(table(figures))


def write(figures: Figures, to: Path) -> None:
    """Write the figures as JSON, rounded to four digits."""
    rounded = {
        part: {name: round(value, 4) for name, value in found.items()}
        for part, found in figures.items()
    }
    to.write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8")
