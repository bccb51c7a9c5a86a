import json
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from indexer.sources import RawRow, UnreadableRow, open_source
from search.errors import CatalogError
from search.types import FieldType


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def good(path: Path) -> list[RawRow]:
    rows = list(open_source(path).rows())
    assert all(isinstance(row, RawRow) for row in rows), rows
    return rows  # type: ignore[return-value]


def numbered(path: Path) -> list[tuple[int, object]]:
    """Row numbers with the id of a good row or the code of a bad one."""
    return [
        (row.number, row.values["id"] if isinstance(row, RawRow) else row.code)
        for row in open_source(path).rows()
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".CSV"])
def test_a_delimited_file_is_read_with_whatever_delimiter_its_header_has(
    tmp_path: Path, delimiter: str, suffix: str
) -> None:
    lines = [["id", "image", "title"], ["1", "a.jpg", "Red"], ["2", "b.jpg", "Blue"]]
    path = write(tmp_path / f"c{suffix}", "\n".join(delimiter.join(line) for line in lines))
    assert [row.values for row in good(path)] == [
        {"id": "1", "image": "a.jpg", "title": "Red"},
        {"id": "2", "image": "b.jpg", "title": "Blue"},
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_byte_order_marks_and_line_ends_of_every_system_are_read(
    tmp_path: Path, encoding: str, newline: str
) -> None:
    text = newline.join(["id,title", "1,Größe 色", "2,plain", ""])
    rows = good(write(tmp_path / "c.csv", text.encode(encoding)))
    assert [(row.number, row.values) for row in rows] == [
        (2, {"id": "1", "title": "Größe 色"}),
        (3, {"id": "2", "title": "plain"}),
    ]


def test_quoted_values_hold_delimiters_quotes_and_line_ends(tmp_path: Path) -> None:
    path = write(tmp_path / "c.csv", 'id,title\n1,"a ""b"", c\nd"\n2,e\n')
    assert [row.values["title"] for row in good(path)] == ['a "b", c\nd', "e"]


def test_row_numbers_are_those_of_a_spreadsheet_and_rows_without_values_are_no_rows(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "c.csv", "id,title\n1,a\n\n,\n  ,\n2,b\n")
    assert numbered(path) == [(2, "1"), (6, "2")]


def test_a_row_of_another_width_is_reported_and_the_next_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "c.csv", "id,title\n1,a\n2,b,c\n3\n4,d\n")
    assert numbered(path) == [(2, "1"), (3, "ragged_row"), (4, "ragged_row"), (5, "4")]
    bad = [row for row in open_source(path).rows() if isinstance(row, UnreadableRow)]
    assert bad[0].reason == "The row has 3 values, the header 2."


@pytest.mark.parametrize("broken", ['2,"never closed', '2,"a"b', '"2,x'])
@pytest.mark.parametrize("after", [1, 20_000])
def test_a_broken_quote_costs_its_own_row_and_not_those_that_follow(
    tmp_path: Path, broken: str, after: int
) -> None:
    following = [f"{number},title number {number}" for number in range(3, 3 + after)]
    path = write(tmp_path / "c.csv", "\n".join(["id,title", "1,a", broken, *following]))
    rows = list(open_source(path).rows())
    assert isinstance(rows[1], UnreadableRow) and rows[1].number == 3
    assert [row.values["id"] for row in rows if isinstance(row, RawRow)] == [
        "1",
        *(str(number) for number in range(3, 3 + after)),
    ]


def test_bytes_that_are_no_text_make_their_own_row_unreadable(tmp_path: Path) -> None:
    path = write(tmp_path / "c.csv", b"id,title\n1,a\n" + b"2,\xe9t\xe9\n" + b"3,c\n")
    assert numbered(path) == [(2, "1"), (3, "encoding"), (4, "3")]


def test_values_of_text_files_have_no_outer_blanks(tmp_path: Path) -> None:
    path = write(tmp_path / "c.csv", 'id, colour\n 1 , red\n2,"\tdark  blue "\n')
    assert [row.values for row in good(path)] == [
        {"id": "1", "colour": "red"},
        {"id": "2", "colour": "dark  blue"},
    ]


def test_columns_without_a_name_get_one(tmp_path: Path) -> None:
    source = open_source(write(tmp_path / "c.csv", ",id, image \n0,1,a.jpg\n"))
    assert source.columns == ("column_1", "id", "image")


def test_jsonl_lines_are_rows_and_broken_ones_are_reported(tmp_path: Path) -> None:
    deep = b"[" * 100_000
    lines = [
        b'\xef\xbb\xbf{"id": 1, "tags": ["a", "b"]}',
        b"",
        b'{"id": 2, ',
        b"[1, 2]",
        b'{"id": "\xff"}',
        deep,
        b'{"id": 3, "late": true}',
    ]
    path = write(tmp_path / "c.jsonl", b"\n".join(lines))
    assert numbered(path) == [
        (1, 1),
        (3, "broken_row"),
        (4, "broken_row"),
        (5, "encoding"),
        (6, "broken_row"),
        (7, 3),
    ]
    assert open_source(path).columns == ("id", "tags", "late")


@pytest.mark.parametrize(
    "broken", [r'{"id": "2\ud800"}', r'{"id": "2", "\uDFFFk": 1}', r'{"id": "2", "k": ["\ud83d"]}']
)
def test_jsonl_lines_with_half_of_a_character_are_no_text(tmp_path: Path, broken: str) -> None:
    smile = r'{"id": "\ud83d\ude00"}'
    path = write(tmp_path / "c.jsonl", "\n".join([smile, broken, r'{"id": "\\ud800"}']))
    assert numbered(path) == [(1, "\N{GRINNING FACE}"), (2, "encoding"), (3, r"\ud800")]
    assert open_source(path).columns == ("id",)


def test_parquet_rows_are_values_and_its_schema_gives_the_types(tmp_path: Path) -> None:
    row = {
        "id": "1",
        "price": Decimal("19.90"),
        "stock": 3,
        "weight": 0.5,
        "new": True,
        "added": date(2024, 5, 31),
        "seen": datetime(2024, 5, 31, 12),
        "tags": ["a"],
        "sizes": [1, 2],
        "maker": {"name": "x"},
    }
    table = pa.Table.from_pylist([row, dict.fromkeys(row)])
    table = table.append_column("kind", pa.array(["dress", None]).dictionary_encode())
    pq.write_table(table, tmp_path / "c.parquet")
    source = open_source(tmp_path / "c.parquet")
    assert [type and type.value for type in source.declared.values()] == [
        "string", "float", "integer", "float", "boolean", "date", "string", "strings", None, None,
        "string",
    ]  # fmt: skip
    assert [raw.number for raw in source.rows()] == [1, 2]
    assert next(iter(source.rows())).values == {**row, "kind": "dress"}
    assert source.estimate() == 2


def texts_of_parquet(*texts: bytes) -> pa.Array:
    """A column of texts that are not checked to be any."""
    ends = np.cumsum([0, *(len(text) for text in texts)]).astype(np.int32)
    buffers = [None, pa.py_buffer(ends.tobytes()), pa.py_buffer(b"".join(texts))]
    return pa.Array.from_buffers(pa.string(), len(texts), buffers)


@pytest.mark.parametrize("wrap", [None, "dictionary", "list"])
def test_a_parquet_row_that_is_no_text_is_reported_and_the_others_are_read(
    tmp_path: Path, wrap: str | None
) -> None:
    count, bad = 2_000, 1_500
    ids = [str(number) for number in range(1, count + 1)]
    texts = texts_of_parquet(*(b"\xe9t\xe9" if n == bad else b"ok" for n in range(1, count + 1)))
    if wrap == "dictionary":
        texts = texts.dictionary_encode()
    elif wrap == "list":
        texts = pa.ListArray.from_arrays(pa.array(range(count + 1), pa.int32()), texts)
    path = tmp_path / "c.parquet"
    pq.write_table(pa.table({"id": ids, "title": texts}), path)
    expected: list[tuple[int, object]] = [(number, str(number)) for number in range(1, count + 1)]
    expected[bad - 1] = (bad, "encoding")
    assert numbered(path) == expected
    (row,) = (row for row in open_source(path).rows() if isinstance(row, UnreadableRow))
    assert row.reason == "Column 'title' is not valid UTF-8."


def test_a_parquet_date_that_no_calendar_has_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    days = pa.array([0, 10**8, 1], pa.int32()).view(pa.date32())
    pq.write_table(pa.table({"id": ["1", "2", "3"], "added": days}), path)
    assert numbered(path) == [(1, "1"), (2, "broken_row"), (3, "3")]


def test_a_folder_is_a_catalogue_of_the_images_below_it(tmp_path: Path) -> None:
    (tmp_path / "shoes" / "new").mkdir(parents=True)
    (tmp_path / ".cache").mkdir()
    for name in (
        "b.JPG", "a.png", "a.jpg", "notes.txt", ".hidden.jpg", ".cache/x.jpg",
        "shoes/red_sneaker-01.webp", "shoes/new/a.jpg",
    ):  # fmt: skip
        (tmp_path / name).touch()
    (tmp_path / "ring").symlink_to(tmp_path)
    (tmp_path / "album.jpg").mkdir()
    rows = good(tmp_path)
    assert [row.values["id"] for row in rows] == [
        "a.jpg", "a.png", "b.JPG", "shoes/new/a.jpg", "shoes/red_sneaker-01.webp",
    ]  # fmt: skip
    assert rows[-1].values == {
        "id": "shoes/red_sneaker-01.webp",
        "image": "shoes/red_sneaker-01.webp",
        "title": "red sneaker 01",
        "folder": "shoes",
    }
    assert rows[0].values["folder"] is None
    source = open_source(tmp_path)
    assert source.estimate() == 5 and source.declared["folder"] is FieldType.STRING


def test_rows_are_read_as_they_are_asked_for_and_again_from_the_start(tmp_path: Path) -> None:
    ids = [f"item-{number:06}" for number in range(50_000)]
    write(tmp_path / "c.csv", "id\n" + "\n".join(ids))
    write(tmp_path / "c.jsonl", "\n".join(json.dumps({"id": id}) for id in ids))
    pq.write_table(pa.table({"id": ids}), tmp_path / "c.parquet")
    for name in ("c.csv", "c.jsonl", "c.parquet"):
        source = open_source(tmp_path / name)
        for _ in range(2):
            first = list(islice(source.rows(), 3))
            assert [row.values["id"] for row in first if isinstance(row, RawRow)] == ids[:3]
        assert sum(1 for _ in source.rows()) == len(ids)
        assert abs(source.estimate() - len(ids)) <= 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.csv", b"", "is empty"),
        ("c.csv", b"\xef\xbb\xbf\n\n", "is empty"),
        ("c.jsonl", b"\n", "is empty"),
        ("c.csv", b"\x89PNG\xff\xfe,\x00", "cannot be read as column names"),
        ("c.csv", b"id,id,title\n1,2,3\n", "more than one column named id"),
        ("c.parquet", b"not parquet", "cannot be read"),
        ("c.xlsx", b"PK", "of no form that can be read (.xlsx)"),
        ("c", b"id\n1\n", "no suffix"),
    ],
)
def test_a_catalogue_that_cannot_be_read_is_named_with_the_cure(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = write(tmp_path / name, content)
    with pytest.raises(CatalogError) as caught:
        list(open_source(path).rows())
    assert message in caught.value.message and str(path) in caught.value.message
    assert caught.value.hint


def test_a_missing_catalogue_and_a_folder_without_images_say_so(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="There is no catalogue at"):
        open_source(tmp_path / "missing.csv")
    catalog = write(tmp_path / "catalog.csv", "id\n1\n")
    with pytest.raises(CatalogError, match="There is no image in") as caught:
        open_source(tmp_path)
    assert caught.value.hint and str(catalog) in caught.value.hint


def test_an_empty_parquet_file_and_a_truncated_one_say_so(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    pq.write_table(pa.table({"id": pa.array([], pa.string())}), path)
    with pytest.raises(CatalogError, match="is empty"):
        open_source(path)
    pq.write_table(pa.table({"id": ["1"]}), path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CatalogError, match="cannot be read"):
        open_source(path)
