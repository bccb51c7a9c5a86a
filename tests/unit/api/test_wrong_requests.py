"""docs/api.md says what wrong requests get: each status with each code is got over HTTP, here."""

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.app import create_app
from indexer.job import Job, database_of
from search import errors
from search.config import Settings
from tests.error_shape import error_of
from tests.local_client import local_client
from tests.waiting import wait_until

pytestmark = pytest.mark.model
PAGE = (Path(__file__).parents[3] / "docs" / "api.md").read_text(encoding="utf-8")
Request = Callable[[TestClient], Any]


def documented() -> set[tuple[int, str]]:
    """Each status and code that a table of the page names."""
    pairs = set(messages())
    for row in re.findall(r"^\|(.*)\|$", PAGE, re.MULTILINE):
        last = row.split(" | ")[-1].strip()
        pairs |= {(int(status), code) for status, code in re.findall(r"^(\d{3}) `(\w+)`", last)[:1]}
    return pairs


def messages() -> dict[tuple[int, str], list[str]]:
    """What the table of all wrong requests says of the message, by status and code."""
    said: dict[tuple[int, str], list[str]] = {}
    for row in re.findall(r"^\| .* \| (\d{3} \| `\w+` \| .*) \|$", PAGE, re.MULTILINE):
        status, code, begins = row.split(" | ")
        said.setdefault((int(status), code.strip("`")), []).extend(re.findall("`(.*?)`", begins))
    return said


def fits(message: str, begins: str) -> bool:
    return re.fullmatch(re.escape(begins).replace("…", ".*"), message, re.DOTALL) is not None


def search(**body: Any) -> Request:
    return lambda client: client.post("/v1/search", json=body)


def raised(name: str) -> Request:
    return lambda client: client.get(f"/fails/{name}")


def large_upload(client: TestClient) -> Any:
    return client.post("/v1/search/image", files={"file": b"x" * 2_000_001})


def while_a_run_writes(client: TestClient) -> Any:
    app: Any = client.app
    settings: Settings = app.state.settings
    store = app.state.engine.get().store
    database = database_of(store, settings.jobs)
    manifest = {"alias": "products", "collection": "products__v1", "database": database}
    job = Job(settings.jobs, "products", manifest)
    try:
        return client.delete("/v1/items/no%20such%20item")
    finally:
        job.abandon()


def item_without_a_file(client: TestClient) -> Any:
    app: Any = client.app

    store = app.state.engine.get().store
    [entity, *_] = next(iter(store.scan("products")))
    gone = replace(entity.item, id="without a file", image="/no/such/file.png")
    store.upsert("products__v1", [replace(entity, item=gone)])
    try:
        return client.get("/v1/items/without%20a%20file/image")
    finally:
        store.delete("products__v1", ["without a file"])


def resuming_a_run_of_the_command_line(client: TestClient) -> Any:
    run = client.get("/v1/jobs?limit=200").json()["jobs"][-1]
    return client.post(f"/v1/jobs/{run['id']}/resume")


NO_IMAGE = base64.b64encode(b"just words").decode()
CASES: dict[tuple[int, str], Request] = {
    (400, "empty_query"): search(text=" "),
    (400, "invalid_query"): search(text="a", item="b"),
    (400, "filter_syntax"): search(text="a", filter="price<"),
    (400, "unknown_field"): search(text="a", filter="color=red"),
    (400, "filter_type"): search(text="a", filter="price=cheap"),
    (400, "image_unreadable"): search(image=NO_IMAGE),
    (400, "invalid_item"): lambda client: client.put("/v1/items/new", json={"title": "T"}),
    (400, "unknown_host"): lambda client: client.get("/healthz", headers={"Host": "shop.example"}),
    (400, "bad_request"): lambda client: client.post(
        "/v1/search", content=b'{"text": "\xff"}', headers={"Content-Type": "application/json"}
    ),
    (404, "item_not_found"): lambda client: client.get("/v1/items/no%20such%20item"),
    (404, "not_found"): lambda client: client.get("/v1/nowhere"),
    (404, "collection_not_found"): raised("CollectionNotFoundError"),
    (403, "source_refused"): lambda client: client.post("/v1/jobs", json={"kind": "reindex"}),
    (404, "job_not_found"): lambda client: client.get("/v1/jobs/none"),
    (404, "version_not_found"): lambda client: client.post("/v1/collections/none/rollback"),
    (409, "state_conflict"): resuming_a_run_of_the_command_line,
    (405, "method_not_allowed"): lambda client: client.patch("/v1/search", json={}),
    (409, "model_mismatch"): raised("ModelMismatchError"),
    (409, "schema_mismatch"): raised("SchemaMismatchError"),
    (409, "write_conflict"): while_a_run_writes,
    (413, "image_too_large"): large_upload,
    (413, "too_large"): lambda client: client.post("/v1/search", json={"text": "x" * 2_000_001}),
    (422, "invalid_request"): search(text="a", limit=0),
    (500, "internal_error"): raised("unexpectedly"),
    (501, "unsupported"): raised("UnsupportedError"),
    (502, "store_error"): raised("StoreError"),
    (503, "unavailable"): raised("UnavailableError"),
    (503, "store_unavailable"): raised("StoreUnavailableError"),
    (503, "database_locked"): raised("DatabaseLockedError"),
    (503, "model_unavailable"): raised("ModelUnavailableError"),
    (503, "image_unavailable"): raised("ImageUnavailableError"),
    (503, "invalid_config"): raised("ConfigError"),
}
"""A request for each. What is wrong with a service is raised by a route that fails."""

ELSEWHERE = {(401, "unauthorized"), (403, "forbidden"), (403, "foreign_page"), (429, "overloaded"),
             (429, "too_many_requests"), (503, "timeout"), (409, "job_runs")}  # fmt: skip
"""Tested beside what refuses them."""


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[TestClient]:
    app = create_app(settings)
    add_failing_routes(app)
    with local_client(app) as client:
        wait_until(lambda: client.get("/readyz").status_code == 200, 60)
        yield client


def add_failing_routes(app: FastAPI) -> None:
    @app.get("/fails/{name}")
    def fails(name: str) -> None:
        if name == "unexpectedly":
            raise RuntimeError("password=hunter2")
        error: errors.VitrineError = getattr(errors, name)("It failed.")
        raise error


def test_every_refusal_that_is_documented_has_a_request_that_gets_it() -> None:
    assert documented() - set(CASES) - ELSEWHERE == set()
    assert set(CASES) - documented() == set()


@pytest.mark.parametrize(("status", "code"), CASES)
def test_a_wrong_request_gets_what_the_table_says(
    client: TestClient, status: int, code: str
) -> None:
    error = error_of(CASES[status, code](client), status)
    assert error["code"] == code
    assert "hunter2" not in str(error)
    begins = messages().get((status, code), ["…"])
    assert [each for each in begins if fits(error["message"], each)], (error["message"], begins)


def test_the_table_says_of_every_message_how_it_begins() -> None:
    assert len(messages()) > 30
    assert all(begins and all(begins) for begins in messages().values())
