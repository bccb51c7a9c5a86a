"""`vitrine look` and the sheet of `vitrine tag`, on a real collection."""

import json
from pathlib import Path

import pytest

from search.config import Settings
from tests.command_line import Vitrine, runner
from tests.sample_collection import build, sample_rows

pytestmark = pytest.mark.model

ROWS = sample_rows()[:100]
DRESS = next(row for row in ROWS if row["kind"] == "dress")
WRONG = next(row for row in ROWS if row["kind"] == "sneakers")


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    rows = [row | {"kind": "hat"} if row is WRONG else row for row in ROWS]
    return build(tmp_path_factory.mktemp("look"), rows)


@pytest.fixture
def vitrine(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Vitrine:
    """Run `vitrine ARGUMENTS` in an empty folder of its own."""
    return runner(capfd, monkeypatch, tmp_path)


def test_a_look_as_data_and_on_a_sheet(
    vitrine: Vitrine, collection: Settings, tmp_path: Path
) -> None:
    said = vitrine("look", DRESS["id"], "--db", collection.db, "--slots", "shoes,bag", "-n", "2",
                   "--filter", "price<200", "--html", "look.html", "--json")  # fmt: skip
    assert said.code == 0, said.err
    look = json.loads(said.out)
    assert (look["slot"], look["kind_field"]) == ("dress", "kind")
    assert [slot["slot"] for slot in look["slots"]] == ["shoes", "bag"]
    hits = [hit for slot in look["slots"] for hit in slot["hits"]]
    assert len(hits) == 4 and all(hit["fields"]["price"] < 200 for hit in hits)
    sheet = (tmp_path / "look.html").read_text(encoding="utf-8")
    assert sheet.count("data:image/jpeg") == 1 + len(hits)
    assert all(hit["id"] in sheet for hit in hits)


def test_rules_of_ones_own(vitrine: Vitrine, collection: Settings, tmp_path: Path) -> None:
    (tmp_path / "looks.toml").write_text(
        "[slots]\nfrock = ['dress']\nlegs = ['jeans', 'trousers']\n[with]\nfrock = ['legs']\n"
    )
    said = vitrine("look", DRESS["id"], "--db", collection.db, "--looks", "looks.toml")
    assert said.code == 0, said.err
    assert "(frock)" in said.out and "legs" in said.out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nobody"], 1, "'nobody'"),
        ([DRESS["id"], "--limit", "0"], 2, "out of range"),
        ([DRESS["id"], "--slots", "hands"], 2, "'hands'"),
        ([DRESS["id"], "--agree", "mood"], 2, "'mood'"),
        ([DRESS["id"], "--looks", "none.toml"], 2, "none.toml"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    vitrine: Vitrine, collection: Settings, arguments: list[str], code: int, message: str
) -> None:
    said = vitrine("look", *arguments, "--db", collection.db)
    assert said.code == code
    assert message in said.err


def test_the_sheet_of_tags_shows_a_planted_error(
    vitrine: Vitrine, collection: Settings, tmp_path: Path
) -> None:
    said = vitrine("tag", "--db", collection.db, "--columns", "kind", "--html", "check.html")
    assert said.code == 0, said.err
    sheet = (tmp_path / "check.html").read_text(encoding="utf-8")
    first = sheet.split("<li>")[1]
    assert WRONG["id"] in first and "data:image/jpeg" in first
    assert "is <strong>hat</strong>" in first and "looks <strong>sneakers</strong>" in first
