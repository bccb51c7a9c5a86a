"""Queries by an image's address: what the service fetches for whom, and what it refuses."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from search.config import Settings
from search.errors import ConfigError
from tests.command_line import runner
from tests.error_shape import error_of
from tests.local_client import local_client
from tests.unruly_server import UnrulyServer
from tests.waiting import wait_until

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def server(an_image: bytes) -> Iterator[UnrulyServer]:
    behaviours = {
        "/x.png": lambda request, connection: connection.answer(200, an_image),
        "/page.png": lambda request, connection: connection.answer(200, b"<html>gone</html>"),
        "/text.png": lambda request, connection: connection.answer(200, b"just words"),
        "/large.png": lambda request, connection: connection.answer(200, bytes(3_000_000)),
        "/down.png": lambda request, connection: connection.answer(503),
        "/inside.png": lambda request, connection: connection.answer(
            302, b"", {"Location": "http://127.0.0.2/"}
        ),
    }
    with UnrulyServer(behaviours) as running:
        yield running


@pytest.fixture(scope="module")
def fetching(settings: Settings, server: UnrulyServer) -> Iterator[TestClient]:
    """The service, allowed to fetch, and to fetch from the test's own server."""
    port = server.host.rpartition(":")[2]
    told = {
        "image_urls": True,
        "image_url_ports": f"80,443,{port}",
        "image_url_networks": "127.0.0.1/32",
    }
    with local_client(create_app(settings.model_copy(update=told))) as client:
        wait_until(lambda: client.get("/readyz").status_code == 200, 60)
        yield client


def asked(client: TestClient, **body: Any) -> Any:
    return client.post("/v1/search", json={"limit": 1, **body})


def test_an_image_by_address_is_the_image(
    fetching: TestClient, server: UnrulyServer, an_image: bytes
) -> None:
    uploaded = fetching.post(
        "/v1/search/image", files={"file": ("x.png", an_image)}, data={"limit": "1"}
    ).json()["hits"]
    address = server.url("/x.png")
    assert asked(fetching, image_url=address).json()["hits"] == uploaded
    parts = [{"image_url": address}, {"image_url": address, "weight": 0.5}]
    before = server.requests["/x.png"]
    (hit,) = asked(fetching, parts=parts).json()["hits"]
    assert hit["id"] == uploaded[0]["id"]
    assert server.requests["/x.png"] == before + 1, "each address is fetched once for a query"


def test_an_image_by_address_can_be_cropped(fetching: TestClient, server: UnrulyServer) -> None:
    whole = asked(fetching, image_url=server.url("/x.png")).json()["hits"][0]
    part = asked(fetching, image_url=server.url("/x.png"), crop=[0, 0, 0.3, 0.3]).json()["hits"][0]
    assert part["score"] < whole["score"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/page.png", 400, "image_unreadable"),
        ("/text.png", 400, "image_unreadable"),
        ("/none.png", 400, "image_unreadable"),
        ("/down.png", 400, "image_unreadable"),
        ("/inside.png", 400, "image_unreadable"),
        ("/large.png", 413, "image_too_large"),
    ],
)
def test_what_is_no_image(
    path: str, status: int, code: str, fetching: TestClient, server: UnrulyServer
) -> None:
    assert error_of(asked(fetching, image_url=server.url(path)), status)["code"] == code


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost/x.png",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:127.0.0.1]/x.png",
        "http://127.0.0.1:22/",
        "http://me:secret@127.0.0.1/x.png",
        "file:///etc/passwd",
        "/etc/passwd",
        "s3://bucket/x.png",
        "tar://x.png::/tmp/x.tar",
        "",
    ],
)
def test_what_is_never_fetched(address: str, fetching: TestClient) -> None:
    error = error_of(asked(fetching, image_url=address), 400)
    assert error["code"] == "image_unreadable"
    assert "secret" not in json.dumps(error) and "root:" not in json.dumps(error)


def test_few_addresses_a_query(fetching: TestClient, server: UnrulyServer) -> None:
    parts = [{"image_url": server.url(f"/x.png?{number}")} for number in range(5)]
    before = server.connections
    assert error_of(asked(fetching, parts=parts), 400)["code"] == "invalid_query"
    assert server.connections == before


def test_what_contradicts_itself_is_refused_before_anything_is_fetched(
    fetching: TestClient, server: UnrulyServer
) -> None:
    address, before = server.url("/x.png"), server.connections
    for body in (
        {"image_url": address, "text": "dress"},
        {"image_url": address, "crop": [0, 0, 0, 0]},
        {"parts": [{"image_url": address}, {"text": "dress", "item": "a"}]},
    ):
        assert error_of(asked(fetching, **body), 400)["code"] == "invalid_query"
    assert server.connections == before


def test_nothing_is_fetched_unless_the_service_may(
    client: TestClient, server: UnrulyServer
) -> None:
    before = server.connections
    error = error_of(asked(client, image_url=server.url("/x.png")), 400)
    assert error["code"] == "invalid_query" and "VITRINE_IMAGE_URLS" in error["message"]
    assert server.connections == before


def test_a_person_may_name_any_address(
    server: UnrulyServer,
    settings: Settings,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    an_image: bytes,
) -> None:
    (tmp_path / "x.png").write_bytes(an_image)
    search = partial(runner(capfd, monkeypatch, tmp_path), "search", "-n", "3", "--json")
    there = tmp_path / "nowhere.db"
    said = search("--image", server.url("/none.png"), "--db", str(there))
    assert said.code == 2 and "404" in said.err, "before a database is even opened"


@pytest.mark.parametrize(
    "wrong", [{"image_url_ports": "http"}, {"image_url_networks": "10.0.0.1/8"}]
)
def test_settings_that_cannot_be_read_stop_the_service(
    wrong: dict[str, str], settings: Settings
) -> None:
    with pytest.raises(ConfigError, match="ports or networks"):
        create_app(settings.model_copy(update=wrong))
