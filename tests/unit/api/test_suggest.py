"""Suggestions over HTTP: from what the collection says, also what was written a moment ago."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from search.store import open_store
from search.suggesting import Suggester, keeping
from tests.error_shape import error_of
from tests.sample_collection import build
from tests.waiting import wait_until

pytestmark = pytest.mark.model
Rows = list[dict[str, str]]


def asked(client: TestClient, q: str, **more: Any) -> dict[str, Any]:
    answer = client.get("/v1/suggest", params={"q": q, **more})
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    return told


@pytest.fixture(scope="module")
def ready(client: TestClient) -> Iterator[TestClient]:
    wait_until(lambda: bool(asked(client, "a")["ready"]), 30)
    yield client


def test_titles_and_frequent_values(ready: TestClient, rows: Rows) -> None:
    found = asked(ready, "dre")["suggestions"]
    dresses = sum(row["kind"] == "dress" for row in rows)
    assert found[0] == {"text": "dress", "count": dresses}
    titles = {row["title"] for row in rows}
    assert {each["text"] for each in found[1:]} <= titles
    word = rows[0]["title"].split()[-1].strip(",")
    assert rows[0]["title"] in {
        each["text"] for each in asked(ready, word.upper(), limit=50)["suggestions"]
    }


def test_nothing_that_begins_so(ready: TestClient) -> None:
    assert asked(ready, "zzzzz")["suggestions"] == []
    assert asked(ready, "")["suggestions"] == []
    assert len(asked(ready, "r", limit=2)["suggestions"]) == 2


@pytest.mark.parametrize(
    "parameters", [{"limit": 0}, {"limit": 51}, {"q": "x" * 201}, {"limit": "many"}]
)
def test_out_of_range(client: TestClient, parameters: dict[str, Any]) -> None:
    error_of(client.get("/v1/suggest", params=parameters), 422)


def test_new_items_are_suggested_once_their_number_has_changed(
    tmp_path: Path, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "CHECK_AFTER_S", 0.0)
    settings = build(tmp_path, rows[:4])
    store = open_store(settings.db)
    try:
        suggester, collection = Suggester(store), store.resolve("products")
        first = suggester.suggest(collection, "r", 8)
        assert not first.ready and first.suggestions == ()
        wait_until(lambda: suggester.suggest(collection, "r", 8).ready, 30)
        [entities] = list(store.scan("products"))
        item = replace(entities[0].item, id="new", title="Quilted anorak")
        store.upsert(collection.name, [replace(entities[0], item=item)])
        wait_until(lambda: bool(suggester.suggest(collection, "anor", 8).suggestions), 30)
    finally:
        store.close()
