"""Rate limits: by key, by address where no key is wanted, in memory and in a Redis."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.security.errors import TooManyRequestsError
from api.security.limits import RateLimits, counted_as
from search.errors import ConfigError
from tests.error_shape import error_of
from tests.keyed_service import LET_IN, SEARCH, STRANGER, bearer, heard, make_key, service
from tests.required import is_required
from tests.running import run as run_coroutine
from tests.waiting import wait_until

OTHER = ("203.0.113.8", 1)
HERE = ("127.0.0.1", 1)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real Redis, on a socket in a folder."""
    found = shutil.which("redis-server")
    if found is None:
        message = "Redis is not installed: apt-get install redis-server"
        if is_required("VITRINE_TEST_REDIS"):
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    socket = tmp_path_factory.mktemp("redis") / "socket"
    options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no"]
    process = subprocess.Popen([found, *options], stdout=subprocess.DEVNULL)
    try:
        wait_until(socket.exists, 20)
        yield f"redis+unix://{socket}"
    finally:
        process.terminate()
        process.wait(20)


def test_too_many_requests_are_refused_and_told_when_to_come_again(tmp_path: Path) -> None:
    with service(tmp_path, rate_limit=3) as client:
        left = [client.get(SEARCH).headers["ratelimit-remaining"] for _ in range(3)]
        assert left == ["2", "1", "0"]
        refused = client.get(SEARCH)
        error = error_of(refused, 429)
        assert error["code"] == "too_many_requests"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.headers["ratelimit-remaining"] == "0"
        assert client.get("/healthz").status_code == 200, "what is open is not counted"


def test_each_key_has_its_own_limit_wherever_it_comes_from(tmp_path: Path) -> None:
    (first, _), (second, _) = make_key(tmp_path), make_key(tmp_path)
    with service(tmp_path, rate_limit=2, client=HERE) as client:
        for _ in range(2):
            assert heard(client.get(SEARCH, headers=bearer(first))) == LET_IN
        assert error_of(client.get(SEARCH, headers=bearer(first)), 429)
        assert heard(client.get(SEARCH, headers=bearer(second))) == LET_IN


def test_a_session_counts_as_its_key(tmp_path: Path) -> None:
    token, _ = make_key(tmp_path)
    with service(tmp_path, rate_limit=2) as client:
        assert client.post("/v1/session", headers=bearer(token)).status_code == 201
        assert heard(client.get(SEARCH)) == LET_IN
        assert error_of(client.get(SEARCH), 429)


def test_guessing_keys_is_limited_by_address(tmp_path: Path) -> None:
    make_key(tmp_path)
    with service(tmp_path, rate_limit=2) as client:
        for path in (SEARCH, "/v1/session"):
            client.get(path, headers=bearer("vk_guess"))
        assert error_of(client.get(SEARCH, headers=bearer("vk_guess")), 429)


def test_zero_is_no_limit_and_programs_of_this_machine_have_none(tmp_path: Path) -> None:
    with service(tmp_path, rate_limit=0) as client:
        assert "ratelimit-limit" not in client.get(SEARCH).headers
    with service(tmp_path, rate_limit=1, client=HERE) as client:
        assert {heard(client.get(SEARCH)) for _ in range(5)} == {LET_IN}


def test_addresses_are_counted_by_what_one_person_has() -> None:
    assert counted_as(None, "203.0.113.7") == counted_as(None, "::ffff:203.0.113.7")
    assert counted_as(None, "203.0.113.7") != counted_as(None, "203.0.113.8")
    assert counted_as(None, "2001:db8::1") == counted_as(None, "2001:db8::ffff:2")
    assert counted_as(None, "2001:db8::1") != counted_as(None, "2001:db8:0:1::1")
    assert counted_as("id", "203.0.113.7") == counted_as("id", None) == "key:id"
    for local in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "", None, "testclient"):
        assert counted_as(None, local) is None


def test_processes_share_what_redis_counts(redis: str) -> None:
    async def ask() -> tuple[list[int], list[int]]:
        one, other = RateLimits(4, redis), RateLimits(4, redis)
        left = [each and each.remaining for each in [await one.take("a"), await other.take("a")]]
        left += [each and each.remaining for each in [await one.take("a"), await other.take("a")]]
        with pytest.raises(TooManyRequestsError):
            await one.take("a")
        fresh = await other.take("b")
        assert fresh is not None
        return [number for number in left if number is not None], [fresh.remaining]

    assert run_coroutine(ask()) == ([3, 2, 1, 0], [3])


def test_a_service_counts_in_redis(redis: str, tmp_path: Path) -> None:
    given = {"rate_limit": 2, "rate_limit_redis": redis}
    with service(tmp_path / "1", client=OTHER, **given) as one:
        for _ in range(2):
            assert heard(one.get(SEARCH)) == LET_IN
    with service(tmp_path / "2", client=OTHER, **given) as two:
        assert error_of(two.get(SEARCH), 429)


def test_a_redis_that_is_away_stops_nobody(tmp_path: Path) -> None:
    away = f"redis+unix://{tmp_path}/none"
    with service(tmp_path, rate_limit=1, rate_limit_redis=away, client=STRANGER) as client:
        assert {heard(client.get(SEARCH)) for _ in range(3)} == {LET_IN}


@pytest.mark.parametrize("address", ["memcached://x", "localhost:6379", "redis://x:port"])
def test_what_is_no_redis_ends_the_start_and_is_not_told(address: str) -> None:
    with pytest.raises(ConfigError) as caught:
        RateLimits(1, address)
    assert address not in str(caught.value)
