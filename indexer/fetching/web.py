"""Images on web servers, which may be slow, busy, wrong or hostile."""

import asyncio
import os
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx2

from indexer.fetching.addresses import WEB_SCHEMES, host_of, shown
from indexer.fetching.base import Fetched, FetchOptions
from indexer.fetching.failing import CORRECT, MayGetBetterError, too_large, unreadable
from indexer.fetching.guard import GuardedTransport
from indexer.fetching.hosts import Host, Hosts
from search.images import ImageLimits

_CONNECT_SECONDS = 10.0
_KEEP_ALIVE_SECONDS = 30.0
_HEADERS = {
    "User-Agent": "vitrine (catalogue indexer)",
    "Accept": "image/jpeg, image/png, image/webp, image/*;q=0.9, */*;q=0.5",
    # Pictures are compressed already. What is compressed all the same is unpacked within limits.
    "Accept-Encoding": "identity",
}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BUSY = frozenset({408, 425, 429})
_PAUSING = frozenset({429, 503})
_ETAG, _MODIFIED = "etag:", "modified:"
_PAGE_STARTS = (b"<!doctype html", b"<html", b"<head", b"<body")


class Web:
    """GET over HTTP/1.1 with connections that are kept; redirects are followed by hand, so that
    each hop is checked and waits for its own host."""

    def __init__(
        self,
        limits: ImageLimits,
        options: FetchOptions,
        hosts: Hosts,
        everywhere: asyncio.Semaphore,
    ) -> None:
        self._limits = limits
        self._options = options
        self._hosts = hosts
        self._everywhere = everywhere
        self._client: httpx2.AsyncClient | None = None

    async def close(self) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.aclose()

    async def get(self, address: str, known: str | None) -> Fetched:
        """Ask once, redirects included.

        Raises:
            MayGetBetterError: no answer in time, a broken connection or body, a busy server.
            ImageUnreadableError: no image, whoever asks how often.
            ImageTooLargeError: more bytes than the limits allow.
        """
        client = self._open()  # Takes a while the first time, which is no part of the request's.
        at, remaining = address, self._options.timeout_s
        for _ in range(self._options.max_redirects + 1):
            host = self._hosts[host_of(at)]
            async with host.asked(self._everywhere):
                started = time.monotonic()
                found = await self._hop(client, host, address, at, known, remaining)
            if isinstance(found, Fetched):
                return found
            at = found
            remaining -= time.monotonic() - started
        raise unreadable(
            address, f"leads on and on: more than {self._options.max_redirects} redirects"
        )

    async def _hop(
        self,
        client: httpx2.AsyncClient,
        host: Host,
        address: str,
        at: str,
        known: str | None,
        seconds: float,
    ) -> Fetched | str:
        """The image, or the address that it is at instead."""
        url = _url(address, at)
        try:
            async with (
                asyncio.timeout(max(seconds, 0.0)),
                client.stream("GET", url, headers=_conditions(known)) as response,
            ):
                return await self._answer(host, address, response, known)
        except (TimeoutError, httpx2.TimeoutException) as error:
            within = f"within {self._options.timeout_s:g} s"
            raise MayGetBetterError(f"{host.name} did not answer whole {within}") from error
        except httpx2.LocalProtocolError as error:
            raise unreadable(address, f"is no address that can be asked: {error}") from error
        except (httpx2.HTTPError, OSError, ValueError) as error:
            if _has_bad_certificate(error):
                raise unreadable(
                    address,
                    f"cannot be trusted: the certificate of {host.name} is not valid",
                    "Mend the certificate, or add its authority to this machine's.",
                ) from error
            raise MayGetBetterError(_reason(error, host)) from error

    async def _answer(
        self, host: Host, address: str, response: httpx2.Response, known: str | None
    ) -> Fetched | str:
        status = response.status_code
        if status == HTTPStatus.NOT_MODIFIED and known is not None:
            return Fetched(None, known)
        if status in _REDIRECTS and "location" in response.headers:
            return _target(address, response)
        if status != HTTPStatus.OK:
            self._refused(host, address, response)
        validator = _validator(response.headers)
        if known is not None and validator == known:
            return Fetched(None, known)  # The server sends it all the same; nobody has to listen.
        data = await self._body(address, response)
        host.bytes += len(data)
        if data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_PAGE_STARTS):
            given = response.headers.get("content-type", "no type").partition(";")[0].strip()
            raise unreadable(
                address,
                f"is no image: the server answered with a web page ({given[:60]})",
                "Open the address in a browser: servers answer so when an image is gone, or when"
                " they want a login.",
            )
        return Fetched(data, validator)

    async def _body(self, address: str, response: httpx2.Response) -> bytes:
        declared = response.headers.get("content-length", "")
        packed = response.headers.get("content-encoding", "identity").lower() != "identity"
        if packed and self._options.guard is not None:
            # A piece of it can be small as it comes and larger than all memory unpacked.
            raise unreadable(address, "is sent compressed, which nobody asked for")
        if declared.isdecimal() and not packed and int(declared) > self._limits.max_bytes:
            raise too_large(address, int(declared), self._limits)
        data = bytearray()
        async for chunk in response.aiter_bytes():
            data += chunk
            if len(data) > self._limits.max_bytes:
                raise too_large(address, None, self._limits)
        return bytes(data)

    def _refused(self, host: Host, address: str, response: httpx2.Response) -> None:
        status = response.status_code
        answer = f"{status} {_phrase(status)}".strip()
        if status in _BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            wait_s = _retry_after(response.headers)
            if wait_s is not None and status in _PAUSING:
                host.pause(min(wait_s, self._options.max_wait_s))
            raise MayGetBetterError(f"{host.name} answered {answer}", wait_s)
        if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            raise unreadable(address, f"does not exist: the server answered {answer}")
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise unreadable(
                address,
                f"may not be read: the server answered {answer}",
                "Allow it on the server, or give an address that everybody may read.",
            )
        raise unreadable(address, f"is no image: the server answered {answer}")

    def _open(self) -> httpx2.AsyncClient:
        if self._client is None:
            most, guard = self._options.max_connections, self._options.guard
            timeout = self._options.timeout_s
            self._client = httpx2.AsyncClient(
                headers=_HEADERS,
                limits=httpx2.Limits(
                    max_connections=most,
                    max_keepalive_connections=most,
                    keepalive_expiry=_KEEP_ALIVE_SECONDS,
                ),
                # Slots are waited for before: who waits in the pool, waits for an idle connection.
                timeout=httpx2.Timeout(timeout, connect=min(timeout, _CONNECT_SECONDS), pool=None),
                # Images need no cookies, and a jar of all hosts would grow.
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
                transport=None if guard is None else GuardedTransport(guard, most),
                trust_env=guard is None,
            )
        return self._client


def _url(address: str, at: str) -> httpx2.URL:
    try:
        return httpx2.URL(at)
    except (httpx2.InvalidURL, ValueError) as error:
        raise unreadable(address, f"is no address that can be asked: {error}") from error


def _conditions(known: str | None) -> dict[str, str]:
    if known is None:
        return {}
    if known.startswith(_ETAG):
        return {"If-None-Match": known.removeprefix(_ETAG)}
    if known.startswith(_MODIFIED):
        return {"If-Modified-Since": known.removeprefix(_MODIFIED)}
    return {}


def _validator(headers: Mapping[str, str]) -> str | None:
    if etag := headers.get("etag"):
        return _ETAG + etag
    if modified := headers.get("last-modified"):
        return _MODIFIED + modified
    return None


def _target(address: str, response: httpx2.Response) -> str:
    location = response.headers["location"]
    try:
        target = response.url.join(location)
    except (httpx2.InvalidURL, ValueError) as error:
        raise unreadable(address, f"leads to a broken address: {error}") from error
    if target.scheme not in WEB_SCHEMES:
        raise unreadable(
            address,
            f"leads to {shown(str(target))}, which is not on the web",
            "Only redirects to http and https are followed. " + CORRECT,
        )
    return str(target)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, whichever of the two forms it was given in."""
    given = headers.get("retry-after", "").strip()
    if given.isdecimal():
        return float(given)
    try:
        when = parsedate_to_datetime(given)
    except (ValueError, TypeError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _has_bad_certificate(error: BaseException) -> bool:
    return any(isinstance(one, ssl.SSLCertVerificationError) for one in _causes(error))


def _reason(error: Exception, host: Host) -> str:
    told = [one for one in _causes(error) if isinstance(one, OSError) and one.errno]
    why = _said_by(told[-1]) if told else str(error) or type(error).__name__
    if isinstance(error, httpx2.ConnectError):
        return f"{host.name} cannot be reached ({why})"
    if isinstance(error, httpx2.DecodingError):
        return f"{host.name} sent a body that cannot be unpacked ({why})"
    return f"the connection to {host.name} broke ({why})"


def _said_by(error: OSError) -> str:
    """What the system says; Python's own words name an address that is not the one asked for."""
    if isinstance(error, socket.gaierror) or not error.errno:
        return error.strerror or str(error)
    return os.strerror(error.errno)
