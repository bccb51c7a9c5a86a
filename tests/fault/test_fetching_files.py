"""Fetching from files, object stores and archives."""

import io
import os
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from indexer.fetching import Fetcher, FetchOptions
from search.errors import ImageTooLargeError, ImageUnavailableError, ImageUnreadableError
from search.images import ImageLimits
from tests.s3_server import S3Missing, S3Server, running_s3, skip_or_fail

LIMITS = ImageLimits(max_bytes=200_000)
OPTIONS = FetchOptions(timeout_s=20, attempts=2, backoff_s=0.01)
IMAGE = b"\xff\xd8\xff" + bytes(range(256)) * 40


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    with Fetcher(LIMITS, OPTIONS) as opened:
        yield opened


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    try:
        with running_s3() as server:
            yield server
    except S3Missing as missing:
        skip_or_fail(missing)


def settled(path: Path, data: bytes = IMAGE) -> Path:
    """A file that was written a while ago."""
    path.write_bytes(data)
    then = time.time() - 3600
    os.utime(path, (then, then))
    return path


def tar_of(path: Path, **members: bytes) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name.replace("__", "/"))
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_files_are_read_and_known_again(tmp_path: Path, fetcher: Fetcher, prefix: str) -> None:
    path = settled(tmp_path / "a b.jpg")
    address = prefix + (str(path) if not prefix else str(path).replace(" ", "%20"))
    first = fetcher.read(address)
    status = path.stat()
    assert first.data == IMAGE
    assert first.validator == f"{status.st_mtime_ns}:{status.st_size}"
    assert fetcher.read(address, first.validator).data is None
    assert fetcher.submit(address, first.validator).result(10).data is None
    path.write_bytes(IMAGE[:-1])
    assert fetcher.submit(address, first.validator).result(10).data == IMAGE[:-1]
    assert fetcher.hosts() == []


def test_a_file_that_was_just_written_is_not_relied_upon(tmp_path: Path, fetcher: Fetcher) -> None:
    path = tmp_path / "new.jpg"
    path.write_bytes(IMAGE)
    fresh = fetcher.read(str(path))
    assert (fresh.data, fresh.validator) == (IMAGE, None)
    later = time.time() + 3600
    os.utime(path, (later, later))
    assert fetcher.read(str(path)).validator is None


def test_files_that_cannot_be_read(tmp_path: Path, fetcher: Fetcher) -> None:
    large = settled(tmp_path / "large.jpg", bytes(LIMITS.max_bytes + 1))
    with pytest.raises(ImageTooLargeError):
        fetcher.read(str(large))
    for address in (str(tmp_path), str(tmp_path / "none.jpg"), "/\0", "a" * 5000):
        with pytest.raises(ImageUnreadableError):
            fetcher.submit(address).result(10)


def test_objects_are_read_and_known_again(s3: S3Server, fetcher: Fetcher) -> None:
    address = s3.put("images/ä b.jpg", IMAGE)
    first = fetcher.read(address)
    assert first.data == IMAGE and first.validator
    assert fetcher.read(address, first.validator).data is None
    s3.put("images/ä b.jpg", IMAGE[::-1])
    again = fetcher.read(address, first.validator)
    assert again.data == IMAGE[::-1] and again.validator not in (None, first.validator)
    assert fetcher.hosts()[0].host == "s3://catalogue"


def test_many_objects_at_once(s3: S3Server, fetcher: Fetcher) -> None:
    addresses = [s3.put(f"many/{number}.jpg", IMAGE + bytes([number])) for number in range(20)]
    futures = [fetcher.submit(address) for address in addresses]
    for number, future in enumerate(futures):
        assert future.result(60).data == IMAGE + bytes([number])


def test_objects_that_cannot_be_read(s3: S3Server, fetcher: Fetcher) -> None:
    large = s3.put("large.jpg", bytes(LIMITS.max_bytes + 1))
    with pytest.raises(ImageTooLargeError, match="200,001 bytes"):
        fetcher.read(large)
    with pytest.raises(ImageUnreadableError, match="does not exist"):
        fetcher.read(s3.url("none.jpg"))
    with pytest.raises(ImageUnreadableError):
        fetcher.read("s3://no-such-bucket-here/x.jpg")
    assert fetcher.read(s3.put("empty.jpg", b"")).data == b""
    assert fetcher.hosts()[0].retries == 0


def test_members_of_archives(s3: S3Server, fetcher: Fetcher, tmp_path: Path) -> None:
    path = tar_of(tmp_path / "shard.tar", a__x=IMAGE, b=IMAGE[::-1], empty=b"", big=bytes(300_000))
    remote = s3.put("shard.tar", path.read_bytes())
    for archive in (str(path), f"file://{path}", remote):
        first = fetcher.read(f"tar://a/x::{archive}")
        assert first.data == IMAGE and first.validator
        assert fetcher.read(f"tar://b::{archive}").data == IMAGE[::-1]
        assert fetcher.read(f"tar://empty::{archive}").data == b""
        assert fetcher.read(f"tar://a/x::{archive}", first.validator).data is None
        with pytest.raises(ImageTooLargeError, match="300,000"):
            fetcher.read(f"tar://big::{archive}")
        for missing in ("c", "../b", "a"):
            with pytest.raises(ImageUnreadableError, match="no such member"):
                fetcher.read(f"tar://{missing}::{archive}")


def test_an_archive_that_changed_is_read_again(tmp_path: Path, fetcher: Fetcher) -> None:
    path = tar_of(tmp_path / "shard.tar", x=IMAGE)
    address = f"tar://x::{path}"
    first = fetcher.read(address)
    tar_of(path, other=bytes(5000), x=IMAGE[::-1])
    again = fetcher.read(address, first.validator)
    assert again.data == IMAGE[::-1]


@pytest.mark.parametrize("broken", ["no tar", "compressed", "cut", "missing", "unnamed"])
def test_archives_that_cannot_be_read(tmp_path: Path, fetcher: Fetcher, broken: str) -> None:
    path = tar_of(tmp_path / "shard.tar", x=IMAGE, y=IMAGE)
    address = f"tar://y::{path}"
    if broken == "no tar":
        path.write_bytes(b"nothing like it" * 100)
    elif broken == "compressed":
        with tarfile.open(path, "w:gz") as tar:
            tar.addfile(tarfile.TarInfo("y"))
    elif broken == "cut":
        path.write_bytes(path.read_bytes()[: 512 + 11_000])
    elif broken == "missing":
        path.unlink()
    else:
        address = f"tar://::{path}"
    with pytest.raises(ImageUnreadableError):
        fetcher.read(address)


def test_schemes_that_nothing_reads(fetcher: Fetcher) -> None:
    with pytest.raises(ImageUnreadableError, match="foo"):
        fetcher.read("foo://bar/x.jpg")


class TrickyFileSystem(MemoryFileSystem):
    """Hangs, fails or lies by name."""

    protocol = "tricky"
    store: dict[str, Any] = {}  # noqa: RUF012 (as its parent has it)
    hang = threading.Event()
    asked = 0

    def info(self, path: str, **options: object) -> dict[str, Any]:
        type(self).asked += 1
        if "hang" in path:
            type(self).hang.wait(60)
        if "fails" in path:
            raise OSError("the wire is cut")
        if "denied" in path:
            raise PermissionError("not for you")
        return {"name": path, "type": "file", "size": 10 if "lies" in path else None}

    def cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **options: object
    ) -> bytes:
        assert end is not None, "read without a limit"
        return b"\xff" * end


@pytest.fixture
def tricky() -> Iterator[type[TrickyFileSystem]]:
    fsspec.register_implementation("tricky", TrickyFileSystem, clobber=True)
    TrickyFileSystem.asked = 0
    TrickyFileSystem.hang.clear()
    yield TrickyFileSystem
    TrickyFileSystem.hang.set()


def test_a_store_that_hangs_holds_up_nobody(tricky: type[TrickyFileSystem]) -> None:
    started = time.monotonic()
    with Fetcher(LIMITS, FetchOptions(timeout_s=0.3, attempts=2, backoff_s=0.01)) as fetcher:
        with pytest.raises(ImageUnavailableError, match=r"did not answer whole within 0\.3 s"):
            fetcher.read("tricky://hang/x")
        fetcher.submit("tricky://hang/y")
    assert time.monotonic() - started < 10


def test_stores_that_fail(tricky: type[TrickyFileSystem], fetcher: Fetcher) -> None:
    with pytest.raises(ImageUnavailableError, match="the wire is cut"):
        fetcher.read("tricky://fails/x")
    assert tricky.asked == OPTIONS.attempts
    with pytest.raises(ImageUnreadableError, match="may not be read"):
        fetcher.read("tricky://denied/x")
    for path in ("lies", "unsized"):
        with pytest.raises(ImageTooLargeError):
            fetcher.read(f"tricky://{path}/x")
