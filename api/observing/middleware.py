"""Counts, times and traces every request."""

import time
from contextlib import nullcontext

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.observing.metrics import Metrics
from api.observing.served import SERVED, route_of
from api.observing.traces import Traces
from api.security.scopes import Scope as KeyScope

TRACED = "/v1/"
"""Paths that are traced begin so: what asks every few seconds whether the service lives is not."""


class Observed:
    """Tells of each request once it is answered, of refusals too."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, traces: Traces | None) -> None:
        self._app = app
        self._metrics, self._traces = metrics, traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, started = 500, time.perf_counter()
        seconds: float | None = None

        async def send_noted(message: Message) -> None:
            nonlocal status, seconds
            if message["type"] == "http.response.start":
                status, seconds = int(message["status"]), time.perf_counter() - started
            await send(message)

        traces = self._traces if scope["path"].startswith(TRACED) else None
        token = SERVED.set(scope)
        self._metrics.begun()
        with nullcontext() if traces is None else traces.request(scope) as span:
            try:
                await self._app(scope, receive, send_noted)
            finally:
                SERVED.reset(token)
                taken = time.perf_counter() - started if seconds is None else seconds
                self._count(scope, status, taken)
                if span is not None:
                    span.answered(route_of(scope), status)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        self._metrics.ended(route_of(scope), scope["method"], status, seconds)
        state = scope["state"]
        if status >= 400:
            self._metrics.refused(state.get("error_code", "internal_error"), status)
        elif state.get("demanded") is KeyScope.WRITE and status < 300:
            self._metrics.wrote()
