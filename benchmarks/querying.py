"""Latency of text queries beside the same work written by hand with open_clip and pymilvus."""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.indexing import COLLECTION, DATABASE
from benchmarks.measure import Measure, percentile
from search.config import Settings
from search.encoders import resolve_model
from search.engine import open_engine
from search.types import Query, TextPart

COLOURS = ("red", "blue", "navy", "white", "black", "green", "pink", "grey", "brown", "yellow")
NOUNS = ("dress", "shirt", "t-shirt", "jeans", "sneakers", "boots", "handbag", "watch", "hat")
PATTERNS = ("", "floral ", "striped ", "checked ")
WARM_UP = 10


def texts() -> Iterator[str]:
    """Different sentences, as shoppers write them, without end."""
    combinations = list(itertools.product(COLOURS, PATTERNS, NOUNS))
    for number in itertools.count():
        colour, pattern, noun = combinations[number * 37 % len(combinations)]
        yield f"{colour} {pattern}{noun}"


def run(catalog: Path, model: str, folder: Path, queries: int) -> list[Measure]:
    """Text queries one at a time on what `indexing.run` indexed, the two sides taking turns.

    No text comes twice in a row and nothing is cached, so that every query is encoded.
    """
    settings = Settings(db=str(folder / DATABASE), collection=COLLECTION, model=model)
    with open_engine(settings) as engine:
        by_hand = _by_hand(folder / DATABASE, engine.info.name, model)
        sides = (lambda text: engine.search(Query((TextPart(text),))), by_hand)
        ours, theirs = _times(sides, queries)
    peer = "open_clip + pymilvus by hand"
    return [
        Measure(f"text query {name}", percentile(ours, at), "ms", percentile(theirs, at), peer)
        for name, at in (("p50", 0.5), ("p95", 0.95))
    ]


def _times(sides: Sequence[Callable[[str], object]], queries: int) -> list[list[float]]:
    """Milliseconds of each side's queries, after a few that warm up."""
    taken: list[list[float]] = [[] for _ in sides]
    for text in itertools.islice(texts(), WARM_UP + queries):
        for side, times in zip(sides, taken):
            started = time.perf_counter()
            side(text)
            times.append((time.perf_counter() - started) * 1000)
    return [times[WARM_UP:] for times in taken]


def _by_hand(database: Path, collection: str, model: str) -> Callable[[str], object]:
    """What a tutorial would write: tokenise, encode, normalise, search, return all fields."""
    import open_clip
    import torch
    from pymilvus import MilvusClient

    source = resolve_model(model)
    net, _, _ = open_clip.create_model_and_transforms(source.open_clip_name, pretrained=source.tag)
    tokenizer = open_clip.get_tokenizer(source.open_clip_name)
    net.eval()
    client = MilvusClient(str(database))
    client.load_collection(collection)

    def ask(text: str) -> object:
        with torch.inference_mode():
            embedding = net.encode_text(tokenizer([text]), normalize=True)[0]
        return client.search(collection, [embedding.tolist()], limit=10, output_fields=["*"])

    return ask
