"""`vitrine --help` must answer at once, so nothing heavy is imported before it is needed."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "open_clip", "transformers", "pymilvus", "pandas", "pyarrow", "fastapi")


@pytest.mark.parametrize(
    "module",
    ["api.cli.main", "search", "search.engine", "search.encoders", "search.store", "indexer"],
)
def test_importing_pulls_in_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
