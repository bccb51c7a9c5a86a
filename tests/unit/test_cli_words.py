"""What the command line says: its words, its numbers, and what it leaves unsaid."""

import json
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api.cli.console import counted
from api.cli.main import app, reflowed
from api.cli.progress import said as progress_said
from search.config import Settings
from search.errors import ModelMismatchError
from tests.sample_collection import build, chosen_rows, write_catalog
from tests.second_model import second_model

pytestmark = pytest.mark.model

Vitrine = Callable[..., Result]


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return build(tmp_path_factory.mktemp("words"), chosen_rows(20))


@pytest.fixture
def vitrine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Vitrine:
    """Run `vitrine ARGUMENTS` in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, arguments)


def counts(out: str) -> dict[str, int]:
    """The table of a run, or of what it would do."""
    return {name: int(count) for name, count in re.findall(r"│ ([a-z ]+?) +│ +(\d+) │", out)}


def write(rows: list[dict[str, str]]) -> str:
    return str(write_catalog(rows, Path("catalog.csv").absolute()))


@pytest.mark.parametrize("command", ["index", "import", "reindex", "demo", "eval", "make-queries"])
def test_help_reads_well_in_a_narrow_terminal(
    command: str, vitrine: Vitrine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = vitrine(command, "--help").stdout
    assert max(map(len, said.splitlines())) <= 80
    assert "…" not in said  # An option's name or text that was cut off.
    if command in ("index", "import", "reindex"):
        assert "jobs/ beside the database" in " ".join(said.replace("│", " ").split())
    prose = said[: said.index("╭")].splitlines()
    for line, after in pairwise(prose):
        if line.strip() and after.strip() and not line.startswith("   "):
            assert len(f"{line.rstrip()} {after.split()[0]}") > 78, f"broken early: {line}"


def test_paragraphs_of_help_have_no_line_ends_and_examples_do() -> None:
    text = "First\n    line.\n\n    Second\n    line.\n\n      vitrine a\n      vitrine b\n"
    assert reflowed(text) == "First line.\n\nSecond line.\n\n  vitrine a\n  vitrine b"


def test_a_dry_run_refuses_another_model_as_the_run_would(vitrine: Vitrine, tmp_path: Path) -> None:
    catalog = write(chosen_rows(20)[:3])
    assert vitrine("index", catalog, "--db", "new.db").exit_code == 0
    other = second_model(tmp_path / "other")
    runs = [
        vitrine("index", catalog, "--db", "new.db", "--model", other, *dry)
        for dry in (["--dry-run"], [])
    ]
    assert [type(run.exception) for run in runs] == [ModelMismatchError] * 2


def test_a_run_a_dry_run_and_the_report_say_it_in_the_same_words(
    vitrine: Vitrine, tmp_path: Path
) -> None:
    rows = chosen_rows(40)[:8]
    assert vitrine("index", write(rows), "--db", "new.db").exit_code == 0
    rows[0] |= {"image": rows[1]["image"]}
    rows[2] |= {"title": "Another"}
    rows[3] |= {"image": "nowhere.jpg"}
    catalog = write([*rows[:7], rows[4] | {"id": "later"}])
    words = {"new": 1, "changed": 1, "columns only": 1, "unchanged": 4, "failed": 1}
    planned = vitrine("index", catalog, "--db", "new.db", "--dry-run")
    # A dry run reads images and does not decode them: one that is not there fails all the same.
    assert planned.exit_code == 3
    assert counts(planned.stdout) == words | {"gone": 1}
    done = vitrine("index", catalog, "--db", "new.db")
    assert done.exit_code == 3
    assert counts(done.stdout) == words | {"gone": 1, "removed": 0}
    assert "1 row left out" in done.stderr and "--delete-missing" in done.stderr
    removed = vitrine("index", catalog, "--db", "new.db", "--delete-missing")
    assert counts(removed.stdout) == words | {
        "new": 0, "changed": 0, "columns only": 0, "unchanged": 7, "gone": 1, "removed": 1,
    }  # fmt: skip
    assert "--delete-missing" not in removed.stderr
    first, second, third = (job.read_text() for job in sorted(tmp_path.glob("jobs/*/report.md")))
    for name, count in (words | {"gone": 1, "removed": 0}).items():
        assert f"| {name} | {count} |" in second
    assert "| gone | 1 |\n| removed | 1 |" in third
    for text in (first, second, third):
        assert not [line for line in text.splitlines() if line != line.rstrip()]


def test_what_becomes_of_columns_is_said_when_it_is_news(vitrine: Vitrine) -> None:
    rows = [row | {"price": "9.5"} for row in chosen_rows(40)[:3]]
    first = vitrine("index", write(rows), "--db", "new.db")
    assert "becomes" in first.stderr
    again = vitrine("index", write(rows), "--db", "new.db", "--model", "mini")
    assert "becomes" not in again.stderr and "left" not in again.stderr
    assert "becomes" in vitrine("index", write(rows), "--db", "new.db", "--dry-run").stderr
    more = [row | {"sleeve": "long"} for row in rows]
    assert "sleeve" in vitrine("index", write(more), "--db", "new.db").stderr


def test_where_nothing_was_embedded_there_is_no_share_of_the_model(
    vitrine: Vitrine, tmp_path: Path
) -> None:
    catalog = write(chosen_rows(40)[:2])
    first = json.loads(vitrine("index", catalog, "--db", "new.db", "--json").stdout)
    assert 0 < first["outside_model_share"] < 1
    again = json.loads(vitrine("index", catalog, "--db", "new.db", "--json").stdout)
    assert again["outside_model_share"] is None
    text = (Path(again["job"]) / "report.md").read_text()
    assert "not at work" not in text
    assert "2 rows in" in vitrine("index", catalog, "--db", "new.db").stdout


def test_no_duplicates_are_said_to_be_none_and_with_which_thresholds(
    vitrine: Vitrine, collection: Settings
) -> None:
    said = vitrine("duplicates", "--db", collection.db, "--threshold", "0.999")
    assert said.exit_code == 0
    assert "No near-duplicates among" in said.stdout
    for option in ("--threshold 0.999", "--max-hash-bits 12", "--max-difference 0.042"):
        assert option in said.stdout
    assert "0:00:00" not in said.stderr


def test_booleans_are_yes_and_no_in_the_report(
    vitrine: Vitrine, collection: Settings, tmp_path: Path
) -> None:
    said = vitrine("report", "--db", collection.db, "--html", "report.html")
    assert re.search(r"in_stock .* yes \(\d+\), no \(\d+\)", said.stdout)
    assert "True" not in said.stdout
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "yes <span" in page and "True" not in page


def test_numbers_of_things_and_time_left_are_said_as_people_do() -> None:
    assert [counted(n, "row") for n in (0, 1, 2000)] == ["0 rows", "1 row", "2,000 rows"]
    assert [counted(n, "query", "queries") for n in (1, 2)] == ["1 query", "2 queries"]
    assert progress_said("5 rows/s", 0.0) == progress_said("5 rows/s", None) == "5 rows/s"
    assert progress_said("5 rows/s", 75.2, 3) == "5 rows/s, 0:01:15 left, 3 failed"
