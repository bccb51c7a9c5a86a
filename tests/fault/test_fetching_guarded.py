"""Addresses that strangers give: what is not public is not asked, whatever it is called."""

import gzip
import itertools
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest

from indexer.fetching import Fetcher, FetchOptions
from indexer.fetching.guard import Guard, Resolve, is_public, resolve
from search.errors import (
    ConfigError,
    ImageTooLargeError,
    ImageUnavailableError,
    ImageUnreadableError,
)
from search.images import ImageLimits
from tests.running import run as run_coroutine
from tests.unruly_server import Behaviour, Connection, Request, UnrulyServer

LIMITS = ImageLimits(max_bytes=200_000)
IMAGE = b"\xff\xd8\xff" + bytes(range(256)) * 40

NOT_PUBLIC = (
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.9.9.9",
    "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1",
    "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "100::1", "2001::1", "2001:db8::1",
    "2002:7f00:1::", "2002:808:808::", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254",
    "fe80::1", "fec0::1", "ff02::1",
)  # fmt: skip

PUBLIC = ("8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450::1", "64:ff9b::808:808")


def answering(status: int = 200, body: bytes = b"", **headers: str) -> Behaviour:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda request, connection: connection.answer(status, body, named)


@pytest.fixture
def server() -> Iterator[UnrulyServer]:
    with UnrulyServer({"/x.jpg": answering(200, IMAGE)}) as running:
        yield running


def named(*answers: Sequence[str]) -> Resolve:
    """A name whose addresses are the first ones when it is first asked for, and so on."""
    told = itertools.chain(answers, itertools.repeat(answers[-1]))

    async def one(host: str, port: int) -> Sequence[str]:
        return next(told)

    return one


def guarded(
    server: UnrulyServer | None = None, resolve: Resolve = resolve, *, allow: str = "127.0.0.1/32"
) -> FetchOptions:
    """Options that let the test's own server through, and nothing else of this machine."""
    port = server.host.rpartition(":")[2] if server is not None else ""
    told = Guard.from_text(f"80,443,{port}", allow if server is not None else "")
    guard = Guard(told.ports, told.networks, resolve)
    return FetchOptions(timeout_s=2.0, attempts=1, max_redirects=3, guard=guard)


def refused(address: str, options: FetchOptions) -> str:
    with Fetcher(LIMITS, options) as fetcher, pytest.raises(ImageUnreadableError) as raised:
        fetcher.read(address)
    return str(raised.value)


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_what_is_not_public(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_what_is_public(text: str) -> None:
    assert is_public(ip_address(text))


HOSTS = (
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001",
    "localhost", "localhost.", "LOCALHOST", "0", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "169.254.169.254", "[fd00:ec2::254]",
    "127。0。0。1", "127.0.0.1.",
)  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_no_spelling_of_this_machine_is_asked(host: str, server: UnrulyServer) -> None:
    port = server.host.rpartition(":")[2]
    options = FetchOptions(timeout_s=2.0, attempts=1, guard=Guard(frozenset({int(port)})))
    # Whether a spelling is an address at all is for the system's resolver to say.
    refusals = (ImageUnreadableError, ImageUnavailableError)
    with Fetcher(LIMITS, options) as fetcher, pytest.raises(refusals):
        fetcher.read(f"http://{host}:{port}/x.jpg")
    assert server.connections == 0


def test_the_refusal_does_not_say_what_is_there() -> None:
    said = refused("http://localhost/secret.png?token=hunter2", guarded())
    assert "is not public" in said and "Give the address of an image that everybody can see" in said
    assert "127.0.0.1" not in said and "::1" not in said and "hunter2" not in said


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("http://me@8.8.8.8/x.jpg", "user"),
        ("http://me:secret@8.8.8.8/x.jpg", "user"),
        ("http://8.8.8.8@127.0.0.1/x.jpg", "user"),
        ("http://8.8.8.8:22/x.jpg", "port 22"),
        ("http://8.8.8.8:8080/x.jpg", "port 8080"),
        ("ftp://8.8.8.8/x.jpg", "http"),
        ("file:///etc/passwd", "http"),
        ("s3://bucket/x.jpg", "http"),
        ("gopher://8.8.8.8/", "http"),
        ("//8.8.8.8/x.jpg", "http"),
        ("/etc/passwd", "http"),
        ("http:///x.jpg", "http"),
        ("http://[::1", "no address"),
        ("", "http"),
    ],
)
def test_addresses_that_are_not_even_looked_up(address: str, what: str) -> None:
    with pytest.raises(ImageUnreadableError, match=what) as raised:
        Guard().check(address)
    assert "secret" not in str(raised.value)


def test_the_own_network_is_asked_where_the_settings_say_so(server: UnrulyServer) -> None:
    with Fetcher(LIMITS, guarded(server)) as fetcher:
        assert fetcher.read(server.url("/x.jpg")).data == IMAGE
    assert "169" in refused("http://169.254.169.254/", guarded(server))


def test_one_address_of_several_that_is_not_public_is_enough(server: UnrulyServer) -> None:
    port = server.host.rpartition(":")[2]
    for found in (["127.0.0.1", "10.0.0.1"], ["fe80::1%eth0", "127.0.0.1"], ["127.0.0.1", "?"]):
        said = refused(f"http://shop.test:{port}/x.jpg", guarded(server, named(found)))
        assert "not public" in said
    assert server.connections == 0


def test_a_name_that_changes_its_mind_is_asked_where_it_was_checked(server: UnrulyServer) -> None:
    port = server.host.rpartition(":")[2]
    options = guarded(server, named(["127.0.0.1"], ["127.0.0.2"]))
    with Fetcher(LIMITS, options) as fetcher:
        # One question, one answer: what the name means a moment later is never asked.
        assert fetcher.read(f"http://shop.test:{port}/x.jpg").data == IMAGE
        with pytest.raises(ImageUnreadableError, match="not public"):
            fetcher.read(f"http://shop.test:{port}/x.jpg")
    assert server.connections == 1


def test_the_host_is_told_by_its_name(server: UnrulyServer) -> None:
    asked: list[Request] = []

    def keeping(request: Request, connection: Connection) -> None:
        asked.append(request)
        connection.answer(200, IMAGE, {"Set-Cookie": "a=b"})

    server.behaviours["/named.jpg"] = keeping
    port = server.host.rpartition(":")[2]
    with Fetcher(LIMITS, guarded(server, named(["127.0.0.1"]))) as fetcher:
        for _ in range(2):
            fetcher.read(f"http://shop.test:{port}/named.jpg")
    for request in asked:
        assert request.headers["host"] == f"shop.test:{port}"
        assert not {"cookie", "authorization", "referer"} & set(request.headers)
    assert server.connections == 2, "no connection is kept for whoever asks next"


def test_the_next_address_is_tried_where_one_does_not_answer(server: UnrulyServer) -> None:
    port = server.host.rpartition(":")[2]
    # Nobody listens at the first of them.
    options = guarded(server, named(["127.0.0.9", "127.0.0.1"]), allow="127.0.0.0/24")
    with Fetcher(LIMITS, options) as fetcher:
        assert fetcher.read(f"http://shop.test:{port}/x.jpg").data == IMAGE


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.2/x.jpg",
        "http://localhost.:22/x.jpg",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/x.jpg",
        "//127.0.0.2/x.jpg",
        "http://me:secret@127.0.0.1/x.jpg",
        "file:///etc/passwd",
        "http://2130706434/x.jpg",
    ],
)
def test_redirects_are_checked_like_addresses(target: str, server: UnrulyServer) -> None:
    server.behaviours["/away.jpg"] = answering(302, Location=target)
    said = refused(server.url("/away.jpg"), guarded(server))
    assert "public" in said or "port" in said or "user" in said or "not on the web" in said
    assert server.connections == 1


def test_a_redirect_by_name_is_resolved_and_checked_anew(server: UnrulyServer) -> None:
    server.behaviours["/away.jpg"] = answering(302, Location="/x.jpg")
    port = server.host.rpartition(":")[2]
    address = f"http://shop.test:{port}/away.jpg"
    options = guarded(server, named(["127.0.0.1"], ["127.0.0.2"]))
    assert "not public" in refused(address, options)
    assert server.connections == 1
    with Fetcher(LIMITS, guarded(server, named(["127.0.0.1"]))) as fetcher:
        assert fetcher.read(address).data == IMAGE


def test_few_redirects_are_followed(server: UnrulyServer) -> None:
    server.behaviours["/round.jpg"] = answering(302, Location="/round.jpg")
    assert "more than 3 redirects" in refused(server.url("/round.jpg"), guarded(server))
    assert server.requests["/round.jpg"] == 4


def test_a_body_that_trickles_is_given_up(server: UnrulyServer) -> None:
    def trickling(request: Request, connection: Connection) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n\xff\xd8\xff")
        while not connection.stopped.is_set():
            connection.send(b"x")
            connection.wait(0.05)

    server.behaviours["/slow.jpg"] = trickling
    given_up = pytest.raises(ImageUnavailableError, match="within 2 s")
    with Fetcher(LIMITS, guarded(server)) as fetcher, given_up:
        fetcher.read(server.url("/slow.jpg"))


def test_a_body_without_end_is_cut_off(server: UnrulyServer) -> None:
    def endless(request: Request, connection: Connection) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while not connection.stopped.is_set():
            connection.send(b"\xff" * 50_000)

    server.behaviours["/endless.jpg"] = endless
    with Fetcher(LIMITS, guarded(server)) as fetcher, pytest.raises(ImageTooLargeError):
        fetcher.read(server.url("/endless.jpg"))


def test_what_is_sent_compressed_is_not_unpacked(server: UnrulyServer) -> None:
    bomb = gzip.compress(bytes(20_000_000))
    assert len(bomb) < LIMITS.max_bytes
    server.behaviours["/bomb.jpg"] = answering(200, bomb, Content_Encoding="gzip")
    assert "compressed" in refused(server.url("/bomb.jpg"), guarded(server))


def test_proxies_of_the_environment_are_not_used(
    server: UnrulyServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with UnrulyServer() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://{proxy.host}")
        monkeypatch.setenv("no_proxy", "")
        netrc = tmp_path / "netrc"
        netrc.write_text("default login me password secret")
        monkeypatch.setenv("NETRC", str(netrc))
        with Fetcher(LIMITS, guarded(server)) as fetcher:
            assert fetcher.read(server.url("/x.jpg")).data == IMAGE
        assert proxy.connections == 0


def test_names_are_resolved_by_the_system() -> None:
    found = run_coroutine(resolve("localhost", 80))
    assert found and not any(is_public(ip_address(one)) for one in found)


@pytest.mark.parametrize(
    ("ports", "networks"), [("http", ""), ("80;443", ""), ("80", "10.0.0.1/8"), ("80", "home")]
)
def test_settings_that_cannot_be_read(ports: str, networks: str) -> None:
    with pytest.raises(ConfigError, match="ports or networks"):
        Guard.from_text(ports, networks)
