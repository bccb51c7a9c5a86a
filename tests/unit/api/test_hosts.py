"""Under which names the service answers: no page of a stranger must reach it by the browser."""

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.readiness import EngineSlot
from search.config import Settings
from search.engine import SearchEngine
from search.errors import CollectionNotFoundError
from tests.error_shape import error_of


def never_opens(settings: Settings) -> SearchEngine:
    raise CollectionNotFoundError("There is no collection.")


def client_of(*, any_host: bool = False, host: str = "127.0.0.1", allowed: str = "") -> TestClient:
    settings = Settings(host=host, allowed_hosts=allowed)
    slot = EngineSlot(settings, opener=never_opens)
    return TestClient(create_app(settings, slot=slot, any_host=any_host))


OWN = ["localhost", "LocalHost:8000", "127.0.0.1", "127.0.0.1:8000", "[::1]", "[::1]:8000"]
STRANGE = [
    "evil.example",
    "evil.example:8000",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "localhost:8000@evil.example",
    "localhost:80:80",
    "10.0.0.1",
    "",
    "::1",
]


@pytest.mark.parametrize("name", OWN)
def test_loopback_names_are_its_own(name: str) -> None:
    with client_of() as client:
        assert client.get("/healthz", headers={"Host": name}).status_code == 200


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("path", ["/", "/healthz", "/v1/search?q=red", "/nothing"])
def test_other_names_are_refused(name: str, path: str) -> None:
    with client_of() as client:
        response = client.get(path, headers={"Host": name})
        assert error_of(response, 400)["code"] == "unknown_host"
        assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("host", "name"), [("127.8.8.8", "127.8.8.8:80"), ("::1", "[::1]:80"), ("[::2]", "[::2]")]
)
def test_the_configured_address_is_a_name(host: str, name: str) -> None:
    with client_of(host=host) as client:
        assert client.get("/healthz", headers={"Host": name}).status_code == 200


@pytest.mark.parametrize("any_host", [False, True])
def test_names_can_be_allowed(any_host: bool) -> None:
    with client_of(any_host=any_host, allowed="Shop.example, pictures.example") as client:
        for name in ("shop.example", "pictures.example:443", "localhost"):
            assert client.get("/healthz", headers={"Host": name}).status_code == 200
        assert client.get("/healthz", headers={"Host": "evil.example"}).status_code == 400


def test_where_everybody_may_come_any_name_is_fine() -> None:
    with client_of(any_host=True, host="0.0.0.0") as client:
        assert client.get("/healthz", headers={"Host": "any.example"}).status_code == 200
