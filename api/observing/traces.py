"""OpenTelemetry traces, where the standard OTEL_* variables name a collector; else none of it.

Nothing of OpenTelemetry is imported unless traces are wanted. Spans say which route, collection
and stage, and how long each took: never what was asked.
"""

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from starlette.types import Scope

from api.version import version
from search.errors import ConfigError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
CLOSE_WAIT_S = 3.0
_CARRIED = (b"traceparent", b"tracestate")


def are_wanted() -> bool:
    """Whether the environment names a collector, and does not switch traces off."""
    off = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    exporter = os.environ.get("OTEL_TRACES_EXPORTER", "").strip() or "otlp"
    return not off and exporter == "otlp" and any(os.environ.get(name) for name in ENDPOINTS)


def traces_of_environment() -> "Traces | None":
    """Traces as the OTEL_* variables say (OTLP over HTTP); None where they name no collector.

    Raises:
        ConfigError: traces are wanted, and the extra `traces` is not installed.
    """
    if not are_wanted():
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ConfigError(
            "Traces are wanted, and OpenTelemetry is not installed.",
            hint=f"pip install 'vitrine[traces]', or unset {' and '.join(ENDPOINTS)}.",
        ) from error
    said = {"service.version": version()}
    if not os.environ.get("OTEL_SERVICE_NAME"):
        said["service.name"] = "vitrine"
    provider = TracerProvider(resource=Resource.create(said), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Traces(provider)


@dataclass(frozen=True, slots=True)
class RequestSpan:
    """The span of a request that is under way."""

    span: "Span"
    method: str

    def answered(self, route: str, status: int) -> None:
        """Say what it was; statuses from 500 on are errors of the service."""
        from opentelemetry.trace import Status, StatusCode

        self.span.update_name(f"{self.method} {route}")
        self.span.set_attribute("http.route", route)
        self.span.set_attribute("http.response.status_code", status)
        if status >= 500:
            self.span.set_status(Status(StatusCode.ERROR))


class Traces:
    """Makes the spans of one service. Safe to use from several threads."""

    def __init__(self, provider: "TracerProvider") -> None:
        """`provider` is shut down by `close`."""
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer = provider.get_tracer("vitrine", version())
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def request(self, scope: Scope) -> Iterator[RequestSpan]:
        """A span of the request, below the caller's own if it sent one (`traceparent`)."""
        from opentelemetry.trace import SpanKind

        headers = scope["headers"]
        carried = {
            name.decode(): value.decode("latin-1") for name, value in headers if name in _CARRIED
        }
        said = {
            "http.request.method": scope["method"],
            "vitrine.request_id": scope["state"]["request_id"],
        }
        with self._tracer.start_as_current_span(
            scope["method"],
            context=self._propagator.extract(carried),
            kind=SpanKind.SERVER,
            attributes=said,
            # Its words may be what somebody was looking for.
            record_exception=False,
        ) as span:
            trace_id = f"{span.get_span_context().trace_id:032x}"
            with structlog.contextvars.bound_contextvars(trace_id=trace_id):
                yield RequestSpan(span, scope["method"])

    def searched(self, took_ms: Mapping[str, float], said: Mapping[str, str | int]) -> None:
        """A span of a search that has just ended, and one of each of its stages below it."""
        from opentelemetry.trace import set_span_in_context

        ends = time.time_ns()
        at = ends - round(took_ms["total"] * 1e6)
        search = self._tracer.start_span("search", start_time=at, attributes=dict(said))
        below = set_span_in_context(search)
        for stage, ms in took_ms.items():
            if stage == "total":
                continue
            span = self._tracer.start_span(stage, context=below, start_time=at)
            at += round(ms * 1e6)
            span.end(at)
        search.end(ends)

    def close(self) -> None:
        """Send what is left, for `CLOSE_WAIT_S` at most: the collector may be gone."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(CLOSE_WAIT_S)
