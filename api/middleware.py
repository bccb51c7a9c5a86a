"""What surrounds every request: its id, its log line, its size, its headers, its last resort."""

import re
import time
import uuid
from collections.abc import Mapping

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import unexpected, unknown_host
from search.errors import ConfigError

ITEMS_PATH = "/v1/items/"

_OWN_IMAGES = "img-src 'self' blob: data:"
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        _OWN_IMAGES,
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
DOCS_SECURITY_POLICY = CONTENT_SECURITY_POLICY.replace(
    "style-src 'self'", "style-src 'self' 'unsafe-inline'"
)
"""The documentation's own page styles itself from its script; nothing else may."""

ANY_IMAGE_HOST = "*"

SECURITY_HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

HSTS = "max-age=31536000"
"""Sent over https alone (a proxy's word for it counts, where it is believed), and for this very
name: what the names below it do is not ours to say."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PORT = re.compile(r":\d*$")
_HOST_SOURCE = re.compile(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:(\d+|\*))?")
_log = structlog.stdlib.get_logger("vitrine.access")


class RequestContext:
    """Gives each request an id, a log line and security headers, and answers what nobody caught."""

    def __init__(self, app: ASGIApp, *, image_hosts: str = ANY_IMAGE_HOST) -> None:
        """`image_hosts`: see `page_security_policy`."""
        self._app = app
        self._page_policy = page_security_policy(image_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        status: int | None = None

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                headers = MutableHeaders(scope=message)
                _add_headers(headers, scope["path"], request_id, self._page_policy)
                if scope.get("scheme") == "https":
                    headers["Strict-Transport-Security"] = HSTS
            await send(message)

        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_headers)
            except Exception:
                _log.exception("unexpected error", method=scope["method"], path=scope["path"])
                if status is None:
                    await unexpected(request_id)(scope, receive, send_with_headers)
            finally:
                # The query string is left out: it says what somebody was looking for.
                _log.info(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    status=status,
                    took_ms=round((time.perf_counter() - started) * 1000, 1),
                )


class KnownHosts:
    """Refuses requests whose `Host` is none of the service's own names.

    A page of a stranger can give its own name the address 127.0.0.1 and then read what a service
    on this machine answers; but the browser sends that name along.
    """

    def __init__(self, app: ASGIApp, *, names: frozenset[str]) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            given = Headers(scope=scope).get("host", "")
            if _PORT.sub("", given.lower()) not in self._names:
                await unknown_host(scope["state"]["request_id"], given)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class BodyLimit:
    """Refuses a body that is too large, by what it announces and again while it is read."""

    def __init__(
        self, app: ASGIApp, *, json_bytes: int, upload_bytes: int, other_bytes: int
    ) -> None:
        self._app = app
        self._limits = {
            "application/json": json_bytes,
            "multipart/form-data": upload_bytes,
        }
        self._other_bytes = other_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        is_upload = content_type == "multipart/form-data"
        limit = self._limits.get(content_type, self._other_bytes)
        announced = headers.get("content-length", "")
        read = 0

        async def limited() -> Message:
            nonlocal read
            if announced.isdecimal() and int(announced) > limit:
                raise _too_large(limit, scope["path"], is_upload)
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                raise _too_large(limit, scope["path"], is_upload)
            return message

        await self._app(scope, limited, send)


class EncodedItemIds:
    """Leaves the path of an item as it was sent, percent-encoded.

    An id may contain slashes. Decoded first, the item `a/image` and the image of the item `a`
    would be the same path; as sent, `/v1/items/a%2Fimage` and `/v1/items/a/image` are not.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["path"].startswith(ITEMS_PATH):
            raw = scope.get("raw_path")
            if raw is not None:
                # Some servers leave the query in it.
                scope["path"] = raw.split(b"?")[0].decode("ascii", "replace")
        await self._app(scope, receive, send)


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def page_security_policy(image_hosts: str) -> str:
    """The policy of the search page, which may show pictures of those hosts besides its own.

    Args:
        image_hosts: names of hosts, comma-separated, with a port where it is not the usual one;
            `*` for any host, and nothing for none. What is shown is known only with the results.

    Raises:
        ConfigError: one of them is no name of a host.
    """
    names = [name.strip().lower() for name in image_hosts.split(",") if name.strip()]
    for name in names:
        if name != ANY_IMAGE_HOST and not _HOST_SOURCE.fullmatch(name):
            raise ConfigError(
                f"{name!r} is no name of a host that pictures may come from.",
                hint="Give names such as cdn.shop.com or *.shop.com, comma-separated, or *.",
            )
    sources = ["https:", "http:"] if ANY_IMAGE_HOST in names else names
    images = " ".join((_OWN_IMAGES, *sources))
    return CONTENT_SECURITY_POLICY.replace(_OWN_IMAGES, images)


def _add_headers(headers: MutableHeaders, path: str, request_id: str, page_policy: str) -> None:
    headers["X-Request-ID"] = request_id
    for name, value in SECURITY_HEADERS.items():
        headers[name] = value
    policies = {"/docs": DOCS_SECURITY_POLICY, "/": page_policy, "/operate": page_policy}
    headers["Content-Security-Policy"] = policies.get(path, CONTENT_SECURITY_POLICY)
    if "cache-control" not in headers:
        headers["Cache-Control"] = "no-store" if path.startswith("/v1/") else "no-cache"


def _too_large(limit: int, path: str, is_upload: bool) -> HTTPException:
    route = "PUT /v1/items/{id}/image" if path.startswith(ITEMS_PATH) else "POST /v1/search/image"
    cure = "" if is_upload else f" Send large images to {route} as an upload."
    return HTTPException(413, f"The request is larger than {limit:,} bytes.{cure}")
