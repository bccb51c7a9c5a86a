"""Catalogues on web servers and in object stores, and the images that they name."""

import io
import tarfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from indexer.columns import ColumnNames, find_roles
from indexer.inference import infer_types
from indexer.locations import folder_of, join
from indexer.plan import plan_columns
from indexer.report import Failure
from indexer.rows import Row, read_rows
from indexer.seen import SeenIds
from indexer.sources import open_source
from search.errors import CatalogError
from tests.s3_server import S3Missing, S3Server, running_s3, skip_or_fail


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        if "forbidden" in self.path:
            self.send_error(403)
        else:
            super().do_GET()


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path]]:
    """A web server's address and the folder that it serves."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    root = tmp_path / "served"
    root.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=root))
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", root
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    try:
        with running_s3() as server:
            yield server
    except S3Missing as missing:
        skip_or_fail(missing)


def rows_of(catalog: str, folder: Path) -> list[Row | Failure]:
    source = open_source(catalog)
    roles = find_roles(source.columns, ColumnNames())
    plan = plan_columns(infer_types(source), roles, {}, None)
    with SeenIds(folder / "seen.sqlite") as seen:
        return list(read_rows(source, plan, seen))


def images_of(catalog: str, folder: Path) -> list[str]:
    rows = rows_of(catalog, folder)
    assert all(isinstance(row, Row) for row in rows), rows
    return [row.item.image for row in rows if isinstance(row, Row)]


def parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"id": ["1"], "image": ["img/1.jpg"]}), file)
    return file.getvalue()


def tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo("1.jpg")
        member.size = 3
        archive.addfile(member, io.BytesIO(b"one"))
    return file.getvalue()


CSV = b"id,image\n1,img/1.jpg\n2,../a b.jpg\n3,https://cdn.example/3.jpg\n4,s3://b/4.jpg\n"


def test_images_of_a_catalogue_on_the_web_start_from_its_address(
    web: tuple[str, Path], tmp_path: Path
) -> None:
    address, root = web
    (root / "a").mkdir()
    (root / "a" / "c.csv").write_bytes(CSV)
    assert images_of(f"{address}/a/c.csv?token=x", tmp_path) == [
        f"{address}/a/img/1.jpg", f"{address}/a%20b.jpg", "https://cdn.example/3.jpg",
        "s3://b/4.jpg",
    ]  # fmt: skip
    (root / "a" / "c.parquet").write_bytes(parquet())
    assert images_of(f"{address}/a/c.parquet", tmp_path) == [f"{address}/a/img/1.jpg"]
    for name in ("s-0.tar", "s-1.tar"):
        (root / name).write_bytes(tar())
    first, second = rows_of(f"{address}/s-{{0..1}}.tar", tmp_path)
    assert isinstance(first, Row) and first.data == b"one"
    assert first.item.image == f"tar://1.jpg::{address}/s-0.tar"
    assert isinstance(second, Failure) and second.code == "id_duplicate"


def test_a_catalogue_on_the_web_cannot_name_files_of_this_machine(
    web: tuple[str, Path], tmp_path: Path
) -> None:
    address, root = web
    rows = ["file:///etc/passwd", "tar://a.jpg::/etc/x.tar", "/etc/passwd"]
    (root / "c.csv").write_text(
        "id,image\n" + "\n".join(f"{n},{row}" for n, row in enumerate(rows))
    )
    first, second, third = rows_of(f"{address}/c.csv", tmp_path)
    assert isinstance(first, Failure) and isinstance(second, Failure)
    assert "files of this machine" in first.reason and first.code == "image_unreadable"
    assert isinstance(third, Row) and third.item.image == f"{address}/etc/passwd"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing.csv", "There is no catalogue at"),
        ("forbidden.csv", "may not be read"),
        ("folder/", "of no form that can be read"),
    ],
)
def test_what_a_web_server_does_not_give_is_said_with_the_cure(
    web: tuple[str, Path], path: str, message: str
) -> None:
    with pytest.raises(CatalogError, match=message) as caught:
        open_source(f"{web[0]}/{path}?secret=abc")
    assert caught.value.hint and "abc" not in str(caught.value)


def test_servers_that_are_not_there_and_schemes_that_nothing_reads_say_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("indexer.locations._ATTEMPTS", 1)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(CatalogError, match="cannot be reached"):
        open_source("http://127.0.0.1:9/c.csv")
    with pytest.raises(CatalogError, match="cannot be reached"):
        open_source("nosuch://a/c.csv")


def test_copies_of_remote_catalogues_go_with_their_source(web: tuple[str, Path]) -> None:
    address, root = web
    (root / "c.csv").write_bytes(CSV)
    source = open_source(f"{address}/c.csv")
    path = source._file.path  # type: ignore[attr-defined]
    assert path.exists()
    del source
    assert not path.exists()


@pytest.mark.parametrize(
    ("catalog", "value", "joined"),
    [
        ("/shop/c.csv", "a.jpg", "/shop/a.jpg"),
        ("/shop/c.csv", "../a.jpg", "/a.jpg"),
        ("/shop/c.csv", "file:///b/a%20b.jpg", "/b/a b.jpg"),
        ("/shop/c.csv", "HTTPS://h/a.jpg", "HTTPS://h/a.jpg"),
        ("s3://bucket/x/c.csv", "img/1#2?.jpg", "s3://bucket/x/img/1#2?.jpg"),
        ("s3://bucket/x/c.csv", "../../../1.jpg", "s3://bucket/1.jpg"),
        ("gs://bucket/c.csv", "/img/1.jpg", "gs://bucket/img/1.jpg"),
        ("https://h/a/c.csv", "//cdn/1.jpg?w=9", "https://cdn/1.jpg?w=9"),
        ("https://h/a/c.csv", "größe.jpg", "https://h/a/gr%C3%B6%C3%9Fe.jpg"),
        ("https://h/a/c.csv", "a%20b.jpg", "https://h/a/a%20b.jpg"),
    ],
)
def test_what_an_image_means_depends_on_where_its_catalogue_is(
    catalog: str, value: str, joined: str
) -> None:
    assert join(folder_of(catalog), value) == joined


def test_catalogues_folders_and_shards_are_read_from_object_stores(
    s3: S3Server, tmp_path: Path
) -> None:
    catalog = s3.put("a/c.csv", CSV.replace(b"../a b.jpg", b"../a#b.jpg"))
    assert images_of(catalog, tmp_path)[:2] == [s3.url("a/img/1.jpg"), s3.url("a#b.jpg")]
    assert images_of(s3.put("a/c.parquet", parquet()), tmp_path) == [s3.url("a/img/1.jpg")]
    for key in ("p/2.jpg", "p/new/1.png", "p/notes.txt", "p/.hidden.jpg"):
        s3.put(key, b"x")
    assert images_of(s3.url("p"), tmp_path) == [s3.url("p/2.jpg"), s3.url("p/new/1.png")]
    assert images_of(s3.url("p/**/*.png"), tmp_path) == [s3.url("p/new/1.png")]
    s3.put("t/s-0.tar", tar())
    (row,) = rows_of(s3.url("t/s-*.tar"), tmp_path)
    assert isinstance(row, Row) and row.data == b"one"
    assert row.item.image == f"tar://1.jpg::{s3.url('t/s-0.tar')}"
    with pytest.raises(CatalogError, match="There is no catalogue at"):
        open_source(s3.url("a/missing.csv"))
    with pytest.raises(CatalogError):
        open_source("s3://no-such-bucket/c.csv")
