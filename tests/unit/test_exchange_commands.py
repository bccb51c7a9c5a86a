"""`vitrine export` and `vitrine import` on a real collection, and searching what was imported."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer

from api.cli import console
from api.cli.export import export
from api.cli.import_ import import_
from search.config import Settings
from search.engine import open_engine
from search.errors import ModelMismatchError
from search.store import CollectionSpec, open_store
from search.types import Page, Query, TextPart
from tests.contract.catalogue import FIELDS, MODEL, shop
from tests.sample_collection import build, chosen_rows

pytestmark = pytest.mark.model

app = typer.Typer()
app.command()(export)
app.command("import")(import_)


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return build(tmp_path_factory.mktemp("exchange"), chosen_rows(40))


@pytest.fixture
def other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.chdir(tmp_path)
    yield Settings(db=str(tmp_path / "other.db"))


def vitrine(capfd: pytest.CaptureFixture[str], *arguments: str | Path) -> Said:
    capfd.readouterr()
    words = [str(argument) for argument in arguments]
    with pytest.raises(SystemExit) as left:
        console.run(lambda: app(words, standalone_mode=True), as_json="--json" in words)
    said = capfd.readouterr()
    return Said(int(left.value.code or 0), said.out, said.err)


def found(settings: Settings, text: str = "red dress") -> Page:
    with closing(open_engine(settings)) as engine:
        return engine.search(Query((TextPart(text),), limit=10))


def test_the_same_answers_from_another_database(
    capfd: pytest.CaptureFixture[str], indexed: Settings, other: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "shop.parquet"
    said = vitrine(capfd, "export", file, "--db", indexed.db)
    assert (said.code, "mini" in said.out) == (0, True), said
    loaded = vitrine(capfd, "import", file, "--db", other.db, "--json")
    report = json.loads(loaded.out)
    assert (loaded.code, report["failed"], report["unchanged"]) == (0, 0, 0)
    again = vitrine(capfd, "import", file, "--db", other.db)
    assert f"{report['imported']:,} unchanged" in again.out
    assert found(other).hits == found(indexed).hits
    assert "torch" not in said.err


def test_embeddings_that_are_said_to_be_of_a_model(
    capfd: pytest.CaptureFixture[str], indexed: Settings, other: Settings, tmp_path: Path
) -> None:
    """Nothing but vectors, paths and captions: found with the model of that name, and no other."""
    with closing(open_store(indexed.db)) as store:
        entities = [one for batch in store.scan("products") for one in batch]
    for name in ("img_emb", "metadata"):
        (tmp_path / name).mkdir()
    vectors = np.stack([one.embedding for one in entities]).astype(np.float16)
    np.save(tmp_path / "img_emb" / "img_emb_0.npy", vectors)
    columns = {
        "image_path": [one.item.id for one in entities],
        "caption": [one.item.title for one in entities],
    }
    pq.write_table(pa.table(columns), tmp_path / "metadata" / "metadata_0.parquet")
    said = vitrine(capfd, "import", tmp_path, "--model", "mini", "--db", other.db)
    assert said.code == 0, said
    page, wanted = found(other), found(indexed)
    assert page.model == "mini"
    scores = {hit.id: hit.score for hit in wanted.hits}
    same = [hit for hit in page.hits if hit.id in scores]
    assert len(same) >= 8
    assert all(abs(hit.score - scores[hit.id]) < 1e-3 for hit in same)
    file = tmp_path / "indexed.parquet"
    vitrine(capfd, "export", file, "--db", indexed.db)
    assert vitrine(capfd, "import", file, "--db", other.db).code == 0
    with closing(open_store(other.db)) as store, pytest.raises(ModelMismatchError):
        from indexer.exchange import import_embeddings, open_exchange

        with closing(open_store(indexed.db)) as there:
            exchange = open_exchange([str(tmp_path)], model="mini")
            import_embeddings(exchange, store=there, alias="products", job_dir=tmp_path / "jobs")


def test_exit_codes(
    capfd: pytest.CaptureFixture[str], indexed: Settings, other: Settings, tmp_path: Path
) -> None:
    assert vitrine(capfd, "export", tmp_path / "x.csv", "--db", indexed.db).code == 2
    assert vitrine(capfd, "export", tmp_path / "x.parquet", "--db", other.db).code == 1
    missing = vitrine(capfd, "import", tmp_path / "none.parquet", "--db", other.db, "--json")
    assert (missing.code, json.loads(missing.out)["error"]["code"]) == (2, "invalid_catalog")
    file = tmp_path / "shop.parquet"
    vitrine(capfd, "export", file, "--db", indexed.db)
    table = pq.read_table(file)
    ids = table.column("id").to_pylist()
    ids[7] = None
    pq.write_table(table.set_column(0, "id", pa.array(ids)), file)
    said = vitrine(capfd, "import", file, "--db", other.db)
    assert said.code == 3
    assert "row 8: The row has no id." in said.err


def test_neither_command_loads_a_model(tmp_path: Path) -> None:
    database, file = str(tmp_path / "a.db"), str(tmp_path / "a.parquet")
    with closing(open_store(database)) as store:
        store.create(CollectionSpec("products__v1", MODEL, FIELDS))
        store.set_alias("products", "products__v1")
        store.upsert("products__v1", shop())
    script = f"""
import sys, typer
from api.cli.export import export
from api.cli.import_ import import_
app = typer.Typer()
app.command()(export)
app.command("import")(import_)
for words in (["export", {file!r}, "--db", {database!r}], ["import", {file!r}, "--db", "b.db"]):
    app(words, standalone_mode=False)
assert not {{"torch", "open_clip"}} & set(sys.modules)
"""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "8 imported" in done.stdout
