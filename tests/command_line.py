"""`vitrine` run as a person runs it, errors and exit codes included, within the test's process."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.cli.main import main


@dataclass(frozen=True)
class Said:
    """What a command printed where, and how it left."""

    code: int
    out: str
    err: str


Vitrine = Callable[..., Said]


def runner(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, folder: Path
) -> Vitrine:
    """Runs `vitrine ARGUMENTS` in the folder, with a terminal of 120 columns."""
    monkeypatch.chdir(folder)

    def run(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["vitrine", *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        captured = capfd.readouterr()
        return Said(int(left.value.code or 0), captured.out, captured.err)

    return run
