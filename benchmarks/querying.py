"""Latency of text queries beside the same work written by hand with open_clip and pymilvus."""

import itertools
import time
from collections.abc import Callable, Iterator
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
    """Text queries one after the other, without any cache, on what `indexing.run` indexed."""
    settings = Settings(db=str(folder / DATABASE), collection=COLLECTION, model=model)
    with open_engine(settings) as engine:
        name = engine.info.name
        ours = _times(lambda text: engine.search(Query((TextPart(text),))), queries)
    by_hand = _times(_by_hand(folder / DATABASE, name, model), queries)
    peer = "open_clip + pymilvus by hand"
    return [
        Measure(
            f"text query {label}", percentile(ours, share), "ms", percentile(by_hand, share), peer
        )
        for label, share in (("p50", 0.5), ("p95", 0.95))
    ]


def _times(ask: Callable[[str], object], queries: int) -> list[float]:
    """Milliseconds of each query after a few that warm up."""
    taken: list[float] = []
    for text in itertools.islice(texts(), WARM_UP + queries):
        started = time.perf_counter()
        ask(text)
        taken.append((time.perf_counter() - started) * 1000)
    return taken[WARM_UP:]


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
