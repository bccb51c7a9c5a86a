"""What looks like items, over HTTP."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.error_shape import error_of

pytestmark = pytest.mark.model
Rows = list[dict[str, str]]


def hits_of(client: TestClient, url: str, **params: Any) -> list[dict[str, Any]]:
    response = client.get(url, params={"limit": 99, **params})
    assert response.status_code == 200, response.text
    hits: list[dict[str, Any]] = response.json()["hits"]
    return hits


def test_limits_by_the_items_own_values(client: TestClient, rows: Rows) -> None:
    dearest = max(rows, key=lambda row: float(row["price"]))
    url = f"/v1/items/{dearest['id']}/similar"
    hits = hits_of(client, url, less=["price:10%"], other=["colour"])
    most = float(dearest["price"]) * 0.9
    assert hits and all(hit["fields"]["price"] <= most for hit in hits)
    assert dearest["colour"] not in {hit["fields"]["colour"] for hit in hits}


def test_get_and_post_give_one_answer(client: TestClient, rows: Rows) -> None:
    id = rows[0]["id"]
    asked = {"same": ["kind"], "but": "in blue", "sort": ["price"], "facets": ["kind"], "total": 1}
    by_get = client.get(f"/v1/items/{id}/similar", params=asked).json()
    by_post = client.post("/v1/similar", json=asked | {"items": [{"id": id}], "total": True}).json()
    del by_get["took_ms"], by_post["took_ms"]
    assert by_get == by_post and by_get["hits"]


def test_several_items_and_none_of_their_products(client: TestClient, rows: Rows) -> None:
    first, second = rows[0], next(row for row in rows if row["kind"] != rows[0]["kind"])
    body = {"items": [{"id": first["id"]}, {"id": second["id"], "weight": 0.7}], "limit": 99}
    hits = client.post("/v1/similar", json=body).json()["hits"]
    own = {first["product_id"], second["product_id"]}
    assert hits and not own & {hit["product_id"] for hit in hits}
    with_own = client.post("/v1/similar", json=body | {"own_products": True}).json()["hits"]
    assert not {first["id"], second["id"]} & {hit["id"] for hit in with_own}
    assert len(with_own) >= len(hits)


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"less": ["kind"]}, 400, "invalid_query"),
        ({"less": ["price:x"]}, 400, "invalid_query"),
        ({"less": ["cost"]}, 400, "unknown_field"),
        ({"same": ["cost"]}, 400, "unknown_field"),
        ({"but": " "}, 400, "empty_query"),
        ({"cheaper": True}, 422, "invalid_request"),
        ({"items": []}, 422, "invalid_request"),
        ({"items": [{"id": "nobody"}]}, 404, "item_not_found"),
    ],
)
def test_what_cannot_be_asked(
    client: TestClient, rows: Rows, given: dict[str, Any], status: int, code: str
) -> None:
    response = client.post("/v1/similar", json={"items": [{"id": rows[0]["id"]}]} | given)
    assert error_of(response, status)["code"] == code
    if "items" not in given:
        response = client.get(f"/v1/items/{rows[0]['id']}/similar", params=given)
        assert error_of(response, status)["code"] == code


def test_a_look_over_http(client: TestClient, rows: Rows) -> None:
    dress = next(row for row in rows if row["kind"] == "dress")
    params = {"limit": 2, "agree": ["colour"], "filter": "price<500"}
    look = client.get(f"/v1/items/{dress['id']}/look", params=params).json()
    assert (look["slot"], look["kind_field"], look["item"]["id"]) == ("dress", "kind", dress["id"])
    assert [slot["slot"] for slot in look["slots"]][:2] == ["shoes", "bag"]
    hits = [hit for slot in look["slots"] for hit in slot["hits"]]
    assert hits and all(0 <= hit["score"] <= 1 and hit["thumbnail_url"] for hit in hits)


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"limit": 0}, 422, "invalid_request"),
        ({"colour": "red"}, 422, "invalid_request"),
        ({"slots": ["hands"]}, 400, "invalid_query"),
        ({"agree": ["mood"]}, 400, "unknown_field"),
        ({"kind_field": "price"}, 400, "unknown_field"),
        ({"filter": "price<<5"}, 400, "filter_syntax"),
    ],
)
def test_looks_that_cannot_be(
    client: TestClient, rows: Rows, params: dict[str, Any], status: int, code: str
) -> None:
    response = client.get(f"/v1/items/{rows[0]['id']}/look", params=params)
    assert error_of(response, status)["code"] == code


RULES = {
    "slots": {"dress": ["dress"], "sky": ["Sunglasses"], "bag": ["handbag", "backpack"]},
    "with": {"dress": ["sky", "bag"]},
}
IN_TOML = """
[slots]
dress = ["dress"]
sky = ["Sunglasses"]
bag = ["handbag", "backpack"]
[with]
dress = ["sky", "bag"]
"""


@pytest.mark.parametrize("rules", [RULES, IN_TOML])
def test_a_look_by_rules_of_ones_own(client: TestClient, rows: Rows, rules: object) -> None:
    dress = next(row for row in rows if row["kind"] == "dress")
    body = {"item": dress["id"], "filter": {"price": {"lt": 500}}, "rules": rules}
    answer = client.post("/v1/look", json=body)
    assert answer.status_code == 200, answer.text
    look = answer.json()
    assert look["slot"] == "dress"
    assert [slot["slot"] for slot in look["slots"]] == ["sky", "bag"]
    kinds = {row["id"]: row["kind"] for row in rows}
    for slot, wanted in zip(look["slots"], ({"sunglasses"}, {"handbag", "backpack"})):
        found = {kinds[hit["id"]] for hit in slot["hits"]}
        assert found <= wanted and bool(found) == bool(wanted & set(kinds.values()))


def test_without_rules_a_posted_look_is_that_of_the_address(client: TestClient, rows: Rows) -> None:
    id = rows[0]["id"]
    posted = client.post("/v1/look", json={"item": id, "limit": 1})
    assert posted.json() == client.get(f"/v1/items/{id}/look", params={"limit": 1}).json()


@pytest.mark.parametrize(
    ("rules", "status"),
    [
        ("slots", 400),
        ("a = " + "[" * 5_000, 400),
        ({"slots": {"a": ["x"], "b": ["X"]}, "with": {"a": ["b"]}}, 400),
        ({"slots": {"a": ["x"], "b": []}, "with": {"a": ["b"]}}, 400),
        ({"slots": {"a": [f"x{n}" for n in range(500)], "b": ["y"]}, "with": {"a": ["b"]}}, 400),
        ({"slots": {"a": ["x"], "b": ["y"]}}, 422),
        (["dress"], 422),
    ],
)
def test_rules_that_make_no_sense_are_refused(
    client: TestClient, rows: Rows, rules: object, status: int
) -> None:
    answer = client.post("/v1/look", json={"item": rows[0]["id"], "rules": rules})
    code = {400: "invalid_query", 422: "invalid_request"}[status]
    assert error_of(answer, status)["code"] == code


def test_the_look_of_nobody(client: TestClient) -> None:
    assert error_of(client.get("/v1/items/nobody/look"), 404)["code"] == "item_not_found"
