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

PAGES = ("/", "/operate", "/docs")
ENTRIES = {"index.html": "app.js", "operate.html": "operate.js"}
SCRIPTS = sorted(path.name for path in WEB.glob("*.js"))
STYLES = sorted(path.name for path in WEB.glob("*.css"))
FILES = (
    "/web/style.css",
    "/web/app.js",
    "/web/operate.js",
    "/web/docs.js",
    "/docs-assets/swagger-ui-bundle.js",
)
FIRST_VISIT_BYTES = 150_000
"""The page with all its scripts and styles, nothing of it compressed: it loads in a blink."""

MODULE_LINES = 300


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


@pytest.mark.parametrize("name", [*ENTRIES, "docs.html"])
def test_nothing_inline_and_nothing_from_elsewhere(name: str) -> None:
    text = (WEB / name).read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"\son\w+=|\sstyle=|<style|javascript:", text)
    links = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert links
    assert not [link for link in links if re.match(r"https?:|//", link)]


@pytest.mark.parametrize("name", SCRIPTS + STYLES)
def test_scripts_and_styles_fetch_nothing_from_elsewhere(name: str) -> None:
    text = (WEB / name).read_text(encoding="utf-8")
    text = text.replace("http://www.w3.org/2000/svg", "")  # A name, which nothing is read from.
    assert not re.search(r"https?://|@import|innerHTML|outerHTML|insertAdjacentHTML|eval\(", text)
    assert 'setAttribute("style"' not in text
    assert len(text.splitlines()) <= MODULE_LINES


def modules_of(entry: str) -> set[str]:
    """The module and all that it needs."""
    needed, waiting = set[str](), [entry]
    while waiting:
        name = waiting.pop()
        needed.add(name)
        text = (WEB / name).read_text(encoding="utf-8")
        found = set(re.findall(r'from "\./([^"]+)"', text))
        waiting.extend(found - needed - set(waiting))
    return needed


@pytest.mark.parametrize("page", ENTRIES)
def test_first_visit_is_small(page: str) -> None:
    text = (WEB / page).read_text(encoding="utf-8")
    files = set(re.findall(r'(?:src|href)="web/([^"]+)"', text))
    assert sum((WEB / name).stat().st_size for name in files) + len(text) < FIRST_VISIT_BYTES


@pytest.mark.parametrize("page", ENTRIES)
def test_all_modules_are_asked_for_at_once(page: str) -> None:
    """Else the browser finds each only when it has read the one that names it."""
    text = (WEB / page).read_text(encoding="utf-8")
    named = set(re.findall(r'(?:src|href)="web/([^"]+\.js)"', text))
    assert named == modules_of(ENTRIES[page])


@pytest.mark.parametrize("page", ENTRIES)
def test_every_icon_is_drawn(page: str) -> None:
    text = (WEB / page).read_text(encoding="utf-8")
    used = set(re.findall(r'href="#i-([a-z]+)"', text))
    # What dom.js has is asked for only where a page uses it.
    for name in modules_of(ENTRIES[page]) - {"dom.js"}:
        used |= set(re.findall(r'\bicon\("([a-z]+)"\)', (WEB / name).read_text(encoding="utf-8")))
    assert used == set(re.findall(r'<symbol id="i-([a-z]+)"', text))


def test_openapi_is_valid(document: dict[str, Any]) -> None:
    validate(document)
    assert document["info"]["title"] == "vitrine"


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
