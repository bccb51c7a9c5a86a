"""`python -m benchmarks.reranking CATALOG`: what a second stage gains, what it costs.

nDCG@10 of the first ranking and of each reranker that ships, over

- the text queries of the drawn sample data,
- titles of a catalogue (the right answer is the item of that title),
- a colour and a kind of the catalogue's columns, "navy blue shirts" (right is what has both),

each catalogue in an embedded database, the first 100 hits reranked. Then the milliseconds that the
second stage takes, with no picture in memory and with all of them. Last, where heat maps point:
two drawn pictures lie beside each other, a text says what one of them shows, and right is a peak
in its half.

Everything that was chosen was chosen on split `train` (`--tune`); the tables are of split `test`
and of the drawn sample data.
"""

import csv
import json
import math
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Annotated

import numpy as np
import typer
from PIL import Image

from api.reranking import read_images
from benchmarks.measure import percentile
from indexer import index_catalog
from indexer.options import IndexOptions
from search.config import Settings
from search.encoders import Encoder, load_encoder
from search.engine import SearchEngine
from search.explaining import heat_maps
from search.images import ImageLimits
from search.reranking import Exact, LateInteraction, Reranker
from search.store import open_store
from search.types import Query, TextPart

SAMPLE = Path("sample_data")
LIMITS = ImageLimits()
WEIGHTS = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
TITLES = 200
MOST_KINDS = 100
DEPTH = 100
PAIRS = 200
MEASURED = 8
"""How many queries are timed."""

Qrels = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Asked:
    """A set of queries: each text with the gains of its right items."""

    name: str
    queries: Sequence[tuple[str, Qrels]]


def main(
    catalog: Annotated[Path, typer.Argument(help="Folder of the catalogue with splits.")],
    tune: Annotated[bool, typer.Option("--tune", help="The choice on split train.")] = False,
) -> None:
    """Print the tables as Markdown."""
    say = typer.echo
    encoder = load_encoder("mini", device="cpu")
    if tune:
        with _searched(_split(catalog, "train"), encoder, _by_weight()) as engine:
            _print_gains(engine, _asked_of(_split(catalog, "train")), [*_by_weight()])
        return
    for rows, asked in (
        (_rows(SAMPLE), [_sample_queries()]),
        (_split(catalog, "test"), _asked_of(_split(catalog, "test"))),
    ):
        late = LateInteraction(partial(read_images, limits=LIMITS), LIMITS)
        with _searched(rows, encoder, {"exact": Exact(), "late-interaction": late}) as engine:
            costs = _costs(engine, asked[0].queries)
            _print_gains(engine, asked, ["exact", "late-interaction"])
            for name, took in costs.items():
                say(f"{name}: p50 {percentile(took, 0.5):.0f} ms, p95 {percentile(took, 0.95):.0f}")
    _print_pointing(encoder)


def _by_weight() -> dict[str, Reranker]:
    late = {}
    images = partial(read_images, limits=LIMITS)
    for weight in WEIGHTS:
        late[f"weight {weight}"] = LateInteraction(images, LIMITS, weight=weight)
    return dict(late)


@contextmanager
def _searched(
    rows: Sequence[dict[str, str]], encoder: Encoder, rerankers: Mapping[str, Reranker]
) -> Iterator[SearchEngine]:
    """An engine over the rows, in a database that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="vitrine-bench-") as given:
        folder = Path(given)
        with (folder / "catalog.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        settings = Settings(db=str(folder / "reranking.db"))
        store = open_store(settings.db)
        options = IndexOptions(job_dir=folder / "jobs")
        index_catalog(
            folder / "catalog.csv",
            store=store,
            encoder=encoder,
            alias=settings.collection,
            options=options,
        )
        with SearchEngine(
            store, encoder, settings.collection, LIMITS, rerankers=rerankers
        ) as engine:
            yield engine


def _print_gains(engine: SearchEngine, asked: Sequence[Asked], names: Sequence[str]) -> None:
    typer.echo(f"\n| nDCG@10 | {' | '.join(each.name for each in asked)} |")
    typer.echo("|---" * (len(asked) + 1) + "|")
    for name in (None, *names):
        cells = [f"{_ndcg(engine, each.queries, name):.3f}" for each in asked]
        typer.echo(f"| {name or 'first ranking'} | {' | '.join(cells)} |")


def _ndcg(engine: SearchEngine, queries: Sequence[tuple[str, Qrels]], name: str | None) -> float:
    values = []
    for text, right in queries:
        query = Query((TextPart(text),), literal=True, rerank=name, rerank_depth=DEPTH)
        gains = [right.get(hit.id, 0) for hit in engine.search(query).hits]
        ideal = sorted(right.values(), reverse=True)[:10]
        values.append(_discounted(gains) / _discounted(ideal))
    return float(np.mean(values))


def _discounted(gains: Sequence[float]) -> float:
    return sum((2**gain - 1) / math.log2(place + 2) for place, gain in enumerate(gains))


def _costs(engine: SearchEngine, queries: Sequence[tuple[str, Qrels]]) -> dict[str, list[float]]:
    """Milliseconds of the second stage over 100 hits, without and with pictures in memory."""
    late = engine.rerankers["late-interaction"]
    assert isinstance(late, LateInteraction)
    taken: dict[str, list[float]] = {"uncached": [], "cached": [], "exact": []}
    for text, _ in queries[:MEASURED]:
        late.forget()
        for name in ("uncached", "cached"):
            query = Query((TextPart(text),), rerank="late-interaction", rerank_depth=DEPTH)
            taken[name].append(engine.search(query).took_ms["rerank"])
        query = Query((TextPart(text),), rerank="exact", rerank_depth=DEPTH)
        taken["exact"].append(engine.search(query).took_ms["rerank"])
    return taken


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "catalog.csv").open(encoding="utf-8", newline="") as file:
        return [
            row | {"image": str((folder / row["image"]).absolute())} for row in csv.DictReader(file)
        ]


def _split(catalog: Path, split: str) -> list[dict[str, str]]:
    """The rows of a split; of `train` as many as `test` has, by chance."""
    rows = _rows(catalog)
    test = [row for row in rows if row["split"] == "test"]
    if split == "test":
        return test
    return Random(0).sample([row for row in rows if row["split"] == "train"], len(test))


def _asked_of(rows: Sequence[dict[str, str]]) -> list[Asked]:
    chosen = Random(0).sample(list(rows), TITLES)
    titles = [(row["title"], {row["id"]: 1.0}) for row in chosen]
    both: dict[str, dict[str, float]] = defaultdict(dict)
    for row in rows:
        both[f"{row['colour']} {row['article_type']}".lower()][row["id"]] = 1.0
    common = [(text, right) for text, right in both.items() if len(right) >= 3]
    return [Asked("titles", titles), Asked("colour and kind", common[:MOST_KINDS])]


def _sample_queries() -> Asked:
    lines = (SAMPLE / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    texts = {each["id"]: each.get("text") for each in map(json.loads, lines)}
    qrels = json.loads((SAMPLE / "qrels.json").read_text(encoding="utf-8"))
    return Asked("sample data", [(texts[id], right) for id, right in qrels.items() if texts[id]])


def _print_pointing(encoder: Encoder) -> None:
    typer.echo("\n| a text names | peak in the right half | pairs |\n|---|---|---|")
    rows = _rows(SAMPLE)
    for column in ("colour", "kind", "pattern"):
        right = list(_pointings(encoder, rows, column))
        typer.echo(f"| {column} | {np.mean(right):.1%} | {len(right)} |")


def _pointings(encoder: Encoder, rows: list[dict[str, str]], column: str) -> Iterator[bool]:
    """Whether the peak lay in the right half, for seeded pairs that differ in the column."""
    chance = Random(1)
    for _ in range(PAIRS):
        while (pair := chance.sample(rows, 2))[0][column] == pair[1][column]:
            pass
        both = Image.new("RGB", (512, 256))
        for place, row in enumerate(pair):
            both.paste(Image.open(row["image"]).convert("RGB"), (256 * place, 0))
        named = chance.randrange(2)
        [heat] = heat_maps(encoder, both, [pair[named][column]])
        yield (heat.peak()[0] > 256) == bool(named)


if __name__ == "__main__":
    typer.run(main)
