"""`vitrine keys`: made, listed, revoked, and never shown twice."""

import json
import re
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.cli.keys import read_expiry
from search.errors import ConfigError
from tests.command_line import Vitrine, runner

TOKEN = re.compile(r"vk_[0-9a-f]{12}_[A-Za-z0-9_-]{43}")
NOW = datetime(2027, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def vitrine(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Vitrine:
    return runner(capfd, monkeypatch, tmp_path)


def test_the_key_alone_is_on_stdout(vitrine: Vitrine, tmp_path: Path) -> None:
    said = vitrine("keys", "create", "--scope", "write", "--name", "back office", "--db", "d/x.db")
    assert said.code == 0
    assert TOKEN.fullmatch(said.out.strip())
    assert "back office" in said.err and said.out.strip() not in said.err
    assert (tmp_path / "d" / "keys.db").stat().st_mode & 0o777 == 0o600


def test_it_is_listed_and_never_shown_again(vitrine: Vitrine) -> None:
    made = json.loads(
        vitrine("keys", "create", "-s", "admin", "--name", "ops", "--expires", "90d", "--json").out
    )
    listed = json.loads(vitrine("keys", "list", "--json").out)["keys"]
    token = made.pop("key")
    assert TOKEN.fullmatch(token)
    assert listed == [made] and made["state"] == "active"
    table = vitrine("keys", "list")
    assert made["id"] in table.out and "ops" in table.out
    assert token.split("_", 2)[2] not in table.out + table.err


@pytest.mark.parametrize("by", ["id", "key"])
def test_it_is_revoked_by_its_id_or_by_itself(vitrine: Vitrine, by: str) -> None:
    made = json.loads(vitrine("keys", "create", "-s", "search", "--json").out)
    assert vitrine("keys", "revoke", made[by]).code == 0
    (listed,) = json.loads(vitrine("keys", "list", "--json").out)["keys"]
    assert listed["state"] == "revoked"
    again = json.loads(vitrine("keys", "revoke", made["id"], "--json").out)
    assert again["revoked"] == listed["revoked"], "the first time counts"


def test_where_there_are_none(vitrine: Vitrine, tmp_path: Path) -> None:
    assert json.loads(vitrine("keys", "list", "--json").out) == {"keys": []}
    assert vitrine("keys", "revoke", "0123456789ab").code == 1
    assert not (tmp_path / ".vitrine").exists(), "looking makes nothing"


@pytest.mark.parametrize(
    "wrong",
    [
        ["--scope", "root"],
        ["--scope", "search", "--name", ""],
        ["--scope", "search", "--name", "a\x1b[31mb"],
        ["--scope", "search", "--name", "x" * 101],
        ["--scope", "search", "--expires", "soon"],
        ["--scope", "search", "--expires", "0d"],
        ["--scope", "search", "--expires", "2020-01-01"],
    ],
)
def test_wrong_input_makes_no_key(vitrine: Vitrine, tmp_path: Path, wrong: list[str]) -> None:
    said = vitrine("keys", "create", *wrong)
    assert (said.code, said.out) == (2, "")
    assert not (tmp_path / ".vitrine").exists()


def test_a_file_of_something_else_is_left_alone(vitrine: Vitrine, tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("dear diary" * 200)
    said = vitrine("keys", "create", "--scope", "search", "--keys-file", str(other))
    assert said.code == 2 and "notes.txt" in said.err
    assert other.read_text() == "dear diary" * 200


def test_what_is_kept_is_a_hash(vitrine: Vitrine, tmp_path: Path) -> None:
    token = vitrine("keys", "create", "--scope", "search").out.strip()
    with sqlite3.connect(tmp_path / ".vitrine" / "keys.db") as database:
        (row,) = database.execute("SELECT * FROM keys").fetchall()
    assert not [value for value in row if token[16:] in str(value)]


def test_keys_are_in_the_audit_log(
    vitrine: Vitrine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITRINE_AUDIT_FILE", str(tmp_path / "audit.jsonl"))
    made = json.loads(vitrine("keys", "create", "-s", "search", "--json").out)
    vitrine("keys", "revoke", made["id"])
    text = (tmp_path / "audit.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["action"] for line in lines] == ["key created", "key revoked"]
    assert {line["key"] for line in lines} == {made["id"]}
    assert lines[0]["who"].startswith("user:") and made["key"] not in text


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("12h", NOW + timedelta(hours=12)),
        ("90d", NOW + timedelta(days=90)),
        ("8W", NOW + timedelta(weeks=8)),
        ("2027-12-31", datetime(2027, 12, 31, tzinfo=UTC)),
        ("2027-12-31T10:00+02:00", datetime(2027, 12, 31, 8, tzinfo=UTC)),
    ],
)
def test_times_to_come(text: str, time: datetime) -> None:
    assert read_expiry(text, NOW) == time


@pytest.mark.parametrize("text", ["", "d", "-1d", "1.5d", "9999999999d", "٣d", "tomorrow", "31/12"])
def test_no_times(text: str) -> None:
    with pytest.raises(ConfigError, match="90d"):
        read_expiry(text, NOW)
