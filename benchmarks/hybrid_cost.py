"""What a query by words costs beside a plain one, and what its index takes."""

import gc
import tempfile
import time
import tracemalloc
from contextlib import closing
from pathlib import Path
from statistics import median

import numpy as np

from search.encoders.base import Embeddings, Encoder
from search.engine import SearchEngine
from search.filters import Comparison, Op
from search.images import ImageLimits
from search.lexical import LexicalIndexes
from search.store import CollectionSpec, Entity, open_store
from search.store.base import Store
from search.types import Field, FieldType, Item, Mode, Query, TextPart

MODES: tuple[Mode, ...] = ("visual", "text", "hybrid")
TURNS = 5
_PART = Field("part", FieldType.INTEGER)


def cost_lines(titles: list[str], images: Embeddings, encoder: Encoder, items: int) -> list[str]:
    """Lines on an embedded collection of so many items, made of these by repeating them."""
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(open_store(str(Path(folder) / "cost.db"))) as store,
    ):
        spec = CollectionSpec("cost__v1", encoder.identity, (_PART,))
        words = _fill(store, spec, titles, images, items)
        gc.collect()
        tracemalloc.start()
        index = LexicalIndexes(store).index(spec)
        gc.collect()
        held, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        del index
        started = time.process_time()
        LexicalIndexes(store).index(spec)
        built = time.process_time() - started
        lines = [
            f"\n{items:,} items of {words:.1f} words: the index takes {held / items:.0f} bytes an "
            f"item ({peak / items:.0f} while it is made) and {built:.2f} s of CPU.",
            "\n| p50, ms after encoding | plain | half filtered | one in 100 |\n|---|---|---|---|",
        ]
        engine = SearchEngine(store, encoder, "cost__v1", ImageLimits())
        return lines + [_line(engine, mode, titles) for mode in MODES]


def _fill(
    store: Store, spec: CollectionSpec, titles: list[str], images: Embeddings, items: int
) -> float:
    rng = np.random.default_rng(0)
    known = sorted({word for title in titles for word in title.split()})
    store.create(spec)
    words = 0
    for start in range(0, items, 2000):
        entities = []
        for number in range(start, min(start + 2000, items)):
            turn, row = divmod(number, len(titles))
            # Every copy has a word and a picture of its own.
            title = titles[row] if not turn else f"{titles[row]} {rng.choice(known)}"
            noise = np.asarray(rng.normal(size=images.shape[1]), dtype=np.float32)
            vector = images[row] + (0.02 if turn else 0) * noise
            item = Item(f"{number:06}", "a.jpg", title, None, {"part": number % 100})
            entities.append(Entity(item, vector / np.linalg.norm(vector), "", ""))
            words += len(title.split())
        store.upsert(spec.name, entities)
    store.flush(spec.name)
    return words / items


def _line(engine: SearchEngine, mode: Mode, titles: list[str]) -> str:
    asked = ["red shirts", "black casual shoes", titles[0], titles[7], "puma", "blue jeans"]
    cells = []
    for filter in (None, Comparison("part", Op.LT, 50), Comparison("part", Op.EQ, 7)):
        took = []
        for _ in range(TURNS):
            for text in asked:
                page = engine.search(Query((TextPart(text),), mode=mode, filter=filter))
                told = page.took_ms
                took.append(told["total"] - told["encode"] - told["resolve"])
        cells.append(f"{median(took[len(asked) :]):.1f}")
    return f"| {mode} | " + " | ".join(cells) + " |"
