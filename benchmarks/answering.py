"""What each thing that a query can ask for costs beside the bare search, and what diversity does.

    python -m benchmarks.answering ../shared/catalog       cost on 50,000 items, embedded
    python -m benchmarks.answering sample_data --diversity

A query is measured whole, as `SearchEngine.search` answers it, with the encoder. The items are the
catalogue's, with its pictures' embeddings, repeated with a little noise; four images to a product,
prices and the like drawn by lot. Each query's text is another one, so that nothing is remembered,
but in the rows that say so. The last columns are the shares of the time that was spent in the
encoder and in calls of Milvus (its client included).
"""

import csv
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

import numpy as np
import typer
from numpy.typing import NDArray
from tqdm import tqdm

from api.reranking import rerankers_of
from benchmarks.measure import percentile
from benchmarks.querying import texts
from search.config import Settings
from search.encoders import load_encoder
from search.encoders.base import Embeddings, Encoder
from search.engine import SearchEngine
from search.filters import Comparison, Op
from search.images import ImageLimits, load_image
from search.store import CollectionSpec, Entity, Store, open_store
from search.store.connection import Connection
from search.store.milvus import MilvusStore
from search.types import (
    Boost,
    Field,
    FieldType,
    FieldValue,
    Item,
    ItemPart,
    Query,
    QueryPart,
    Sort,
    TextPart,
)

T = TypeVar("T")

SEED = 20_240_531
IMAGES = 4
NOISE = 0.01
WARM_UP = 2
BATCH = 64
COLLECTION = "answering__v1"
FIELDS = (
    Field("colour", FieldType.STRING),
    Field("price", FieldType.FLOAT),
    Field("in_stock", FieldType.BOOLEAN),
    Field("popularity", FieldType.INTEGER),
)
DEAR = Comparison("price", Op.GTE, 60.0)
TEXT = (TextPart("x"),)

Case = Callable[[str], Query]
"""The query of a case about a text."""


def asking(**options: Any) -> Case:
    """A text query with these options."""
    return lambda text: Query((TextPart(text),), **options)


def _changed(text: str) -> Query:
    """An item, and a change of its colour to the text's."""
    place = sum(map(ord, text)) % 1_000
    parts: tuple[QueryPart, ...] = (ItemPart(_id(place)), TextPart(f"in {text.split()[0]}"))
    return Query(parts)


BARE = "bare search"
FILTERED = "bare search, filtered"
CASES: Mapping[str, Case] = {
    BARE: asking(),
    FILTERED: asking(filter=DEAR),
    "relevance": asking(relevance=True),
    "least relevance": asking(min_relevance=0.5),
    "exclusion": asking(without=("logo",)),
    "exclusion, asked before": asking(without=("logo",)),
    "change of an item": _changed,
    "words alone": asking(mode="text"),
    "picture and words": asking(mode="hybrid"),
    "explained": asking(explain=True),
    "second look at 100, exact": asking(rerank="exact"),
    "second look at 100, late interaction": asking(rerank="late-interaction"),
    "second look at 100, late interaction, asked before": asking(rerank="late-interaction"),
    "by product": asking(by="product"),
    "by product, filtered": asking(by="product", filter=DEAR),
    "sort": asking(sort=(Sort("price"),)),
    "boosts": asking(boosts=(Boost("popularity", 0.1), Boost("in_stock", 0.05))),
    "diversity": asking(diversity=0.3),
    "collapse_duplicates": asking(collapse_duplicates=True),
    "facets of two fields": asking(facets=("colour", "price")),
    "facets of two fields, filtered": asking(facets=("colour", "price"), filter=DEAR),
    "facets over the relevant set": asking(facets=("colour",), facets_over="relevant"),
    "facets by product": asking(by="product", facets=("colour", "price")),
    "total": asking(total=True),
    "total, filtered": asking(total=True, filter=DEAR),
    "total by product": asking(by="product", total=True),
    "total with a least relevance": asking(min_relevance=0.5, total=True),
    "page 11 by product": asking(by="product", offset=100),
}
AGAIN = frozenset(name for name in CASES if name.endswith("asked before"))
"""Cases whose query was asked just before, so that the texts that it needs are known."""

SHARES = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)


@dataclass(slots=True)
class Spent:
    """Seconds by where they were spent, since `seconds` was cleared."""

    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    @contextmanager
    def on(self, what: str) -> Iterator[None]:
        """Count the time inside as spent on that."""
        started = time.perf_counter()
        yield
        self.seconds[what] += time.perf_counter() - started


class TimedConnection(Connection):
    """A connection that counts the time of its calls."""

    def __init__(self, uri: str, spent: Spent) -> None:
        super().__init__(uri)
        self._spent = spent

    def call(self, method: Callable[..., T], *args: object, slow: bool = False, **kw: object) -> T:
        """As `Connection.call`."""
        with self._spent.on("milvus"):
            return super().call(method, *args, slow=slow, **kw)


class TimedEncoder:
    """An encoder that counts the time of its texts."""

    def __init__(self, encoder: Encoder, spent: Spent) -> None:
        self._encoder = encoder
        self._spent = spent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """As the encoder's."""
        with self._spent.on("encoder"):
            return self._encoder.encode_texts(texts)


@dataclass(frozen=True, slots=True)
class Taken:
    """What one query took, in milliseconds."""

    total: float
    encoder: float
    milvus: float


def fill(store: Store, encoder: Encoder, catalog: Path, count: int) -> None:
    """Write a collection of `count` items."""
    rng = np.random.default_rng(SEED)
    titles, files, own = embedded(encoder, catalog)
    store.create(CollectionSpec(COLLECTION, encoder.identity, FIELDS))
    colours = [f"colour {number:02}" for number in range(40)]
    shares = 1 / np.arange(1, len(colours) + 1)
    drawn = rng.choice(colours, size=count, p=shares / shares.sum())
    prices = np.round(rng.lognormal(3.8, 0.6, size=count), 2)
    popular = rng.geometric(0.02, size=count)
    for start in tqdm(range(0, count, 5_000), "writing", file=sys.stderr):
        places = range(start, min(start + 5_000, count))
        rows = own[[place % len(own) for place in places]]
        rows = _unit(rows + rng.normal(scale=NOISE, size=rows.shape))
        entities = []
        for place, row in zip(places, rows):
            values: dict[str, FieldValue] = {
                "colour": str(drawn[place]),
                "price": float(prices[place]),
                "in_stock": place % 5 > 0,
                "popularity": int(popular[place]),
            }
            product = f"product {place // IMAGES:06}"
            title = titles[place % len(own)]
            item = Item(_id(place), files[place % len(own)], title, product, values)
            entities.append(Entity(item, row, item.image, ""))
        store.upsert(COLLECTION, entities)
    store.flush(COLLECTION)


def embedded(encoder: Encoder, catalog: Path) -> tuple[list[str], list[str], Embeddings]:
    """The titles and image files of the catalogue's items, and the embeddings of their images."""
    with (catalog / "catalog.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    parts = []
    for start in tqdm(range(0, len(rows), BATCH), "embedding", file=sys.stderr):
        files = [catalog / row["image"] for row in rows[start : start + BATCH]]
        least = encoder.decode_at_least
        images = [load_image(each, ImageLimits(), at_least=least) for each in files]
        parts.append(encoder.encode_images(images))
    places = [str((catalog / row["image"]).absolute()) for row in rows]
    return [row["title"] for row in rows], places, np.concatenate(parts)


def costs(uri: str, catalog: Path, count: int, rounds: int) -> dict[str, list[Taken]]:
    """What the queries of each case took; the cases take turns, each query with its own text."""
    spent = Spent()
    store = MilvusStore(TimedConnection(uri, spent))
    try:
        encoder = load_encoder("mini", device="cpu")
        fill(store, encoder, catalog, count)
        timed = cast(Encoder, TimedEncoder(encoder, spent))
        rerankers = rerankers_of("exact,late-interaction", Settings())
        engine = SearchEngine(store, timed, COLLECTION, ImageLimits(), rerankers=rerankers)
        said = texts()
        taken: dict[str, list[Taken]] = {name: [] for name in CASES}
        for turn in tqdm(range(WARM_UP + rounds), "rounds", file=sys.stderr):
            for name, case in CASES.items():
                query = case(next(said))
                if name in AGAIN:
                    engine.search(query)
                found = _timed(engine, query, spent)
                if turn >= WARM_UP:
                    taken[name].append(found)
        return taken
    finally:
        if "://" in uri:
            store.drop(COLLECTION)
        store.close()


def _timed(engine: SearchEngine, query: Query, spent: Spent) -> Taken:
    spent.seconds.clear()
    started = time.perf_counter()
    engine.search(query)
    total = time.perf_counter() - started
    of = spent.seconds
    return Taken(1000 * total, 1000 * of["encoder"], 1000 * of["milvus"])


def print_costs(taken: Mapping[str, list[Taken]], say: Callable[[str], None]) -> None:
    say("| | p50 ms | p95 ms | p50 / bare | p95 / bare | encoder | Milvus | both |")
    say("|---|---|---|---|---|---|---|---|")
    for name, found in taken.items():
        bare = [each.total for each in taken[FILTERED if "filtered" in name else BARE]]
        own = [each.total for each in found]
        p50, p95 = percentile(own, 0.5), percentile(own, 0.95)
        ratios = p50 / percentile(bare, 0.5), p95 / percentile(bare, 0.95)
        encoder = sum(each.encoder for each in found) / sum(own)
        milvus = sum(each.milvus for each in found) / sum(own)
        say(
            f"| {name} | {p50:.0f} | {p95:.0f} | {ratios[0]:.2f} | {ratios[1]:.2f} "
            f"| {encoder:.0%} | {milvus:.0%} | {encoder + milvus:.0%} |"
        )


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


def _id(place: int) -> str:
    return f"item {place:06}"


def main(
    catalog: Annotated[Path, typer.Argument(help="Folder of a catalogue.")] = Path("sample_data"),
    diversity: Annotated[
        bool, typer.Option("--diversity", help="Measure what diversity does instead.")
    ] = False,
    kind: Annotated[str, typer.Option(help="Its column of kinds.")] = "kind",
    colour: Annotated[str, typer.Option(help="Its column of colours.")] = "colour",
    items: Annotated[int, typer.Option(min=1_000, help="Items of the collection.")] = 50_000,
    rounds: Annotated[int, typer.Option(min=1, help="Queries of each case.")] = 20,
    db: Annotated[str | None, typer.Option(help="A Milvus server's URL; else embedded.")] = None,
) -> None:
    """Print the table as Markdown."""
    if diversity:
        print_diversity(catalog / "catalog.csv", kind, colour, typer.echo)
        return
    with tempfile.TemporaryDirectory(prefix="vitrine-bench-") as folder:
        print_costs(costs(db or f"{folder}/answering.db", catalog, items, rounds), typer.echo)


if __name__ == "__main__":
    typer.run(main)
