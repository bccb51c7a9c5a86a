"""`vitrine serve`: where it may listen, and how it starts and stops."""

import asyncio
import socket
from pathlib import Path

import pytest

from api.cli.serve import check_host, is_loopback, listen, run_server
from api.security.keys import KeyFile
from api.security.scopes import Scope
from search.config import Settings
from search.errors import ConfigError
from tests.running import run as run_coroutine


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"])
def test_loopback_needs_no_word(host: str) -> None:
    assert is_loopback(host)
    check_host(host, insecure=False)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "10.0.0.1", "example.org", "", "127.0.0.1.nip.io"]
)
def test_other_addresses_are_refused_unless_insecure(host: str) -> None:
    with pytest.raises(ConfigError, match="no keys") as caught:
        check_host(host, insecure=False)
    assert "--insecure" in str(caught.value)
    check_host(host, insecure=True)


def test_nothing_is_opened_before_the_address_is_checked() -> None:
    with pytest.raises(ConfigError, match="no keys"):
        run_server(Settings(host="0.0.0.0", db="/nowhere/at/all.db"))


def test_port_that_is_taken() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port}"):
            listen("127.0.0.1", port)


def test_any_free_port() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert listener.getsockname()[1] > 0


def test_small_answers_are_not_held_back() -> None:
    """asyncio switches Nagle's algorithm off only where the protocol is known to be TCP."""

    async def no_delay() -> int:
        accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            served = writer.get_extra_info("socket")
            accepted.set_result(served.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with listen("127.0.0.1", 0) as listener:
            async with await asyncio.start_server(serve, sock=listener):
                _, writer = await asyncio.open_connection(*listener.getsockname())
                writer.close()
                return await accepted

    assert run_coroutine(no_delay())


@pytest.mark.parametrize(
    ("level", "log_format", "message"), [("LOUD", "auto", "LOUD"), ("INFO", "xml", "xml")]
)
def test_unknown_logging(level: str, log_format: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run_server(Settings(log_level=level), log_format=log_format)


def test_a_key_that_is_good_lets_it_listen_elsewhere(tmp_path: Path) -> None:
    settings = Settings(host="0.0.0.0", db=str(tmp_path / "x.db"), log_level="NONE")
    keys = KeyFile(settings.keys_path)
    _, key = keys.create("shop", Scope.SEARCH)
    with pytest.raises(ConfigError, match="NONE"):
        run_server(settings)  # The address was fine: what comes next is not.
    keys.revoke(key.id)
    with pytest.raises(ConfigError, match="vitrine keys create"):
        run_server(settings)
