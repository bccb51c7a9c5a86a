"""Sessions of the page: a cookie that scripts cannot read, and other pages cannot use."""

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.security.gate import COOKIE, SECURE_COOKIE
from api.security.keys import SESSIONS_PER_KEY, KeyFile, now_utc
from api.security.scopes import Scope
from tests.error_shape import error_of
from tests.keyed_service import LET_IN, SEARCH, bearer, heard, make_key, service
from tests.waiting import wait_until

SESSION = "/v1/session"
OWN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def token(tmp_path: Path) -> str:
    return make_key(tmp_path, Scope.WRITE)[0]


@pytest.fixture
def client(tmp_path: Path, token: str) -> Iterator[TestClient]:
    with service(tmp_path) as client:
        yield client


@pytest.fixture
def signed_in(client: TestClient, token: str) -> TestClient:
    assert client.post(SESSION, headers=bearer(token)).status_code == 201
    return client


def test_a_page_learns_whether_a_key_is_wanted(tmp_path: Path) -> None:
    with service(tmp_path) as client:
        told = client.get(SESSION).json()
        assert (told["needs_key"], told["scope"]) == (False, "admin")
        token, _ = make_key(tmp_path)
        told = client.get(SESSION).json()
        assert (told["needs_key"], told["scope"]) == (True, None)
        client.post(SESSION, headers=bearer(token))
        told = client.get(SESSION).json()
        assert (told["needs_key"], told["scope"], told["name"]) == (True, "search", "shop")


def test_the_cookie_stands_for_the_key_in_pictures_too(signed_in: TestClient) -> None:
    assert heard(signed_in.get(SEARCH)) == LET_IN
    assert heard(signed_in.get("/v1/items/x/image")) == LET_IN
    assert heard(signed_in.delete("/v1/items/x", headers=OWN)) == LET_IN


def test_the_cookie_is_no_scripts_and_no_other_sites(client: TestClient, token: str) -> None:
    given = client.post(SESSION, headers=bearer(token)).headers["set-cookie"]
    said = {part.strip().lower() for part in given.split(";")}
    assert {"httponly", "samesite=strict", "path=/", "max-age=43200"} <= said
    assert "secure" not in said and not any(part.startswith("domain") for part in said)
    assert token not in given


def test_over_https_the_cookie_is_bound_to_it(tmp_path: Path, token: str) -> None:
    with service(tmp_path, url="https://localhost") as client:
        given = client.post(SESSION, headers=bearer(token)).headers["set-cookie"]
        assert given.startswith(f"{SECURE_COOKIE}=") and "secure" in given.lower()
        assert heard(client.get(SEARCH)) == LET_IN


@pytest.mark.parametrize("headers", [{}, bearer("vk_none"), {"Authorization": "Basic eDp5"}])
def test_without_a_key_no_session_opens(client: TestClient, headers: dict[str, str]) -> None:
    response = client.post(SESSION, headers=headers)
    assert error_of(response, 401)["code"] == "unauthorized"
    assert "set-cookie" not in response.headers


def test_a_session_cannot_prolong_itself(signed_in: TestClient) -> None:
    assert error_of(signed_in.post(SESSION, headers=OWN), 400)["code"] == "invalid_query"


def test_a_service_without_keys_wants_no_session(tmp_path: Path) -> None:
    with service(tmp_path) as client:
        assert error_of(client.post(SESSION), 400)


def test_a_session_ends_wherever_it_was_copied_to(signed_in: TestClient, tmp_path: Path) -> None:
    copied = signed_in.cookies[COOKIE]
    assert signed_in.delete(SESSION, headers=OWN).status_code == 204
    assert COOKIE not in signed_in.cookies
    signed_in.cookies.set(COOKIE, copied)
    assert error_of(signed_in.get(SEARCH), 401)


def test_a_session_ends_with_its_key(tmp_path: Path) -> None:
    token, key = make_key(tmp_path)
    with service(tmp_path) as client:
        client.post(SESSION, headers=bearer(token))
        assert heard(client.get(SEARCH)) == LET_IN
        KeyFile(tmp_path / "keys.db").revoke(key.id)
        wait_until(lambda: client.get(SEARCH).status_code == 401, 2)


def test_a_session_ends_with_its_time(signed_in: TestClient, tmp_path: Path) -> None:
    assert heard(signed_in.get(SEARCH)) == LET_IN
    with sqlite3.connect(tmp_path / "keys.db") as database:
        past = (now_utc() - timedelta(seconds=1)).isoformat()
        database.execute("UPDATE sessions SET expires = ?", (past,))
    wait_until(lambda: signed_in.get(SEARCH).status_code == 401, 2)


def test_a_session_ends_before_its_key_does(tmp_path: Path) -> None:
    ends = now_utc() + timedelta(hours=1)
    token, _ = make_key(tmp_path, expires=ends)
    with service(tmp_path) as client:
        told = client.post(SESSION, headers=bearer(token)).json()
    assert told["expires"] == ends.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    "cookie", ["", "x", "vs_0123456789ab_" + "A" * 43, "vk_0123456789ab_" + "A" * 43, "A" * 9000]
)
def test_other_cookies_are_none(client: TestClient, cookie: str) -> None:
    assert error_of(client.get(SEARCH, headers={"Cookie": f"{COOKIE}={cookie}"}), 401)


def test_a_key_is_no_cookie(client: TestClient, token: str) -> None:
    assert error_of(client.get(SEARCH, headers={"Cookie": f"{COOKIE}={token}"}), 401)


def test_a_wrong_key_is_not_mended_by_a_cookie(signed_in: TestClient) -> None:
    assert error_of(signed_in.get(SEARCH, headers=bearer("vk_none")), 401)


FOREIGN = [
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:9000"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://localhost:9000"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "null"},
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_another_page_changes_nothing(
    signed_in: TestClient, tmp_path: Path, headers: dict[str, str]
) -> None:
    response = signed_in.delete("/v1/items/x", headers=headers)
    assert error_of(response, 403)["code"] == "foreign_page"


@pytest.mark.parametrize("headers", FOREIGN)
def test_another_page_changes_nothing_where_no_key_is_wanted(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    """A stranger's page in the browser of somebody who runs the service on the same machine."""
    with service(tmp_path) as client:
        response = client.delete("/v1/items/x", headers=headers)
        assert error_of(response, 403)["code"] == "foreign_page"


def test_a_cookie_alone_changes_nothing(signed_in: TestClient) -> None:
    """No browser of today sends a change without saying which page it comes from."""
    assert error_of(signed_in.delete("/v1/items/x"), 403)["code"] == "foreign_page"


@pytest.mark.parametrize("headers", [OWN, {"Origin": "http://localhost"}])
def test_its_own_page_may_change_things(signed_in: TestClient, headers: dict[str, str]) -> None:
    assert heard(signed_in.delete("/v1/items/x", headers=headers)) == LET_IN


@pytest.mark.parametrize("headers", FOREIGN)
def test_who_has_the_key_comes_from_anywhere(
    client: TestClient, token: str, headers: dict[str, str]
) -> None:
    assert heard(client.delete("/v1/items/x", headers=headers | bearer(token))) == LET_IN


def test_nobody_fills_the_disk_by_signing_in(tmp_path: Path) -> None:
    _, key = make_key(tmp_path)
    file = KeyFile(tmp_path / "keys.db")
    made = [file.open_session(key, timedelta(hours=1))[1].id for _ in range(SESSIONS_PER_KEY + 3)]
    assert set(file.read().sessions) == set(made[3:])
