"""Exclusions, texts that are taken literally, and relevance, over HTTP."""

from collections.abc import Mapping
from typing import Any

import pytest
from fastapi.testclient import TestClient

from search.types import MAX_WITHOUT
from tests.waiting import wait_until

pytestmark = pytest.mark.model

WAIT_S = 120


def wait_until_judged(client: TestClient) -> None:
    """The service answers without relevance until it knows what scores are worth, and says so."""

    def is_judged() -> bool:
        page = client.get("/v1/search", params={"q": "dress", "relevance": True}).json()
        assert (page["relevance"] is None) == any("Ask again" in said for said in page["warnings"])
        return page["relevance"] is not None

    wait_until(is_judged, WAIT_S)


def test_the_service_takes_exclusions_and_says_how_relevant_hits_are(client: TestClient) -> None:
    body = {"text": "dress, not floral", "without": ["red"], "relevance": True, "limit": 5}
    wait_until_judged(client)
    page = client.post("/v1/search", json=body).json()
    assert len(page["hits"]) == 5 and page["hits"][0]["fields"]["kind"] == "dress"
    assert not {"red"} & {hit["fields"]["colour"] for hit in page["hits"]}
    assert not {"floral"} & {hit["fields"]["pattern"] for hit in page["hits"]}
    assert 0.5 < page["relevance"] <= 1 and page["hits"][0]["relevance"] > 0.5
    asked = {"q": "lawn mower", "min_relevance": 0.5}
    poor = client.get("/v1/search", params=asked).json()
    assert poor["relevance"] < 0.5 and "No good match" in poor["warnings"][-1]
    assert len(poor["hits"]) < 10 and all(hit["relevance"] >= 0.5 for hit in poor["hits"])
    literal = client.get("/v1/search", params={"q": "dress, not floral", "literal": True}).json()
    assert literal["warnings"] == [] and literal["relevance"] is None


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"text": "red dress -red"}, 400, "invalid_query"),
        ({"text": "dress", "without": [" "]}, 400, "empty_query"),
        ({"text": "dress", "min_relevance": 2}, 422, "invalid_request"),
        ({"text": "dress", "without": ["a"] * (MAX_WITHOUT + 1)}, 422, "invalid_request"),
    ],
)
def test_the_service_refuses_contradictions(
    client: TestClient, body: Mapping[str, Any], status: int, code: str
) -> None:
    answer = client.post("/v1/search", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
