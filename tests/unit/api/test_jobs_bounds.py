"""Bounds of jobs over HTTP: how many are followed and remembered, and what they keep clear of."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.jobs.schemas import JobBody, JobOut
from indexer.job import Job
from search.config import Settings
from tests.error_shape import error_of
from tests.keyed_service import heard, service
from tests.local_client import local_client
from tests.sample_collection import build, chosen_rows, write_catalog
from tests.waiting import wait_until


@contextmanager
def running(client: TestClient) -> Iterator[JobOut]:
    """A job that runs until the block ends."""
    app: Any = client.app
    folders = app.state.jobs.known
    job, held = folders.begin(JobBody(kind="index", source="/x.csv"), "products")
    try:
        yield job
    finally:
        folders.write(job.model_copy(update={"state": "done"}))
        held.release()


@contextmanager
def followed(client: TestClient, id: str, count: int) -> Iterator[list[str]]:
    """So many streams of a job; what came of each, once the job has ended."""
    app: Any = client.app
    came: list[str] = []
    path = f"/v1/jobs/{id}/events"
    threads = [threading.Thread(target=lambda: came.append(client.get(path).text))
               for _ in range(count)]  # fmt: skip
    for thread in threads:
        thread.start()
    wait_until(lambda: app.state.job_streams.open == count, 20)
    yield came
    for thread in threads:
        thread.join(20)


def begun(client: TestClient, catalog: Path) -> Any:
    return client.post("/v1/jobs", json={"kind": "index", "source": str(catalog)})


def indexed(client: TestClient, catalog: Path) -> str:
    """The id of a job that has done it."""
    answer = begun(client, catalog)
    assert answer.status_code == 202, answer.text
    path = f"/v1/jobs/{answer.json()['id']}"
    wait_until(lambda: client.get(path).json()["state"] != "running", 60)
    assert client.get(path).json()["state"] == "done"
    return str(answer.json()["id"])


def test_one_stream_too_many_is_refused_and_others_go_on(tmp_path: Path) -> None:
    with service(tmp_path, job_streams=2) as client, running(client) as job:
        app: Any = client.app
        with followed(client, job.id, 2) as came:
            refused = client.get(f"/v1/jobs/{job.id}/events")
            error = error_of(refused, 429)
            assert error["code"] == "overloaded" and error["details"]["streams"] == 2
            assert "GET /v1/jobs/{id}" in error["message"]
            assert int(refused.headers["retry-after"]) >= 1
            assert heard(client.get("/v1/jobs/none/events")) == "job_not_found"
            # What the refusal advises is there.
            assert client.get(f"/v1/jobs/{job.id}").json()["state"] == "running"
            app.state.jobs.known.write(job.model_copy(update={"state": "done"}))
        assert len(came) == 2 and all("event: end" in text for text in came)
        # Whoever is gone makes room.
        assert app.state.job_streams.open == 0
        assert client.get(f"/v1/jobs/{job.id}/events").status_code == 200


@pytest.mark.model
def test_a_service_remembers_the_newest_jobs_and_keeps_what_their_runs_made(tmp_path: Path) -> None:
    catalog = write_catalog(chosen_rows(3), tmp_path / "c.csv")
    settings = Settings(db=str(tmp_path / "x.db"), job_sources=str(tmp_path), jobs_kept=2)
    ids = []
    with local_client(create_app(settings)) as client:
        for _ in range(4):
            ids.append(indexed(client, catalog))
        listed = client.get("/v1/jobs").json()
        assert [job["id"] for job in listed["jobs"]] == [ids[3], ids[2]]
        assert heard(client.get(f"/v1/jobs/{ids[0]}/failures")) == "job_not_found"
    assert len(list((tmp_path / "jobs").glob("*-products/report.json"))) == 4


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("shop")
    write_catalog(chosen_rows(3), folder / "c.csv")
    return build(folder, chosen_rows(3)).model_copy(update={"job_sources": str(folder)})


@pytest.mark.model
@pytest.mark.parametrize(
    ("alias", "collection", "clear"),
    [
        ("products", "products__v1", False),  # vitrine index into the live version
        ("products", "products (next version)", False),  # vitrine reindex builds beside it
        ("products", None, False),  # a first run that has not made its collection
        ("products__v1", "products__v1", False),  # vitrine index --collection products__v1
        ("others", "others__v1", True),
        ("others", None, True),
    ],
)
def test_a_job_begins_unless_a_run_writes_where_it_would(
    shop: Settings, alias: str, collection: str | None, clear: bool
) -> None:
    manifest = {"alias": alias, "collection": collection, "database": None}
    with local_client(create_app(shop)) as client:
        run = Job(shop.jobs, alias, manifest)
        try:
            catalog = shop.jobs.parent / "c.csv"
            if clear:
                indexed(client, catalog)
            else:
                error = error_of(begun(client, catalog), 409)
                assert error["code"] == "job_runs"
                assert "a run of the command line" in error["message"]
        finally:
            run.abandon()


@pytest.mark.model
def test_whose_run_it_is_that_a_job_would_be_beside_is_told(shop: Settings) -> None:
    """One of a job under the collection's own name is seen by what it writes, and is a job's."""
    manifest = {"alias": "products__v1", "collection": "products__v1", "options": {"label": "J1"}}
    with local_client(create_app(shop)) as client:
        run = Job(shop.jobs, "products__v1", manifest)
        try:
            answer = begun(client, shop.jobs.parent / "c.csv")
        finally:
            run.abandon()
    assert error_of(answer, 409)["details"]["job"] == "J1"
