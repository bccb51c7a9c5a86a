"""Whose X-Forwarded-For and -Proto count: those of proxies that are named, and nobody else's."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from uvicorn.middleware.proxy_headers import _TrustedHosts

from api.cli.serve import run_server
from api.proxies import read_proxies
from api.security.keys import KeyFile
from api.security.scopes import Scope
from search.config import Settings
from search.errors import ConfigError
from tests.error_shape import error_of
from tests.keyed_service import bearer
from tests.serving_process import serving
from tests.waiting import wait_until

PROXY, STRANGER = "127.0.0.2", "127.0.0.1"
"""Two callers, as the addresses that they connect from; both are of this machine."""

LIMIT = 3


@dataclass(frozen=True)
class Shop:
    """A service that believes PROXY, with a key; its audit log."""

    url: str
    token: str
    audit: Path

    def asks(self, caller: str, method: str, path: str, **headers: str) -> httpx2.Response:
        """The answer to one who connects from there."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with httpx2.Client(transport=httpx2.HTTPTransport(local_address=caller)) as client:
            return client.request(method, self.url + path, headers=named)

    def has_written_down(self, address: str) -> bool:
        """Whether the last change in the audit log came from there, or comes to be there soon."""
        # It is written after the answer is sent.
        wait_until(lambda: self._last_address() == address)
        return True

    def _last_address(self) -> str | None:
        lines = self.audit.read_text("utf-8").splitlines()
        return str(json.loads(lines[-1])["address"]) if lines else None


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    token, _ = KeyFile(folder / "keys.db").create("boss", Scope.ADMIN)
    audit = folder / "audit.jsonl"
    given = {"audit_file": str(audit), "rate_limit": str(LIMIT)}
    with serving(folder, "--forwarded-allow-ips", PROXY, **given) as made:
        yield Shop(made.url, token, audit)


def test_the_audit_log_has_the_address_that_a_proxy_tells(shop: Shop) -> None:
    shop.asks(PROXY, "DELETE", "/v1/items/x", X_Forwarded_For="203.0.113.9")
    assert shop.has_written_down("203.0.113.9")
    # What the client itself claimed stands before what the proxy saw.
    shop.asks(PROXY, "DELETE", "/v1/items/x", X_Forwarded_For="10.0.0.1, 203.0.113.10:4711")
    assert shop.has_written_down("203.0.113.10")


def test_the_audit_log_has_a_strangers_own_address(shop: Shop) -> None:
    shop.asks(STRANGER, "DELETE", "/v1/items/x", X_Forwarded_For="203.0.113.11")
    assert shop.has_written_down(STRANGER)


def test_who_comes_through_a_proxy_is_counted_by_the_address_that_it_tells(shop: Shop) -> None:
    def ask(address: str) -> httpx2.Response:
        return shop.asks(PROXY, "GET", "/v1/search?q=dress", X_Forwarded_For=address)

    left = [ask("203.0.113.20").headers["ratelimit-remaining"] for _ in range(LIMIT)]
    assert left == ["2", "1", "0"]
    assert error_of(ask("203.0.113.20"), 429)["code"] == "too_many_requests"
    assert error_of(ask("203.0.113.21"), 401), "another one has requests of his own"
    # He cannot get new ones by claiming to be others.
    assert error_of(ask("203.0.113.99, 203.0.113.20"), 429)


def test_a_stranger_is_counted_as_himself_whatever_he_claims(shop: Shop) -> None:
    """He is of this machine, and would be counted if he were who he says."""
    for _ in range(LIMIT + 2):
        said = shop.asks(STRANGER, "GET", "/v1/search?q=dress", X_Forwarded_For="203.0.113.30")
        assert error_of(said, 401) and "ratelimit-limit" not in said.headers
    told = shop.asks(PROXY, "GET", "/v1/search?q=dress", X_Forwarded_For="203.0.113.30")
    assert told.headers["ratelimit-remaining"] == str(LIMIT - 1), "nobody used up what is his"


@pytest.mark.parametrize(("caller", "secure"), [(PROXY, True), (STRANGER, False)])
def test_only_a_proxy_can_say_that_it_is_https(shop: Shop, caller: str, secure: bool) -> None:
    headers = bearer(shop.token) | {"X-Forwarded-Proto": "https"}
    opened = shop.asks(caller, "POST", "/v1/session", **headers)
    assert opened.status_code == 201, opened.text
    cookie = opened.headers["set-cookie"]
    assert ("; secure" in cookie.lower()) == secure
    assert cookie.startswith("__Host-") == secure
    assert ("strict-transport-security" in opened.headers) == secure


def trusted(text: str) -> _TrustedHosts:
    """As uvicorn understands what it is given."""
    return _TrustedHosts(read_proxies(text))


def test_proxies_are_known_in_every_form_in_which_they_connect() -> None:
    proxies = trusted(" 127.0.0.1, ::1,10.0.0.0/24 ,2001:db8::/32,")
    for one in ("127.0.0.1", "::ffff:127.0.0.1", "::1", "10.0.0.200", "::ffff:10.0.0.200",
                "2001:db8::7", "2001:0db8:0:0::7"):  # fmt: skip
        assert one in proxies, one
    for other in ("127.0.0.2", "10.0.1.1", "::ffff:10.0.1.1", "2001:db9::7", "", None, "proxy"):
        assert other not in proxies, other
    assert "203.0.113.7" in trusted("*")
    assert "127.0.0.1" not in trusted(" ")


@pytest.mark.parametrize("text", ["10.0.0.1/8", "proxy.internal", "*,10.0.0.1", "10.0.0", "::1]"])
def test_what_is_no_proxy_ends_the_start(text: str) -> None:
    with pytest.raises(ConfigError, match="no proxy") as caught:
        run_server(Settings(forwarded_allow_ips=text, db="/nowhere/at/all.db", port=0))
    assert caught.value.details["setting"] == "forwarded_allow_ips"
