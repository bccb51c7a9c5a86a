"""Facets, many searches, embeddings and labels over HTTP."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from search.encoders import load_encoder
from search.images import ImageLimits, load_image
from tests.error_shape import error_of

pytestmark = pytest.mark.model
Rows = list[dict[str, str]]


def posted(client: TestClient, path: str, **body: Any) -> dict[str, Any]:
    answer = client.post(f"/v1/{path}", json=body)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def encoded(path: str) -> str:
    return base64.b64encode(Path(path).read_bytes()).decode()


class TestFacets:
    @pytest.mark.parametrize("by", ["item", "product"])
    @pytest.mark.parametrize("filter", [None, "colour=red", "price<60 in_stock=true"])
    def test_they_are_those_of_a_search(
        self, client: TestClient, by: str, filter: str | None
    ) -> None:
        body = {"facets": ["colour", "price", "tags"], "filter": filter, "by": by}
        alone = posted(client, "facets", **body)
        page = posted(client, "search", text="dress", total=True, **body)
        assert alone["facets"] == page["facets"]
        assert (alone["total"], alone["total_is_exact"]) == (page["total"], True)
        assert posted(client, "facets", text="dress", limit=7, **body)["facets"] == page["facets"]

    def test_over_the_relevant_set(self, client: TestClient) -> None:
        body = {"facets": ["kind"], "facets_over": "relevant", "relevant": 9, "text": "dress"}
        counts = posted(client, "facets", **body)["facets"][0]["values"]
        assert sum(each["count"] for each in counts) == 9

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            ({}, 400, "invalid_query"),
            ({"facets": ["kind"], "facets_over": "relevant"}, 400, "invalid_query"),
            ({"facets": ["kind"], "without": ["red"]}, 400, "invalid_query"),
            ({"facets": ["nothing"]}, 400, "unknown_field"),
            ({"facets": ["kind", "kind"]}, 400, "invalid_query"),
            ({"facets": ["title"]}, 400, "invalid_query"),
            ({"facets": ["kind"], "filter": "price=cheap"}, 400, "filter_type"),
            ({"facets": ["kind"], "filter": "nothing=1"}, 400, "unknown_field"),
            ({"facets": ["kind"] * 17}, 422, "invalid_request"),
            ({"facets": ["kind"], "colour": "red"}, 422, "invalid_request"),
        ],
    )
    def test_that_cannot_be(
        self, client: TestClient, body: dict[str, Any], status: int, code: str
    ) -> None:
        assert error_of(client.post("/v1/facets", json=body), status)["code"] == code


class TestBatchSearch:
    def test_each_is_answered_as_by_itself(self, client: TestClient, rows: Rows) -> None:
        queries: list[dict[str, Any]] = [
            {"text": "red floral dress", "limit": 3},
            {"item": rows[0]["id"], "limit": 2, "filter": {"kind": "dress"}},
            {"image": encoded(rows[1]["image"]), "limit": 1},
            {"text": "shoes", "limit": 4, "offset": 2, "facets": ["kind"]},
        ]
        pages = posted(client, "batch-search", queries=queries)["pages"]
        for query, page in zip(queries, pages, strict=True):
            alone = posted(client, "search", **query)
            assert [hit["id"] for hit in page["hits"]] == [hit["id"] for hit in alone["hits"]]
            ours, theirs = ([hit["score"] for hit in each["hits"]] for each in (page, alone))
            assert ours == pytest.approx(theirs, abs=1e-5)
            assert page["facets"] == alone["facets"]

    def test_one_that_fails_fails_alone(self, client: TestClient) -> None:
        queries = [
            {"text": "dress"}, {"text": " "}, {"item": "no such"}, {"text": "a", "filter": "x=1"},
            {"image": "!"}, {"image_url": "http://127.0.0.1/"}, {"text": "shoes"},
        ]  # fmt: skip
        answer = client.post("/v1/batch-search", json={"queries": queries})
        pages = answer.json()["pages"]
        codes = [page["error"]["code"] if "error" in page else None for page in pages]
        assert codes == [
            None, "empty_query", "item_not_found", "unknown_field", "image_unreadable",
            "invalid_query", None,
        ]  # fmt: skip
        ids = {page["error"]["request_id"] for page in pages if "error" in page}
        assert ids == {answer.headers["x-request-id"]}

    @pytest.mark.parametrize(
        ("queries", "status"),
        [
            ([], 422),
            ([{"text": "a"}] * 33, 422),
            ([{"text": "a", "limit": 16_384}, {"text": "b"}], 400),
            ([{"image_url": "http://x/"}] * 17, 400),
            ([{"text": "a", "unknown": 1}], 422),
        ],
    )
    def test_too_much(self, client: TestClient, queries: list[Any], status: int) -> None:
        error_of(client.post("/v1/batch-search", json={"queries": queries}), status)


class TestEmbed:
    def test_they_are_the_encoders_own(self, client: TestClient, rows: Rows) -> None:
        encoder = load_encoder("mini", device="cpu")
        path = Path(rows[0]["image"])
        told = posted(client, "embed", texts=["red dress", "shoes"], images=[encoded(str(path))])
        texts = encoder.encode_texts(["red dress", "shoes"])
        picture = load_image(path, ImageLimits(), at_least=encoder.decode_at_least)
        assert np.allclose(told["texts"], texts, atol=1e-5)
        assert np.allclose(told["images"], encoder.encode_images([picture]), atol=1e-5)
        assert told["truncated"] == [False, False]
        assert told["model"]["fingerprint"] == encoder.identity.fingerprint
        assert told["model"]["dim"] == len(told["texts"][0])

    def test_base64_is_the_same(self, client: TestClient) -> None:
        plain = posted(client, "embed", texts=["red dress"])["texts"][0]
        packed = posted(client, "embed", texts=["red dress"], encoding="base64")["texts"][0]
        assert np.allclose(np.frombuffer(base64.b64decode(packed), "<f4"), plain, atol=1e-6)

    def test_long_texts_are_said_to_be_cut(self, client: TestClient) -> None:
        assert posted(client, "embed", texts=["dress " * 200])["truncated"] == [True]

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            ({}, 400, "invalid_query"),
            ({"texts": ["a"] * 65}, 422, "invalid_request"),
            ({"images": ["aa"] * 17}, 422, "invalid_request"),
            ({"images": ["not base64"]}, 400, "image_unreadable"),
            ({"images": ["aGVsbG8="]}, 400, "image_unreadable"),
            ({"texts": ["a"], "encoding": "hex"}, 422, "invalid_request"),
        ],
    )
    def test_that_cannot_be(
        self, client: TestClient, body: dict[str, Any], status: int, code: str
    ) -> None:
        assert error_of(client.post("/v1/embed", json=body), status)["code"] == code


class TestClassify:
    def test_attributes_of_items_and_images(self, client: TestClient, rows: Rows) -> None:
        dress = next(row for row in rows if row["kind"] == "dress")
        told = posted(
            client, "classify", items=[dress["id"]], images=[encoded(dress["image"])],
            attributes=["kind", "colour"], top=2,
        )["labelled"]  # fmt: skip
        image, item = told
        assert (image["image"], image["item"]) == (0, None)
        assert (item["image"], item["item"]) == (None, dress["id"])
        assert [each["attribute"] for each in item["labels"]] == ["kind"] * 2 + ["colour"] * 2
        assert item["labels"][0]["label"] == "dress"
        assert [each["label"] for each in image["labels"]] == [
            each["label"] for each in item["labels"]
        ]

    def test_labels_of_ones_own(self, client: TestClient, rows: Rows) -> None:
        dress = next(row for row in rows if row["kind"] == "dress")
        body = {"items": [dress["id"]], "labels": ["dress", "car", "shoes"], "top": 3}
        [one] = posted(client, "classify", **body)["labelled"]
        sure = [each["confidence"] for each in one["labels"]]
        assert one["labels"][0]["label"] == "dress"
        assert sum(sure) == pytest.approx(1, abs=1e-4) and sure == sorted(sure, reverse=True)
        [other] = posted(client, "classify", **body, prompts=["a drawing of a {}"])["labelled"]
        assert other["labels"][0]["label"] == "dress"
        assert other["labels"][0]["confidence"] != pytest.approx(sure[0], abs=1e-6)
        [several] = posted(client, "classify", **body, several=True)["labelled"]
        assert sum(each["confidence"] for each in several["labels"]) != pytest.approx(1, abs=1e-3)

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            ({"labels": ["a", "b"]}, 400, "invalid_query"),
            ({"items": ["ITEM"]}, 400, "invalid_query"),
            ({"items": ["ITEM"], "labels": ["a"]}, 400, "invalid_query"),
            ({"items": ["ITEM"], "labels": ["a", "A "]}, 400, "invalid_query"),
            ({"items": ["ITEM"], "labels": ["a", "--"]}, 400, "invalid_query"),
            ({"items": ["ITEM"], "labels": ["a", ""]}, 422, "invalid_request"),
            ({"items": ["ITEM"], "labels": ["a", "b"], "attributes": ["kind"]}, 400,
             "invalid_query"),
            ({"items": ["ITEM"], "attributes": ["mood"]}, 400, "invalid_query"),
            ({"items": ["ITEM"], "attributes": ["kind"], "prompts": ["a {}"]}, 400,
             "invalid_query"),
            ({"items": ["ITEM"], "labels": ["a", "b"], "prompts": ["a"]}, 400, "invalid_query"),
            ({"items": ["ITEM"], "labels": ["a", "b"], "prompts": ["{noun} {}"]}, 400,
             "invalid_query"),
            ({"items": ["no such"], "attributes": ["kind"]}, 404, "item_not_found"),
            ({"images": ["aGVsbG8="], "attributes": ["kind"]}, 400, "image_unreadable"),
            ({"items": ["ITEM"], "attributes": ["kind"], "top": 0}, 422, "invalid_request"),
        ],
    )  # fmt: skip
    def test_that_cannot_be(
        self, client: TestClient, rows: Rows, body: dict[str, Any], status: int, code: str
    ) -> None:
        if body.get("items") == ["ITEM"]:
            body = body | {"items": [rows[0]["id"]]}
        assert error_of(client.post("/v1/classify", json=body), status)["code"] == code
