"""The committed description of the API is the one that is served, and changes are told."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.openapi import digest_of, document_text
from tests.command_line import runner

ROOT = Path(__file__).parents[3]
COMMITTED = ROOT / "docs" / "openapi.json"
CURE = "Run `make openapi`, and say in CHANGELOG.md what changed, with the new digest."


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(document_text())
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_the_committed_document_is_the_one_that_is_served() -> None:
    committed = COMMITTED.read_text(encoding="utf-8")
    assert json.loads(committed) == json.loads(document_text()), f"The HTTP API changed. {CURE}"


def test_the_newest_section_of_the_changelog_names_the_document() -> None:
    digest = digest_of(COMMITTED.read_text(encoding="utf-8"))
    newest = re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.M)[1]
    assert digest in newest, f"CHANGELOG.md does not name docs/openapi.json {digest}. {CURE}"


def test_the_command_prints_it_or_writes_it(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    vitrine = runner(capfd, monkeypatch, tmp_path)
    assert vitrine("openapi").out == document_text()
    assert vitrine("openapi", "--out", "here.json").code == 0
    assert (tmp_path / "here.json").read_text(encoding="utf-8") == document_text()


def test_every_operation_is_described(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert operation.get("summary") and operation.get("description"), name
        assert operation["tags"], name


def test_every_answer_and_every_body_of_json_has_an_example(document: dict[str, Any]) -> None:
    without = []
    for name, operation in operations(document):
        contents = {
            "body": operation.get("requestBody", {}).get("content", {}),
            "answer": operation["responses"].get("200", {}).get("content", {}),
        }
        for what, content in contents.items():
            if said := content.get("application/json"):
                shown = "example" in said or "examples" in said
                schema = said.get("schema", {})
                named = document["components"]["schemas"].get(
                    schema.get("$ref", "").rpartition("/")[2], schema
                )
                if not shown and "examples" not in named:
                    without.append(f"{name}: {what}")
    assert not without
