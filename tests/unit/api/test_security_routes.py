"""Every route says whom it serves, and changes are written down."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from structlog.testing import capture_logs

from api.security import NEEDS_ADMIN, NEEDS_SEARCH, NEEDS_WRITE
from api.security.audit import LOGGER, AuditLog
from api.security.middleware import OPEN_PATHS, SESSION_PATH
from api.security.origins import is_foreign, read_origins
from api.security.scopes import Scope
from search.errors import ConfigError
from tests.error_shape import error_of
from tests.keyed_service import LET_IN, SEARCH, app_of, bearer, heard, make_key, service

NEEDS = {
    each.dependency: scope
    for each, scope in zip((NEEDS_SEARCH, NEEDS_WRITE, NEEDS_ADMIN), Scope, strict=True)
}
READING = {
    ("POST", "/v1/search"),
    ("POST", "/v1/search/image"),
    ("POST", "/v1/similar"),
    ("POST", "/v1/look"),
    ("POST", "/v1/facets"),
    ("POST", "/v1/batch-search"),
    ("POST", "/v1/embed"),
    ("POST", "/v1/classify"),
    ("POST", "/v1/feedback"),
}
"""What only reads, although its question is in a body; feedback changes no answer."""


def routes_of(router: Any) -> list[APIRoute]:
    """All routes, those of routers that were included as they are."""
    found: list[APIRoute] = []
    for route in router.routes:
        if isinstance(route, APIRoute):
            found.append(route)
        elif hasattr(route, "original_router"):
            found += routes_of(route.original_router)
    return found


def demanded(route: APIRoute) -> set[Scope]:
    calls = [each.call for each in route.dependant.dependencies]
    return {NEEDS[call] for call in calls if call in NEEDS}


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> list[APIRoute]:
    return [
        route
        for route in routes_of(app_of(tmp_path_factory.mktemp("routes")))
        if route.include_in_schema and route.path not in OPEN_PATHS | {SESSION_PATH}
    ]


def test_every_route_says_whom_it_serves(routes: list[APIRoute]) -> None:
    assert len(routes) > 8
    assert not [route.path for route in routes if len(demanded(route)) != 1]


def test_what_changes_something_takes_more_than_reading(routes: list[APIRoute]) -> None:
    open_to_readers = {
        (method, route.path)
        for route in routes
        for method in (route.methods or set()) - {"GET", "HEAD"}
        if demanded(route) == {Scope.SEARCH}
    }
    assert open_to_readers <= READING


def audited(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_changes_are_written_down_with_who_and_with_what_result(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "audit.jsonl"
    reader, _ = make_key(tmp_path, name="shop")
    writer, key = make_key(tmp_path, Scope.WRITE, "back office")
    with service(tmp_path, audit_file=log) as client:
        client.get(SEARCH, headers=bearer(reader))
        client.delete("/v1/items/a%2Fb%1b[31m", headers=bearer(writer) | {"X-Request-ID": "mine"})
        client.delete("/v1/items/x", headers=bearer(reader))
        client.delete("/v1/items/x")
    done, refused, stranger = audited(log)
    assert (done["who"], done["key"], done["status"]) == ("back office", key.id, 404)
    assert (done["method"], done["path"]) == ("DELETE", "/v1/items/a%2Fb%1b[31m")
    assert (done["request_id"], done["address"]) == ("mine", "203.0.113.7")
    assert done["time"].endswith("+00:00")
    assert (refused["who"], refused["status"]) == ("shop", 403)
    assert (stranger["who"], stranger["key"], stranger["status"]) == ("nobody", None, 401)
    assert log.stat().st_mode & 0o777 == 0o600


def test_attempts_of_strangers_at_any_change_are_written_down(
    routes: list[APIRoute], tmp_path: Path
) -> None:
    log = tmp_path / "audit.jsonl"
    make_key(tmp_path)
    changes = [
        (method, re.sub(r"{[^}]*}", "x", route.path))
        for route in routes
        for method in (route.methods or set()) - {"GET", "HEAD"}
        if demanded(route) != {Scope.SEARCH}
    ]
    assert ("POST", "/v1/items/batch") in changes
    with service(tmp_path, audit_file=log) as client:
        for method, path in changes:
            assert client.request(method, path).status_code == 401
        for _, path in READING:
            assert client.post(path).status_code == 401
    written = [(line["method"], line["path"], line["status"]) for line in audited(log)]
    assert written == [(method, path, 401) for method, path in changes]


def test_changes_are_in_the_log_too(tmp_path: Path) -> None:
    with service(tmp_path) as client, capture_logs() as lines:
        client.delete("/v1/items/x")
    (line,) = [each for each in lines if each.get("who")]
    assert (line["who"], line["status"], line["method"]) == ("open", 404, "DELETE")


def test_an_audit_log_that_cannot_be_written_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="VITRINE_AUDIT_FILE"):
        AuditLog(tmp_path / "file" / "audit.jsonl")


def test_the_audit_log_is_heard_at_every_level() -> None:
    import logging

    AuditLog()
    logging.getLogger("vitrine").setLevel(logging.ERROR)
    try:
        assert logging.getLogger(LOGGER).isEnabledFor(logging.INFO)
    finally:
        logging.getLogger("vitrine").setLevel(logging.NOTSET)


SHOP = "https://shop.example"
ASKED = {"Origin": SHOP, "Access-Control-Request-Method": "PUT"}


def test_no_other_origin_may_ask_unless_it_is_named(tmp_path: Path) -> None:
    with service(tmp_path) as client:
        assert "access-control-allow-origin" not in client.options(SEARCH, headers=ASKED).headers
        answer = client.get(SEARCH, headers={"Origin": SHOP})
        assert "access-control-allow-origin" not in answer.headers


def test_an_origin_that_is_named_may_ask_with_a_key(tmp_path: Path) -> None:
    token, _ = make_key(tmp_path, Scope.WRITE)
    with service(tmp_path, cors_origins=f"{SHOP}, http://localhost:3000") as client:
        asked = client.options(
            "/v1/items/x", headers=ASKED | {"Access-Control-Request-Headers": "authorization"}
        )
        assert asked.status_code == 200
        assert asked.headers["access-control-allow-origin"] == SHOP
        assert "access-control-allow-credentials" not in asked.headers, "never with the cookie"
        done = client.delete("/v1/items/x", headers={"Origin": SHOP} | bearer(token))
        assert heard(done) == LET_IN
        assert done.headers["access-control-allow-origin"] == SHOP
        exposed = done.headers["access-control-expose-headers"]
        assert {"RateLimit-Remaining", "Link"} <= set(exposed.split(", "))
        refused = client.get(SEARCH, headers={"Origin": SHOP})
        assert error_of(refused, 401) and refused.headers["access-control-allow-origin"] == SHOP
        other = client.get(SEARCH, headers={"Origin": "https://evil.example"} | bearer(token))
        assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize(
    "text",
    ["*", "null", "shop.example", "https://shop.example/", "https://", "ftp://x", "https://*"],
)
def test_what_is_no_origin_ends_the_start(text: str) -> None:
    with pytest.raises(ConfigError, match="origin"):
        read_origins(text)


def test_an_origin_that_is_named_may_not_use_the_cookie() -> None:
    from starlette.datastructures import Headers

    headers = Headers({"origin": SHOP, "host": "search.example", "sec-fetch-site": "same-site"})
    allowed = frozenset({SHOP})
    assert not is_foreign(headers, allowed=allowed, by_cookie=False)
    assert is_foreign(headers, allowed=allowed, by_cookie=True)


def test_browsers_keep_to_https_where_the_service_is_reached_by_it(tmp_path: Path) -> None:
    with service(tmp_path, url="https://localhost") as client:
        assert "max-age=31536000" in client.get("/").headers["strict-transport-security"]
    with service(tmp_path) as client:
        assert "strict-transport-security" not in client.get("/").headers


def test_the_document_says_how_a_key_is_given(tmp_path: Path) -> None:
    with service(tmp_path) as client:
        document = client.get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert document["paths"]["/v1/search"]["get"]["security"] == [{"key": []}]
    assert {"401", "403", "429"} <= set(document["paths"]["/v1/search"]["get"]["responses"])
