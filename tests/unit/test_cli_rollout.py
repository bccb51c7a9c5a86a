"""`vitrine reindex`, `rollback` and `collections` on a real collection, and how they leave."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from api.cli.collections import collections, readable
from api.cli.reindex import reindex
from api.cli.rollback import rollback
from api.cli.settings_file import settings_over
from search.errors import (
    CatalogError,
    CollectionNotFoundError,
    ConfigError,
    ConflictError,
    EvaluationError,
)
from tests.sample_collection import build, chosen_rows, sample_rows, write_catalog
from tests.second_model import second_model

pytestmark = pytest.mark.model

app = typer.Typer()
for command in (reindex, rollback, collections):
    app.command()(command)

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return second_model(tmp_path_factory.mktemp("models") / "second")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that has `products__v1`, twenty-odd items made with mini, and its job's folder."""
    folder = tmp_path_factory.mktemp("shop")
    build(folder, chosen_rows(20))
    return folder


@pytest.fixture
def run(shop: Path, tmp_path: Path) -> Run:
    """Run a command on a copy of the database in the test's own folder."""
    shutil.copytree(shop, tmp_path, dirs_exist_ok=True)
    places = ["--db", str(tmp_path / "sample.db")]

    def invoke(command: str, *arguments: str) -> Result:
        jobs = ["--job-dir", str(tmp_path / "jobs")] if command == "reindex" else []
        # In front: the last one counts, so that a test may name others.
        return CliRunner().invoke(app, [command, *places, *jobs, *arguments])

    return invoke


def listed(run: Run) -> dict[int, bool]:
    """Which versions there are, and which is live."""
    found = json.loads(run("collections", "--json").stdout)["collections"]
    return {each["version"]: each["live"] for each in found}


def evaluation(folder: Path) -> list[str]:
    """Queries by title, of which each item is the answer to its own."""
    with (folder / "catalog.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["title"]: row["id"] for row in csv.DictReader(file)}
    lines = [json.dumps({"id": id, "text": title}) for title, id in rows.items()]
    (folder / "queries.jsonl").write_text("\n".join(lines))
    (folder / "qrels.json").write_text(json.dumps({id: {id: 1} for id in rows.values()}))
    return ["--queries", str(folder / "queries.jsonl"), "--qrels", str(folder / "qrels.json")]


def checks_of(result: Result) -> dict[str, dict[str, Any]]:
    checks = json.loads(result.stdout)["verification"]["checks"]
    return {check["name"]: check for check in checks}


def test_a_new_version_from_the_catalogue_that_the_last_job_knows_and_back(
    run: Run, model: str
) -> None:
    built = run("reindex", "--model", model)
    assert built.exit_code == 0, built.output
    said = " ".join(built.output.split())
    for words in ("live: products__v1, model mini", f"new: products__v2, model {model}"):
        assert words in said
    assert "items that find themselves │ 1.000 │ 1.000" in said
    assert "products leads to products__v2 now" in said and "vitrine rollback" in said
    assert listed(run) == {1: False, 2: True}

    back = run("rollback")
    assert "products leads to products__v1 now" in back.stdout and "model mini" in back.stdout
    nowhere = run("rollback")
    assert isinstance(nowhere.exception, CollectionNotFoundError)
    assert "choose with --to" in str(nowhere.exception)
    forward = json.loads(run("rollback", "--to", "2", "--json").stdout)
    assert (forward["live"], forward["live_before"]) == ("products__v2", "products__v1")
    assert forward["ms"] < 5000

    text = " ".join(run("collections").output.split())
    assert "│ products__v1 │ │ 27 │" in text and "│ products__v2 │ products │ 27 │" in text
    assert "vectors" in text and "kB" in text and "products__v2: brand (string), kind" in text


def test_shards_of_a_new_version_go_where_it_was_said(run: Run, tmp_path: Path) -> None:
    built = run("reindex", "--shards-dir", str(tmp_path / "shards"), "--json")
    assert built.exit_code == 0, built.output
    [job] = (tmp_path / "shards").iterdir()
    assert list(job.glob("*.parquet"))
    assert not (tmp_path / "jobs" / job.name / "shards").exists()


def test_a_worse_model_is_not_switched_to_unless_it_must(
    run: Run, model: str, tmp_path: Path
) -> None:
    asked = evaluation(tmp_path)
    worse = run("reindex", "--model", model, *asked, "--json")
    assert worse.exit_code == 1
    check = checks_of(worse)["nDCG@10"]
    assert check["live"] > check["new"] + 0.02 and not check["passed"]
    assert "lower" in check["reason"]
    assert listed(run) == {1: True, 2: False}
    told = " ".join(run("reindex", "--model", model, *asked).output.split())
    assert "still leads to products__v1" in told
    assert "--force" in told and "collections --drop products__v2" in told
    forced = run("reindex", "--model", model, *asked, "--force", "--json")
    report = json.loads(forced.stdout)
    assert forced.exit_code == 0 and report["resumed"] and report["index"]["indexed"] == 0
    assert listed(run) == {1: False, 2: True}


def test_building_only_and_switching_later(run: Run, model: str, tmp_path: Path) -> None:
    settings = tmp_path / "next.toml"
    settings.write_text(f'model = "{model}"\nbatch_size = 8\n')
    built = run("reindex", "--settings", str(settings), "--no-switch", "--json")
    assert built.exit_code == 0 and not json.loads(built.stdout)["switched"]
    assert listed(run) == {1: True, 2: False}
    report = json.loads(run("reindex", "--settings", str(settings), "--json", "--keep", "1").stdout)
    assert report["switched"] and report["resumed"] and report["dropped"] == ["products__v1"]
    assert listed(run) == {2: True}


def test_items_that_the_catalogue_has_lost_since_do_not_stay_and_fresh_begins_anew(
    run: Run, tmp_path: Path
) -> None:
    rows = sample_rows()[:40]
    catalog = str(write_catalog(rows, tmp_path / "other.csv"))
    assert run("reindex", catalog, "--no-switch").exit_code == 0
    write_catalog(rows[5:], tmp_path / "other.csv")
    fewer = run("reindex", catalog, "--no-switch", "--json")
    assert fewer.exit_code == 0 and json.loads(fewer.stdout)["resumed"]
    assert checks_of(fewer)["items"]["new"] == 35
    fresh = json.loads(run("reindex", catalog, "--fresh", "--json").stdout)
    assert (fresh["new"], fresh["resumed"], fresh["switched"]) == ("products__v2", False, True)
    assert listed(run) == {1: False, 2: True}


def test_a_catalogue_that_has_lost_most_items_is_not_switched_to(run: Run, tmp_path: Path) -> None:
    small = write_catalog(chosen_rows(20)[:5], tmp_path / "small.csv")
    result = run("reindex", str(small), "--json")
    assert result.exit_code == 1
    assert "right catalogue" in checks_of(result)["share of items"]["reason"]
    assert listed(run) == {1: True, 2: False}
    # Nor is it the one that is taken the next time: the live version's is.
    again = json.loads(run("reindex", "--json").stdout)
    assert again["resumed"] and again["switched"] and listed(run) == {1: False, 2: True}


def test_rows_that_failed_are_allowed_for_and_the_exit_code_says_so(
    run: Run, tmp_path: Path
) -> None:
    rows = chosen_rows(20)
    rows[0] = rows[0] | {"image": "gone.jpg"}
    result = run("reindex", str(write_catalog(rows, tmp_path / "holed.csv")), "--json")
    assert result.exit_code == 3, result.output
    assert json.loads(result.stdout)["switched"] and listed(run) == {1: False, 2: True}


def test_a_rebuild_with_the_very_model_of_the_live_version_says_so_first(
    run: Run, model: str
) -> None:
    same = " ".join(run("reindex", "--no-switch").output.split())
    assert same.index("products__v1, was made with this very model (mini)") < same.index("Building")
    assert "very model" not in run("reindex", "--model", model, "--no-switch", "--fresh").output


def test_fields_are_listed_once_unless_they_differ(run: Run, tmp_path: Path) -> None:
    assert run("reindex", "--no-switch").exit_code == 0
    listing = run("collections").output
    assert "products__v1: brand (string), " in listing and "products__v2: " not in listing
    rows = [{name: row[name] for name in ("id", "image", "price")} for row in chosen_rows(20)]
    other = str(write_catalog(rows, tmp_path / "other.csv"))
    assert run("reindex", other, "--fresh", "--no-switch").exit_code == 0
    listing = run("collections").output
    assert "products__v1: brand (string), " in listing and "products__v2: price (float)" in listing
    assert "products__v2: price (float)" in run("collections", "-c", "products__v2").output


def test_old_versions_are_dropped_only_when_somebody_said_so(run: Run) -> None:
    for _ in range(2):
        assert run("reindex", "--keep", "5").exit_code == 0
    refused = run("collections", "--prune")
    assert isinstance(refused.exception, ConfigError)
    assert "--yes" in str(refused.exception) and "products__v1" in str(refused.exception)
    assert listed(run) == {1: False, 2: False, 3: True}
    pruned = run("collections", "--prune", "--yes", "--json")
    assert json.loads(pruned.stdout)["dropped"] == ["products__v1"]
    used = run("collections", "--drop", "products__v3", "--yes")
    assert isinstance(used.exception, ConflictError)
    assert run("collections", "--drop", "products__v2", "--yes").exit_code == 0
    assert "nothing to drop" in run("collections", "--prune").output
    assert listed(run) == {3: True}


def test_what_cannot_be_done_is_said_before_anything_is_built(run: Run, tmp_path: Path) -> None:
    cases: list[tuple[list[str], type[Exception], str]] = [
        (["--job-dir", str(tmp_path / "none")], CatalogError, "--job-dir"),
        (["-c", "nothing"], CollectionNotFoundError, "index"),
        ([str(tmp_path / "none.csv")], CatalogError, "none.csv"),
        (["--image-column", "title", "--image-column", "photo"], CatalogError, "photo"),
        (["--columns-file", str(tmp_path / "none.toml")], ConfigError, "none.toml"),
        (["--queries", "q.jsonl"], ConfigError, "belong together"),
        (["--queries", "q.jsonl", "--qrels", "q.json"], EvaluationError, "q.jsonl"),
        (["--settings", str(tmp_path / "none.toml")], ConfigError, "none.toml"),
    ]
    for arguments, error, says in cases:
        result = run("reindex", *arguments)
        assert isinstance(result.exception, error), (arguments, result.output, result.exception)
        assert says in str(result.exception)
    assert listed(run) == {1: True}


def test_columns_and_types_from_a_file_and_from_the_last_job(run: Run, tmp_path: Path) -> None:
    rows = [
        {"code": row["id"], "pic": row["image"], "price": row["price"]} for row in chosen_rows(20)
    ]
    catalog = write_catalog(rows, tmp_path / "coded.csv")
    columns = tmp_path / "columns.toml"
    columns.write_text('[columns]\nid = "code"\nimage = "pic"\n[types]\nprice = "string"\n')
    first = run("reindex", str(catalog), "--columns-file", str(columns), "--json")
    assert first.exit_code == 0, first.output
    assert run("reindex", "--json").exit_code == 0  # The same catalogue, and read in the same way.
    found = json.loads(run("collections", "--json").stdout)["collections"]
    assert [(each["version"], each["fields"].get("price")) for each in found] == [
        (2, "string"), (3, "string"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "says"),
    [('modell = "mini"', "Did you mean model"), ("model: mini", "A line is a setting"),
     ("batch_size = 0", "batch_size")],
)  # fmt: skip
def test_a_settings_file_that_cannot_be_used(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "next.toml").write_text(text)
    with pytest.raises(ConfigError, match=says):
        settings_over(tmp_path / "next.toml")


def test_options_win_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "next.toml").write_text('model = "vit-b-32"\nbatch_size = 3\n')
    settings = settings_over(tmp_path / "next.toml", model="mini", device=None)
    assert (settings.model, settings.batch_size, settings.device) == ("mini", 3, "auto")


def test_sizes_are_readable() -> None:
    assert [readable(size) for size in (0, 999, 1500, 2_000_000, 5 * 10**15)] == [
        "0 B", "999 B", "1.5 kB", "2.0 MB", "5000.0 TB",
    ]  # fmt: skip
