"""Open streams of events: each costs a look at its job a few times a second, so they are counted.

They are no requests under way by then (`api.admission`), since their answers have begun.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from search.errors import OverloadedError


class Streams:
    """How many are open. Use it in one event loop."""

    def __init__(self, most: int) -> None:
        """`most` may be open at once."""
        self._most = most
        self._open = 0

    @property
    def open(self) -> int:
        """How many are open now."""
        return self._open

    @contextmanager
    def one(self) -> Iterator[None]:
        """Have one more open; OverloadedError if there are too many."""
        if self._open >= self._most:
            raise OverloadedError(
                "Too many jobs are followed at once.",
                hint="Ask GET /v1/jobs/{id} now and then instead.",
                details={"streams": self._open},
            )
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1


class EventStream(StreamingResponse):
    """Server-sent events, counted from before the answer begins until its connection ends."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[str], streams: Streams) -> None:
        # Proxies that gather answers would hold the events back.
        super().__init__(events, headers={"X-Accel-Buffering": "no"})
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; raises OverloadedError before anything is sent."""
        with self._streams.one():
            await super().__call__(scope, receive, send)
