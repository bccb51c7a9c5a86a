"""Indexing throughput beside the encoder's own speed on ready tensors."""

import itertools
import time
from pathlib import Path

from benchmarks.measure import Measure
from indexer import IndexOptions, index_catalog
from search.encoders import load_encoder
from search.encoders.base import Encoder
from search.images import ImageLimits, load_image
from search.store import open_store
from search.store.base import Store
from search.types import Item

COLLECTION = "bench"
DATABASE = "bench.db"
READY_IMAGES = 256
MEASURED_S = 10.0


def run(catalog: Path, model: str, folder: Path) -> list[Measure]:
    """Index the catalogue into `folder`; then the encoder alone, on tensors of the same images."""
    encoder = load_encoder(model)
    store = open_store(str(folder / DATABASE))
    try:
        report = index_catalog(
            catalog,
            store=store,
            encoder=encoder,
            alias=COLLECTION,
            options=IndexOptions(job_dir=folder / "jobs"),
        )
        again = index_catalog(
            catalog,
            store=store,
            encoder=encoder,
            alias=COLLECTION,
            options=IndexOptions(job_dir=folder / "jobs"),
        )
        images = [Path(item.image) for item in _first_items(store)]
    finally:
        store.close()
    alone = encoder_images_per_s(encoder, images)
    return [
        Measure(
            f"index {report.embedded:,} images",
            report.images_per_s,
            "images/s",
            alone,
            "the encoder on ready tensors",
        ),
        Measure("share of the time outside the model", 100 * report.outside_model_share, "%"),
        Measure("the same again, unchanged", again.seconds, "s", report.seconds, "the first run"),
    ]


def encoder_images_per_s(encoder: Encoder, images: list[Path], batch_size: int = 64) -> float:
    """Images per second of `encode_pixels` on batches that are in memory already."""
    limits = ImageLimits()
    pictures = [load_image(path, limits) for path in images]
    batches = [
        encoder.preprocess(pictures[start : start + batch_size])
        for start in range(0, len(pictures), batch_size)
    ]
    encoder.encode_pixels(batches[0])  # the first call allocates
    done, started = 0, time.perf_counter()
    for batch in itertools.cycle(batches):
        encoder.encode_pixels(batch)
        done += len(batch)
        if (elapsed := time.perf_counter() - started) > MEASURED_S:
            return done / elapsed
    raise AssertionError("cycle ends only by the return above")


def _first_items(store: Store) -> list[Item]:
    ids = list(itertools.islice(store.scan_ids(COLLECTION), READY_IMAGES))
    return list(store.get(COLLECTION, ids).values())
