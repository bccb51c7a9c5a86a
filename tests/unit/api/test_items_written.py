"""Items written over HTTP: the same as indexed ones, nothing of the server read, runs respected."""

import base64
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from api.app import create_app
from indexer import index_catalog
from indexer.columns import ColumnNames
from indexer.job import Job, database_of
from indexer.options import IndexOptions
from indexer.regions import Regions
from indexer.rollout.holding import building
from indexer.staged_images import hash_of
from search.config import Settings
from search.encoders import load_encoder
from search.store import open_store
from search.store.base import CollectionSpec, Entity
from tests.error_shape import error_of
from tests.local_client import local_client
from tests.sample_collection import ODD_IDS, build, write_catalog
from tests.unruly_server import UnrulyServer
from tests.waiting import wait_until

pytestmark = pytest.mark.model
Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def server(an_image: bytes) -> Iterator[UnrulyServer]:
    with UnrulyServer({"/x.png": lambda _, connection: connection.answer(200, an_image)}) as server:
        yield server


@pytest.fixture(scope="module")
def settings(
    tmp_path_factory: pytest.TempPathFactory, rows: Rows, server: UnrulyServer
) -> Settings:
    """A collection of its own: these tests change it."""
    made = build(tmp_path_factory.mktemp("written"), rows[:12])
    return made.model_copy(
        update={
            "max_image_bytes": 1_000_000,
            "max_image_pixels": 1_000_000,
            "image_urls": True,
            "image_url_ports": server.host.rpartition(":")[2],
            "image_url_networks": "127.0.0.1/32",
        }
    )


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[TestClient]:
    with local_client(create_app(settings)) as client:
        wait_until(lambda: client.get("/readyz").status_code == 200, 60)
        yield client


def address(id: str, rest: str = "") -> str:
    return f"/v1/items/{quote(id, safe='')}{rest}"


def picture(colour: str, size: tuple[int, int] = (40, 30)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def entity(client: TestClient, id: str) -> Entity:
    engine = client.app.state.engine.get()  # type: ignore[attr-defined]
    found = (one for batch in engine.store.scan("products") for one in batch)
    return next(one for one in found if one.item.id == id)


COLUMNS: dict[str, Any] = {
    "colour": "red", "price": 12, "in_stock": True, "added_on": "2024-05-01",
    "tags": ["summer", "new"], "maker": {"country": "PT"}, "id": "a column", "nothing": None,
}  # fmt: skip


def test_an_item_written_is_the_same_as_one_indexed(
    client: TestClient, server: UnrulyServer, settings: Settings, tmp_path: Path
) -> None:
    url = f"http://{server.host}/x.png"
    said = {"title": "A dress", "product_id": "p1", "image_url": url}
    answer = client.put(address("twin"), json={**said, "fields": COLUMNS})
    assert answer.status_code == 201
    written = entity(client, "twin")

    catalog = tmp_path / "twin.jsonl"
    row = {"sku": "twin", "title": "A dress", "product_id": "p1", "image_url": url, **COLUMNS}
    catalog.write_text(json.dumps(row) + "\n", encoding="utf-8")
    spec = client.app.state.engine.get().store.resolve("products")  # type: ignore[attr-defined]
    columns = ColumnNames(id="sku", image="image_url")
    store = open_store(str(tmp_path / "other.db"))
    try:
        store.create(CollectionSpec("products__v1", spec.model, spec.fields))
        store.set_alias("products", "products__v1")
        index_catalog(
            catalog,
            store=store,
            encoder=load_encoder("mini", device="cpu"),
            alias="products",
            options=IndexOptions(job_dir=tmp_path / "jobs", columns=columns),
            target="products__v1",
        )
        [[indexed]] = list(store.scan("products"))
    finally:
        store.close()
    assert indexed.item == written.item
    assert (indexed.image_hash, indexed.row_hash) == (written.image_hash, written.row_hash)
    assert np.abs(indexed.embedding - written.embedding).max() < 1e-6


def test_columns_are_typed_and_nothing_is_dropped(client: TestClient) -> None:
    body = {"title": "T", "fields": COLUMNS, "image": text(picture("red"))}
    item = client.put(address("typed"), json=body).json()
    assert item["fields"]["price"] == 12.0 and item["fields"]["tags"] == ["summer", "new"]
    assert item["fields"]["added_on"] == "2024-05-01"
    assert item["extra"] == {"maker": {"country": "PT"}, "id": "a column"}
    assert item == client.get(address("typed")).json()


def test_what_was_written_is_found_and_shown(client: TestClient) -> None:
    data = picture("lime")
    client.put(address("lime"), json={"title": "Lime", "image": text(data)})
    hits = client.post("/v1/search", json={"image": text(data), "limit": 1}).json()["hits"]
    assert hits[0]["id"] == "lime" and hits[0]["score"] > 0.999
    shown = client.get(address("lime", "/image?size=64"))
    pixel = Image.open(io.BytesIO(shown.content)).convert("RGB").getpixel((20, 15))
    assert np.abs(np.subtract(pixel, (0, 255, 0))).max() < 12


def test_writing_again_replaces_and_says_so(client: TestClient) -> None:
    first = {"title": "One", "fields": {"colour": "red"}, "image": text(picture("navy"))}
    assert client.put(address("again"), json=first).status_code == 201
    assert client.put(address("again"), json=first).status_code == 200
    before = entity(client, "again")
    answer = client.put(address("again"), json={"title": "Two"})
    assert answer.status_code == 200
    after = entity(client, "again")
    assert (after.item.title, after.item.fields["colour"]) == ("Two", None)
    assert after.image_hash == before.image_hash and after.item.image == before.item.image
    assert np.array_equal(after.embedding, before.embedding)


def test_another_picture_leaves_the_rest(client: TestClient) -> None:
    said = {"title": "Stays", "fields": {"colour": "red"}, "extra": {"x": 1}}
    client.put(address("swap"), json={**said, "image": text(picture("red"))})
    before = entity(client, "swap")
    answer = client.put(address("swap", "/image"), files={"file": picture("blue")})
    after = entity(client, "swap")
    assert answer.status_code == 200 and answer.json()["extra"] == {"x": 1}
    assert after.item.fields == before.item.fields and after.item.title == "Stays"
    assert after.image_hash != before.image_hash
    assert float(after.embedding @ before.embedding) < 0.999


def test_upload_of_a_new_item_with_the_rest_beside_it(client: TestClient) -> None:
    answer = client.put(
        address("up", "/image"),
        files={"file": picture("teal")},
        data={"item": '{"title": "Up", "fields": {"price": 3.5}}'},
    )
    assert answer.status_code == 201
    assert answer.json()["fields"]["price"] == 3.5
    error_of(client.put(address("up2", "/image"), files={"file": picture("teal")}), 404)


@pytest.mark.parametrize("id", ODD_IDS)
def test_odd_ids_are_written_and_deleted(client: TestClient, id: str) -> None:
    assert client.put(address(id), json={"image": text(picture("red"))}).status_code in (200, 201)
    assert client.get(address(id)).json()["id"] == id
    assert client.delete(address(id)).status_code == 204
    error_of(client.get(address(id)), 404)


def test_deleting_what_is_not_there(client: TestClient) -> None:
    assert error_of(client.delete(address("never was")), 404)["code"] == "item_not_found"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "invalid_item"),
        ({"image": "/etc/passwd"}, 400, "image_unreadable"),
        ({"image": text(b"just words")}, 400, "image_unreadable"),
        ({"image": text(picture("red", (1100, 1000)))}, 413, "image_too_large"),
        ({"image_url": "/etc/passwd"}, 400, "image_unreadable"),
        ({"image_url": "file:///etc/passwd"}, 400, "image_unreadable"),
        ({"image_url": "http://169.254.169.254/x.png"}, 400, "image_unreadable"),
        ({"image_url": "http://x/", "image": "aa"}, 400, "invalid_query"),
        ({"fields": {"price": "cheap"}, "image": text(picture("red"))}, 400, "invalid_item"),
        ({"fields": {"a": 1}, "extra": {"a": 1}, "image": "aa=="}, 400, "invalid_query"),
        ({"title": "x" * 20_001}, 422, "invalid_request"),
        ({"image_path": "/etc/passwd"}, 422, "invalid_request"),
        ({"fields": {"extra": {"a": "x" * 70_000}}, "image": text(picture("red"))}, 400,
         "invalid_item"),
    ],
)  # fmt: skip
def test_items_that_cannot_be(
    client: TestClient, body: dict[str, Any], status: int, code: str
) -> None:
    error = error_of(client.put(address("bad"), json=body), status)
    assert error["code"] == code
    assert "uploads" not in error["message"] + str(error["details"])
    error_of(client.get(address("bad")), 404)


@pytest.mark.parametrize("id", [" ", "a ", "x" * 600, "\t"])
def test_ids_that_cannot_be(client: TestClient, id: str) -> None:
    answer = client.put(address(id), json={"image": text(picture("red"))})
    assert error_of(answer, 400)["code"] == "invalid_item"


def test_upload_limits(client: TestClient) -> None:
    large = {"file": b"x" * 1_000_001}
    assert error_of(client.put(address("a", "/image"), files=large), 413)["code"] == (
        "image_too_large"
    )
    empty = client.put(address("a", "/image"), files={"file": b""})
    assert error_of(empty, 400)["code"] == "empty_query"
    for item in ("no json", "[]", '{"colour": 1}', '{"title": 1}'):
        answer = client.put(
            address("a", "/image"), files={"file": picture("red")}, data={"item": item}
        )
        assert error_of(answer, 400)["code"] == "invalid_query"


def test_a_batch_answers_for_each_item(client: TestClient) -> None:
    client.put(address("b-old"), json={"title": "Old", "image": text(picture("red"))})
    client.put(address("b-gone"), json={"image": text(picture("red"))})
    body = {
        "upsert": [
            {"id": "b-new", "title": "New", "image": text(picture("blue"))},
            {"id": "b-old", "title": "Old but new"},
            {"id": "b-bad", "image": text(b"no image")},
            {"id": "b-type", "fields": {"price": "cheap"}, "image": text(picture("blue"))},
            {"id": "b-large", "title": "x", "image": text(picture("red", (1100, 1000)))},
        ],
        "delete": ["b-gone", "b-never"],
    }
    answer = client.post("/v1/items/batch", json=body)
    assert answer.status_code == 200
    told = answer.json()
    assert [(each["id"], each["status"]) for each in told["results"]] == [
        ("b-new", "created"), ("b-old", "replaced"), ("b-bad", "refused"), ("b-type", "refused"),
        ("b-large", "refused"), ("b-gone", "deleted"), ("b-never", "not_found"),
    ]  # fmt: skip
    codes = [each["error"]["code"] for each in told["results"] if each["error"]]
    assert codes == ["image_unreadable", "invalid_item", "image_too_large"]
    assert (told["written"], told["deleted"], told["refused"]) == (2, 1, 3)
    assert client.get(address("b-old")).json()["title"] == "Old but new"
    error_of(client.get(address("b-gone")), 404)
    again = client.post("/v1/items/batch", json={"upsert": body["upsert"][:1]}).json()
    assert again["results"][0]["status"] == "unchanged"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"delete": ["a", "a"]}, 400),
        ({"upsert": [{"id": "a"}], "delete": ["a"]}, 400),
        ({"delete": [str(n) for n in range(101)]}, 422),
        ({"upsert": [{"id": "a"}] * 60, "delete": [str(n) for n in range(60)]}, 400),
        ({"upsert": [{"id": str(n), "image_url": "http://x/"} for n in range(17)]}, 400),
        ({"upsert": [{"title": "no id"}]}, 422),
    ],
)
def test_batches_that_cannot_be(client: TestClient, body: dict[str, Any], status: int) -> None:
    error_of(client.post("/v1/items/batch", json=body), status)


def test_nothing_is_written_while_a_run_writes(client: TestClient, settings: Settings) -> None:
    store = client.app.state.engine.get().store  # type: ignore[attr-defined]
    database = database_of(store, settings.jobs)
    manifest = {"alias": "products", "collection": "products__v1", "database": database}
    body = {"title": "Late", "image": text(picture("red"))}
    job = Job(settings.jobs, "products", manifest)
    try:
        error = error_of(client.put(address("late"), json=body), 409)
        assert error["code"] == "write_conflict" and str(settings.jobs) not in str(error)
        error_of(client.delete(address("lime")), 409)
        error_of(client.post("/v1/items/batch", json={"delete": ["lime"]}), 409)
    finally:
        job.abandon()
    with building(settings.jobs, "products", database):
        error_of(client.put(address("late"), json=body), 409)
    assert client.put(address("late"), json=body).status_code == 201


def test_collections_with_regions_are_left_to_runs(tmp_path: Path, rows: Rows) -> None:

    settings = Settings(db=str(tmp_path / "r.db"), job_dir=tmp_path / "jobs")
    store = open_store(settings.db)
    try:
        index_catalog(
            write_catalog(rows[:3], tmp_path / "catalog.csv"),
            store=store,
            encoder=load_encoder("mini", device="cpu"),
            alias="products",
            options=IndexOptions(job_dir=settings.jobs, regions=Regions.from_text("halves")),
        )
    finally:
        store.close()
    with local_client(create_app(settings)) as client:
        wait_until(lambda: client.get("/readyz").status_code == 200, 60)
        body = {"title": "T"}
        error = error_of(client.put(address(rows[0]["id"]), json=body), 409)
        assert error["code"] == "write_conflict"


def test_writers_at_once_leave_items_whole(client: TestClient) -> None:
    """Whoever was last: the picture, its hash and its embedding are of one write."""
    shades = {name: picture(name) for name in ("red", "green", "blue", "white")}
    client.put(address("busy"), json={"title": "0", "image": text(shades["red"])})

    def write(number: int) -> int:
        body: dict[str, Any] = {"title": str(number)}
        if number % 2:
            body["image"] = text(list(shades.values())[number // 2 % 4])
        return int(client.put(address("busy"), json=body).status_code)

    with ThreadPoolExecutor(4) as writers:
        codes = set(writers.map(write, range(16)))
    assert codes <= {200, 409} and 200 in codes
    last = entity(client, "busy")
    own = next(data for data in shades.values() if hash_of(data) == last.image_hash)
    assert Path(last.item.image).read_bytes() == own
    [vector] = client.post("/v1/embed", json={"images": [text(own)]}).json()["images"]
    assert float(last.embedding @ np.array(vector, np.float32)) > 0.9999
