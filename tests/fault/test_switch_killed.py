"""A reindex that is killed at its worst moments, as a real process, and run again."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer import IndexOptions, index_catalog
from indexer.rollout import rollback, versions_of
from search.encoders import load_encoder
from search.store import open_store
from tests.second_model import second_model

pytestmark = [pytest.mark.model, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
ROWS = 60
MISSING = (20, 40)
"""Rows without an image: left out of every version."""

COMMAND = """
import sys, typer
from api.cli import console
from api.cli.reindex import reindex
app = typer.Typer()
app.command()(reindex)
console.run(app, as_json="--json" in sys.argv)
"""

KILLED = """
import os, signal, sys
from functools import partial
from pathlib import Path
from indexer import IndexOptions
from indexer.rollout.reindexing import ReindexOptions, reindex
from search.encoders import load_encoder
from search.store import open_store
from tests.waiting import wait_until

moment, catalog, folder, model = sys.argv[1:]
load = partial(load_encoder, device="cpu")

def die():
    os.kill(os.getpid(), signal.SIGKILL)

class Mortal:
    def __init__(self, of):
        self._of = of

    def __getattr__(self, name):
        return getattr(self._of, name)

class MortalEncoder(Mortal):
    batches = 0

    def encode_pixels(self, pixels):
        self.batches += 1
        if moment == "building" and self.batches == 8:
            wait_until(lambda: store.count("products__v2"), 60)
            die()
        return self._of.encode_pixels(pixels)

class MortalStore(Mortal):
    def set_alias(self, *names):
        self._of.set_alias(*names)
        die()

def say(stage):
    if moment == "verifying" and stage.startswith("Verifying"):
        die()

store = MortalStore(open_store(folder + "/v.db"))
index = IndexOptions(job_dir=Path(folder) / "jobs", batch_size=4, shard_rows=4)
encoder = MortalEncoder(load(model))
reindex(catalog, store=store, encoder=encoder, alias="products", load=load,
        options=ReindexOptions(index=index), on_stage=say)
"""


def write_pictures(folder: Path) -> Path:
    lines = ["id,image,price"]
    for number in range(1, ROWS + 1):
        colours = np.random.default_rng(number).integers(0, 255, (4, 4, 3), dtype=np.uint8)
        image = Image.fromarray(colours).resize((64, 64), Image.Resampling.NEAREST)
        if number not in MISSING:
            image.save(folder / f"{number}.png")
        lines.append(f"item-{number},{number}.png,{number}")
    (folder / "catalog.csv").write_text("\n".join(lines))
    return folder / "catalog.csv"


def run(code: str, *arguments: str) -> tuple[int, str, str]:
    """Run Python code to its end: the exit status, stdout and stderr."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.returncode, done.stdout, done.stderr


def kill_when(moment: str, folder: Path, model: str) -> dict[str, tuple[int, bool]]:
    """Kill a reindex at that moment; what there is then: items, and which version is live."""
    status, _, said = run(KILLED, moment, str(folder / "catalog.csv"), str(folder), model)
    assert status == -signal.SIGKILL, said
    return counts(folder / "v.db")


def counts(db: Path) -> dict[str, tuple[int, bool]]:
    """Items of each version, and whether it is live."""
    store = open_store(str(db))
    try:
        found = versions_of(store, "products")
        return {each.name: (store.count(each.name), each.live) for each in found}
    finally:
        store.close()


def test_a_reindex_that_is_killed_goes_on_with_the_same_version(tmp_path: Path) -> None:
    catalog, db = write_pictures(tmp_path), tmp_path / "v.db"
    store = open_store(str(db))
    options = IndexOptions(job_dir=tmp_path / "jobs")
    mini = load_encoder("mini", device="cpu")
    index_catalog(catalog, store=store, encoder=mini, alias="products", options=options)
    store.close()
    model, items = second_model(tmp_path / "second"), ROWS - len(MISSING)

    found = kill_when("building", tmp_path, model)
    written, live = found.pop("products__v2")
    assert 0 < written < items and not live and found == {"products__v1": (items, True)}

    found = kill_when("verifying", tmp_path, model)
    assert found == {"products__v1": (items, True), "products__v2": (items, False)}

    # Without naming the catalogue: the live version's job knows it.
    places = ["--db", str(db), "--job-dir", str(tmp_path / "jobs")]
    status, out, said = run(COMMAND, "--model", model, *places, "--json")
    assert status == 3, said  # Done, with two rows left out.
    report = json.loads(out)
    assert report["resumed"] and report["switched"] and report["new"] == "products__v2"
    assert (report["index"]["indexed"], report["index"]["unchanged"]) == (0, items)
    assert counts(db) == {"products__v1": (items, False), "products__v2": (items, True)}


def test_killed_right_after_the_switch_the_way_back_leads_to_what_was_live(tmp_path: Path) -> None:
    catalog, db = write_pictures(tmp_path), tmp_path / "v.db"
    store = open_store(str(db))
    mini = load_encoder("mini", device="cpu")
    options = IndexOptions(job_dir=tmp_path / "jobs")
    index_catalog(catalog, store=store, encoder=mini, alias="products", options=options)
    store.close()
    model, items = second_model(tmp_path / "second"), ROWS - len(MISSING)
    # Begun with one model, never finished, and then another one was chosen.
    assert kill_when("building", tmp_path, model)["products__v1"] == (items, True)

    found = kill_when("switched", tmp_path, "mini")
    assert found == {"products__v1": (items, False), "products__v3": (items, True)}
    store = open_store(str(db))
    assert rollback(store, "products").now.name == "products__v1"
    store.close()
