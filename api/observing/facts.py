"""What is not counted but looked up whenever the metrics are asked for."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from api.observing.freshness import last_run
from api.observing.line_file import LineFile
from api.observing.metrics import Metrics
from api.readiness import EngineSlot
from api.version import version
from search.batching import BatchCounts
from search.config import Settings
from search.encoders.batching import BatchingEncoder
from search.encoders.known_texts import KnownTexts
from search.errors import VitrineError
from search.store.base import CollectionInfo

PATIENCE_S = 2.0
"""How long the database may take: metrics are wanted most when something hangs."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What answers now."""

    collection: CollectionInfo
    is_behind: bool
    written: float | None
    batches: dict[str, BatchCounts]
    known: KnownTexts | None


class Facts(Collector):
    """The collection, its freshness, the encoder's queue, the memory of texts, the query log.

    What comes from the engine is left out while that is not ready; `vitrine_ready` is 0 then.
    """

    def __init__(
        self, slot: EngineSlot, settings: Settings, metrics: Metrics, log: LineFile | None
    ) -> None:
        self._slot, self._settings = slot, settings
        self._metrics, self._log = metrics, log
        self._worker = ThreadPoolExecutor(1, "vitrine-facts")
        self._lock = threading.Lock()
        self._coming: Future[_Found] | None = None
        self._closed = False

    def collect(self) -> Iterator[Metric]:
        """Everything as it is now; takes `PATIENCE_S` at most."""
        yield InfoMetricFamily("vitrine_build", "This vitrine.", {"version": version()})
        found = self._look()
        ready = "1 if queries can be answered, else 0."
        yield GaugeMetricFamily("vitrine_ready", ready, float(found is not None))
        if found is not None:
            yield from self._of_collection(found)
            yield from _of_encoder(found.batches)
            if found.known is not None:
                yield from _of_memory(found.known)
        if self._log is not None:
            counts = self._log.counts
            written = "Lines that were written to the query log."
            yield CounterMetricFamily("vitrine_query_log_lines", written, counts.written)
            dropped = "Lines of the query log that were lost: too many at once, or a full disk."
            yield CounterMetricFamily("vitrine_query_log_dropped", dropped, counts.dropped)

    def close(self) -> None:
        """End the thread that looks things up, once it has."""
        with self._lock:
            self._closed = True
        self._worker.shutdown(wait=False)

    def _of_collection(self, found: _Found) -> Iterator[Metric]:
        info = found.collection
        said = {
            "alias": self._settings.collection,
            "version": info.name,
            "model": info.model.name,
            "fingerprint": info.model.fingerprint[:12],
        }
        yield InfoMetricFamily("vitrine_collection", "The version that answers.", said)
        yield GaugeMetricFamily("vitrine_collection_items", "Items that are searched.", info.count)
        behind = "1 while an earlier version answers than the live one, else 0."
        yield GaugeMetricFamily("vitrine_collection_behind", behind, float(found.is_behind))
        if found.written is not None:
            when = "When the version that answers was last written, in seconds since 1970."
            yield GaugeMetricFamily(
                "vitrine_index_last_write_timestamp_seconds", when, found.written
            )

    def _look(self) -> _Found | None:
        with self._lock:
            if self._closed:
                return None
            # One that hangs is waited for, and no other is sent after it.
            if self._coming is None or self._coming.done():
                self._coming = self._worker.submit(self._found)
            coming = self._coming
        try:
            return coming.result(PATIENCE_S)
        except (OSError, TimeoutError, VitrineError):
            return None

    def _found(self) -> _Found:
        collection, engine = self._slot.check(), self._slot.get()
        encoder = engine.serving().encoder
        batches, known = dict[str, BatchCounts](), None
        if isinstance(encoder, BatchingEncoder):
            batches = {"text": encoder.text_counts, "image": encoder.image_counts}
            known = encoder.known
        run = last_run(self._settings.jobs, collection.name, engine.store)
        times = [each for each in (run, self._metrics.last_write) if each is not None]
        written = max(times, default=None)
        return _Found(collection, engine.behind() is not None, written, batches, known)


def _of_encoder(batches: dict[str, BatchCounts]) -> Iterator[Metric]:
    waiting = "Texts or images that wait for the encoder now."
    queue = GaugeMetricFamily("vitrine_encoder_waiting", waiting, labels=["kind"])
    too_many = "Calls of the encoder that were refused because too much waited."
    refused = CounterMetricFamily("vitrine_encoder_refused", too_many, labels=["kind"])
    for kind, counts in batches.items():
        queue.add_metric([kind], counts.waiting)
        refused.add_metric([kind], counts.refused)
    yield from (queue, refused)


def _of_memory(known: KnownTexts) -> Iterator[Metric]:
    hits = "Texts whose embedding was remembered."
    yield CounterMetricFamily("vitrine_text_cache_hits", hits, known.hits)
    misses = "Texts that had to be embedded."
    yield CounterMetricFamily("vitrine_text_cache_misses", misses, known.misses)
    yield GaugeMetricFamily("vitrine_text_cache_texts", "Texts that are remembered.", len(known))
