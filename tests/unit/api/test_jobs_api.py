"""Jobs over HTTP: started, followed, listed, refused, cancelled, gone on with; and rollback."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.security.scopes import Scope
from search.config import Settings
from tests.keyed_service import bearer, heard, make_key, service
from tests.local_client import local_client
from tests.sample_collection import build, chosen_rows, write_catalog
from tests.unruly_server import UnrulyServer
from tests.waiting import wait_until

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where catalogues are that jobs may read."""
    return tmp_path_factory.mktemp("catalogues")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Settings:
    made = build(tmp_path_factory.mktemp("shop"), chosen_rows(20))
    return made.model_copy(update={"job_sources": f"{folder}, s3://shop/in"})


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[TestClient]:
    with local_client(create_app(settings)) as client:
        wait_until(lambda: client.get("/readyz").status_code == 200, 60)
        yield client


@pytest.fixture
def other(tmp_path: Path, folder: Path) -> Iterator[TestClient]:
    """A service whose collection is not there yet."""
    settings = Settings(db=str(tmp_path / "new.db"), job_sources=str(folder))
    with local_client(create_app(settings)) as client:
        yield client


def ended(client: TestClient, id: str) -> dict[str, Any]:
    """The job, once it has ended."""
    wait_until(lambda: client.get(f"/v1/jobs/{id}").json()["state"] != "running", 180)
    found: dict[str, Any] = client.get(f"/v1/jobs/{id}").json()
    return found


def begun(client: TestClient, **body: Any) -> str:
    answer = client.post("/v1/jobs", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def events_of(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Names and data of the events in a stream."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if line[:1] != ":")
        if "event" in lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


def test_a_first_job_makes_the_collection_and_the_service_then_answers(
    other: TestClient, folder: Path
) -> None:
    rows = [*chosen_rows(10), chosen_rows(1)[0] | {"id": "broken", "image": "/no/such.png"}]
    catalog = write_catalog(rows, folder / "first.csv")
    id = begun(other, kind="index", source=str(catalog))
    job = ended(other, id)
    assert (job["state"], job["error"], job["doing"]) == ("done", None, "")
    assert job["report"]["indexed"] == len(rows) - 1
    assert job["report"]["failed"] == job["progress"]["failed"] == 1
    assert job["progress"]["done"] == len(rows)
    assert job["progress"]["stages"]["store"] == len(rows) - 1
    [failure] = other.get(f"/v1/jobs/{id}/failures").json()["failures"]
    assert failure["id"] == "broken" and failure["reason"]
    assert failure["thumbnail_url"] is None
    wait_until(lambda: other.get("/readyz").status_code == 200, 30)
    assert other.get("/v1/items/broken").status_code == 404
    assert other.get("/v1/search?q=dress").json()["hits"]
    # The run's own folder is not a second job.
    listed = other.get("/v1/jobs").json()
    assert [each["id"] for each in listed["jobs"]] == [id] and listed["total"] == 1


def test_a_catalogue_has_no_private_host_asked_for_images(other: TestClient, folder: Path) -> None:
    with UnrulyServer() as private:
        aside = chosen_rows(1)[0] | {"id": "aside", "image": private.url("/secret.png")}
        catalog = write_catalog([*chosen_rows(10), aside], folder / "aside.csv")
        id = begun(other, kind="index", source=str(catalog))
        assert ended(other, id)["report"]["failed"] == 1
        assert private.connections == 0
    [failure] = other.get(f"/v1/jobs/{id}/failures").json()["failures"]
    assert failure["id"] == "aside" and failure["reason"]


def test_events_end_with_the_job_and_none_that_was_seen_comes_again(
    client: TestClient, folder: Path
) -> None:
    catalog = write_catalog(chosen_rows(20), folder / "same.csv")
    id = begun(client, kind="index", source=str(catalog))
    answer = client.get(f"/v1/jobs/{id}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = events_of(answer.text)
    assert [name for name, _ in told][-1:] == ["end"]
    assert {name for name, _ in told[:-1]} <= {"progress"}
    assert told[-1][1]["state"] == "done" and told[-1][1]["report"]["unchanged"] == 27
    revisions = [job["revision"] for _, job in told]
    assert revisions == sorted(set(revisions))
    again = client.get(f"/v1/jobs/{id}/events", headers={"Last-Event-ID": str(revisions[-1])})
    assert [name for name, _ in events_of(again.text)] == ["end"]


def test_a_row_left_out_has_the_picture_that_its_item_had_before(
    client: TestClient, folder: Path
) -> None:
    gone = chosen_rows(20)[0] | {"image": "/no/such.png"}
    catalog = write_catalog([*chosen_rows(20)[1:], gone], folder / "gone.csv")
    id = begun(client, kind="index", source=str(catalog))
    assert ended(client, id)["state"] == "done"
    [failure] = client.get(f"/v1/jobs/{id}/failures").json()["failures"]
    assert failure["id"] == gone["id"]
    picture = client.get(failure["thumbnail_url"])
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/jpeg")


def test_a_row_left_out_for_another_reason_shows_the_image_that_it_names(
    client: TestClient, folder: Path
) -> None:
    rows = chosen_rows(20)
    shutil.copy(rows[0]["image"], folder / "own.png")
    bad = [
        rows[1] | {"id": "", "image": "own.png"},
        rows[2] | {"id": "", "image": rows[0]["image"]},
    ]
    catalog = write_catalog([*rows, *bad], folder / "nameless.csv")
    id = begun(client, kind="index", source=str(catalog))
    assert ended(client, id)["state"] == "done"
    inside, outside = client.get(f"/v1/jobs/{id}/failures").json()["failures"]
    assert (inside["code"], inside["image"]) == ("id_empty", "own.png")
    picture = client.get(inside["thumbnail_url"])
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/jpeg")
    assert outside["thumbnail_url"] is None


def test_jobs_are_listed_newest_first_with_runs_of_the_command_line(
    client: TestClient, folder: Path
) -> None:
    catalog = write_catalog(chosen_rows(20), folder / "listed.csv")
    ids = []
    for _ in range(2):
        ids.append(begun(client, kind="index", source=str(catalog)))
        ended(client, ids[-1])
    listed = client.get("/v1/jobs?limit=200").json()
    assert [job["id"] for job in listed["jobs"][:2]] == ids[::-1]
    run = listed["jobs"][-1]  # The one by which the collection was built.
    assert (run["kind"], run["state"], run["collection"]) == ("run", "done", "products")
    second = client.get("/v1/jobs?limit=1&offset=1").json()
    assert [job["id"] for job in second["jobs"]] == ids[:1] and second["total"] == listed["total"]
    assert client.get(f"/v1/jobs/{run['id']}/failures").json()["failures"] == []


@pytest.mark.parametrize(
    "source",
    ["/etc/passwd", "{folder}/../up.csv", "{folder}er/x.csv", "same.csv", "{folder}/link/x.csv",
     "file:///etc/x.csv", "s3://shop/inner/x", "s3://shop/in/../x", "s3://shop/in/%2e%2e/x",
     "s3://shop/in/a::/etc/passwd", "https://shop/in/x.csv", "{folder}/{{a,../../b}}.csv"],
)  # fmt: skip
def test_a_source_outside_of_what_is_allowed_is_refused(
    client: TestClient, folder: Path, source: str
) -> None:
    link = folder / "link"
    if not link.is_symlink():
        link.symlink_to("/tmp")
    body = {"kind": "index", "source": source.format(folder=folder)}
    answer = client.post("/v1/jobs", json=body)
    assert (answer.status_code, heard(answer)) == (403, "source_refused")


def test_without_the_setting_no_job_runs(client: TestClient, settings: Settings) -> None:
    closed = settings.model_copy(update={"job_sources": ""})
    with local_client(create_app(closed)) as none:
        for body in ({"kind": "reindex"}, {"kind": "index", "source": "/x.csv"}):
            answer = none.post("/v1/jobs", json=body)
            assert (answer.status_code, heard(answer)) == (403, "source_refused")
        assert none.get("/v1/jobs").status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"kind": "index"}, 400, "invalid_query"),
        ({"kind": "reindex", "options": {"delete_missing": True}}, 400, "invalid_query"),
        ({"kind": "index", "source": "{folder}/x", "options": {"keep": 3}}, 400, "invalid_query"),
        ({"kind": "reindex", "options": {"model": "local-dir:/etc"}}, 403, "source_refused"),
        ({"kind": "index", "source": "/x", "collection": "../up"}, 422, "invalid_request"),
        ({"kind": "drop"}, 422, "invalid_request"),
    ],
)
def test_wrong_jobs_are_refused_at_once(
    client: TestClient, folder: Path, body: dict[str, Any], status: int, code: str
) -> None:
    source = {"source": body["source"].format(folder=folder)} if "source" in body else {}
    answer = client.post("/v1/jobs", json=body | source)
    assert (answer.status_code, heard(answer)) == (status, code)


def test_unknown_jobs(client: TestClient) -> None:
    for id in ("no-such-job", "asked", "..", "%2e%2e%2fjobs"):
        answer = client.get(f"/v1/jobs/{id}/failures")
        assert answer.status_code == 404, id
    for method, path in (
        ("GET", "/v1/jobs/x"),
        ("GET", "/v1/jobs/x/events"),
        ("DELETE", "/v1/jobs/x"),
        ("POST", "/v1/jobs/x/resume"),
    ):
        answer = client.request(method, path)
        assert (answer.status_code, heard(answer)) == (404, "job_not_found")


def test_a_job_that_fails_says_why_and_can_be_resumed_once_mended(
    client: TestClient, folder: Path
) -> None:
    catalog = folder / "late.csv"
    id = begun(client, kind="index", source=str(catalog))
    job = ended(client, id)
    assert (job["state"], job["error"]["code"]) == ("failed", "invalid_catalog")
    assert "late.csv" in job["error"]["message"] and job["can_resume"]
    write_catalog(chosen_rows(20), catalog)
    answer = client.post(f"/v1/jobs/{id}/resume")
    assert answer.status_code == 202 and answer.json()["state"] == "running"
    assert ended(client, id)["state"] == "done"
    again = client.post(f"/v1/jobs/{id}/resume")
    assert (again.status_code, heard(again)) == (409, "state_conflict")


def test_a_reindex_switches_and_rollback_goes_back_while_queries_go_on(
    client: TestClient, folder: Path
) -> None:
    id = begun(client, kind="reindex", options={"sample": 5})
    answered = [client.get("/v1/search?q=dress&limit=1").status_code]
    while client.get(f"/v1/jobs/{id}").json()["state"] == "running":
        answered.append(client.get("/v1/search?q=dress&limit=1").status_code)
    assert set(answered) == {200}
    job = client.get(f"/v1/jobs/{id}").json()
    assert job["state"] == "done", job
    rollout = job["report"]["rollout"]
    assert (rollout["live_before"], rollout["new"]) == ("products__v1", "products__v2")
    assert rollout["switched"] and all(check["passed"] for check in rollout["checks"])
    back = client.post("/v1/collections/products/rollback").json()
    assert (back["live_before"], back["live"]) == ("products__v2", "products__v1")
    forward = client.post("/v1/collections/products/rollback", json={"to": 2})
    assert forward.json()["live"] == "products__v2"
    none = client.post("/v1/collections/products/rollback", json={"to": 9})
    assert (none.status_code, heard(none)) == (404, "version_not_found")
    assert client.post("/v1/collections/nothing/rollback").status_code == 404


def test_jobs_take_a_key_of_scope_admin(tmp_path: Path) -> None:
    admin, _ = make_key(tmp_path, Scope.ADMIN, "boss")
    writer, _ = make_key(tmp_path, Scope.WRITE, "shop")
    with service(tmp_path, job_sources=str(tmp_path)) as client:
        for method, path in (
            ("GET", "/v1/jobs"),
            ("POST", "/v1/jobs"),
            ("GET", "/v1/jobs/x"),
            ("DELETE", "/v1/jobs/x"),
            ("POST", "/v1/collections/products/rollback"),
        ):
            answer = client.request(method, path, headers=bearer(writer), json={"kind": "reindex"})
            assert answer.status_code == 403, path
        assert client.get("/v1/jobs", headers=bearer(admin)).status_code == 200
