"""The audit of dependencies never passes for done where it was not."""

import importlib.util
import json
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / ".ci" / "audit_dependencies.py"
SPEC = importlib.util.spec_from_file_location("audit_dependencies", TOOL)
assert SPEC is not None and SPEC.loader is not None
AUDIT = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(AUDIT)

SOUND = {"name": "sound", "version": "1.0", "vulns": []}
BROKEN = {
    "name": "broken",
    "version": "1.0",
    "vulns": [{"id": "CVE-2030-1", "fix_versions": ["1.1"], "description": "", "aliases": []}],
}
UNKNOWN = {"name": "unknown", "skip_reason": "not found"}


def report(*packages: object) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


@pytest.mark.parametrize("said", ["", "<html></html>", "{}", report(), report(UNKNOWN)])
def test_without_an_answer_it_says_that_nothing_was_checked(said: str) -> None:
    code, told = AUDIT.verdict(said, "Traceback\nConnectionError: no route\n")
    assert code == 0
    assert "NOT CHECKED" in told


def test_what_is_known_to_be_vulnerable_is_named_with_its_cure() -> None:
    code, told = AUDIT.verdict(report(SOUND, BROKEN, UNKNOWN), "")
    assert code == 1
    assert "2 checked, 1 unknown, 1 vulnerabilities" in told
    assert "broken 1.0: CVE-2030-1, mended in 1.1" in told


def test_nothing_known_is_no_failure() -> None:
    assert AUDIT.verdict(report(SOUND), "") == (
        0,
        "Dependencies: 1 checked, 0 unknown, 0 vulnerabilities.",
    )
