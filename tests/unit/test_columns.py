"""Columns as people name them: several images, a settings file, the table before a run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from indexer.columns import ColumnNames, find_roles, load_catalog_settings
from indexer.inference import inspect_rows
from indexer.plan import PlannedColumn, describe_plan, plan_columns
from indexer.report import Failure
from indexer.rows import Row, read_rows
from indexer.seen import SeenIds, key_of
from indexer.sources import open_source
from search.errors import CatalogError, ConfigError
from search.types import FieldType

TWO = ColumnNames(image=("front", "back"))


def rows_of(path: Path, columns: ColumnNames) -> tuple[list[Row | Failure], SeenIds]:
    source = open_source(path)
    roles = find_roles(source.columns, columns)
    plan = plan_columns(inspect_rows(source).types, roles, {}, None)
    seen = SeenIds(path.parent / "seen.sqlite")
    return list(read_rows(source, plan, seen)), seen


def test_every_image_of_a_row_is_an_item_that_carries_the_product(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("id,front,back,price\n1,a.jpg,b.jpg,5\n2,,c.jpg,6\n3,,,7\n4,d.jpg,\0,8\n")
    rows, seen = rows_of(path, TWO)
    with seen:
        found = [(row.number, row.item.id, Path(row.item.image).name, row.item.product_id)
                 for row in rows if isinstance(row, Row)]  # fmt: skip
        assert found == [
            (2, "1#front", "a.jpg", "1"), (2, "1#back", "b.jpg", "1"), (3, "2#back", "c.jpg", "2"),
            (5, "4#front", "d.jpg", "4"),
        ]  # fmt: skip
        failures = [row for row in rows if isinstance(row, Failure)]
        assert [(row.row, row.code) for row in failures] == [
            (4, "image_missing"), (5, "image_unreadable"),
        ]  # fmt: skip
        assert failures[1].id == "4#back"
        # An image that is gone is missing; one of a row that cannot be used is not.
        ids = ["1#front", "2#front", "3#back", "4#back", "5#front"]
        assert list(seen.missing(ids)) == ["2#front", "5#front"]


def test_ids_that_collide_by_their_columns_are_duplicates(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    rows = [{"id": "a", "x": "1.jpg", "b#x": "2.jpg"}, {"id": "a#b", "x": "3.jpg", "b#x": None}]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    found, seen = rows_of(path, ColumnNames(image=("x", "b#x")))
    seen.close()
    assert [row.item.id for row in found if isinstance(row, Row)] == ["a#x", "a#b#x"]
    (failure,) = (row for row in found if isinstance(row, Failure))
    assert (failure.row, failure.code) == (2, "id_duplicate") and "row 1" in failure.reason


def test_one_image_column_makes_plain_ids_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    assert find_roles(["id", "a"], ColumnNames(image=("a", "a"))).images == ("a",)
    with pytest.raises(CatalogError, match="no column 'c'"):
        find_roles(["id", "a"], ColumnNames(image=("a", "c")))


def test_a_file_says_columns_and_types(tmp_path: Path) -> None:
    path = tmp_path / "shop.toml"
    path.write_text(
        '[columns]\nid = "sku"\nimage = ["front", "back"]\n'
        '[types]\nprice = "float"\n"a b" = "STRING"\n'
    )
    columns, types = load_catalog_settings(path)
    assert columns == ColumnNames(id="sku", image=("front", "back"))
    assert types == {"price": FieldType.FLOAT, "a b": FieldType.STRING}
    path.write_text('[columns]\nimage = "front"\n')
    assert load_catalog_settings(path) == (ColumnNames(image="front"), {})


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("[column]\n", "'column'"),
        ("columns = 3\n", "'columns'"),
        ('[columns]\ncolour = "x"\n', "'colour'"),
        ('[columns]\nid = ["a"]\n', "id of"),
        ("[columns]\nimage = []\n", "image of"),
        ('[types]\nprice = "money"\n', "'money'"),
        ("[types\n", "is not TOML"),
    ],
)
def test_what_a_settings_file_does_not_mean_is_refused_by_name(
    tmp_path: Path, content: str, named: str
) -> None:
    path = tmp_path / "shop.toml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=named) as caught:
        load_catalog_settings(path)
    assert caught.value.hint
    with pytest.raises(ConfigError, match="cannot be read"):
        load_catalog_settings(tmp_path / "missing.toml")


def test_the_table_before_a_run_shows_what_every_column_becomes(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text(f"sku,image,price,note\n1,a.jpg,5,\n2,b.jpg,6.5,{'x' * 90}\n")
    source = open_source(path)
    inspected = inspect_rows(source)
    plan = plan_columns(inspected.types, find_roles(source.columns, ColumnNames()), {}, None)
    assert describe_plan(plan, inspected) == (
        PlannedColumn("sku", "id", "1", 1.0),
        PlannedColumn("image", "image", "a.jpg", 1.0),
        PlannedColumn("price", "float", "5", 1.0),
        PlannedColumn("note", "string", "x" * 40 + "...", 0.5),
    )


def test_seen_ids_remember_the_first_row_and_go_with_their_file(tmp_path: Path) -> None:
    path = tmp_path / "seen.sqlite"
    with SeenIds(path) as seen:
        assert seen.claim_all([(key_of("a"), 1), (key_of("b"), 2), (key_of("a"), 3)]) == [1, 2, 1]
        assert seen.claim(key_of("c"), 0) == 0 and seen.claim(key_of("c"), 5) == 5
        assert list(seen.missing(["x", "a", "y", "c"])) == ["x", "y"]
        assert path.exists()
    assert not path.exists()


READING = """
import sys
from pathlib import Path
from indexer.columns import ColumnNames, find_roles
from indexer.inference import infer_types
from indexer.plan import plan_columns
from indexer.rows import read_rows
from indexer.seen import SeenIds
from indexer.sources import open_source
path = Path(sys.argv[1])
source = open_source(path)
plan = plan_columns(infer_types(source), find_roles(source.columns, ColumnNames()), {}, None)
with SeenIds(path.with_suffix(".sqlite")) as seen:
    count = sum(1 for _ in read_rows(source, plan, seen))
status = Path("/proc/self/status").read_text()
print(count, int(status.split("VmHWM:")[1].split()[0]))
"""


def write_catalog(path: Path, count: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.suffix == ".csv":
        with path.open("w") as file:
            file.write("id,image,title,price\n")
            file.writelines(f"item-{n},img/{n}.jpg,Title number {n},{n}.5\n" for n in range(count))
        return
    schema = pa.schema([("id", "string"), ("image", "string"), ("price", "float64")])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, count, 10_000):
            numbers = range(start, start + 10_000)
            writer.write_table(
                pa.table(
                    [[f"item-{n}" for n in numbers], [f"{n}.jpg" for n in numbers],
                     [n + 0.5 for n in numbers]], schema=schema,
                )
            )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_memory_does_not_grow_with_the_catalogue(tmp_path: Path, form: str) -> None:
    peaks = []
    for count in (10_000, 200_000):
        path = tmp_path / f"{count}.{form}"
        write_catalog(path, count)
        done = subprocess.run(
            [sys.executable, "-c", READING, str(path)],
            capture_output=True, text=True, check=True, timeout=300,
        )  # fmt: skip
        read, peak = done.stdout.split()
        assert int(read) == count
        peaks.append(int(peak) / (1024 if sys.platform == "linux" else 1024**2))
    assert peaks[1] - peaks[0] < 40, peaks
