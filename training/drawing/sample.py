"""Writes sample_data/: catalogue, pictures, queries with known answers, and what they are."""

import csv
import io
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from training.drawing.queries import TEXT_QUERIES, image_answers, text_answers, text_query_lines
from training.drawing.scene import photograph
from training.drawing.spec import is_held_out
from training.drawing.stock import COLUMNS, StockItem, stock

QUERY_IMAGES = 40
SIZE = 256
QUALITY = 86
_QUERY_SEED = 500_000


def write(folder: Path, seed: int) -> None:
    """Write the whole sample into a folder, over what an earlier run left there."""
    items = stock(np.random.default_rng([seed, 1]))
    shown = _shown(items, np.random.default_rng([seed, 2]))
    _write_images(folder, items, shown, seed)
    _write_text(folder / "catalog.csv", _catalogue(items))
    lines, answers = _queries(items, shown)
    dumped = [json.dumps(line, ensure_ascii=False) for line in lines]
    _write_text(folder / "queries.jsonl", "\n".join(dumped) + "\n")
    _write_text(folder / "qrels.json", _qrels(answers))
    about = Path(__file__).with_name("sample_readme.md").read_text(encoding="utf-8")
    _write_text(folder / "README.md", about)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _shown(items: Sequence[StockItem], rng: np.random.Generator) -> list[StockItem]:
    """Choose the items that the image queries show, spread over the kinds."""
    by_kind: dict[str, list[StockItem]] = {}
    for place in rng.permutation(len(items)):
        by_kind.setdefault(items[int(place)].spec.kind, []).append(items[int(place)])
    rounds = range(-(-QUERY_IMAGES // len(by_kind)))
    chosen = [by_kind[kind][turn] for turn in rounds for kind in sorted(by_kind)]
    return chosen[:QUERY_IMAGES]


def _write_images(
    folder: Path, items: Sequence[StockItem], shown: Sequence[StockItem], seed: int
) -> None:
    for name in ("images", "queries"):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir(parents=True)
    first = seed * 1_000_000
    for number, item in enumerate(items, start=1):
        _save(photograph(item.spec, seed=first + number, size=SIZE), folder / item.row["image"])
    for number, item in enumerate(shown, start=1):
        fresh = photograph(item.spec, seed=first + _QUERY_SEED + number, size=SIZE)
        _save(fresh, folder / _query_image(number))


def _save(image: Image.Image, path: Path) -> None:
    image.save(path, quality=QUALITY, optimize=True)


def _query_image(number: int) -> str:
    return f"queries/q{number:03d}.jpg"


def _catalogue(items: Sequence[StockItem]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(dict(item.row) for item in items)
    return buffer.getvalue()


def _queries(
    items: Sequence[StockItem], shown: Sequence[StockItem]
) -> tuple[list[dict[str, Any]], dict[str, dict[str, int]]]:
    """Return the query lines and each query's gains."""
    rows = [item.row for item in items]
    lines = text_query_lines(TEXT_QUERIES)
    answers = {
        line["id"]: text_answers(query, rows)
        for line, query in zip(lines, TEXT_QUERIES, strict=True)
    }
    for number, item in enumerate(shown, start=1):
        spec, name = item.spec, f"i{number:03d}"
        held_out = is_held_out(spec.kind, spec.colour, spec.pattern)
        lines.append({"id": name, "image": _query_image(number), "held_out": held_out})
        answers[name] = image_answers(item.row, rows)
    if unanswered := [line["id"] for line in lines if not answers[line["id"]]]:
        raise ValueError(f"no item of this catalogue answers {', '.join(unanswered)}")
    return lines, answers


def _qrels(answers: dict[str, dict[str, int]]) -> str:
    """Lay the answers out with one query a line."""
    lines = [f"{json.dumps(name)}: {json.dumps(gains)}" for name, gains in answers.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"
