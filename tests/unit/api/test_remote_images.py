"""Pictures of items whose images are elsewhere."""

import io
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from api.app import create_app
from api.deps import get_engine
from api.images import ItemImages, browser_address
from api.middleware import page_security_policy
from indexer.fetching.guard import Guard
from search.config import Settings
from search.errors import ConfigError, ImageError, ItemNotFoundError
from search.images import ImageLimits
from search.types import Item
from tests.error_shape import error_of
from tests.local_client import local_client
from tests.unruly_server import UnrulyServer


def png(size: tuple[int, int] = (300, 200)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def server() -> Iterator[UnrulyServer]:
    def guarded(request: object, connection: object) -> None:
        authorized = "authorization" in request.headers  # type: ignore[attr-defined]
        connection.answer(200 if authorized else 401, png())  # type: ignore[attr-defined]

    behaviours = {
        "/x.png": lambda request, connection: connection.answer(200, png()),
        "/guarded.png": guarded,
        "/down.png": lambda request, connection: connection.answer(503),
    }
    with UnrulyServer(behaviours) as running:
        yield running


@pytest.fixture(scope="module")
def items(server: UnrulyServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Addresses of images by the id of their item."""
    shard = tmp_path_factory.mktemp("shards") / "0.tar"
    with tarfile.open(shard, "w") as tar:
        for name, data in {"a/x.png": png(), "broken.png": png()[:100]}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return {
        "web": server.url("/x.png?a=b&c=d%20e"),
        "guarded": server.url("/guarded.png").replace("//", "//me:hunter2@"),
        "down": server.url("/down.png").replace("//", "//me:hunter2@"),
        "gone": server.url("/none.png").replace("//", "//me:hunter2@"),
        "tar": f"tar://a/x.png::{shard}",
        "tar-none": f"tar://none.png::{shard}",
        "tar-broken": f"tar://broken.png::{shard}",
        "memory": "memory://secret/x.png",
        "cached": f"simplecache::{server.url('/x.png')}",
        "ftp": "ftp://127.0.0.1/x.png",
        "no-host": "http:///x.png",
        "script": "javascript:alert(1)",
        "empty": "",
    }


@pytest.fixture(scope="module")
def client(items: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The service with an engine that knows these items alone."""

    def item(id: str) -> Item:
        if id not in items:
            raise ItemNotFoundError(id)
        return Item(id, items[id])

    app: FastAPI = create_app(Settings(db=str(tmp_path_factory.mktemp("none") / "none.db")))
    app.dependency_overrides[get_engine] = lambda: SimpleNamespace(item=item)
    with local_client(app) as opened:
        yield opened


def test_images_on_the_web_are_left_to_the_browser(
    client: TestClient, items: dict[str, str]
) -> None:
    answer = client.get("/v1/items/web/image?size=64", follow_redirects=False)
    assert answer.status_code == 302
    assert answer.headers["location"] == items["web"]
    assert "private" in answer.headers["cache-control"]


@pytest.mark.parametrize("id", ["tar", "guarded"])
def test_what_no_browser_can_get_is_read_here(client: TestClient, id: str) -> None:
    answer = client.get(f"/v1/items/{id}/image?size=64", follow_redirects=False)
    assert answer.status_code == 200
    picture = Image.open(io.BytesIO(answer.content))
    assert (picture.format, picture.size) == ("JPEG", (64, 43))
    etag = {"If-None-Match": answer.headers["etag"]}
    assert client.get(f"/v1/items/{id}/image?size=64", headers=etag).status_code == 304
    assert client.get(f"/v1/items/{id}/image?size=65", headers=etag).status_code == 200


@pytest.mark.parametrize(
    "id",
    ["gone", "tar-none", "tar-broken", "memory", "cached", "ftp", "no-host", "script", "empty"],
)
def test_what_is_not_there_or_not_read(client: TestClient, id: str) -> None:
    answer = client.get(f"/v1/items/{id}/image", follow_redirects=False)
    assert error_of(answer, 404)["code"] == "not_found"
    assert "hunter2" not in answer.text and "secret" not in answer.text


def test_a_store_that_is_down(client: TestClient) -> None:
    answer = client.get("/v1/items/down/image", follow_redirects=False)
    assert error_of(answer, 503)["code"] == "image_unavailable"
    assert "hunter2" not in answer.text and "127.0.0.1" not in answer.text


def test_only_the_page_may_show_pictures_of_other_hosts(client: TestClient) -> None:
    def images(path: str) -> str:
        policy = client.get(path).headers["content-security-policy"].split("; ")
        return next(part for part in policy if part.startswith("img-src"))

    assert images("/") == "img-src 'self' blob: data: https: http:"
    assert images("/docs") == images("/healthz") == "img-src 'self' blob: data:"


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ("", ""),
        ("*", " https: http:"),
        (
            "CDN.shop.com, *.example.com:8443,localhost",
            " cdn.shop.com *.example.com:8443 localhost",
        ),
    ],
)
def test_hosts_that_the_page_may_show(hosts: str, expected: str) -> None:
    parts = page_security_policy(hosts).split("; ")
    assert f"img-src 'self' blob: data:{expected}" in parts
    assert "default-src 'none'" in parts and "connect-src 'self'" in parts


@pytest.mark.parametrize("hosts", ["a b", "x; script-src *", "https://x", "'unsafe-inline'", "ü"])
def test_hosts_that_are_none(hosts: str) -> None:
    with pytest.raises(ConfigError, match="no name of a host"):
        page_security_policy(hosts)


def test_only_web_addresses_without_a_password_are_told() -> None:
    item = Item("x", "https://a/b.jpg")
    assert browser_address(item) == "https://a/b.jpg"
    for address in ("https://me@a/b", "http://[::1/x", "/a/b.jpg", "ftp://a/b", "HTTP:a", "//a/b"):
        assert browser_address(replace(item, image=address)) is None


def test_a_folder_is_no_picture(tmp_path: Path) -> None:
    assert browser_address(Item("x", str(tmp_path))) is None


def test_an_address_on_the_web_is_asked_only_if_its_host_is_public(server: UnrulyServer) -> None:
    """A client may have written the item; what has a password is the operator's own."""
    web, own = (
        Item(id, server.url(path)) for id, path in (("web", "/x.png"), ("own", "/guarded.png"))
    )
    own = replace(own, image=own.image.replace("//", "//me:hunter2@"))
    with ItemImages(ImageLimits(), Guard.from_text(server.host.rpartition(":")[2], "")) as images:
        with pytest.raises(ImageError, match="not public"):
            images.read(web)
        assert images.read(own).data == png()
    with ItemImages(ImageLimits()) as images:
        assert images.read(web).data == png()
