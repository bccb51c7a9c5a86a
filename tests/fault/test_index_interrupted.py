"""A run that is interrupted by Ctrl-C, as a real process, and run again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from search.store import open_store

pytestmark = [pytest.mark.model, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
ROWS = 120
BAD_ROWS = (40, 80)
"""Rows without an image: when they are in errors.jsonl, the rows before them are being stored."""

COMMAND = """
import signal, typer
from api.cli import console
from api.cli.index import index
# Ctrl-C is ignored in what a shell starts in the background, and that is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)
app = typer.Typer()
app.command()(index)
console.run(app, as_json=False)
"""


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalog")
    lines = ["id,image,price"]
    for number in range(1, ROWS + 1):
        colours = np.random.default_rng(number).integers(0, 255, (4, 4, 3), dtype=np.uint8)
        image = Image.fromarray(colours).resize((64, 64), Image.Resampling.NEAREST)
        if number not in BAD_ROWS:
            image.save(folder / f"{number}.png")
        lines.append(f"item-{number},{number}.png,{number}")
    (folder / "catalog.csv").write_text("\n".join(lines))
    return folder / "catalog.csv"


def start(catalog: Path, folder: Path) -> subprocess.Popen[bytes]:
    options = ["--db", str(folder / "v.db"), "--job-dir", str(folder / "jobs"), "--batch-size", "4"]
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(catalog), *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def last_job(folder: Path) -> Path:
    return max((folder / "jobs").glob("*-products*"))


def wait_for_errors(folder: Path, process: subprocess.Popen[bytes], jobs: int, lines: int) -> None:
    """Wait until the run that makes the `jobs`-th folder has listed that many bad rows."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = sorted((folder / "jobs").glob("*/errors.jsonl"))
        if len(found) == jobs and len(found[-1].read_text().splitlines()) >= lines:
            return
        if process.poll() is not None:
            raise AssertionError(f"The run ended too early: {process.communicate()[1].decode()}")
        time.sleep(0.005)
    raise AssertionError("The run did not come so far in time.")


def finish(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    stderr = process.communicate(timeout=120)[1].decode()
    return process.returncode, stderr


def ids_in(folder: Path) -> list[str]:
    """All stored ids, doubled ones twice."""
    store = open_store(str(folder / "v.db"))
    try:
        ids = sorted(store.scan_ids("products"))
        assert store.count("products") == len(ids)
        return ids
    finally:
        store.close()


def expected() -> list[str]:
    return sorted(f"item-{number}" for number in range(1, ROWS + 1) if number not in BAD_ROWS)


def test_ctrl_c_stops_the_run_with_a_message_and_the_next_goes_on(
    catalog: Path, tmp_path: Path
) -> None:
    process = start(catalog, tmp_path)
    wait_for_errors(tmp_path, process, jobs=1, lines=1)
    process.send_signal(signal.SIGINT)
    returncode, stderr = finish(process)
    assert returncode == 130
    assert "Interrupted" in stderr and "Traceback" not in stderr
    report = json.loads((last_job(tmp_path) / "report.json").read_text())
    assert report["status"] == "interrupted"
    stored = ids_in(tmp_path)
    assert len(stored) == report["indexed"] < len(expected())

    returncode, stderr = finish(start(catalog, tmp_path))
    assert returncode == 3, stderr
    assert ids_in(tmp_path) == expected()
