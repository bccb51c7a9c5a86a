"""Queries by words over HTTP, on the real thing."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.error_shape import error_of

pytestmark = pytest.mark.model
Rows = list[dict[str, str]]


def page_of(client: TestClient, **body: Any) -> dict[str, Any]:
    response = client.post("/v1/search", json=body)
    assert response.status_code == 200, response.text
    page: dict[str, Any] = response.json()
    return page


def rarest_brand(rows: Rows) -> tuple[str, set[str]]:
    """The brand with the fewest items, and their ids."""
    brands: dict[str, set[str]] = {}
    for row in rows:
        brands.setdefault(row["brand"], set()).add(row["id"])
    return min(brands.items(), key=lambda named: (len(named[1]), named[0]))


def test_a_brand_is_found_by_words(client: TestClient, rows: Rows) -> None:
    brand, ids = rarest_brand(rows)
    text = page_of(client, text=brand, mode="text", limit=50, total=True)
    assert {hit["id"] for hit in text["hits"]} == ids
    assert (text["total"], text["total_is_exact"]) == (len(ids), True)
    hybrid = page_of(client, text=brand, mode="hybrid", limit=len(ids), total=True)
    assert {hit["id"] for hit in hybrid["hits"]} == ids
    assert hybrid["total"] == len(rows)
    assert "words" in hybrid["took_ms"]


def test_hits_say_what_they_are_ranked_by_and_scores_stay_cosines(client: TestClient) -> None:
    plain = page_of(client, text="red dress", limit=100)
    cosines = {hit["id"]: hit["score"] for hit in plain["hits"]}
    assert {hit["fused"] for hit in plain["hits"]} == {None}
    hybrid = page_of(client, text="red dress", mode="hybrid", limit=100)
    assert {hit["id"] for hit in hybrid["hits"]} == set(cosines)
    assert all(hit["score"] == pytest.approx(cosines[hit["id"]]) for hit in hybrid["hits"])
    values = [hit["fused"] for hit in hybrid["hits"]]
    assert values == sorted(values, reverse=True)


def test_hits_by_words_satisfy_the_filter(client: TestClient) -> None:
    for mode in ("text", "hybrid"):
        page = page_of(client, text="dress", mode=mode, filter="colour=red", limit=50)
        assert {hit["fields"]["colour"] for hit in page["hits"]} == {"red"}


def test_what_is_excluded_is_neither_shown_nor_a_word(client: TestClient) -> None:
    page = page_of(client, text="dress, not floral", mode="text", limit=50)
    excluded = page_of(client, text="dress", without=["floral"], mode="text", limit=50)
    assert page["hits"] == excluded["hits"]
    plain = page_of(client, text="dress", mode="text", limit=50)
    assert 0 < len(page["hits"]) < len(plain["hits"])


def test_spelling_is_corrected_and_said(client: TestClient) -> None:
    page = page_of(client, text="red drss", mode="text")
    assert "Read 'drss' as 'dress'." in page["warnings"]
    assert page["hits"][0]["fields"]["kind"] == "dress"
    literal = page_of(client, text="drss", mode="text", literal=True)
    assert (literal["hits"], literal["warnings"]) == ([], ["No item has any of these words."])


def test_get_and_post_agree(client: TestClient) -> None:
    by_get = client.get("/v1/search", params={"q": "red dress", "mode": "hybrid"}).json()
    assert by_get["hits"] == page_of(client, text="red dress", mode="hybrid")["hits"]


def test_an_item_has_no_words_so_that_hybrid_is_visual(client: TestClient, rows: Rows) -> None:
    item = rows[0]["id"]
    assert page_of(client, item=item, mode="hybrid")["hits"] == page_of(client, item=item)["hits"]


@pytest.mark.parametrize("body", [{"item": "v0001"}, {"text": "not red"}])
def test_text_alone_needs_words(client: TestClient, body: dict[str, str], rows: Rows) -> None:
    body = {"item": rows[0]["id"]} if "item" in body else body
    response = client.post("/v1/search", json=body | {"mode": "text"})
    assert error_of(response, 400)["code"] == "invalid_query"


def test_an_unknown_mode_is_refused(client: TestClient) -> None:
    response = client.post("/v1/search", json={"text": "dress", "mode": "lexical"})
    assert error_of(response, 422)["code"] == "invalid_request"
