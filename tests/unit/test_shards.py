"""Tar shards as webdataset writes them, globs of images, and packed text files."""

import bz2
import gzip
import io
import json
import lzma
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pytest

from indexer.columns import ColumnNames, find_roles
from indexer.fetching import Fetcher, FetchOptions
from indexer.inference import infer_types
from indexer.locations import expand
from indexer.plan import plan_columns
from indexer.report import Failure
from indexer.rows import Row, read_rows
from indexer.seen import SeenIds
from indexer.sources import RawRow, UnreadableRow, open_source
from search.errors import CatalogError
from search.images import ImageLimits


def shard(path: Path, files: Mapping[str, bytes | tarfile.TarInfo]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
            else:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return path


def link(name: str, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member


def rows_of(catalog: str | Path, folder: Path) -> list[Row | Failure]:
    source = open_source(catalog)
    roles = find_roles(source.columns, ColumnNames())
    plan = plan_columns(infer_types(source), roles, {}, None)
    with SeenIds(folder / "seen.sqlite") as seen:
        return list(read_rows(source, plan, seen))


def test_the_files_of_one_name_are_one_row_with_its_image(tmp_path: Path) -> None:
    path = shard(
        tmp_path / "s.tar",
        {
            "a/1.jpg": b"one",
            "a/1.json": b'{"price": 5, "maker": {"name": "x"}}',
            "a/1.txt": b"Rote Schuhe\n",
            "a/2.png": b"two",
            "a/2.json": b'{"price": 6, "title": "Hat"}',
        },
    )
    first, second = rows_of(path, tmp_path)
    assert isinstance(first, Row) and isinstance(second, Row)
    assert (first.item.id, first.item.title, first.data) == ("a/1", "Rote Schuhe", b"one")
    assert first.item.image == f"tar://a/1.jpg::{path}"
    assert first.item.fields == {"price": 5} and first.item.extra == {"maker": {"name": "x"}}
    assert (second.number, second.item.title, second.data) == (2, "Hat", b"two")


def test_shards_are_named_by_braces_and_globs_and_numbered_through(tmp_path: Path) -> None:
    for number in range(3):
        shard(tmp_path / f"s-{number:03}.tar", {f"{number}.jpg": b"x", f"{number}b.jpg": b"y"})
    for pattern in ("s-{000..002}.tar", "s-*.tar", "s-{000,001,002}.tar", "s-0{00..01}*.tar"):
        rows = rows_of(f"{tmp_path}/{pattern}", tmp_path)
        expected = 4 if "01}" in pattern and "*" in pattern else 6
        assert [row.number for row in rows if isinstance(row, Row)] == list(range(1, expected + 1))
    with pytest.raises(CatalogError, match="No file matches"):
        open_source(f"{tmp_path}/t-*.tar")
    *rows, last = rows_of(f"{tmp_path}/s-{{000..003}}.tar", tmp_path)
    assert len(rows) == 6 and isinstance(last, Failure)
    assert (last.row, last.code) == (7, "broken_shard") and "s-003.tar" in last.reason
    assert expand("a{08..11}b") == ["a08b", "a09b", "a10b", "a11b"]
    with pytest.raises(CatalogError, match=r"more than 100,000"):
        expand("{0..999}{0..999}")


def test_members_that_point_outside_are_reported_and_never_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    path = shard(
        tmp_path / "s.tar",
        {
            "1.jpg": b"one",
            "../x.jpg": b"up",
            "/abs.jpg": b"root",
            "a/../../y.jpg": b"up",
            "2.jpg": link("2.jpg", str(tmp_path / "secret.jpg")),
            "3.jpg": b"three",
            "4.json": b"{}",
        },
    )
    rows = rows_of(path, tmp_path)
    assert [row.code if isinstance(row, Failure) else row.item.id for row in rows] == [
        *["unsafe_member"] * 4, "1", "3", "image_missing",
    ]  # fmt: skip
    assert all(row.data != b"secret" for row in rows if isinstance(row, Row))
    assert not (tmp_path.parent / "x.jpg").exists()


def test_broken_samples_and_cut_shards_cost_no_other_row(tmp_path: Path) -> None:
    for name in ("a", "b"):
        good = {f"{name}{n}.{kind}": b"{}" for n in range(3) for kind in ("jpg", "json")}
        shard(tmp_path / f"s-{name}.tar", good | {f"{name}1.json": b'{"t": "\xff"}'})
    cut = tmp_path / "s-a.tar"
    cut.write_bytes(cut.read_bytes()[: 4 * 1024 + 700])
    rows = rows_of(f"{tmp_path}/s-*.tar", tmp_path)
    bad = [(row.row, row.code) for row in rows if isinstance(row, Failure)]
    assert [code for _, code in bad] == ["encoding", "broken_shard", "encoding"]
    assert [number for number, _ in bad] == sorted(number for number, _ in bad)
    assert {"a0", "b0", "b2"} <= {row.item.id for row in rows if isinstance(row, Row)}
    with pytest.raises(CatalogError, match="cannot be read"):
        list(open_source(cut).rows())


def test_large_images_are_left_in_their_shard_and_found_there(tmp_path: Path) -> None:
    large = b"x" * (2**20 + 1)
    (row,) = rows_of(shard(tmp_path / "s.tar", {"1.jpg": large}), tmp_path)
    assert isinstance(row, Row) and row.data is None
    with Fetcher(ImageLimits(), FetchOptions()) as fetcher:
        assert fetcher.submit(row.item.image).result(60).data == large
    with gzip.open(tmp_path / "s.tar.gz", "wb") as packed:
        packed.write((tmp_path / "s.tar").read_bytes())
    (row,) = rows_of(tmp_path / "s.tar.gz", tmp_path)
    assert isinstance(row, Row) and row.data == large


def test_the_json_of_a_sample_may_say_its_id(tmp_path: Path) -> None:
    path = shard(tmp_path / "s.tar", {"1.jpg": b"x", "1.json": json.dumps({"id": "A-7"}).encode()})
    (row,) = rows_of(path, tmp_path)
    assert isinstance(row, Row) and row.item.id == "A-7"


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("**/*.jpg", ["a.jpg", "shoes/b.jpg", "shoes/new/c.jpg"]),
        ("*.jpg", ["a.jpg"]),
        ("shoes/*", ["b.jpg", "d.png"]),
        ("shoes/**", ["b.jpg", "d.png", "new/c.jpg"]),
        ("shoes/[!b].*", ["d.png"]),
        ("sh?es/[a-c].jpg", ["shoes/b.jpg"]),
    ],
)
def test_a_glob_is_a_folder_of_the_images_that_match(
    tmp_path: Path, pattern: str, found: list[str]
) -> None:
    (tmp_path / "shoes" / "new").mkdir(parents=True)
    for name in ("a.jpg", "shoes/b.jpg", "shoes/new/c.jpg", "shoes/d.png", "shoes/n.txt"):
        (tmp_path / name).touch()
    rows = rows_of(f"{tmp_path}/{pattern}", tmp_path)
    assert [row.item.id for row in rows if isinstance(row, Row)] == found
    assert all(Path(row.item.image).exists() for row in rows if isinstance(row, Row))


def test_folders_with_rings_of_links_end_and_those_within_that_are_shut_are_named(
    tmp_path: Path,
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "up").symlink_to(tmp_path)
    (tmp_path / "self.jpg").symlink_to(tmp_path / "self.jpg")
    (tmp_path / "a::b.jpg").touch()
    rows = rows_of(tmp_path, tmp_path)
    assert [row.item.image for row in rows if isinstance(row, Row)] == [
        str(tmp_path / "a::b.jpg"), str(tmp_path / "self.jpg"),
    ]  # fmt: skip


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
@pytest.mark.parametrize("form", [".csv", ".jsonl"])
def test_packed_text_files_are_unpacked_as_they_are_read(
    tmp_path: Path, suffix: str, form: str
) -> None:
    text = b"id,image\n1,a.jpg\n2,b.jpg\n"
    if form == ".jsonl":
        text = b'{"id": "1", "image": "a.jpg"}\n{"id": "2", "image": "b.jpg"}\n'
    pack = {
        ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress,
        ".zst": lambda data: pa.compress(data, codec="zstd", asbytes=True),
    }[suffix]  # fmt: skip
    path = tmp_path / f"c{form}{suffix}"
    path.write_bytes(pack(text))
    source = open_source(path)
    assert [row.values["id"] for row in source.rows() if isinstance(row, RawRow)] == ["1", "2"]
    assert source.estimate() == 2
    path.write_bytes(pack(os.urandom(3000).hex().encode() + b"\n" + text)[:-30])
    with pytest.raises(CatalogError, match="cannot be read"):
        list(open_source(path).rows())


def test_what_is_wider_or_longer_than_any_catalogue_is_refused(tmp_path: Path) -> None:
    wide = tmp_path / "c.csv"
    wide.write_text(",".join(f"c{number}" for number in range(1_000_000)) + "\n1\n")
    with pytest.raises(CatalogError, match=r"more than 4,096 columns"):
        open_source(wide)
    wide.write_text(",".join(f"c{number}" for number in range(5_000)) + "\n1\n")
    with pytest.raises(CatalogError, match=r"more than 4,096 columns"):
        open_source(wide)
    lines = tmp_path / "c.jsonl"
    row = {f"c{number}": 1 for number in range(5_000)}
    lines.write_text(json.dumps({"id": 1}) + "\n" + json.dumps(row) + '\n{"id": 3}\n')
    assert [type(row) for row in open_source(lines).rows()] == [RawRow, UnreadableRow, RawRow]
    long = "x" * 5_000_000
    lines.write_text(f'{{"id": 1}}\n{{"id": "{long}"}}\n{{"id": 3}}\n')
    assert [row.number for row in open_source(lines).rows()] == [1, 2, 3]
    wide.write_text(f"id,t\n1,{long}\n2,b\n")
    first, second = open_source(wide).rows()
    assert isinstance(first, UnreadableRow) and first.code == "too_long"
    assert isinstance(second, RawRow) and second.values["id"] == "2"
