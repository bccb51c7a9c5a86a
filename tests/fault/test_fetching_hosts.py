"""Many hosts at once: none is asked more than it should be, and none holds up the others."""

import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from indexer.fetching import Fetcher, FetchOptions
from indexer.fetching.hosts import Hosts
from search.errors import ImageUnavailableError, ImageUnreadableError
from search.images import ImageLimits
from tests.unruly_server import Connection, Request, UnrulyServer
from tests.waiting import wait_until

LIMITS = ImageLimits(max_bytes=200_000)
QUICK = FetchOptions(timeout_s=10, attempts=1, failures_in_a_row=3, patience_s=0.0, rest_s=60.0)
IMAGE = b"\xff\xd8\xff" + bytes(1000)


def good(request: Request, connection: Connection) -> None:
    connection.answer(200, IMAGE)


def dawdling(request: Request, connection: Connection) -> None:
    connection.wait(0.02)
    connection.answer(200, IMAGE)


@pytest.fixture
def server() -> Iterator[UnrulyServer]:
    with UnrulyServer({"/x": good, "/slow": dawdling}) as running:
        yield running


def test_no_host_is_asked_more_at_once_than_allowed(server: UnrulyServer) -> None:
    with (
        UnrulyServer({"/slow": dawdling}) as other,
        Fetcher(LIMITS, FetchOptions(per_host=3)) as fetcher,
    ):
        futures = [fetcher.submit(one.url("/slow")) for _ in range(40) for one in (server, other)]
        assert all(future.result(30).data == IMAGE for future in futures)
        assert server.most_at_once == other.most_at_once == 3
        # Whoever is asked three times at once is asked over three connections, again and again.
        assert server.connections == other.connections == 3


def test_all_hosts_together_are_not_asked_more_than_allowed() -> None:
    lock, now, most = threading.Lock(), 0, 0

    def counted(request: Request, connection: Connection) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        connection.wait(0.01)
        with lock:
            now -= 1
        connection.answer(200, IMAGE)

    with ExitStack() as stack:
        servers = [stack.enter_context(UnrulyServer({"/x": counted})) for _ in range(12)]
        fetcher = stack.enter_context(Fetcher(LIMITS, FetchOptions(max_connections=5)))
        futures = [fetcher.submit(server.url("/x")) for _ in range(8) for server in servers]
        assert all(future.result(30).data == IMAGE for future in futures)
        assert most == 5
        stats = fetcher.hosts()
        assert {one.host for one in stats} == {server.host for server in servers}
        assert sum(one.requests for one in stats) == 96
        assert [one.seconds for one in stats] == sorted(one.seconds for one in stats)[::-1]


def test_one_connection_serves_many_images(server: UnrulyServer) -> None:
    with Fetcher(LIMITS, FetchOptions()) as fetcher:
        for _ in range(30):
            fetcher.read(server.url("/x"))
    assert (server.connections, server.requests["/x"]) == (1, 30)


def test_a_connection_that_the_server_closed_is_no_failure(server: UnrulyServer) -> None:
    def closing(request: Request, connection: Connection) -> None:
        connection.answer(200, IMAGE)
        connection.close()

    server.behaviours["/x"] = closing
    with Fetcher(LIMITS, FetchOptions(attempts=3, backoff_s=0.01)) as fetcher:
        for _ in range(10):
            assert fetcher.read(server.url("/x")).data == IMAGE


def test_a_dead_host_does_not_hold_up_a_good_one(server: UnrulyServer) -> None:
    with UnrulyServer() as dead:
        pass  # Nothing listens there any more.

    def hanging(request: Request, connection: Connection) -> None:
        connection.wait(30)
        connection.close()

    options = FetchOptions(per_host=2, timeout_s=1.5, attempts=2, backoff_s=0.05)
    with (
        UnrulyServer({"/x": hanging}) as stuck,
        Fetcher(LIMITS, options) as fetcher,
    ):
        lost = [fetcher.submit(one.url("/x")) for _ in range(6) for one in (dead, stuck)]
        wait_until(lambda: stuck.requests["/x"] == 2)
        started = time.monotonic()
        found = [fetcher.submit(server.url("/x")) for _ in range(50)]
        assert all(future.result(20).data == IMAGE for future in found)
        assert not all(future.done() for future in lost) or time.monotonic() - started < 2
        for future in lost:
            with pytest.raises(ImageUnavailableError, match=r"cannot be reached|did not answer"):
                future.result(60)


def test_a_host_that_is_down_fails_fast_and_clearly(server: UnrulyServer) -> None:
    server.behaviours["/x"] = lambda request, connection: connection.answer(500)
    with Fetcher(LIMITS, QUICK) as fetcher:
        for _ in range(3):
            with pytest.raises(ImageUnavailableError, match="500"):
                fetcher.read(server.url("/x"))
        for number in range(20):
            with pytest.raises(
                ImageUnavailableError, match="failed 3 times in a row and is left alone"
            ):
                fetcher.read(server.url(f"/x?{number}"))
        assert server.requests.total() == 3
        (stats,) = fetcher.hosts()
        assert (stats.requests, stats.failures) == (3, 23)


def test_a_host_that_comes_back_is_asked_again(server: UnrulyServer) -> None:
    options = FetchOptions(attempts=1, failures_in_a_row=2, patience_s=0.0, rest_s=0.3)
    up = False

    def coming_back(request: Request, connection: Connection) -> None:
        connection.answer(200 if up else 503, IMAGE)

    server.behaviours["/x"] = coming_back
    with Fetcher(LIMITS, options) as fetcher:

        def is_fetched() -> bool:
            try:
                return fetcher.read(server.url("/x")).data == IMAGE
            except ImageUnavailableError:
                return False

        for _ in range(4):
            assert not is_fetched()
        assert server.requests["/x"] == 2
        # After each rest one image is tried, and only when that comes the others are.
        wait_until(lambda: not is_fetched() and server.requests["/x"] == 3)
        assert not is_fetched()
        assert server.requests["/x"] == 3
        up = True
        wait_until(is_fetched)
        assert all(is_fetched() for _ in range(10))


def test_a_short_outage_is_waited_out(server: UnrulyServer) -> None:
    server.behaviours["/x"] = lambda request, connection: connection.answer(502)
    with Fetcher(LIMITS, FetchOptions(attempts=1, failures_in_a_row=3)) as fetcher:
        for _ in range(30):
            with pytest.raises(ImageUnavailableError, match="502"):
                fetcher.read(server.url("/x"))
    assert server.requests["/x"] == 30  # So many in a row, but not for long enough yet.


def test_images_that_are_gone_do_not_make_a_host_down(server: UnrulyServer) -> None:
    with Fetcher(LIMITS, QUICK) as fetcher:
        for number in range(10):
            with pytest.raises(ImageUnreadableError, match="404"):
                fetcher.read(server.url(f"/gone/{number}"))
        assert fetcher.read(server.url("/x")).data == IMAGE


def test_retries_stop_when_a_host_turns_out_to_be_down(server: UnrulyServer) -> None:
    server.behaviours |= {
        "/x": lambda request, connection: connection.answer(500),
        "/y": lambda request, connection: connection.answer(500, headers={"Retry-After": "3600"}),
    }
    options = FetchOptions(
        attempts=1000, backoff_s=0.2, max_wait_s=0.2, failures_in_a_row=1, patience_s=0.0
    )
    with Fetcher(LIMITS, options) as fetcher:
        retrying = [fetcher.submit(server.url("/x")) for _ in range(4)]
        wait_until(lambda: server.requests["/x"] >= 8)
        with pytest.raises(ImageUnavailableError, match="asked to wait for 3,600 s"):
            fetcher.read(server.url("/y"))
        for future in retrying:
            with pytest.raises(ImageUnavailableError):
                future.result(10)


def test_hosts_without_number_take_bounded_memory() -> None:
    hosts = Hosts(FetchOptions())
    for number in range(5_000):
        hosts[f"{number}.example.com"].requests += 1
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(5_000, 15_000):
            host = hosts[f"{number}.example.com"]
            host.requests += 1
            host.failures += 1
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    stats = hosts.stats()
    assert len(stats) == 4097
    assert sum(host.requests for host in stats) == 15_000
    assert sum(host.failures for host in stats) == 10_000
    # What was made before the tracing is not counted as freed, so this is an upper bound.
    assert after - before < 16_000_000
