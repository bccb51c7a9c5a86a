"""What is told of each search, and to whom."""

from dataclasses import dataclass

import structlog

from api.observing.facts import Facts
from api.observing.metrics import Metrics
from api.observing.query_log import QueryLog
from api.observing.served import SERVED, route_of
from api.observing.traces import Traces, traces_of_environment
from api.readiness import EngineSlot
from search.config import Settings
from search.types import Page, Query

LOGGED = frozenset(
    {
        "/v1/search",
        "/v1/search/image",
        "/v1/batch-search",
        "/v1/similar",
        "/v1/items/{id}/similar",
    }
)
"""Routes whose searches are somebody's own question, and not a step on the way to an answer."""

_log = structlog.stdlib.get_logger("vitrine.search")


@dataclass(slots=True)
class Observing:
    """Metrics, traces and the query log of one service."""

    collection: str
    metrics: Metrics
    traces: Traces | None
    queries: QueryLog | None
    facts: Facts | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Observing":
        """As the settings and the OTEL_* variables say; raises ConfigError as its parts do."""
        traces = traces_of_environment()
        return cls(settings.collection, Metrics(), traces, QueryLog.of(settings))

    def watch(self, slot: EngineSlot, settings: Settings) -> None:
        """Have the metrics tell of the engine that is in the slot, too."""
        file = self.queries.file if self.queries else None
        self.facts = Facts(slot, settings, self.metrics, file)
        self.metrics.add(self.facts)

    def searched(self, query: Query, page: Page) -> None:
        """Tell of a search that a request has made, in the thread that made it."""
        scope = SERVED.get()
        if scope is None:
            return  # The service's own, while it warms up.
        self.metrics.searched(page.took_ms, len(page.hits))
        said: dict[str, str | int] = {
            "collection": self.collection,
            "version": page.collection,
            "model": page.model,
            "hits": len(page.hits),
        }
        relevance = {} if page.relevance is None else {"relevance": round(page.relevance, 4)}
        _log.info("search", **said, **relevance, took_ms=dict(page.took_ms))
        if self.traces is not None:
            named = {f"vitrine.{name}": value for name, value in said.items()}
            self.traces.searched(page.took_ms, named)
        route = route_of(scope)
        if self.queries is not None and route in LOGGED:
            self.queries.search(scope["state"]["request_id"], route, query, page)

    def close(self) -> None:
        """Write and send what is left; may take seconds."""
        if self.facts is not None:
            self.facts.close()
        if self.queries is not None:
            self.queries.file.close()
        if self.traces is not None:
            self.traces.close()
