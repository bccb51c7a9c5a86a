"""Products, facets, order and totals over HTTP, on the real thing."""

import json
from collections import Counter
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.error_shape import error_of

pytestmark = pytest.mark.model
Rows = list[dict[str, str]]


def page_of(client: TestClient, **body: Any) -> dict[str, Any]:
    response = client.post("/v1/search", json={"text": "dress"} | body)
    assert response.status_code == 200, response.text
    page: dict[str, Any] = response.json()
    return page


def ids_of(page: dict[str, Any]) -> list[str]:
    return [hit["id"] for hit in page["hits"]]


def facet_of(page: dict[str, Any], field: str) -> dict[str, Any]:
    facet: dict[str, Any] = next(each for each in page["facets"] if each["field"] == field)
    return facet


def test_a_plain_page_counts_nothing(client: TestClient) -> None:
    page = page_of(client)
    assert (page["total"], page["facets"]) == (None, [])
    assert set(page["took_ms"]) == {"resolve", "encode", "store", "total"}
    assert all(hit["variants"] == [] and hit["boost"] == 0 for hit in page["hits"])


def test_products_come_once_with_their_other_images(client: TestClient, rows: Rows) -> None:
    page = page_of(client, by="product", limit=99, total=True)
    products = [hit["product_id"] for hit in page["hits"]]
    images = Counter(row["product_id"] for row in rows)
    assert Counter(products) == dict.fromkeys(images, 1)
    assert (page["total"], page["total_is_exact"]) == (len(images), True)
    assert max(hit["variant_count"] for hit in page["hits"]) >= 1
    for hit in page["hits"]:
        assert hit["variant_count"] == images[hit["product_id"]] - 1
        assert all(each["product_id"] == hit["product_id"] for each in hit["variants"])
        scores = [hit["score"], *(each["score"] for each in hit["variants"])]
        assert scores == sorted(scores, reverse=True)


def test_get_and_post_agree(client: TestClient) -> None:
    body = {
        "by": "product", "facets": ["colour", "price"], "sort": ["price", "-added_on"],
        "total": True, "limit": 5, "filter": "price<90", "relevant": 40,
    }  # fmt: skip
    by_post = page_of(client, **body)
    by_get = client.get("/v1/search", params={"q": "dress", **body}).json()
    for page in (by_get, by_post):
        del page["took_ms"]
    assert by_get == by_post
    assert len(by_get["hits"]) == 5 and len(by_get["facets"]) == 2


def test_facets_are_counted_over_everything(client: TestClient, rows: Rows) -> None:
    page = page_of(client, facets=["colour", "tags", "price", "in_stock", "added_on"], limit=1)
    colours = {each["value"]: each["count"] for each in facet_of(page, "colour")["values"]}
    assert colours == Counter(row["colour"] for row in rows)
    tags = {each["value"]: each["count"] for each in facet_of(page, "tags")["values"]}
    assert tags == Counter(tag for row in rows for tag in row["tags"].split("|"))
    for name, kind in (("price", float), ("added_on", str)):
        ranges = facet_of(page, name)["ranges"]
        assert sum(each["count"] for each in ranges) == len(rows)
        for each in ranges:
            inside = [row for row in rows if each["start"] <= kind(row[name]) < each["end"]]
            assert each["count"] == len(inside)
    assert {each["value"] for each in facet_of(page, "in_stock")["values"]} <= {True, False}
    assert "facets" in page["took_ms"]


def test_a_facet_leaves_out_its_own_filter(client: TestClient, rows: Rows) -> None:
    asked = {"facets": ["colour", "kind"], "filter": {"colour": ["red"], "price": {"lt": 90}}}
    cheap = [row for row in rows if float(row["price"]) < 90]
    reds = Counter(row["kind"] for row in cheap if row["colour"] == "red")
    page = page_of(client, **asked)
    colours = {each["value"]: each["count"] for each in facet_of(page, "colour")["values"]}
    kinds = {each["value"]: each["count"] for each in facet_of(page, "kind")["values"]}
    assert (colours, kinds) == (Counter(row["colour"] for row in cheap), reds)
    kept = page_of(client, **asked, facets_ignore_own=False)
    assert [each["value"] for each in facet_of(kept, "colour")["values"]] == ["red"]


def test_facets_over_the_relevant_set(client: TestClient) -> None:
    best = page_of(client, limit=12)
    page = page_of(client, facets=["colour"], facets_over="relevant", relevant=12, limit=3)
    counted = {each["value"]: each["count"] for each in facet_of(page, "colour")["values"]}
    assert counted == Counter(hit["fields"]["colour"] for hit in best["hits"])
    assert ids_of(page) == ids_of(best)[:3]


def test_facets_of_products_count_products(client: TestClient, rows: Rows) -> None:
    page = page_of(client, facets=["colour"], by="product", limit=1)
    counted = {each["value"]: each["count"] for each in facet_of(page, "colour")["values"]}
    pairs = {(row["colour"], row["product_id"]) for row in rows}
    assert counted == Counter(colour for colour, _ in pairs)


def test_sorting_stays_within_the_relevant_set(client: TestClient) -> None:
    best = set(ids_of(page_of(client, limit=20)))
    pages = [
        page_of(client, sort=["-price"], relevant=20, offset=o, total=True) for o in (0, 10, 20)
    ]
    hits = [hit for page in pages for hit in page["hits"]]
    assert {hit["id"] for hit in hits} == best
    prices = [hit["fields"]["price"] for hit in hits]
    assert prices == sorted(prices, reverse=True)
    assert [(page["total"], len(page["hits"])) for page in pages] == [(20, 10), (20, 10), (20, 0)]


def test_boosts_move_hits_and_say_by_how_much(client: TestClient) -> None:
    page = page_of(client, boosts=["in_stock:0.5"], limit=99)
    places = [hit["fields"]["in_stock"] for hit in page["hits"]]
    assert places == sorted(places, reverse=True)
    assert {hit["boost"] for hit in page["hits"]} == {0.0, 0.5}


def test_diversity_shows_more_kinds(client: TestClient) -> None:
    def kinds(diversity: float) -> int:
        return len({h["fields"]["kind"] for h in page_of(client, diversity=diversity)["hits"]})

    assert kinds(0.9) > kinds(0)


def test_totals(client: TestClient, rows: Rows) -> None:
    red = sum(row["colour"] == "red" for row in rows)
    assert page_of(client, total=True)["total"] == len(rows)
    assert page_of(client, total=True, filter="colour=red")["total"] == red
    response = client.post("/v1/search", json={"item": rows[0]["id"], "total": True})
    assert response.json()["total"] == len(rows) - 1
    nothing = page_of(client, total=True, by="product", filter="colour=none")
    assert (nothing["hits"], nothing["total"]) == ([], 0)


def test_copies_of_a_picture_are_one_hit(client: TestClient, rows: Rows) -> None:
    """The items with odd ids are copies of others."""
    images = Counter(row["image"] for row in rows)
    page = page_of(client, collapse_duplicates=True, limit=99, total=True)
    assert page["total"] == len(page["hits"]) <= len(images) < len(rows)
    assert sum(hit["variant_count"] + 1 for hit in page["hits"]) == len(rows)


def test_a_page_past_the_end_is_empty(client: TestClient, rows: Rows) -> None:
    for more in ({}, {"by": "product"}, {"sort": ["price"]}, {"diversity": 0.5}):
        page = page_of(client, offset=9_000, total=True, **more)
        assert page["hits"] == []
        assert 0 < page["total"] <= len(rows)


BAD = [
    ({"limit": 0}, 422, "invalid_request"),
    ({"limit": 16_385}, 422, "invalid_request"),
    ({"limit": 16_384, "offset": 1}, 400, "invalid_query"),
    ({"offset": -1}, 422, "invalid_request"),
    ({"by": "brand"}, 422, "invalid_request"),
    ({"relevant": 0}, 422, "invalid_request"),
    ({"relevant": 2_001}, 422, "invalid_request"),
    ({"diversity": 1.5}, 422, "invalid_request"),
    ({"facets_over": "page"}, 422, "invalid_request"),
    ({"facets": ["color"]}, 400, "unknown_field"),
    ({"sort": ["color"]}, 400, "unknown_field"),
    ({"boosts": ["color:1"]}, 400, "unknown_field"),
    ({"facets": ["title"]}, 400, "invalid_query"),
    ({"facets": ["id"]}, 400, "invalid_query"),
    ({"facets": ["product_id"]}, 400, "invalid_query"),
    ({"facets": ["colour", "colour"]}, 400, "invalid_query"),
    ({"facets": ["colour"] * 17}, 422, "invalid_request"),
    ({"sort": ["tags"]}, 400, "invalid_query"),
    ({"sort": ["-"]}, 400, "invalid_query"),
    ({"sort": ["price", "-price"]}, 400, "invalid_query"),
    ({"boosts": ["colour:1"]}, 400, "invalid_query"),
    ({"boosts": ["price"]}, 400, "invalid_query"),
    ({"boosts": ["price:0"]}, 400, "invalid_query"),
    ({"boosts": ["price:nan"]}, 400, "invalid_query"),
    ({"sort": ["price"], "boosts": ["price:1"]}, 400, "invalid_query"),
    ({"sort": ["price"], "diversity": 0.5}, 400, "invalid_query"),
    ({"facet": ["colour"]}, 422, "invalid_request"),
]


@pytest.mark.parametrize(
    ("body", "status", "code"), BAD, ids=[json.dumps(body) for body, *_ in BAD]
)
def test_bad_input_is_refused_by_both(
    client: TestClient, body: dict[str, Any], status: int, code: str
) -> None:
    posted = client.post("/v1/search", json={"text": "dress"} | body)
    assert error_of(posted, status)["code"] == code
    got = client.get("/v1/search", params={"q": "dress"} | body)
    assert error_of(got, status)["code"] == code


def test_weights_that_sum_to_zero_are_a_query_unless_the_parts_cancel_out(
    client: TestClient,
) -> None:
    away = [{"text": "dress"}, {"text": "red", "weight": -1}]
    assert len(client.post("/v1/search", json={"parts": away}).json()["hits"]) == 10
    same = [{"text": "dress"}, {"text": "dress", "weight": -1}]
    assert error_of(client.post("/v1/search", json={"parts": same}), 400)["code"] == "invalid_query"
