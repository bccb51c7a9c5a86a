import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from indexer.columns import ColumnNames, Roles, find_roles
from indexer.inference import infer_types
from indexer.plan import MAX_FIELDS, Plan, plan_columns
from indexer.report import Failure
from indexer.rows import Row, read_rows
from indexer.seen import SeenIds
from indexer.sources import open_source
from search.errors import CatalogError, SchemaMismatchError
from search.types import Field, FieldType

NO_TYPES: Mapping[str, FieldType] = {}


def types_of(path: Path) -> dict[str, str | None]:
    return {name: type and type.value for name, type in infer_types(open_source(path)).items()}


def csv_types(tmp_path: Path, **columns: list[str]) -> dict[str, str | None]:
    path = tmp_path / "c.csv"
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(columns), *(",".join(f'"{value}"' for value in row) for row in rows)]
    path.write_text("\n".join(lines))
    return types_of(path)


def jsonl(tmp_path: Path, *rows: Mapping[str, object]) -> Path:
    path = tmp_path / "c.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def rows_of(path: Path, types: Mapping[str, FieldType] = NO_TYPES) -> list[Row | Failure]:
    source = open_source(path)
    roles = find_roles(source.columns, ColumnNames())
    plan = plan_columns(infer_types(source), roles, types, None)
    with SeenIds(path.parent / "seen.sqlite") as seen:
        return list(read_rows(source, plan, seen))


def row_of(path: Path, types: Mapping[str, FieldType] = NO_TYPES) -> Row:
    (row,) = rows_of(path, types)
    assert isinstance(row, Row), row
    return row


def test_types_of_text_are_read_from_how_it_looks(tmp_path: Path) -> None:
    assert csv_types(
        tmp_path,
        whole=["1", "-20", "", "3"],
        price=["19.90", "5", "1e3", ".5"],
        stock=["true", "no", "TRUE", "false"],
        added=["2024-05-31", "2024-01-01", "", "2023-12-24"],
        moment=["2024-05-31T10:00", "2024-01-01T11:00", "", "2023-12-24T12:00"],
        us_date=["05/31/2024", "01/02/2024", "", "12/24/2023"],
        tags=["summer|beach", "winter", "a|b|c", "x|y"],
        json=["[]", '[""a""]', "", '[""a"", ""b""]'],
        ean=["0012345678905", "1012345678905", "2012345678905", "3012345678905"],
        huge=["9" * 30, "1", "2", "3"],
        size=["38", "M", "40", "42"],
        nan=["nan", "inf", "1", "2"],
        unknown=["N/A", "3", "null", "4"],
        nothing=["", " ", "", ""],
    ) == {
        "whole": "integer",
        "price": "float",
        "stock": "boolean",
        "added": "date",
        "moment": "string",
        "us_date": "string",
        "tags": "strings",
        "json": "strings",
        "ean": "string",
        "huge": "string",
        "size": "string",
        "nan": "string",
        "unknown": "integer",
        "nothing": None,
    }


def test_titles_with_a_bar_are_no_lists(tmp_path: Path) -> None:
    types = csv_types(tmp_path, name=["Dress | Brand", "Shoe | Brand", "Hat | Brand"])
    assert types == {"name": "string"}


def test_a_few_wrong_values_do_not_change_the_type_of_a_column_but_many_do(tmp_path: Path) -> None:
    assert csv_types(tmp_path, price=["1.5"] * 99 + ["cheap"]) == {"price": "float"}
    assert csv_types(tmp_path, price=["1.5"] * 90 + ["cheap"] * 10) == {"price": "string"}


def test_long_texts_are_no_field(tmp_path: Path) -> None:
    types = csv_types(tmp_path, text=["word " * 200] * 3 + ["short"], id=["a", "b", "c", "d"])
    assert types == {"text": None, "id": "string"}


def test_types_of_json_are_what_json_says(tmp_path: Path) -> None:
    full = {
        "number": 1, "real": 1, "text": "42", "day": "2024-05-31", "yes": True, "tags": ["a"],
        "nested": {"a": 1}, "numbers": [1], "mixed": 1, "big": 2**70,
    }  # fmt: skip
    path = jsonl(tmp_path, full, full | {"real": 1.5, "mixed": "one", "number": None, "tags": []})
    assert types_of(path) == {
        "number": "integer", "real": "float", "text": "string", "day": "date", "yes": "boolean",
        "tags": "strings", "nested": None, "numbers": None, "mixed": None, "big": None,
    }  # fmt: skip


def test_columns_are_found_by_their_usual_names() -> None:
    assert find_roles(["SKU", "Image Path", "Product Name", "price"], ColumnNames()) == Roles(
        "SKU", "Image Path", "Product Name", None
    )
    assert find_roles(
        ["product_id", "id", "image_url", "name", "title"], ColumnNames(title="name")
    ) == Roles("id", "image_url", "name", "product_id")
    assert find_roles(["file", "n"], ColumnNames(id="file")) == Roles("file", "file")


@pytest.mark.parametrize(
    ("columns", "given", "named"),
    [
        (["id", "Bild"], ColumnNames(), "--image-column"),
        (["Nummer", "image"], ColumnNames(), "--id-column"),
        (["id", "image"], ColumnNames(title="Titel"), "--title-column"),
        (["id", "image"], ColumnNames(product_id="p"), "--product-id-column"),
    ],
)
def test_a_column_that_is_not_found_is_asked_for_with_those_that_are_there(
    columns: list[str], given: ColumnNames, named: str
) -> None:
    with pytest.raises(CatalogError) as caught:
        find_roles(columns, given)
    assert ", ".join(columns) in caught.value.message
    assert named in (caught.value.hint or "")
    assert caught.value.details["columns"] == columns


def plan(types: Mapping[str, FieldType | None], **options: object) -> Plan:
    given: dict[str, object] = {"overrides": {}, "existing": None} | options
    return plan_columns(types, Roles("id", "image"), **given)  # type: ignore[arg-type]


def test_every_column_goes_somewhere_and_what_no_field_holds_is_said() -> None:
    many = {f"c{number}": FieldType.INTEGER for number in range(MAX_FIELDS + 2)}
    made = plan(
        {
            "id": FieldType.STRING,
            "image": FieldType.STRING,
            "box": None,
            "title": FieldType.STRING,
            **many,
        }
    )
    assert list(made.fields) == [f"c{number}" for number in range(MAX_FIELDS)]
    assert len(made.notices) == 3 and "box" in made.notices[0] and "title" in made.notices[1]
    assert "c40, c41" in made.notices[2]


def test_the_fields_of_a_collection_that_exists_decide() -> None:
    types = {
        "id": FieldType.STRING,
        "image": FieldType.STRING,
        "price": FieldType.INTEGER,
        "new": FieldType.FLOAT,
    }
    made = plan(types, existing=[Field("price", FieldType.FLOAT), Field("gone", FieldType.DATE)])
    assert made.fields == {"price": Field("price", FieldType.FLOAT)}
    assert len(made.notices) == 1 and "new" in made.notices[0]
    with pytest.raises(SchemaMismatchError, match="'price' of the collection is of type float"):
        plan(
            types, existing=[Field("price", FieldType.FLOAT)], overrides={"price": FieldType.STRING}
        )


def test_types_can_be_chosen_for_columns_that_are_there_and_have_no_role() -> None:
    types = {"id": FieldType.STRING, "image": FieldType.STRING, "size": FieldType.INTEGER}
    made = plan(types, overrides={"size": FieldType.STRING})
    assert made.fields == {"size": Field("size", FieldType.STRING)}
    with pytest.raises(CatalogError, match="no column 'sizes'; its columns are: id, image, size"):
        plan(types, overrides={"sizes": FieldType.STRING})
    with pytest.raises(CatalogError, match="always a string"):
        plan(types, overrides={"id": FieldType.INTEGER})


def test_a_row_becomes_an_item_of_which_nothing_is_dropped(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path,
        {
            "id": 7,
            "image": "images/a.jpg",
            "title": " Red dress ",
            "product_id": "p1",
            "price": 10,
            "added": "2024-05-31",
            "tags": ["a", "b"],
            "maker": {"name": "x", "since": 1990},
            "huge": 2**70,
            "empty": None,
        },
    )
    item = row_of(path).item
    assert (item.id, item.title, item.product_id) == ("7", "Red dress", "p1")
    assert item.image == str(tmp_path / "images" / "a.jpg")
    assert item.fields == {"price": 10, "added": date(2024, 5, 31), "tags": ["a", "b"]}
    assert item.extra == {"maker": {"name": "x", "since": 1990}, "huge": str(2**70)}


def test_texts_are_read_as_their_columns_type(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("id,image,price,stock,tags,code\n1,/abs/a.jpg, 5 ,Yes,a| b |,007\n")
    row = row_of(path, {"price": FieldType.FLOAT, "tags": FieldType.STRINGS})
    assert row.item.image == "/abs/a.jpg"
    assert row.item.fields == {"price": 5.0, "stock": True, "tags": ["a", "b"], "code": "007"}


NUMBERS: Mapping[str, object] = {"whole": 42, "real": 1.5, "gaps": 38.0, "yes": True}


def parquet(tmp_path: Path, *rows: Mapping[str, object]) -> Path:
    path = tmp_path / "c.parquet"
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), path)
    return path


@pytest.mark.parametrize(
    ("write", "more", "written"),
    [
        (jsonl, {"huge": 2**70}, {"huge": str(2**70)}),
        (
            parquet,
            {"price": Decimal("20.00"), "day": date(2024, 5, 31), "at": datetime(2024, 5, 31, 12)},
            {"price": "20.00", "day": "2024-05-31", "at": "2024-05-31T12:00:00"},
        ),
    ],
)
def test_what_is_no_text_is_written_out_where_a_string_is_asked_for(
    tmp_path: Path,
    write: Callable[..., Path],
    more: Mapping[str, object],
    written: Mapping[str, str],
) -> None:
    row = {**NUMBERS, **more}
    strings = dict.fromkeys(row, FieldType.STRING)
    item = row_of(write(tmp_path, {"id": "1", "image": "a.jpg", **row}), strings).item
    assert item.fields == {
        "whole": "42", "real": "1.5", "gaps": "38", "yes": "true", **written,
    }  # fmt: skip


def test_the_hint_of_a_wrong_type_helps_when_it_is_followed(tmp_path: Path) -> None:
    good = {"id": "x", "image": "a.jpg", "size": 38}
    rows = [{**good, "id": f"g{number}"} for number in range(60)]
    path = jsonl(tmp_path, *rows, {**good, "size": 38.5})
    (failure,) = (row for row in rows_of(path) if isinstance(row, Failure))
    assert "--type size=string" in failure.hint
    last = rows_of(path, {"size": FieldType.STRING})[-1]
    assert isinstance(last, Row) and last.item.fields == {"size": "38.5"}
    path = jsonl(tmp_path, *rows, {**good, "size": [38]})
    (failure,) = (row for row in rows_of(path) if isinstance(row, Failure))
    assert failure.hint == "Correct the value in the catalogue."


def test_columns_with_a_role_may_hold_numbers_as_tables_with_gaps_keep_them(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"id": [12, None, 14], "image": "a.jpg", "title": 1.5, "product_id": [None, 7, 2**53]}
    )
    assert frame["id"].dtype == frame["product_id"].dtype == np.float64
    frame.to_parquet(tmp_path / "c.parquet")
    first, second, third = rows_of(tmp_path / "c.parquet")
    assert isinstance(first, Row) and isinstance(third, Row)
    assert (first.item.id, first.item.title, first.item.product_id) == ("12", "1.5", None)
    assert (third.item.id, third.item.product_id) == ("14", str(2**53))
    assert isinstance(second, Failure) and (second.code, second.image) == ("id_empty", "a.jpg")


@pytest.mark.parametrize("role", ["id", "image", "title", "product_id"])
@pytest.mark.parametrize("value", [True, ["a"], {"a": 1}, 1e999])
def test_what_no_role_can_hold_has_a_hint_that_can_be_followed(
    tmp_path: Path, role: str, value: object
) -> None:
    (failure,) = rows_of(jsonl(tmp_path, {"id": "1", "image": "a.jpg", role: value}))
    assert isinstance(failure, Failure) and failure.code == "wrong_type"
    assert "--type" not in failure.hint


@pytest.mark.parametrize("opening, closing", [("[", "]"), ('{"a":', "}")])
def test_values_that_are_nested_too_deeply_cost_their_own_row(
    tmp_path: Path, opening: str, closing: str
) -> None:
    deep = opening * 900 + "1" + closing * 900
    lines = [f'{{"id": "{number}", "image": "a.jpg", "price": 1}}' for number in range(150)]
    lines += [
        f'{{"id": "x", "image": "a.jpg", "box": {deep}}}',
        f'{{"id": "y", "image": "a.jpg", "price": {deep}}}',
        f'{{"id": {deep}, "image": "a.jpg"}}',
    ]
    path = tmp_path / "c.jsonl"
    path.write_text("\n".join(lines))
    rows = rows_of(path)
    assert [row.code for row in rows if isinstance(row, Failure)] == ["wrong_type"] * 3
    assert sum(isinstance(row, Row) for row in rows) == 150


def test_paths_start_from_the_catalogue_and_not_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "c.csv").write_text("id,image\n1,../images/./a.jpg\n")
    monkeypatch.chdir(tmp_path)
    assert row_of(Path("shop/c.csv")).item.image == str(tmp_path / "images" / "a.jpg")


def test_rows_that_cannot_be_items_say_why(tmp_path: Path) -> None:
    good = {"id": "x", "image": "a.jpg", "price": 1}
    rows = [
        *({**good, "id": f"g{number}"} for number in range(60)),
        good,
        {**good, "id": None},
        {**good, "id": "  "},
        good,
        {**good, "id": "y", "image": ""},
        {**good, "id": "z", "image": ["a.jpg"]},
        {**good, "id": "w", "price": "cheap"},
        {**good, "id": "v", "title": "\ud800"},
        {**good, "id": ["u"]},
        {**good, "id": "t", "image": "a\0.jpg"},
    ]
    failures = [row for row in rows_of(jsonl(tmp_path, *rows)) if isinstance(row, Failure)]
    assert [(failure.row, failure.code) for failure in failures] == [
        (62, "id_empty"),
        (63, "id_empty"),
        (64, "id_duplicate"),
        (65, "image_missing"),
        (66, "wrong_type"),
        (67, "wrong_type"),
        (68, "encoding"),
        (69, "wrong_type"),
        (70, "image_unreadable"),
    ]
    by_row = {failure.row: failure for failure in failures}
    assert "already used by row 61" in by_row[64].reason
    assert by_row[67].id == "w" and by_row[67].image == "a.jpg"
    assert by_row[67].reason == "Column 'price' has 'cheap', which is not an integer."
    assert all(failure.hint for failure in failures)


def test_the_row_hash_changes_with_what_the_row_says_and_with_nothing_else(tmp_path: Path) -> None:
    base = {"id": "1", "image": "a.jpg", "title": "Red", "price": 1, "box": {"a": 1, "b": 2}}

    def hash_of(row: Mapping[str, object]) -> str:
        return row_of(jsonl(tmp_path, row)).row_hash

    first = hash_of(base)
    assert hash_of(dict(reversed(base.items()))) == first
    assert hash_of({**base, "box": {"b": 2, "a": 1}, "colour": None}) == first
    for change in ({"image": "b.jpg"}, {"title": "Blue"}, {"price": 2}, {"box": {"a": 2}}):
        assert hash_of({**base, **change}) != first, change
    assert len(first) == 32
