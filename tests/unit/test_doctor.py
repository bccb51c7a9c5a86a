import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from api.cli.doctor import doctor
from api.doctor import Finding, Status, available_memory, examine, is_safe_milvus
from search.config import Settings

pytestmark = pytest.mark.model

CHECKS = ["python", "torch", "open_clip", "model", "milvus", "disk", "memory"]


def findings(**settings: object) -> dict[str, Finding]:
    return {one.check: one for one in examine(Settings(device="cpu", **settings))}


@pytest.fixture
def command() -> Iterator[typer.Typer]:
    app = typer.Typer()
    app.command()(doctor)
    yield app


def test_a_sound_installation_is_said_to_be(tmp_path: Path) -> None:
    found = findings(db=str(tmp_path / "not" / "yet.db"))
    assert list(found) == CHECKS
    assert [one.check for one in found.values() if one.status is Status.FAIL] == []
    assert "256 dimensions" in found["model"].message
    assert "will be made" in found["milvus"].message
    assert not (tmp_path / "not").exists()  # Looking makes nothing.


def test_an_embedded_database_is_opened_and_let_go(tmp_path: Path) -> None:
    from search.store import open_store

    path = str(tmp_path / "some.db")
    open_store(path).close()
    for _ in range(2):
        milvus = findings(db=path)["milvus"]
        assert milvus.status is Status.OK
        assert "0 collections" in milvus.message


def test_what_fails_is_said_with_its_cure() -> None:
    found = findings(db="http://127.0.0.1:9", model="local-dir:/nowhere", db_timeout_s=2)
    assert [one.check for one in found.values() if one.status is Status.FAIL] == ["model", "milvus"]
    assert "/nowhere" in found["model"].message
    assert found["model"].cure
    assert found["milvus"].cure


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    milvus = findings(db=str(tmp_path / "file" / "x.db"))["milvus"]
    assert milvus.status is Status.FAIL
    assert "not writable" in milvus.message


@pytest.mark.parametrize(
    ("version", "safe"),
    [("v2.3.5-lite", False), ("2.6.9", False), ("v2.6.10", True), ("2.6.11-gpu", True),
     ("3.0.0", True), ("2.7", True), ("2.6", False), ("unknown", False)],
)  # fmt: skip
def test_milvus_versions_with_known_holes(version: str, safe: bool) -> None:
    assert is_safe_milvus(version) is safe


def test_memory_is_read_from_the_kernel(tmp_path: Path) -> None:
    known = tmp_path / "meminfo"
    known.write_text("MemTotal: 9 kB\nMemAvailable:   2048 kB\n")
    assert available_memory(known) == 2048 * 1024
    assert available_memory(tmp_path / "none") is None


def test_json_stands_alone_and_the_exit_code_says_it(command: typer.Typer, tmp_path: Path) -> None:
    runner = CliRunner()
    good = runner.invoke(command, ["--json", "--db", str(tmp_path / "x.db"), "--device", "cpu"])
    assert good.exit_code == 0
    assert [check["check"] for check in json.loads(good.stdout)["checks"]] == CHECKS
    bad = runner.invoke(
        command, ["--json", "--db", str(tmp_path / "x.db"), "--model", "local-dir:/nowhere"]
    )
    assert bad.exit_code == 1
    assert json.loads(bad.stdout)["ok"] is False


def test_people_get_a_table(command: typer.Typer, tmp_path: Path) -> None:
    arguments = ["--db", str(tmp_path / "x.db"), "--device", "cpu"]
    shown = CliRunner().invoke(command, arguments, env={**os.environ, "COLUMNS": "120"})
    assert shown.exit_code == 0
    for check in CHECKS:
        assert check in shown.stdout
