"""Catalogues of every form, damaged at random: every row comes out, or says why it does not."""

import io
import json
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.columns import ColumnNames, find_roles
from indexer.inference import infer_types
from indexer.plan import plan_columns
from indexer.report import Failure
from indexer.rows import Row, read_rows
from indexer.seen import SeenIds
from indexer.sources import open_source
from search.errors import CatalogError
from search.types import FieldType

NAMED = ColumnNames(id="id", image="image")
SETTINGS = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

Rows = list[Mapping[str, object]]


def items_of(path: Path, columns: ColumnNames = NAMED) -> list[Row | Failure]:
    """What comes of a catalogue; raises nothing but CatalogError."""
    source = open_source(path)
    roles = find_roles(source.columns, columns)
    types = infer_types(source)
    priced = {"price": FieldType.FLOAT} if "price" in types else {}
    plan = plan_columns(types, roles, priced, None)
    with SeenIds(path.parent / "seen.sqlite") as seen:
        return list(read_rows(source, plan, seen))


def check(results: list[Row | Failure], columns: int = 1) -> None:
    """Ids are used once, rows are in order, and every failure says what and what to do."""
    ids = [row.item.id for row in results if isinstance(row, Row)]
    assert len(ids) == len(set(ids))
    numbers = [row.number if isinstance(row, Row) else row.row for row in results]
    assert numbers == sorted(numbers)
    assert all(numbers.count(number) <= columns for number in numbers)
    for row in results:
        if isinstance(row, Failure):
            assert row.code and row.reason and row.hint and row.row > 0
            json.dumps([row.id, row.image, row.reason, row.hint]).encode()
            "".join([row.id or "", row.image or "", row.reason]).encode("utf-8")
        else:
            assert row.item.id.strip()
            assert (
                row.item.image.startswith("/") or "://" in row.item.image or "::" in row.item.image
            )
            json.dumps([row.item.id, row.item.extra, row.item.image], ensure_ascii=False).encode()


def as_csv(rows: Rows) -> bytes:
    def cell(value: object) -> str:
        return '"' + str("" if value is None else value).replace('"', '""') + '"'

    names = ["id", "image", "title", "price", "tags"]
    lines = [",".join(names), *(",".join(cell(row.get(name)) for name in names) for row in rows)]
    return "\r\n".join(lines).encode("utf-8", "replace")


def as_jsonl(rows: Rows) -> bytes:
    return b"\n".join(json.dumps(row).encode() for row in rows)


def as_parquet(rows: Rows) -> bytes:
    names = ["id", "image", "title", "price", "tags"]
    texts = [{name: None if row.get(name) is None else str(row[name]).encode("utf-8", "replace").decode() for name in names} for row in rows]  # fmt: skip  # noqa: E501
    file = io.BytesIO()
    schema = pa.schema([(name, pa.string()) for name in names])
    pq.write_table(pa.Table.from_pylist(texts, schema), file, row_group_size=3)
    return file.getvalue()


def as_tar(rows: Rows) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for number, row in enumerate(rows):
            columns = {name: value for name, value in row.items() if name not in ("id", "image")}
            for kind, content in (("jpg", b"picture"), ("json", json.dumps(columns).encode())):
                member = tarfile.TarInfo(f"{number:05}.{kind}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


FORMS: Mapping[str, Callable[[Rows], bytes]] = {
    "c.csv": as_csv, "c.jsonl": as_jsonl, "c.parquet": as_parquet, "c.tar": as_tar,
}  # fmt: skip

texts = st.text(max_size=12) | st.sampled_from(
    ["a.jpg", "../b.jpg", "https://h.example/a b.jpg", "s3://", "http://[", "a\0b", '"', "\r\n",
     "nan", "inf", "-1e999", "9" * 5000, "\ufeff", "a|b", "[", "=1+1", "x" * 3000, "1", ""]
)  # fmt: skip
values = (
    texts
    | st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats()
    | st.lists(texts, max_size=3)
    | st.recursive(st.none(), lambda inner: st.dictionaries(texts, inner, max_size=2), max_leaves=5)
)
rows = st.lists(
    st.fixed_dictionaries(
        {"id": values | st.integers(0, 5), "image": values},
        optional={"title": values, "price": values, "tags": values},
    ),
    min_size=1,
    max_size=12,
)
changes = st.lists(
    st.tuples(
        st.sampled_from(["cut", "flip", "insert", "double", "nul"]),
        st.floats(0, 1, exclude_max=True),
        st.binary(min_size=1, max_size=4)
        | st.sampled_from([b"\xef\xbb\xbf", b"\xff\xfe", b"\r", b'"', b"\n", b"\xed\xa0\x80"]),
    ),
    min_size=1,
    max_size=5,
)


def damage(data: bytes, done: list[tuple[str, float, bytes]]) -> bytes:
    for kind, where, what in done:
        at = int(where * len(data))
        match kind:
            case "cut":
                data = data[:at]
            case "flip":
                data = data[:at] + what + data[at + len(what) :]
            case "insert":
                data = data[:at] + what + data[at:]
            case "double":
                data = data[:at] + data[at // 2 :]
            case _:
                data = data[:at] + b"\0" * len(what) + data[at:]
    return data


@pytest.mark.parametrize("name", FORMS)
@SETTINGS
@given(rows=rows)
def test_every_row_of_a_whole_catalogue_comes_out_as_an_item_or_a_failure(
    name: str, rows: Rows
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(FORMS[name](rows))
        try:
            results = items_of(path)
        except CatalogError as error:
            assert any(said in error.message for said in ("column", "No row", "no rows")), error
            return
        check(results)
        # Rows of a text file without any value are passed over.
        empty = sum(all(not str(value if value is not None else "").strip()
                        for value in row.values()) for row in rows)  # fmt: skip
        assert len(rows) - (empty if name == "c.csv" else 0) == len(results)


@pytest.mark.parametrize("name", FORMS)
@SETTINGS
@given(rows=rows, changes=changes)
def test_no_damage_to_a_catalogue_ends_in_anything_but_rows_and_reasons(
    name: str, rows: Rows, changes: list[tuple[str, float, bytes]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(damage(FORMS[name](rows), changes))
        try:
            results = items_of(path)
        except CatalogError as error:
            assert error.message and error.hint
            str(error).encode("utf-8")
            return
        check(results)


@SETTINGS
@given(rows=rows)
def test_several_image_columns_make_an_item_of_every_image(rows: Rows) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.jsonl"
        path.write_bytes(as_jsonl([{"id": "x", "image": "a", "title": "b"}, *rows]))
        columns = ColumnNames(id="id", image=("image", "title"))
        results = items_of(path, columns)
        check(results, columns=2)
        shown = {row.number if isinstance(row, Row) else row.row for row in results}
        assert shown == set(range(1, len(rows) + 2))
