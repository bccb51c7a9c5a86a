"""Keys over HTTP: whom the service lets in, for what, and for how long."""

import os
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from api.security.gate import Gate
from api.security.keys import Key, KeyFile, now_utc
from api.security.scopes import Scope
from api.security.tokens import Kind, make_token, matches, read_token
from search.errors import ConfigError, NotFoundError
from tests.error_shape import error_of
from tests.keyed_service import LET_IN, SEARCH, bearer, heard, make_key, service
from tests.waiting import wait_until

ITEM = "/v1/items/x"


@pytest.fixture
def token(tmp_path: Path) -> str:
    return make_key(tmp_path)[0]


@pytest.fixture
def client(tmp_path: Path, token: str) -> Iterator[TestClient]:
    with service(tmp_path) as client:
        yield client


def test_without_keys_everybody_is_let_in(tmp_path: Path) -> None:
    with service(tmp_path) as client:
        assert heard(client.get(SEARCH)) == LET_IN
        assert heard(client.get(SEARCH, headers=bearer("nonsense"))) == LET_IN
        assert heard(client.delete(ITEM)) == LET_IN


def test_with_keys_a_key_is_wanted(client: TestClient, token: str) -> None:
    refused = client.get(SEARCH)
    assert error_of(refused, 401)["code"] == "unauthorized"
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert heard(client.get(SEARCH, headers=bearer(token))) == LET_IN


def test_the_scheme_is_read_in_any_case(client: TestClient, token: str) -> None:
    assert heard(client.get(SEARCH, headers={"Authorization": f"bearer {token}"})) == LET_IN


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/healthz", "/web/app.js"])
def test_what_holds_nothing_of_the_catalogue_is_open(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 200


def test_readiness_is_open(client: TestClient) -> None:
    assert client.get("/readyz").status_code in (404, 503)


@pytest.mark.parametrize("path", ["/nothing", "/v1", "/v1/none", "/metrics", "//v1/search", "/web"])
def test_whatever_else_there_is_or_is_not_wants_a_key(client: TestClient, path: str) -> None:
    assert error_of(client.get(path), 401)["code"] == "unauthorized"


def hostile(token: str) -> dict[str, list[tuple[bytes, bytes]]]:
    """Headers that are no key of the service, although most look like one."""
    kind, id, secret = token.split("_", 2)
    other = secret[:-1] + ("A" if secret[-1] != "A" else "B")

    def one(value: str | bytes) -> list[tuple[bytes, bytes]]:
        return [(b"Authorization", value.encode() if isinstance(value, str) else value)]

    return {
        "empty": one(""),
        "no scheme": one(token),
        "another scheme": one(f"Basic {token}"),
        "two schemes": one(f"Bearer Bearer {token}"),
        "no key": one("Bearer"),
        "blank": one("Bearer    "),
        "id alone": one(f"Bearer {kind}_{id}"),
        "id and an empty secret": one(f"Bearer {kind}_{id}_"),
        "another secret": one(f"Bearer {kind}_{id}_{other}"),
        "a prefix": one(f"Bearer {token[:-1]}"),
        "more than it": one(f"Bearer {token}A"),
        "another kind": one(f"Bearer vs_{id}_{secret}"),
        "upper case": one(f"Bearer {token.upper()}"),
        "quoted": one(f'Bearer "{token}"'),
        "huge": one("Bearer " + "A" * 50_000),
        "unicode": one("Bearer vk_ключ"),
        "unicode digits": one(f"Bearer {kind}_{chr(0x661) * 12}_{secret}"),
        "bytes": one(b"Bearer \xff\xfe\x80"),
        "NUL": one(b"Bearer " + token.encode() + b"\0"),
        "SQL": one("Bearer vk_' OR 1=1 --_" + secret),
        "two headers": one(f"Bearer {token}") * 2,
        "a comma": one(f"Bearer {token}, Bearer {token}"),
    }


@pytest.mark.parametrize("name", hostile("vk_0123456789ab_" + "x" * 43))
def test_hostile_keys_are_refused(client: TestClient, token: str, name: str) -> None:
    assert error_of(client.get(SEARCH, headers=hostile(token)[name]), 401)  # type: ignore[arg-type]


@pytest.mark.parametrize("where", ["key", "api_key", "access_token", "token"])
def test_keys_in_addresses_are_not_taken(client: TestClient, token: str, where: str) -> None:
    """Addresses end up in logs and histories."""
    assert error_of(client.get(SEARCH, params={where: token}), 401)


def test_a_key_of_another_service_is_none(client: TestClient, tmp_path: Path) -> None:
    other, _ = make_key(tmp_path / "elsewhere")
    assert error_of(client.get(SEARCH, headers=bearer(other)), 401)


@pytest.mark.parametrize("scope", list(Scope))
def test_a_scope_includes_those_before_it(tmp_path: Path, scope: Scope) -> None:
    token, _ = make_key(tmp_path, scope)
    with service(tmp_path) as client:
        assert heard(client.get(SEARCH, headers=bearer(token))) == LET_IN
        write = client.delete(ITEM, headers=bearer(token))
    if scope is Scope.SEARCH:
        refused = error_of(write, 403)
        assert refused["code"] == "forbidden"
        assert refused["details"]["needed"] == "write"
    else:
        assert heard(write) == LET_IN
    assert [scope.includes(each) for each in Scope] == [
        list(Scope).index(each) <= list(Scope).index(scope) for each in Scope
    ]


def test_a_key_is_refused_as_soon_as_it_is_revoked(tmp_path: Path) -> None:
    (kept, _), (lost, key) = make_key(tmp_path), make_key(tmp_path)
    with service(tmp_path) as client:
        assert heard(client.get(SEARCH, headers=bearer(lost))) == LET_IN
        KeyFile(tmp_path / "keys.db").revoke(key.id)
        wait_until(lambda: client.get(SEARCH, headers=bearer(lost)).status_code == 401, 2)
        assert "revoked" in client.get(SEARCH, headers=bearer(lost)).text
        assert heard(client.get(SEARCH, headers=bearer(kept))) == LET_IN


def test_a_new_key_is_known_at_once(client: TestClient, tmp_path: Path) -> None:
    assert heard(client.get(SEARCH, headers=bearer(make_key(tmp_path)[0]))) == LET_IN


def test_the_first_key_closes_a_running_service(tmp_path: Path) -> None:
    with service(tmp_path) as client:
        assert heard(client.get(SEARCH)) == LET_IN
        make_key(tmp_path)
        assert error_of(client.get(SEARCH), 401)


def test_revoking_the_last_key_opens_nothing(tmp_path: Path) -> None:
    _, key = make_key(tmp_path)
    KeyFile(tmp_path / "keys.db").revoke(key.id)
    with service(tmp_path) as client:
        assert error_of(client.get(SEARCH), 401)


def test_deleting_the_file_opens_nothing_that_runs(client: TestClient, tmp_path: Path) -> None:
    assert error_of(client.get(SEARCH), 401)
    (tmp_path / "keys.db").unlink()
    assert error_of(client.get(SEARCH), 401)


def test_a_file_that_was_named_wants_keys_before_it_is_there(tmp_path: Path) -> None:
    with service(tmp_path, keys_file=tmp_path / "typo.db") as client:
        assert error_of(client.get(SEARCH), 401)


def test_a_key_expires(tmp_path: Path) -> None:
    token, key = make_key(tmp_path, expires=now_utc() + timedelta(hours=1))
    past = (now_utc() - timedelta(seconds=1)).isoformat()
    with service(tmp_path) as client:
        assert heard(client.get(SEARCH, headers=bearer(token))) == LET_IN
        with sqlite3.connect(tmp_path / "keys.db") as database:
            database.execute("UPDATE keys SET expires = ? WHERE id = ?", (past, key.id))
        wait_until(lambda: client.get(SEARCH, headers=bearer(token)).status_code == 401, 2)
        assert "expired" in client.get(SEARCH, headers=bearer(token)).text


def test_a_file_that_breaks_lets_nobody_in_for_long(client: TestClient, tmp_path: Path) -> None:
    path = tmp_path / "keys.db"
    path.write_bytes(b"no database" * 100)
    wait_until(lambda: client.get(SEARCH).status_code == 503, 10)
    assert str(path) not in client.get(SEARCH).text


def test_a_file_that_others_may_write_is_refused(tmp_path: Path) -> None:
    make_key(tmp_path)
    (tmp_path / "keys.db").chmod(0o666)
    with pytest.raises(ConfigError, match="chmod 600"):
        KeyFile(tmp_path / "keys.db").read()


def test_the_file_is_its_owners_alone_and_holds_no_key(tmp_path: Path) -> None:
    token, key = make_key(tmp_path)
    assert (tmp_path / "keys.db").stat().st_mode & 0o777 == 0o600
    kept = (tmp_path / "keys.db").read_bytes()
    assert token.encode() not in kept and token.split("_", 2)[2].encode() not in kept
    assert key.digest in kept
    assert token not in repr(key) and repr(key.digest) not in repr(key)


def test_revoking_what_is_not_there(tmp_path: Path) -> None:
    make_key(tmp_path)
    with pytest.raises(NotFoundError, match="keys list"):
        KeyFile(tmp_path / "keys.db").revoke("0123456789ab")


@pytest.mark.skipif(os.name != "posix", reason="forks")
def test_several_processes_make_keys_at_once(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from pathlib import Path; from api.security.keys import KeyFile;"
        "from api.security.scopes import Scope;"
        "[KeyFile(Path(sys.argv[1])).create(str(n), Scope.SEARCH) for n in range(10)]"
    )
    path = tmp_path / "new" / "keys.db"
    command = [sys.executable, "-c", code, str(path)]
    running = [subprocess.Popen(command) for _ in range(4)]
    assert [each.wait(120) for each in running] == [0] * 4
    assert len(KeyFile(path).read().keys) == 40


def test_a_token_is_known_by_the_whole_of_it() -> None:
    text, token = make_token(Kind.KEY)
    assert read_token(text) == token and matches(token, token.digest)
    assert not matches(token, make_token(Kind.KEY)[1].digest)
    assert not matches(token, None)
    assert len({make_token(Kind.KEY)[0] for _ in range(100)}) == 100


@given(st.text(max_size=80) | st.from_regex(r"v[ks]_[0-9a-f]{11,13}_[\w-]{42,44}", fullmatch=True))
def test_texts_are_read_or_are_no_tokens_and_never_fail(text: str) -> None:
    token = read_token(text)
    assert token is None or (len(token.id), len(token.digest)) == (12, 32)


def test_who_is_let_in_by_a_key_is_named_by_it(tmp_path: Path) -> None:
    from starlette.datastructures import Headers

    token, key = make_key(tmp_path, Scope.WRITE, "back office")
    caller = Gate(KeyFile(tmp_path / "keys.db")).caller(Headers(bearer(token)))
    assert isinstance(caller.key, Key)
    assert (caller.name, caller.scope, caller.key.id) == ("back office", Scope.WRITE, key.id)
