"""The page, the documentation, and what every answer carries. No engine is needed for these."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from openapi_spec_validator import validate

from api.app import create_app
from api.readiness import EngineSlot
from api.routes.page import WEB
from search.config import Settings
from search.engine import SearchEngine
from search.errors import CollectionNotFoundError
from tests.local_client import local_client

PAGES = ("/", "/docs")
FILES = ("/web/style.css", "/web/app.js", "/web/docs.js", "/docs-assets/swagger-ui-bundle.js")


def never_opens(settings: Settings) -> SearchEngine:
    raise CollectionNotFoundError("There is no collection.")


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    slot = EngineSlot(Settings(), opener=never_opens)
    with local_client(create_app(Settings(), slot=slot)) as client:
        yield client


@pytest.fixture(scope="module")
def document(client: TestClient) -> dict[str, Any]:
    answer: dict[str, Any] = client.get("/openapi.json").json()
    return answer


@pytest.mark.parametrize("path", PAGES + FILES)
def test_is_served(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert response.content


@pytest.mark.parametrize("path", [*PAGES, *FILES, "/healthz", "/v1/search?q=a", "/nothing"])
def test_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "script-src 'self'" in policy and "unsafe-eval" not in policy
    assert ("unsafe-inline" in policy) == (path == "/docs")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-request-id"]
    assert "server" not in headers


@pytest.mark.parametrize("name", ["index.html", "docs.html"])
def test_nothing_inline_and_nothing_from_elsewhere(name: str) -> None:
    text = (WEB / name).read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"\son\w+=|\sstyle=|<style|javascript:", text)
    links = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert links
    assert not [link for link in links if re.match(r"https?:|//", link)]


@pytest.mark.parametrize("name", ["app.js", "docs.js", "style.css"])
def test_scripts_and_styles_fetch_nothing_from_elsewhere(name: str) -> None:
    text = (WEB / name).read_text(encoding="utf-8")
    assert not re.search(r"https?://|@import|innerHTML|insertAdjacentHTML|eval\(", text)


def test_openapi_is_valid(document: dict[str, Any]) -> None:
    validate(document)
    assert document["info"]["title"] == "vitrine"


def test_openapi_has_every_route(document: dict[str, Any]) -> None:
    assert {
        (method.upper(), path) for path, item in document["paths"].items() for method in item
    } == {
        ("GET", "/v1/search"),
        ("POST", "/v1/search"),
        ("POST", "/v1/search/image"),
        ("GET", "/v1/items/{id}"),
        ("GET", "/v1/items/{id}/similar"),
        ("GET", "/v1/items/{id}/image"),
        ("GET", "/v1/collections"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
    }


def test_openapi_documents_refusals_in_the_one_shape(document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        for operation in item.values():
            assert operation["summary"]
            if not path.startswith("/v1"):
                continue
            for status in ("400", "404", "422", "503"):
                schema = operation["responses"][status]["content"]["application/json"]["schema"]
                assert schema["$ref"].endswith("/ErrorResponse"), (path, status)
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_openapi_has_examples(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["SearchBody"]["examples"]
    assert schemas["ErrorResponse"]["examples"]
    parameters = document["paths"]["/v1/search"]["get"]["parameters"]
    assert all(
        p.get("examples") or p["schema"].get("examples") for p in parameters if p["name"] == "q"
    )
