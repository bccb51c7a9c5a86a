"""Indexing throughput beside the encoder's own speed on ready tensors."""

import csv
import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from benchmarks import clip_retrieval, plain_script
from benchmarks.measure import Measure
from indexer import IndexOptions, IndexReport, index_catalog
from indexer.options import MOST_BY_DEFAULT
from search.encoders import load_encoder
from search.encoders.base import Encoder, Lanes, Pixels
from search.encoders.devices import CoreLanes
from search.images import ImageLimits, load_image
from search.store import open_store
from search.store.base import Store

COLLECTION = "bench"
DATABASE = "bench.db"
READY_IMAGES = 256
MEASURED_S = 6.0


def run(catalog: Path, model: str, folder: Path, peer: str | None = None) -> list[Measure]:
    """Index the catalogue into `folder`, beside the encoder alone and beside a plain script.

    The encoder alone gets tensors of the same images, before and after: the mean counts, since a
    machine's speed drifts. `peer` is the Python of an environment with clip-retrieval, which then
    embeds the same images.

    Raises:
        ConfigError: `peer` has no clip-retrieval; raised before anything is measured.
    """
    peer_is = f"clip-retrieval {clip_retrieval.version(peer, model)}" if peer else ""
    encoder = load_encoder(model)
    options = IndexOptions(job_dir=folder / "jobs")
    images = _first_images(catalog)
    store = open_store(str(folder / DATABASE))
    try:
        before = encoder_images_per_s(encoder, images)
        report = _index(catalog, store, encoder, options)
        after = encoder_images_per_s(encoder, images)
        again = _index(catalog, store, encoder, options)
    finally:
        store.close()
    plain = plain_script.images_per_s(catalog, model, folder / "plain.db")
    speed, name = report.images_per_s, f"index {report.embedded:,} images"
    more = []
    if peer:
        theirs = clip_retrieval.images_per_s(catalog, model, folder / "clip-retrieval", peer)
        more = [Measure(name, speed, "images/s", theirs, peer_is)]
    busy = [
        Measure(f"busy in {stage}, share of the run", 100 * seconds / report.seconds, "%")
        for stage, seconds in asdict(report.stages).items()
    ]
    return [
        Measure(name, speed, "images/s", (before + after) / 2, "the encoder on ready tensors"),
        Measure(name, speed, "images/s", plain, "DataLoader, batch 64, insert, by hand"),
        *more,
        Measure("share of the time outside the model", 100 * report.outside_model_share, "%"),
        *busy,
        Measure("the same again, unchanged", again.seconds, "s", report.seconds, "the first run"),
    ]


def _index(catalog: Path, store: Store, encoder: Encoder, options: IndexOptions) -> IndexReport:
    return index_catalog(catalog, store=store, encoder=encoder, alias=COLLECTION, options=options)


def encoder_images_per_s(encoder: Encoder, images: list[Path]) -> float:
    """Images per second of `encode_pixels` on batches that are in memory already.

    One batch after another on all cores, and as indexing does it, a batch in each lane: the
    quicker of the two counts. Batches are those of indexing.
    """
    batch_size = min(encoder.max_batch, MOST_BY_DEFAULT)
    limits = ImageLimits()
    pictures = [load_image(path, limits) for path in images]
    batches = [
        encoder.preprocess(pictures[start : start + batch_size])
        for start in range(0, len(pictures), batch_size)
    ]
    encoder.encode_pixels(batches[0])  # the first call allocates
    after_another = _images_per_s(encoder, batches, CoreLanes())
    with encoder.lanes() as lanes:
        return max(after_another, _images_per_s(encoder, batches, lanes))


def _images_per_s(encoder: Encoder, batches: list[Pixels], lanes: Lanes) -> float:
    """Images per second of so many threads, each of which takes every batch in turn."""

    def embed_until(deadline: float) -> int:
        done = 0
        for batch in itertools.cycle(batches):
            if time.perf_counter() > deadline:
                return done
            encoder.encode_pixels(batch)
            done += len(batch)
        raise AssertionError("cycle ends only by the return above")

    with ThreadPoolExecutor(lanes.count, initializer=lanes.enter) as threads:
        started = time.perf_counter()
        done = sum(threads.map(embed_until, [started + MEASURED_S] * lanes.count))
        return done / (time.perf_counter() - started)


def _first_images(catalog: Path) -> list[Path]:
    with catalog.open(newline="", encoding="utf-8") as lines:
        rows = itertools.islice(csv.DictReader(lines), READY_IMAGES)
        return [catalog.parent / row["image"] for row in rows]
