"""How many requests are let in at once, and how long each may take.

A queue that grows without bound answers everybody late and nobody in time. So requests are counted
where they arrive, before their body is read, and one too many is refused at once: it costs next
to nothing, and whoever sent it can come again.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import anyio
import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import domain_response, status_of
from search.errors import OverloadedError, TooLateError, VitrineError

COUNTED = "/v1/"
"""Paths that are counted begin so: what says whether the service lives, and the page, never are."""

_log = structlog.stdlib.get_logger("vitrine.api")


@dataclass(frozen=True, slots=True)
class Admitted:
    """Requests that are worked on or wait for their turn now; those refused, and those late."""

    inside: int = 0
    refused: int = 0
    late: int = 0


class Admission:
    """Lets in a bounded number of requests, some of them at work and the others waiting.

    A request has its turn when its body has come, so that slow senders hold up nobody, and until
    its answer begins. One that is too late gets its refusal on time; it keeps its turn as long as
    its thread works on it, since threads cannot be stopped.
    """

    def __init__(self, app: ASGIApp, *, at_once: int, waiting: int, timeout_s: float) -> None:
        """`timeout_s`: the longest until an answer begins, its wait included."""
        self._app = app
        self._most, self._timeout_s = at_once + waiting, timeout_s
        self._turns = asyncio.Semaphore(at_once)
        self._inside = self._refused = self._late = 0

    @property
    def admitted(self) -> Admitted:
        """What is under way."""
        return Admitted(self._inside, self._refused, self._late)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not scope["path"].startswith(COUNTED):
            await self._app(scope, receive, send)
            return
        if self._inside >= self._most:
            self._refused += 1
            await _refuse(_overloaded(self._inside), scope, receive, send)
            return
        self._inside += 1
        visit = _Visit(self._turns, scope, receive, send)
        try:
            await visit.serve(self._app, self._timeout_s, self._left)
        finally:
            self._late += visit.is_late

    def _left(self) -> None:
        self._inside -= 1


class _Visit:
    """One request that was let in: its answer, or after the time it has, a refusal."""

    def __init__(
        self, turns: asyncio.Semaphore, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._turns = turns
        self._scope, self._receive, self._send = scope, receive, send
        self._has_turn = self._has_left = self._answered = False
        self._refusal: asyncio.Task[None] | None = None

    @property
    def is_late(self) -> bool:
        """Whether it got a refusal for its time."""
        return self._refusal is not None

    async def serve(self, app: ASGIApp, timeout_s: float, left: Callable[[], None]) -> None:
        """Have the application answer in the time that it has; `left` is called when it has."""
        self._left = left
        with anyio.CancelScope() as cancelling:
            timer = asyncio.get_running_loop().call_later(timeout_s, self._expire, cancelling)
            try:
                if not _has_body(self._scope):
                    await self._take_turn()
                await app(self._scope, self._received, self._sent)
            except Exception:
                if self._refusal is None:
                    raise
                _log.exception("failed after its time")
            finally:
                timer.cancel()
                self._leave()
        if self._refusal is not None:
            await self._refusal

    async def _received(self) -> Message:
        """A part of the body; the last one only in turn."""
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            await self._take_turn()
        return message

    async def _sent(self, message: Message) -> None:
        """Send, unless the refusal was sent before."""
        if self._refusal is not None:
            return
        if message["type"] == "http.response.start":
            self._answered = True
            self._leave()
        await self._send(message)

    async def _take_turn(self) -> None:
        if not self._has_turn and not self._has_left:
            await self._turns.acquire()
            self._has_turn = True

    def _leave(self) -> None:
        if self._has_turn:
            self._has_turn = False
            self._turns.release()
        if not self._has_left:
            self._has_left = True
            self._left()

    def _expire(self, cancelling: anyio.CancelScope) -> None:
        if self._answered:
            return
        refusing = _refuse(_too_late(), self._scope, self._receive, self._send)
        self._refusal = asyncio.create_task(refusing)
        # Ends what awaits; a thread is waited for.
        cancelling.cancel()


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


async def _refuse(error: VitrineError, scope: Scope, receive: Receive, send: Send) -> None:
    request_id = scope["state"]["request_id"]
    await domain_response(request_id, error, status_of(error))(scope, receive, send)


def _overloaded(inside: int) -> OverloadedError:
    return OverloadedError(
        "The service is busy with other requests.",
        hint="Try again in a moment.",
        details={"requests": inside},
    )


def _too_late() -> TooLateError:
    return TooLateError("The answer took too long.", hint="Try again in a moment.")
