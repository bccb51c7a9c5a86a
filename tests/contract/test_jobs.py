"""A service's jobs on both backends: queries without pause through an index and a reindex."""

import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from indexer.rollout import versions_of
from search.config import Settings
from search.errors import VitrineError
from search.store import open_store
from tests.local_client import local_client
from tests.sample_collection import chosen_rows, write_catalog
from tests.waiting import wait_until

pytestmark = pytest.mark.model


@pytest.fixture
def settings(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    is_server = backend == "server"
    uri = request.getfixturevalue("milvus_uri") if is_server else str(tmp_path / "shop.db")
    alias = f"jobs_{uuid.uuid4().hex[:8]}"
    yield Settings(db=uri, collection=alias, job_dir=tmp_path / "jobs", job_sources=str(tmp_path))
    store = open_store(uri)
    with suppress(VitrineError):
        store.drop_alias(alias)
    for version in versions_of(store, alias):
        store.drop(version.name)
    store.close()


def finished(client: TestClient, **body: Any) -> tuple[dict[str, Any], list[int]]:
    """The job when it has ended, and the statuses of searches meanwhile."""
    started = client.post("/v1/jobs", json=body)
    assert started.status_code == 202, started.text
    path, answered = f"/v1/jobs/{started.json()['id']}", []
    while (job := client.get(path).json())["state"] == "running":
        answered.append(client.get("/v1/search?q=red+dress&limit=1").status_code)
    assert job["state"] == "done", job["error"]
    return job, answered


def test_a_collection_is_made_brought_up_to_date_and_built_anew_by_jobs(
    settings: Settings, tmp_path: Path
) -> None:
    alias, rows = settings.collection, chosen_rows(20)
    first = write_catalog(rows[:10], tmp_path / "first.csv")
    both = write_catalog(rows, tmp_path / "both.csv")
    with local_client(create_app(settings)) as client:
        finished(client, kind="index", source=str(first))
        wait_until(lambda: client.get("/readyz").status_code == 200, 60)
        job, answered = finished(client, kind="index", source=str(both))
        assert (job["report"]["unchanged"], job["report"]["indexed"]) == (10, len(rows) - 10)
        job, meanwhile = finished(client, kind="reindex", options={"sample": 5})
        assert job["source"] is None and job["report"]["rollout"]["switched"]
        assert set(answered + meanwhile) == {200}
        back = client.post(f"/v1/collections/{alias}/rollback").json()
        assert (back["live_before"], back["live"]) == (f"{alias}__v2", f"{alias}__v1")
        assert back["items"] == len(rows)
