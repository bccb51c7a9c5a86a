"""What products, facets, order and totals cost beside the bare search, and what diversity does.

    python -m benchmarks.answering                cost on 50,000 items, embedded
    python -m benchmarks.answering --diversity sample_data/catalog.csv

The cost is measured from the query's embedding on: random unit vectors around 200 centres, four
images to a product, a Zipf-like spread of colours. The encoder's time is the same for all.
"""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.measure import percentile
from search.config import Settings
from search.encoders import load_encoder
from search.encoders.base import ModelIdentity
from search.engine import SearchEngine
from search.filters import Comparison, Op
from search.images import ImageLimits
from search.ranking.asked import Asked
from search.ranking.facets import facets_of
from search.ranking.hits import hits_of
from search.ranking.totals import total_of
from search.store import CollectionSpec, Entity, SearchRequest, Store, open_store
from search.types import Boost, Field, FieldType, Item, Query, Sort, TextPart

SEED = 20_240_531
DIM = 256
IMAGES = 4
COLOURS = [f"colour {number:02}" for number in range(40)]
SPEC = CollectionSpec(
    "answering__v1",
    ModelIdentity("mini", "f", DIM),
    (
        Field("colour", FieldType.STRING),
        Field("price", FieldType.FLOAT),
        Field("in_stock", FieldType.BOOLEAN),
        Field("popularity", FieldType.INTEGER),
    ),
)
DEAR = Comparison("price", Op.GTE, 60.0)
TEXT = (TextPart("x"),)
CASES: Mapping[str, Query] = {
    "bare search": Query(TEXT),
    "bare search, filtered": Query(TEXT, filter=DEAR),
    "by product": Query(TEXT, by="product"),
    "by product, filtered": Query(TEXT, by="product", filter=DEAR),
    "sort": Query(TEXT, sort=(Sort("price"),)),
    "boosts": Query(TEXT, boosts=(Boost("popularity", 0.1), Boost("in_stock", 0.05))),
    "diversity": Query(TEXT, diversity=0.3),
    "collapse_duplicates": Query(TEXT, collapse_duplicates=True),
    "facets of two fields": Query(TEXT, facets=("colour", "price")),
    "facets of two fields, filtered": Query(TEXT, facets=("colour", "price"), filter=DEAR),
    "facets over the relevant set": Query(TEXT, facets=("colour",), facets_over="relevant"),
    "facets by product": Query(TEXT, by="product", facets=("colour", "price")),
    "total": Query(TEXT, total=True),
    "total, filtered": Query(TEXT, total=True, filter=DEAR),
    "total by product": Query(TEXT, by="product", total=True),
    "page 11 by product": Query(TEXT, by="product", offset=100),
}
SHARES = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
BARE = {False: "bare search", True: "bare search, filtered"}


def fill(store: Store, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Write the collection; the centres that its embeddings lie around, `(200, dim) float32`."""
    store.create(SPEC)
    centres = _unit(rng.normal(size=(200, DIM)))
    shares = 1 / np.arange(1, len(COLOURS) + 1)
    colours = rng.choice(COLOURS, size=count, p=shares / shares.sum())
    prices = np.round(rng.lognormal(3.8, 0.6, size=count), 2)
    popular = rng.geometric(0.02, size=count)
    embeddings = _unit(centres[rng.integers(200, size=count)] + rng.normal(size=(count, DIM)) / 12)
    for start in range(0, count, 5_000):
        store.upsert(
            SPEC.name,
            [
                Entity(
                    Item(
                        f"item {i:06}",
                        f"images/{i}.jpg",
                        f"Item {i}",
                        f"product {i // IMAGES:06}",
                        {
                            "colour": str(colours[i]),
                            "price": float(prices[i]),
                            "in_stock": i % 5 > 0,
                            "popularity": int(popular[i]),
                        },
                    ),
                    embeddings[i],
                    "",
                    "",
                )
                for i in range(start, min(start + 5_000, count))
            ],
        )
    store.flush(SPEC.name)
    return centres


def costs(uri: str, count: int, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each case; the cases take turns, each round with an embedding of its own."""
    rng = np.random.default_rng(SEED)
    store = open_store(uri)
    try:
        centres = fill(store, count, rng)
        taken: dict[str, list[float]] = {name: [] for name in CASES}
        for turn in range(rounds + 2):
            embedding = _unit(centres[turn % 200] + rng.normal(size=DIM) / 8)
            for name, query in CASES.items():
                started = time.perf_counter()
                _answer(store, query, embedding)
                if turn >= 2:  # The first two warm up.
                    taken[name].append((time.perf_counter() - started) * 1000)
        return taken
    finally:
        if "://" in uri:
            store.drop(SPEC.name)
        store.close()


def _answer(store: Store, query: Query, embedding: NDArray[np.float32]) -> None:
    request = SearchRequest(embedding, query.limit, query.offset, query.filter)
    asked = Asked(query, request, store, SPEC)
    _, ranking = hits_of(asked)
    facets_of(asked, ranking)
    total_of(asked, ranking)


def print_costs(taken: Mapping[str, list[float]], say: Callable[[str], None]) -> None:
    say("| | p50 ms | p95 ms | p50 / bare | p95 / bare |")
    say("|---|---|---|---|---|")
    for name, query in CASES.items():
        bare = taken[BARE[query.filter is not None]]
        p50, p95 = percentile(taken[name], 0.5), percentile(taken[name], 0.95)
        ratios = p50 / percentile(bare, 0.5), p95 / percentile(bare, 0.95)
        say(f"| {name} | {p50:.0f} | {p95:.0f} | {ratios[0]:.2f} | {ratios[1]:.2f} |")


def print_diversity(catalog: Path, kind: str, colour: str, say: Callable[[str], None]) -> None:
    """What diversity does to the ten hits of every kind ("dress") and every colour ("red").

    Right are hits of the kind, or the colour, that was asked for.
    """
    say("| diversity | kinds: right | kinds: colours | colours: right | colours: kinds |")
    say("|---|---|---|---|---|")
    with (
        tempfile.TemporaryDirectory(prefix="vitrine-bench-") as folder,
        _engine(catalog, Path(folder)) as engine,
    ):
        kinds, colours = _values(engine, kind), _values(engine, colour)
        for share in SHARES:
            by_kind = _in_the_ten(engine, kinds, share, kind, colour)
            by_colour = _in_the_ten(engine, colours, share, colour, kind)
            cells = " | ".join(f"{number:.2f}" for number in (*by_kind, *by_colour))
            say(f"| {share} | {cells} |")
    say(f"\n{len(kinds)} kinds, {len(colours)} colours.")


def _in_the_ten(
    engine: SearchEngine, asked: Sequence[str], share: float, field: str, other: str
) -> tuple[float, float]:
    """The mean share of right ones among the ten hits, and the mean of distinct other values."""
    pages = [engine.search(Query((TextPart(text),), diversity=share)).hits for text in asked]
    right = [
        float(np.mean([hit.item.fields[field] == text for hit in hits]))
        for text, hits in zip(asked, pages)
    ]
    distinct = [len({hit.item.fields[other] for hit in hits}) for hits in pages]
    return float(np.mean(right)), float(np.mean(distinct))


def _values(engine: SearchEngine, field: str) -> list[str]:
    """The values of the field that at least ten items have."""
    [facet] = engine.search(Query(TEXT, facets=(field,))).facets
    return sorted(str(each.value) for each in facet.values if each.count >= 10)


def _engine(catalog: Path, folder: Path) -> SearchEngine:
    from indexer import index_catalog
    from indexer.options import IndexOptions

    settings = Settings(db=str(folder / "answering.db"))
    store = open_store(settings.db)
    encoder = load_encoder("mini", device="cpu")
    index_catalog(
        catalog,
        store=store,
        encoder=encoder,
        alias=settings.collection,
        options=IndexOptions(job_dir=folder / "jobs"),
    )
    return SearchEngine(store, encoder, settings.collection, ImageLimits())


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / norms, dtype=np.float32)


def main(
    diversity: Annotated[
        Path | None, typer.Option(help="A catalogue on which to measure diversity instead.")
    ] = None,
    kind: Annotated[str, typer.Option(help="Its column of kinds.")] = "kind",
    colour: Annotated[str, typer.Option(help="Its column of colours.")] = "colour",
    items: Annotated[int, typer.Option(help="Items of the collection.")] = 50_000,
    rounds: Annotated[int, typer.Option(help="Queries of each case.")] = 20,
    db: Annotated[str | None, typer.Option(help="A Milvus server's URL; else embedded.")] = None,
) -> None:
    """Print the table as Markdown."""
    if diversity is not None:
        print_diversity(diversity, kind, colour, typer.echo)
        return
    with tempfile.TemporaryDirectory(prefix="vitrine-bench-") as folder:
        print_costs(costs(db or f"{folder}/answering.db", items, rounds), typer.echo)


if __name__ == "__main__":
    typer.run(main)
