"""What the operator's page asks for: versions, and what was measured of them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.security.scopes import Scope
from search.config import Settings
from search.evaluation import EvalQuery, evaluate_rankings
from search.evaluation.keeping import EvaluationFiles, KeptEvaluation
from search.store import open_store
from search.types import TextPart
from tests.keyed_service import bearer, heard, make_key, service
from tests.local_client import local_client

pytestmark = pytest.mark.model


def kept_of(settings: Settings) -> KeptEvaluation:
    """An evaluation of the collection, over one query that was answered rightly."""
    store = open_store(settings.db)
    try:
        info = store.describe("products")
    finally:
        store.close()
    found = evaluate_rankings(
        [EvalQuery("q", "text", TextPart("q"))], {"q": {"a": 1}}, {"q": ["a"]}
    )
    now = datetime(2026, 11, 21, 20, 40, tzinfo=UTC)
    return KeptEvaluation.of(info, found, (), queries="q.jsonl", settings={}, measured=now)


def test_versions_say_what_is_live_how_large_and_of_when(
    client: TestClient, rows: list[dict[str, str]]
) -> None:
    said = client.get("/v1/versions").json()
    assert (said["answers"], said["reason"], said["behind"]) == ("products__v1", None, None)
    [products] = said["collections"]
    assert (products["alias"], products["served"]) == ("products", True)
    [version] = products["versions"]
    assert (version["name"], version["number"], version["live"]) == ("products__v1", 1, True)
    assert version["items"] == len(rows)
    assert version["vector_bytes"] == len(rows) * version["model"]["dim"] * 4
    assert version["disk_bytes"] > version["vector_bytes"]
    age = datetime.now(UTC) - datetime.fromisoformat(version["indexed"])
    assert 0 <= age.total_seconds() < 3600


def test_versions_are_told_where_there_is_nothing_and_nothing_is_made(tmp_path: Path) -> None:
    with local_client(create_app(Settings(db=str(tmp_path / "none.db")))) as client:
        said = client.get("/v1/versions").json()
        assert (said["answers"], said["collections"]) == (None, [])
        assert said["reason"]
        answer = client.get("/v1/collections/products/evaluations")
        assert (answer.status_code, heard(answer)) == (404, "version_not_found")
    assert not (tmp_path / "none.db").exists()


def test_what_was_measured_is_told_of_the_version_that_it_is_of(
    client: TestClient, settings: Settings
) -> None:
    path = "/v1/collections/products/evaluations"
    assert client.get(path).json() == {"alias": "products", "evaluations": []}
    kept = EvaluationFiles(settings.evaluations, settings.db).keep(kept_of(settings))
    try:
        [found] = client.get(path).json()["evaluations"]
        assert (found["collection"], found["live"], found["model"]) == (
            "products__v1",
            True,
            "mini",
        )
        assert found["overall"]["ndcg_10"] == 1.0
        assert (found["queries"], found["measured"]) == ("q.jsonl", "2026-11-21T20:40:00Z")
        # A version that was made anew with another model was not measured.
        text = kept.read_text(encoding="utf-8")
        fingerprint = kept_of(settings).fingerprint
        kept.write_text(text.replace(fingerprint, "another"), encoding="utf-8")
        assert client.get(path).json()["evaluations"] == []
    finally:
        kept.unlink()
    unknown = client.get("/v1/collections/nothing/evaluations")
    assert (unknown.status_code, heard(unknown)) == (404, "version_not_found")
    assert client.get("/v1/collections/..%2fx/evaluations").status_code in (404, 422)


def test_they_take_a_key_of_scope_admin(tmp_path: Path) -> None:
    writer, _ = make_key(tmp_path, Scope.WRITE)
    admin, _ = make_key(tmp_path, Scope.ADMIN, "boss")
    with service(tmp_path) as client:
        for path in ("/v1/versions", "/v1/collections/products/evaluations"):
            assert client.get(path, headers=bearer(writer)).status_code == 403
            assert client.get(path, headers=bearer(admin)).status_code in (200, 404)
        assert client.get("/operate").status_code == 200, "the page itself holds nothing"
