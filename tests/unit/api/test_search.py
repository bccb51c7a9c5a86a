"""Search over HTTP, on the real thing: Milvus Lite, the bundled model, drawn products."""

import base64
import io
import json
import struct
import zlib
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from tests.error_shape import error_of
from tests.sample_collection import ODD_IDS, is_red_floral_dress

pytestmark = pytest.mark.model
Rows = list[dict[str, str]]


def ids_of(response: Any) -> list[str]:
    assert response.status_code == 200, response.text
    return [hit["id"] for hit in response.json()["hits"]]


def png(width: int, height: int) -> bytes:
    """A valid PNG header of that size, whatever follows."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def upload(client: TestClient, data: bytes, **form: str) -> Any:
    return client.post("/v1/search/image", files={"file": ("x.png", data)}, data=form)


def test_page_says_everything(client: TestClient, rows: Rows) -> None:
    page = client.get("/v1/search", params={"q": "red floral dress", "limit": 5}).json()
    assert set(page) == {
        "hits", "limit", "offset", "total", "total_is_exact", "facets", "relevance",
        "collection", "model", "warnings", "took_ms",
    }  # fmt: skip
    assert (page["limit"], page["offset"], page["warnings"]) == (5, 0, [])
    assert page["collection"].startswith("products")
    assert set(page["took_ms"]) == {"resolve", "encode", "store", "total"}
    hit = page["hits"][0]
    row = next(row for row in rows if row["id"] == hit["id"])
    assert set(hit) == {
        "id", "score", "boost", "title", "product_id", "fields", "extra", "thumbnail_url",
        "variants", "variant_count", "relevance", "region", "fused", "rerank", "lift",
        "contributions",
    }  # fmt: skip
    assert hit["title"] == row["title"]
    assert hit["product_id"] == row["product_id"]
    known = hit["fields"] | hit["extra"]
    assert known["colour"] == row["colour"]
    assert known["price"] == pytest.approx(float(row["price"]))
    assert known["tags"] == row["tags"].split("|")
    scores = [hit["score"] for hit in page["hits"]]
    assert scores == sorted(scores, reverse=True)
    assert all(-1.0001 <= score <= 1.0001 for score in scores)


def test_finds_what_was_asked_for(client: TestClient, rows: Rows) -> None:
    right = {row["id"] for row in rows if is_red_floral_dress(row)}
    found = ids_of(client.get("/v1/search", params={"q": "red floral dress", "limit": 3}))
    assert right & set(found)


def test_the_paths_of_images_stay_inside(client: TestClient) -> None:
    text = client.get("/v1/search", params={"q": "dress", "limit": 50}).text
    text += client.get("/v1/collections").text
    assert "sample_data" not in text
    assert ".png" not in text and ".jpg" not in text and ".webp" not in text


def test_get_and_post_agree(client: TestClient) -> None:
    by_get = ids_of(
        client.get("/v1/search", params={"q": "blue shirt", "filter": "price<60", "limit": 8})
    )
    by_post = ids_of(
        client.post(
            "/v1/search",
            json={"text": "blue shirt", "filter": {"price": {"lt": 60}}, "limit": 8},
        )
    )
    by_text = ids_of(
        client.post("/v1/search", json={"text": "blue shirt", "filter": "price<60", "limit": 8})
    )
    by_parts = ids_of(
        client.post(
            "/v1/search",
            json={"parts": [{"text": "blue shirt"}], "filter": "price<60", "limit": 8},
        )
    )
    assert by_get == by_post == by_text == by_parts != []


def test_filter_keeps_only_what_satisfies_it(client: TestClient, rows: Rows) -> None:
    colour = rows[0]["colour"]
    right = {row["id"] for row in rows if row["colour"] == colour}
    found = ids_of(
        client.get(
            "/v1/search", params={"q": "anything", "filter": f"colour={colour}", "limit": 99}
        )
    )
    assert set(found) == right


def test_blank_filter_is_no_filter(client: TestClient, rows: Rows) -> None:
    assert len(ids_of(client.get("/v1/search?q=red&filter=%20&limit=99"))) == len(rows)


def test_pages_join_without_gap_or_overlap(client: TestClient) -> None:
    whole = ids_of(client.get("/v1/search?q=red&limit=20"))
    halves = [
        *ids_of(client.get("/v1/search?q=red&limit=10")),
        *ids_of(client.get("/v1/search?q=red&limit=10&offset=10")),
    ]
    assert whole == halves
    assert ids_of(client.get("/v1/search?q=red&offset=9000")) == []


def test_by_image_in_all_ways(client: TestClient, rows: Rows, an_image: bytes) -> None:
    encoded = base64.b64encode(an_image).decode()
    by_json = client.post("/v1/search", json={"image": encoded, "limit": 4})
    by_upload = upload(client, an_image, limit="4")
    assert ids_of(by_json) == ids_of(by_upload)
    best = by_upload.json()["hits"][0]
    assert best["score"] == pytest.approx(1.0, abs=1e-3)
    assert best["title"] == rows[0]["title"]


def test_upload_with_text_filter_and_offset(client: TestClient, an_image: bytes) -> None:
    form = {"text": "in blue", "filter": "price>=1", "limit": "3", "offset": "1"}
    with_text = ids_of(upload(client, an_image, **form))
    parts = [{"image": base64.b64encode(an_image).decode()}, {"text": "in blue"}]
    by_parts = client.post(
        "/v1/search", json={"parts": parts, "filter": "price>=1", "limit": 3, "offset": 1}
    )
    assert with_text == ids_of(by_parts)


@pytest.mark.parametrize("mode", ["RGBA", "L", "P", "CMYK"])
def test_upload_of_other_kinds_of_images(client: TestClient, mode: str) -> None:
    out = io.BytesIO()
    Image.new(mode, (40, 30)).save(out, "TIFF")
    assert len(ids_of(upload(client, out.getvalue(), limit="2"))) == 2


def test_by_item_leaves_the_item_out(client: TestClient, rows: Rows) -> None:
    id = rows[0]["id"]
    by_post = ids_of(client.post("/v1/search", json={"item": id, "limit": 5}))
    by_get = ids_of(client.get(f"/v1/items/{id}/similar?limit=5"))
    assert by_post == by_get
    assert id not in by_post


def test_weights_pull_and_push(client: TestClient) -> None:
    def score(weight: float) -> float:
        parts = [{"text": "dress"}, {"text": "red", "weight": weight}]
        response = client.post("/v1/search", json={"parts": parts, "limit": 99})
        hits = response.json()["hits"]
        return float(
            sum(1 / (i + 1) for i, hit in enumerate(hits) if hit["fields"]["colour"] == "red")
        )

    assert score(2.0) > score(-2.0)


def test_text_beyond_the_context_is_used_with_a_warning(client: TestClient) -> None:
    page = client.get("/v1/search", params={"q": "red dress " * 200}).json()
    assert page["hits"]
    assert len(page["warnings"]) == 1 and "tokens" in page["warnings"][0]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "empty_query"),
        ({"text": ""}, 400, "empty_query"),
        ({"text": " \n\t"}, 400, "empty_query"),
        ({"parts": []}, 400, "empty_query"),
        ({"parts": [{}]}, 400, "invalid_query"),
        ({"parts": [{"text": "a", "item": "b"}]}, 400, "invalid_query"),
        ({"parts": [{"text": "a", "weight": 0}]}, 400, "invalid_query"),
        ({"parts": [{"text": "a"}, {"text": "a", "weight": -1}]}, 400, "invalid_query"),
        ({"text": "a", "item": "b"}, 400, "invalid_query"),
        ({"text": "a", "parts": [{"text": "b"}]}, 400, "invalid_query"),
        ({"image": "not base64!"}, 400, "image_unreadable"),
        ({"image": "aGVsbG8="}, 400, "image_unreadable"),
        ({"image": ""}, 400, "image_unreadable"),
        ({"item": "no such item"}, 404, "item_not_found"),
        ({"text": "a", "filter": "color=red"}, 400, "unknown_field"),
        ({"text": "a", "filter": {"color": "red"}}, 400, "unknown_field"),
        ({"text": "a", "filter": "price=cheap"}, 400, "filter_type"),
        ({"text": "a", "filter": {"price": "cheap"}}, 400, "filter_type"),
        ({"text": "a", "filter": "colour="}, 400, "filter_syntax"),
        ({"text": "a", "filter": "colour=red " * 1000}, 422, "invalid_request"),
        ({"item": "x" * 10_000}, 404, "item_not_found"),
        ({"item": "x" * 1_000_000}, 422, "invalid_request"),
        ({"text": "a", "filter": {"x" * 1_000_000: 1}}, 400, "unknown_field"),
        ({"text": "a", "filter": {"price": {"nearly": 5}}}, 400, "filter_syntax"),
        ({"text": "a", "limit": 16384, "offset": 1}, 400, "invalid_query"),
        ({"text": "a", "limit": 0}, 422, "invalid_request"),
        ({"text": "a", "offset": -1}, 422, "invalid_request"),
        ({"text": "a", "colour": "red"}, 422, "invalid_request"),
        ({"parts": [{"text": "a"}] * 17}, 422, "invalid_request"),
    ],
)
def test_queries_that_cannot_be_used(
    client: TestClient, body: dict[str, Any], status: int, code: str
) -> None:
    response = client.post("/v1/search", json=body)
    assert error_of(response, status)["code"] == code
    assert len(response.content) < 10_000


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"filter": {"\ud800": 1}}, 400),
        ({"text": "a", "filter": {"\ud800": 1}}, 400),
        ({"text": "a", "filter": {"colour": "\udfff"}}, 400),
        ({"text": "a", "filter": {"colour": {"\ud800": 1}}}, 400),
        ({"text": "a", "filter": "colour=\ud800"}, 422),
        ({"text": "\ud800"}, 422),
        ({"item": "\ud800"}, 422),
        ({"colour": {"\ud800": 1}}, 422),
    ],
)
def test_halves_of_surrogate_pairs(client: TestClient, body: dict[str, Any], status: int) -> None:
    headers = {"content-type": "application/json"}
    response = client.post("/v1/search", content=json.dumps(body), headers=headers)
    error_of(response, status)


def test_unknown_field_lists_the_known_ones(client: TestClient) -> None:
    error = error_of(client.get("/v1/search?q=a&filter=color%3Dred"), 400)
    assert "color" in error["message"] and "colour" in error["message"]


def test_get_without_a_text(client: TestClient) -> None:
    assert error_of(client.get("/v1/search"), 400)["code"] == "empty_query"


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 400, "empty_query"),
        (b"hello", 400, "image_unreadable"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 400, "image_unreadable"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 100, 400, "image_unreadable"),
        (png(50_000, 50_000), 413, "image_too_large"),
        (png(20, 20), 400, "image_unreadable"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 2_000_000, 413, "image_too_large"),
        (b"\0" * 4_000_000, 413, "too_large"),
    ],
    ids=["empty", "text", "svg", "cut jpeg", "bomb", "no pixels", "bytes", "body"],
)
def test_uploads_that_cannot_be_used(
    client: TestClient, data: bytes, status: int, code: str
) -> None:
    assert error_of(upload(client, data), status)["code"] == code


def test_truncated_upload(client: TestClient, an_image: bytes) -> None:
    error = error_of(upload(client, an_image[: len(an_image) // 2]), 400)
    assert error["code"] == "image_unreadable"


def test_upload_without_a_file(client: TestClient) -> None:
    assert error_of(client.post("/v1/search/image", data={"text": "a"}), 422)
    assert error_of(client.post("/v1/search/image"), 422)


def test_broken_multipart(client: TestClient) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"}
    response = client.post("/v1/search/image", content=b"--y\r\nnonsense", headers=headers)
    assert error_of(response, response.status_code)
    assert response.status_code in (400, 422)


@pytest.mark.parametrize("id", ODD_IDS)
def test_odd_ids_as_a_query(client: TestClient, id: str) -> None:
    assert id not in ids_of(client.post("/v1/search", json={"item": id, "limit": 99}))
