"""Fetching from servers that are slow, busy, wrong or hostile: an image or a clear reason."""

import gzip
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError

import pytest

from indexer.fetching import Fetcher, FetchOptions
from search.errors import (
    ImageTooLargeError,
    ImageUnavailableError,
    ImageUnreadableError,
    VitrineError,
)
from search.images import ImageLimits
from tests.unruly_server import Behaviour, Connection, Request, UnrulyServer
from tests.waiting import wait_until

LIMITS = ImageLimits(max_bytes=200_000)
OPTIONS = FetchOptions(per_host=4, timeout_s=2.0, attempts=3, backoff_s=0.02, max_wait_s=3.0)
IMAGE = b"\xff\xd8\xff" + bytes(range(256)) * 40


@pytest.fixture
def server() -> Iterator[UnrulyServer]:
    with UnrulyServer() as running:
        yield running


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    with Fetcher(LIMITS, OPTIONS) as opened:
        yield opened


def answering(status: int = 200, body: bytes = b"", **headers: str) -> Behaviour:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda request, connection: connection.answer(status, body, named)


def then(*behaviours: Behaviour) -> Behaviour:
    """The first for the first request, and so on; the last for all further ones."""
    return lambda request, connection: behaviours[min(request.number, len(behaviours)) - 1](
        request, connection
    )


def slowly(request: Request, connection: Connection) -> None:
    """A byte now and then: each comes in time, all of them never would."""
    connection.send(b"HTTP/1.1 200 Said\r\nContent-Length: 100000\r\n\r\n")
    while not connection.stopped.is_set():
        connection.send(b"\xff")
        connection.wait(0.05)


def silently(request: Request, connection: Connection) -> None:
    connection.wait(30)
    connection.close()


def resetting(request: Request, connection: Connection) -> None:
    connection.reset()


def cut_off(request: Request, connection: Connection) -> None:
    connection.answer(200, IMAGE[:500], {"Content-Length": str(len(IMAGE))})
    connection.close()


def endlessly(request: Request, connection: Connection) -> None:
    connection.send(b"HTTP/1.1 200 Said\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not connection.stopped.is_set():
        connection.send(b"10000\r\n" + b"\xff" * 0x10000 + b"\r\n")


def garbage(request: Request, connection: Connection) -> None:
    connection.send(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
    connection.close()


GOOD = answering(200, IMAGE, Content_Type="image/jpeg")


def test_an_image_is_fetched(server: UnrulyServer, fetcher: Fetcher) -> None:
    server.behaviours["/a b/ü.jpg"] = server.behaviours["/a%20b/%C3%BC.jpg"] = GOOD
    assert fetcher.read(server.url("/a b/ü.jpg")).data == IMAGE
    assert fetcher.submit(server.url("/a%20b/%C3%BC.jpg")).result(10).data == IMAGE


@pytest.mark.parametrize(
    "fault",
    [
        resetting,
        cut_off,
        garbage,
        answering(503),
        answering(500),
        answering(408),
        answering(425),
        answering(429),
        answering(200, b"\xff not gzip", Content_Encoding="gzip"),
    ],
)
def test_what_may_pass_is_tried_again(
    server: UnrulyServer, fetcher: Fetcher, fault: Behaviour
) -> None:
    server.behaviours["/x"] = then(fault, fault, GOOD)
    assert fetcher.read(server.url("/x")).data == IMAGE
    (stats,) = fetcher.hosts()
    assert (stats.host, stats.requests, stats.retries, stats.failures) == (server.host, 3, 2, 0)
    assert stats.bytes == len(IMAGE)
    assert stats.seconds > 0 and stats.median_ms > 0


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (resetting, "broke"),
        (cut_off, "broke"),
        (garbage, "broke"),
        (answering(503), "503 Service Unavailable"),
        (answering(599), "599"),
    ],
)
def test_what_does_not_pass_is_given_up(
    server: UnrulyServer, fetcher: Fetcher, fault: Behaviour, reason: str
) -> None:
    server.behaviours["/x"] = fault
    with pytest.raises(ImageUnavailableError, match=reason) as refused:
        fetcher.read(server.url("/x"))
    assert server.url("/x") in str(refused.value) and "asked 3 times" in str(refused.value)
    assert server.requests["/x"] == OPTIONS.attempts
    assert fetcher.hosts()[0].failures == 1


@pytest.mark.parametrize("fault", [silently, slowly])
def test_who_answers_too_slowly_is_not_waited_for(server: UnrulyServer, fault: Behaviour) -> None:
    server.behaviours["/x"] = fault
    started = time.monotonic()
    with (
        Fetcher(LIMITS, FetchOptions(timeout_s=0.3, attempts=2, backoff_s=0.01)) as fetcher,
        pytest.raises(ImageUnavailableError, match=r"did not answer whole within 0\.3 s"),
    ):
        fetcher.read(server.url("/x"))
    assert server.requests["/x"] == 2
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (404, "does not exist"),
        (410, "does not exist"),
        (401, "may not be read"),
        (403, "may not be read"),
        (204, "is no image"),
        (206, "is no image"),
        (300, "is no image"),
        (304, "is no image"),
        (400, "is no image"),
        (451, "is no image"),
    ],
)
def test_a_clear_no_is_not_asked_again(
    server: UnrulyServer, fetcher: Fetcher, status: int, reason: str
) -> None:
    server.behaviours["/x"] = answering(status)
    with pytest.raises(ImageUnreadableError, match=f"{reason}.*{status}"):
        fetcher.read(server.url("/x"))
    assert server.requests["/x"] == 1


def test_a_host_that_asks_to_wait_is_left_in_peace(server: UnrulyServer) -> None:
    server.behaviours["/x"] = then(answering(429, Retry_After="1"), GOOD)
    server.behaviours["/y"] = GOOD
    with Fetcher(LIMITS, OPTIONS) as fetcher:
        first = fetcher.submit(server.url("/x"))
        wait_until(lambda: server.requests["/x"] == 1)
        started = time.monotonic()
        assert fetcher.read(server.url("/y")).data == IMAGE
        assert first.result(10).data == IMAGE
    assert 0.5 < time.monotonic() - started < 8


@pytest.mark.parametrize("told", ["3600", "Fri, 31 Dec 2100 23:59:59 GMT"])
def test_nobody_waits_for_hours(server: UnrulyServer, fetcher: Fetcher, told: str) -> None:
    server.behaviours["/x"] = answering(503, Retry_After=told)
    with pytest.raises(ImageUnavailableError, match="asked to wait for"):
        fetcher.read(server.url("/x"))
    assert server.requests["/x"] == 1


@pytest.mark.parametrize("told", ["soon", "-5", "1.5", "Mon, 99 Foo", "²"])
def test_a_wait_that_cannot_be_read_is_no_wait(
    server: UnrulyServer, fetcher: Fetcher, told: str
) -> None:
    server.behaviours["/x"] = then(answering(429, Retry_After=told), GOOD)
    assert fetcher.read(server.url("/x")).data == IMAGE


def test_redirects_are_followed(server: UnrulyServer, fetcher: Fetcher) -> None:
    with UnrulyServer({"/there": GOOD}) as other:
        server.behaviours |= {
            "/1": answering(301, Location="/2"),
            "/2": answering(302, Location="3?a=b"),
            "/3": answering(307, b"moved", Location=f"//{server.host}/4"),
            "/4": answering(308, Location=other.url("/there")),
        }
        assert fetcher.read(server.url("/1")).data == IMAGE
        assert {host.host: host.requests for host in fetcher.hosts()} == {
            server.host: 4,
            other.host: 1,
        }


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("/x", "more than 5 redirects"),
        ("file:///etc/passwd", r"leads to file:/.*passwd, which is not on the web"),
        ("ftp://example.com/x.jpg", "not on the web"),
        ("data:image/png;base64,AAAA", "not on the web"),
        ("javascript:alert(1)", "not on the web"),
        ("http://[::1/", "leads to a broken address"),
        ("http://", "more than 5 redirects"),
    ],
)
def test_redirects_that_lead_nowhere(
    server: UnrulyServer, fetcher: Fetcher, location: str, reason: str
) -> None:
    server.behaviours["/x"] = answering(302, Location=location)
    with pytest.raises(ImageUnreadableError, match=reason):
        fetcher.read(server.url("/x"))
    assert server.requests["/x"] <= OPTIONS.max_redirects + 1


def test_credentials_stay_with_their_host(server: UnrulyServer, fetcher: Fetcher) -> None:
    seen: dict[str, str | None] = {}

    def noting(request: Request, connection: Connection) -> None:
        seen["there"] = request.headers.get("authorization")
        connection.answer(200, IMAGE)

    def leading_away(request: Request, connection: Connection) -> None:
        seen["here"] = request.headers.get("authorization")
        connection.answer(302, headers={"Location": other.url("/x"), "Set-Cookie": "a=b"})

    with UnrulyServer({"/x": noting}) as other:
        server.behaviours["/x"] = leading_away
        address = server.url("/x").replace("//", "//me:secret@")
        assert fetcher.read(address).data == IMAGE
    assert seen["here"] is not None and seen["there"] is None


@pytest.mark.parametrize(
    "flood",
    [
        endlessly,
        answering(200, b"", Content_Length="99999999999999"),
        answering(200, b"\xff" * 300_000),
        answering(200, gzip.compress(bytes(50_000_000)), Content_Encoding="gzip"),
        answering(200, gzip.compress(b"\xff" * 200_001), Content_Encoding="gzip"),
    ],
)
def test_no_more_is_read_than_the_limit(
    server: UnrulyServer, fetcher: Fetcher, flood: Behaviour
) -> None:
    server.behaviours["/x"] = flood
    with pytest.raises(ImageTooLargeError, match="200,000 are read"):
        fetcher.read(server.url("/x"))
    assert server.requests["/x"] == 1


def test_what_is_as_large_as_the_limit_is_read(server: UnrulyServer, fetcher: Fetcher) -> None:
    server.behaviours["/x"] = answering(200, b"\xff" * LIMITS.max_bytes)
    server.behaviours["/z"] = answering(200, gzip.compress(IMAGE), Content_Encoding="gzip")
    assert len(fetcher.read(server.url("/x")).data or b"") == LIMITS.max_bytes
    assert fetcher.read(server.url("/z")).data == IMAGE


def test_a_length_that_is_too_short_cuts_the_image(server: UnrulyServer, fetcher: Fetcher) -> None:
    server.behaviours["/x"] = answering(200, IMAGE, Content_Length="100")
    assert fetcher.read(server.url("/x")).data == IMAGE[:100]  # Decoding tells that it is cut.


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "image/jpeg"])
@pytest.mark.parametrize("page", [b"\xef\xbb\xbf\n<!DOCTYPE html><p>Gone", b"<HTML lang=en>"])
def test_a_web_page_is_called_one(
    server: UnrulyServer, fetcher: Fetcher, kind: str, page: bytes
) -> None:
    server.behaviours["/x"] = answering(200, page, Content_Type=kind)
    with pytest.raises(ImageUnreadableError, match=rf"a web page \({kind.split(';')[0]}\)"):
        fetcher.read(server.url("/x"))
    assert server.requests["/x"] == 1


@pytest.mark.parametrize(
    ("offered", "asked"),
    [
        ({"ETag": '"v1"'}, ("if-none-match", '"v1"')),
        ({"ETag": 'W/"v1"', "Last-Modified": "x"}, ("if-none-match", 'W/"v1"')),
        (
            {"Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"},
            ("if-modified-since", "Wed, 21 Oct 2015 07:28:00 GMT"),
        ),
    ],
)
def test_an_unchanged_image_is_not_sent_again(
    server: UnrulyServer, fetcher: Fetcher, offered: dict[str, str], asked: tuple[str, str]
) -> None:
    def careful(request: Request, connection: Connection) -> None:
        unchanged = request.headers.get(asked[0]) == asked[1]
        connection.answer(304 if unchanged else 200, b"" if unchanged else IMAGE, offered)

    server.behaviours |= {"/x": careful, "/careless": answering(200, IMAGE, **offered)}
    first = fetcher.read(server.url("/x"))
    assert first.data == IMAGE and first.validator
    again = fetcher.read(server.url("/x"), first.validator)
    assert (again.data, again.validator) == (None, first.validator)
    assert fetcher.read(server.url("/careless"), first.validator).data is None
    changed = fetcher.read(server.url("/x"), 'etag:"v0"')
    assert changed.data == IMAGE and changed.validator == first.validator


def test_without_a_version_nothing_is_remembered(server: UnrulyServer, fetcher: Fetcher) -> None:
    server.behaviours["/x"] = GOOD
    assert fetcher.read(server.url("/x")).validator is None
    assert fetcher.read(server.url("/x"), "17:4").data == IMAGE


def test_secrets_are_not_told(server: UnrulyServer, fetcher: Fetcher) -> None:
    server.behaviours["/x"] = answering(403)
    address = server.url("/x").replace("//", "//me:hunter2@") + "?Signature=hunter2&id=hunter2"
    with pytest.raises(VitrineError) as refused:
        fetcher.read(address)
    told = f"{refused.value} {refused.value.details}"
    assert "hunter2" not in told and "Signature=..." in told


@pytest.mark.parametrize(
    "address", ["http://", "https:///x.jpg", "http://[::1/x", "http://a:b/x", "http://\x00/x",
                "http://exa mple/x", "http://a/\ud800", "http://a\nb/x", "http://" + "a" * 300],
)  # fmt: skip
def test_addresses_that_are_none(address: str) -> None:
    options = FetchOptions(attempts=1, timeout_s=5)
    with Fetcher(LIMITS, options) as fetcher, pytest.raises(VitrineError) as refused:
        fetcher.read(address)
    assert isinstance(refused.value, ImageUnreadableError | ImageUnavailableError)
    str(refused.value).encode()


def test_a_cancelled_wait_is_no_noise(
    server: UnrulyServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.behaviours |= {"/x": silently, "/slow": slowly}
    with Fetcher(LIMITS, OPTIONS) as fetcher:
        waiting = [fetcher.submit(server.url(path)) for path in ("/x", "/slow") * 20]
        wait_until(lambda: server.requests.total() >= OPTIONS.per_host)
        started = time.monotonic()
    assert time.monotonic() - started < 5
    for future in waiting:
        with pytest.raises(CancelledError):
            future.result(0)
    assert not caplog.records
    with pytest.raises(RuntimeError, match="closed"):
        fetcher.submit(server.url("/x"))
