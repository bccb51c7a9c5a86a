"""What is counted and timed. docs/operations.md has the table of all metrics.

Labels are routes' templates, stages, codes and names of models: never ids, texts or addresses,
so that their number stays bounded whatever is sent.
"""

import os
import time
from collections.abc import Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
SIZES = (1, 2, 4, 8, 16, 32, 64)

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The client library's own variable: where several processes keep what they count together."""


class Metrics:
    """The metrics of one service. Safe to use from several threads."""

    def __init__(self) -> None:
        # A second series for each of them, which says little.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        registry = self._registry = CollectorRegistry()
        self._facts: list[Collector] = []
        self._requests = Counter(
            "vitrine_requests",
            "Requests that were answered.",
            ("route", "method", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "vitrine_request_seconds",
            "Time until the answer to a request began.",
            ("route",),
            buckets=SECONDS,
            registry=registry,
        )
        self._running = Gauge(
            "vitrine_requests_running",
            "Requests that are under way, or wait for their turn.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._errors = Counter(
            "vitrine_errors",
            "Refusals and errors by the code that the client got.",
            ("code", "status"),
            registry=registry,
        )
        self._stages = Histogram(
            "vitrine_stage_seconds",
            "Time that searches spent in each stage.",
            ("stage",),
            buckets=SECONDS,
            registry=registry,
        )
        self._without_hits = Counter(
            "vitrine_searches_without_hits", "Searches that found nothing.", registry=registry
        )
        self._batch_sizes = Histogram(
            "vitrine_encoder_batch_size",
            "Texts or images that the encoder embedded at once.",
            ("kind",),
            buckets=SIZES,
            registry=registry,
        )
        self._waits = Histogram(
            "vitrine_encoder_wait_seconds",
            "How long the first of a batch waited for its turn.",
            ("kind",),
            buckets=SECONDS,
            registry=registry,
        )
        self._feedback = Counter(
            "vitrine_feedback", "Feedback that was given.", ("kind",), registry=registry
        )
        self.last_write: float | None = None
        """When items were last written over HTTP, in seconds since 1970."""
        ProcessCollector(registry=registry)

    def begun(self) -> None:
        """A request has come."""
        self._running.inc()

    def ended(self, route: str, method: str, status: int, seconds: float) -> None:
        """It was answered; `seconds` until the answer began."""
        self._running.dec()
        self._requests.labels(route, method if method in METHODS else "other", status).inc()
        self._seconds.labels(route).observe(seconds)

    def refused(self, code: str, status: int) -> None:
        """A request was answered with an error of that code."""
        self._errors.labels(code, status).inc()

    def wrote(self) -> None:
        """Items were written over HTTP."""
        self.last_write = time.time()

    def searched(self, took_ms: Mapping[str, float], hits: int) -> None:
        """A search was answered; `took_ms` as `Page.took_ms`."""
        for stage, ms in took_ms.items():
            self._stages.labels(stage).observe(ms / 1000)
        if not hits:
            self._without_hits.inc()

    def batched(self, kind: str, size: int, waited_s: float) -> None:
        """The encoder embeds that many texts or images at once."""
        self._batch_sizes.labels(kind).observe(size)
        self._waits.labels(kind).observe(waited_s)

    def told(self, kind: str) -> None:
        """Feedback of that kind was given."""
        self._feedback.labels(kind).inc()

    def add(self, facts: Collector) -> None:
        """Have something else collected whenever the metrics are asked for."""
        self._facts.append(facts)
        self._registry.register(facts)

    def text(self) -> bytes:
        """All of them, in Prometheus' text format 0.0.4.

        With several processes those that are counted here are of all of them, and facts are those
        of the process that answers.
        """
        if not os.environ.get(SHARED_FOLDER):
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        for facts in self._facts:
            together.register(facts)
        return generate_latest(together)
