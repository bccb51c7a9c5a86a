"""Every refusal has one shape, and every error class one status."""

import inspect
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.app import MAX_JSON_BYTES, create_app
from api.errors import MAX_ENTRIES, MAX_TEXT, SENTENCES, STATUS, error_response, status_of
from api.jobs import errors as job_errors
from api.readiness import EngineSlot
from api.requests import SearchBody
from api.security import errors as access_errors
from search import errors
from search.config import Settings
from search.engine import SearchEngine
from tests.error_shape import error_of
from tests.local_client import local_client

CLASSES = [
    member
    for _, member in inspect.getmembers(errors, inspect.isclass)
    if issubclass(member, errors.VitrineError)
]
ABOUT_THE_REQUEST = {
    errors.OverloadedError,
    errors.TooLateError,
    errors.InvalidInputError,
    errors.EmptyQueryError,
    errors.InvalidQueryError,
    errors.FilterError,
    errors.FilterSyntaxError,
    errors.UnknownFieldError,
    errors.FilterTypeError,
    errors.ImageError,
    errors.ImageUnreadableError,
    errors.ImageTooLargeError,
    errors.NotFoundError,
    errors.ItemInvalidError,
    errors.ItemNotFoundError,
    errors.WriteConflictError,
}
"""What the client hears in full. A new class is not here: it needs a sentence of its own."""
ABOUT_ACCESS = [
    member
    for _, member in inspect.getmembers(access_errors, inspect.isclass)
    if issubclass(member, access_errors.AccessError)
]
ABOUT_JOBS = [
    member
    for _, member in inspect.getmembers(job_errors, inspect.isclass)
    if member.__module__ == job_errors.__name__
]
"""Those of the service itself, which its clients hear in full as well."""
SECRET = "password=hunter2"


def never_opens(settings: Settings) -> SearchEngine:
    raise errors.CollectionNotFoundError(
        "There is no collection 'products'.",
        hint="Index a catalogue first.",
        details={"collection": "products"},
    )


def add_failing_routes(app: FastAPI) -> None:
    @app.get("/fails/unexpectedly")
    def unexpectedly() -> None:
        raise RuntimeError(SECRET)

    @app.get("/fails/{name}")
    def by_name(name: str) -> None:
        error: errors.VitrineError = getattr(errors, name)(
            "It failed.", hint="Mend it.", details={"item": "a"}
        )
        raise error

    @app.post("/takes/query")
    def takes_query(body: SearchBody, limit: int = 1) -> None: ...


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    app = create_app(Settings(), slot=EngineSlot(Settings(), opener=never_opens))
    add_failing_routes(app)
    with local_client(app) as client:
        yield client


@pytest.mark.parametrize("error_class", CLASSES, ids=lambda c: c.__name__)
def test_every_error_class_has_a_status_of_its_own_line(error_class: type) -> None:
    assert error_class in STATUS
    assert 400 <= STATUS[error_class] < 600


def test_the_tables_name_nothing_else() -> None:
    assert set(STATUS) - set(ABOUT_ACCESS) - set(ABOUT_JOBS) == set(CLASSES)
    assert set(SENTENCES) == set(CLASSES) - ABOUT_THE_REQUEST


def test_what_a_fixed_sentence_replaces_is_logged(
    client: TestClient, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = client.get("/fails/StoreError")
    assert "It failed" not in answer.text
    logged = capsys.readouterr()
    assert "It failed. Mend it." in logged.out + logged.err


@pytest.mark.parametrize(
    ("error_class", "status"),
    [
        (errors.EmptyQueryError, 400),
        (errors.UnknownFieldError, 400),
        (errors.ImageUnreadableError, 400),
        (errors.ImageTooLargeError, 413),
        (errors.ItemNotFoundError, 404),
        (errors.ModelMismatchError, 409),
        (errors.UnsupportedError, 501),
        (errors.StoreError, 502),
        (errors.DatabaseLockedError, 503),
        (errors.ModelUnavailableError, 503),
        (errors.VitrineError, 500),
    ],
)
def test_status_by_class(error_class: type[errors.VitrineError], status: int) -> None:
    assert STATUS[error_class] == status


def test_a_subclass_from_elsewhere_has_its_parents_status() -> None:
    class Odd(errors.NotFoundError):
        pass

    assert status_of(Odd("gone")) == 404


@pytest.mark.parametrize("error_class", CLASSES, ids=lambda c: c.__name__)
def test_domain_errors_in_the_one_shape(
    client: TestClient, error_class: type[errors.VitrineError]
) -> None:
    response = client.get(f"/fails/{error_class.__name__}")
    error = error_of(response, STATUS[error_class])
    assert error["code"] == error_class.code
    if error_class in ABOUT_THE_REQUEST:
        assert error["message"] == "It failed. Mend it."
        assert error["details"] == {"item": "a", "hint": "Mend it."}
    else:
        assert error["message"] == SENTENCES[error_class]
        assert error["details"] == {}
    assert ("retry-after" in response.headers) == (response.status_code in (429, 503))


def test_unexpected_exceptions_say_nothing_of_themselves(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        response = client.get("/fails/unexpectedly")
    error = error_of(response, 500)
    assert error["code"] == "internal_error"
    assert SECRET not in response.text and "Traceback" not in response.text
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing/here", 404, "not_found"),
        ("GET", "/v1/", 404, "not_found"),
        ("GET", "/web/../../pyproject.toml", 404, "not_found"),
        ("GET", "/web/%2e%2e/%2e%2e/pyproject.toml", 404, "not_found"),
        ("DELETE", "/v1/search", 405, "method_not_allowed"),
        ("POST", "/takes/query?limit=ten", 422, "invalid_request"),
        ("GET", "/v1/collections", 404, "collection_not_found"),
        ("GET", "/v1/search?q=red", 404, "collection_not_found"),
    ],
)
def test_refusals_before_a_route(
    client: TestClient, method: str, path: str, status: int, code: str
) -> None:
    assert error_of(client.request(method, path), status)["code"] == code


def test_405_keeps_the_allow_header(client: TestClient) -> None:
    assert "GET" in client.delete("/healthz").headers["allow"]


def test_what_was_sent_is_not_repeated_in_a_422(client: TestClient) -> None:
    error = error_of(client.post("/takes/query", json={"text": 7, "secret": SECRET}), 422)
    assert SECRET not in json.dumps(error)
    assert {problem["where"] for problem in error["details"]["problems"]} == {
        "body.text",
        "body.secret",
    }


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 422),
        (b"\xff\xfe", 422),
        (b'{"text": "\xff"}', 400),
        (b"[]", 422),
        (b"null", 422),
        (b"1e999999", 422),
        (b"[" * 500_000, 400),
        (b"9" * 500_000, 400),
        (b'{"filter":' + b'{"not":' * 5_000 + b"1" + b"}" * 5_001, 400),
    ],
    ids=[
        "cut",
        "UTF-16",
        "not UTF-8",
        "list",
        "null",
        "infinity",
        "deep",
        "long number",
        "deep filter",
    ],
)
def test_bodies_that_are_no_query(client: TestClient, body: bytes, status: int) -> None:
    response = client.post(
        "/takes/query", content=body, headers={"content-type": "application/json"}
    )
    assert error_of(response, status)["code"]


@pytest.mark.parametrize(
    "body",
    [
        {"colour": {"\ud800": 1}},
        {"\ud800": 1},
        {"text": "\ud800"},
        {"parts": [{"\udc00": 1}]},
    ],
)
def test_halves_of_surrogate_pairs(client: TestClient, body: dict[str, object]) -> None:
    content = json.dumps(body)
    headers = {"content-type": "application/json"}
    response = client.post("/takes/query", content=content, headers=headers)
    assert error_of(response, 422)["code"] == "invalid_request"


def test_whatever_details_hold_can_be_sent() -> None:
    details = {
        "\ud800": "\udfff",
        "number": float("nan"),
        "path": Path("a"),
        "nested": [{"a": float("inf")}, (1, None, True)],
        "long": ["x" * 5000] * 5000,
    }
    response = error_response("id", 400, "code", "\ud800" * 5000, details=details)
    sent = json.loads(bytes(response.body))["error"]["details"]
    assert sent["?"] == "?" and sent["number"] == "nan" and sent["path"] == "a"
    assert sent["nested"] == [{"a": "inf"}, [1, None, True]]
    assert len(sent["long"]) == MAX_ENTRIES and len(sent["long"][0]) == MAX_TEXT


MEGABYTE_OF_KEYS = b"{" + b",".join(b'"k%d":1' % i for i in range(90_000)) + b"}"


@pytest.mark.parametrize(
    "body",
    [
        MEGABYTE_OF_KEYS,
        b'{"parts":[' + MEGABYTE_OF_KEYS + b"]}",
        b'{"filter":' + MEGABYTE_OF_KEYS + b"}",
        b'{"filter":{"or":[' + b"{}," * 300_000 + b"{}]}}",
        b'{"' + b"k" * 1_000_000 + b'":1}',
        b'{"parts":[' + b"{}," * 9_000 + b"{}]}",
        b'{"parts":[{' + b",".join(b'"k%d":1' % i for i in range(9_000)) + b"}]}",
    ],
    ids=["keys", "keys of a part", "keys of a filter", "entries", "long key", "parts", "fewer"],
)
def test_much_that_does_not_fit_is_refused_quickly_and_briefly(
    client: TestClient, body: bytes
) -> None:
    began = time.monotonic()
    response = client.post(
        "/takes/query", content=body, headers={"content-type": "application/json"}
    )
    took_s = time.monotonic() - began
    error = error_of(response, 422)
    assert len(response.content) < 10_000
    assert len(error["details"]["problems"]) <= 20
    assert took_s < 1.0  # Each took seconds, in which nobody else was answered.


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/v1/search", "application/x-www-form-urlencoded"),
        ("/v1/search", "text/plain"),
        ("/v1/search/image", "application/x-www-form-urlencoded"),
    ],
)
def test_large_bodies_that_no_route_wants(client: TestClient, path: str, content_type: str) -> None:
    headers = {"content-type": content_type}
    response = client.post(path, content=b"a&" * 500_000, headers=headers)
    assert error_of(response, 413)["code"] == "too_large"


def test_announced_body_is_refused_unread(client: TestClient) -> None:
    response = client.post(
        "/v1/search",
        content=b"{}",
        headers={"content-length": str(MAX_JSON_BYTES + 1), "content-type": "application/json"},
    )
    assert error_of(response, 413)["code"] == "too_large"


def test_body_that_never_ends_is_cut_off(client: TestClient) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(64):
            sent += 1_000_000
            yield b" " * 1_000_000

    response = client.post(
        "/v1/search", content=endless(), headers={"content-type": "application/json"}
    )
    assert error_of(response, 413)["code"] == "too_large"


@pytest.mark.parametrize("given", ["abc-123", "A.b_c-9", "x" * 64])
def test_a_request_id_is_taken_over(client: TestClient, given: str) -> None:
    response = client.get("/nothing", headers={"X-Request-ID": given})
    assert error_of(response, 404)["request_id"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a\tb", "<script>", "a;b"])
def test_an_odd_request_id_is_replaced(client: TestClient, given: str) -> None:
    response = client.get("/healthz", headers={"X-Request-ID": given})
    assert response.headers["x-request-id"] != given
    assert len(response.headers["x-request-id"]) == 32
