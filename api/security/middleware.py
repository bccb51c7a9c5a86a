"""Stands before every route: who asks, how often, from which page; and writes changes down.

Whatever is not on the list of open paths is guarded, so that a route that forgets to say whom it
serves serves keys only; and a body is not read before its sender is known.
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import domain_response, status_of
from api.security.audit import AuditLog
from api.security.errors import AccessError, ForeignPageError, KeyRefusedError
from api.security.gate import Caller, Gate
from api.security.limits import RateLimits, counted_as
from api.security.origins import SAFE_METHODS, is_foreign, read_origins
from search.config import Settings
from search.errors import ConfigError

SESSION_PATH = "/v1/session"
"""Where a page asks whether it needs a key, and brings it: open, but counted."""

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/openapi.json"})
OPEN_FOLDERS = ("/web/", "/docs-assets/")
ALLOWED = ("Authorization", "Content-Type", "If-None-Match", "Last-Event-ID", "X-Request-ID")
"""Headers that pages of other origins may send."""

EXPOSED = (
    "ETag",
    "Link",
    "Retry-After",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "X-Request-ID",
)
"""Headers of answers that pages of other origins may read."""

_CHANGES = frozenset({"PUT", "PATCH", "DELETE"})
_CHANGED = ("/v1/items/", "/v1/jobs", "/v1/collections/")
"""Below these paths POST changes something, too; elsewhere its body is a question."""

_log = structlog.stdlib.get_logger("vitrine.security")


class Guard:
    """Lets in who may come in; see the module."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        gate: Gate,
        limits: RateLimits,
        audit: AuditLog,
        open_paths: frozenset[str],
        origins: frozenset[str],
    ) -> None:
        self._app = app
        self._gate = gate
        self._limits = limits
        self._audit = audit
        self._open_paths = open_paths
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or self._is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        status = 0
        state: dict[str, Any] = scope["state"]

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                MutableHeaders(scope=message).update(state.get("allowance", {}))
            await send(message)

        try:
            refusal = await self._refusal(scope)
            if refusal is None:
                await self._app(scope, receive, send_counted)
            else:
                answer = domain_response(state["request_id"], refusal, status_of(refusal))
                await answer(scope, receive, send_counted)
        finally:
            self._write_down(scope, status or HTTPStatus.INTERNAL_SERVER_ERROR)

    def _is_open(self, path: str) -> bool:
        return path in self._open_paths or path.startswith(OPEN_FOLDERS)

    async def _refusal(self, scope: Scope) -> AccessError | ConfigError | None:
        """Why the request is not served; None if it is, with its caller in its state."""
        headers, state = Headers(scope=scope), scope["state"]
        caller: Caller | None = None
        refused: KeyRefusedError | None = None
        try:
            try:
                caller = self._gate.caller(headers)
            except KeyRefusedError as error:
                refused = error
            await self._count(scope, caller)
            if refused is not None and scope["path"] != SESSION_PATH:
                return refused
            if caller is not None:
                self._check_page(scope["method"], headers, caller)
        except (AccessError, ConfigError) as error:
            return error
        state["caller"], state["refused"] = caller, refused
        return None

    async def _count(self, scope: Scope, caller: Caller | None) -> None:
        key_id = caller.key.id if caller and caller.key else None
        name = counted_as(key_id, (scope.get("client") or (None,))[0])
        allowance = await self._limits.take(name) if name is not None else None
        if allowance is not None:
            scope["state"]["allowance"] = allowance.headers

    def _check_page(self, method: str, headers: Headers, caller: Caller) -> None:
        # A key is sent by who has it, and no page can guess it.
        by_key = caller.key is not None and not caller.by_cookie
        if method in SAFE_METHODS or by_key:
            return
        if is_foreign(headers, allowed=self._origins, by_cookie=caller.by_cookie):
            raise ForeignPageError(
                "Another page had your browser send this.",
                hint="Who runs the service can allow its origin with VITRINE_CORS_ORIGINS.",
            )

    def _write_down(self, scope: Scope, status: int) -> None:
        """Changes, and attempts at them, by what the route demanded or method and path say."""
        state, method, path = scope["state"], scope["method"], scope["path"]
        if method in SAFE_METHODS or path == SESSION_PATH:
            return
        is_change = method in _CHANGES or path.startswith(_CHANGED)
        if state.get("demanded") is None and not is_change:
            return
        caller: Caller | None = state.get("caller")
        # As it was sent, percent-encoded: no control character of it reaches a terminal.
        sent = scope.get("raw_path", b"").split(b"?")[0].decode("ascii", "replace")
        self._audit.write(
            getattr(scope.get("endpoint"), "__name__", "refused"),
            **state.get("noted", {}),
            who=caller.name if caller else "nobody",
            key=caller.key.id if caller and caller.key else None,
            address=(scope.get("client") or (None,))[0],
            method=method,
            path=sent or path,
            status=status,
            request_id=state["request_id"],
        )


def install_guard(app: FastAPI, settings: Settings, *, pages: Iterable[str]) -> None:
    """Have requests pass a guard, as the settings say. `pages`: paths that need no key.

    Raises:
        ConfigError: a setting or a file of it cannot be used.
    """
    gate = app.state.gate = Gate.of(settings)
    origins = read_origins(settings.cors_origins)
    app.add_middleware(
        Guard,
        gate=gate,
        limits=RateLimits.of(settings),
        audit=AuditLog(settings.audit_file),
        open_paths=OPEN_PATHS | set(pages),
        origins=origins,
    )
    # The one added last comes first: a browser's own question before the real one has no key.
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=sorted(origins),
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=ALLOWED,
            expose_headers=EXPOSED,
        )
    _log.info("access", keys=gate.needs_key, origins=len(origins), limit=settings.rate_limit)
