"""What docs/security.md promises of the privacy of pictures and texts: where they are kept."""

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from api.app import create_app
from indexer.staged_images import hash_of
from search.config import Settings
from tests.local_client import local_client
from tests.sample_collection import build, chosen_rows
from tests.waiting import wait_until

pytestmark = pytest.mark.model

MARK = b"taken at 48.2082 N by nobody"
WORDS = "xylographic zebu"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all is that the service writes, temporary files too."""
    return tmp_path_factory.mktemp("private")


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[TestClient]:
    settings: Settings = build(folder, chosen_rows(5))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tempfile, "tempdir", str(folder))
        with local_client(create_app(settings)) as client:
            wait_until(lambda: client.get("/readyz").status_code == 200, 60)
            yield client


def photo(pixels: int) -> bytes:
    """A photo that says where it was taken; of 800 pixels it has over 1 MB."""
    noise = Image.effect_noise((pixels, pixels), 90).convert("RGB")
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = MARK.decode()
    noise.save(file, "JPEG", quality=100, exif=exif)
    return file.getvalue()


def holding(folder: Path, what: bytes) -> list[Path]:
    """The files below the folder with such bytes in them."""
    return [path for path in folder.rglob("*") if path.is_file() and what in path.read_bytes()]


@pytest.mark.parametrize("pixels", [60, 900])
def test_of_a_search_by_a_picture_nothing_is_left_on_disk(
    client: TestClient, folder: Path, pixels: int
) -> None:
    data = photo(pixels)
    assert MARK in data and (len(data) > 1_100_000) == (pixels > 800)
    sent: Any = {"files": {"file": data}, "data": {"text": WORDS}}
    assert client.post("/v1/search/image", **sent).json()["hits"]
    assert holding(folder, MARK) == [] and holding(folder, data[1000:1100]) == []
    assert holding(folder, WORDS.encode()) == []


def test_of_a_search_by_words_nothing_is_left_on_disk(client: TestClient, folder: Path) -> None:
    assert client.get("/v1/search", params={"q": WORDS, "without": "xylophone"}).is_success
    assert client.post("/v1/search", json={"text": WORDS, "mode": "hybrid"}).is_success
    assert holding(folder, WORDS.encode()) == holding(folder, b"xylophone") == []


def test_an_uploaded_picture_of_an_item_stays_as_it_came_and_goes_out_without_metadata(
    client: TestClient, folder: Path
) -> None:
    data = photo(60)
    sent: Any = {"files": {"file": data}, "data": {"item": '{"title": "New"}'}}
    assert client.put("/v1/items/new/image", **sent).status_code == 201
    hashed = hash_of(data)
    kept = folder / "uploads" / hashed[:2] / hashed
    assert kept.read_bytes() == data
    assert MARK not in client.get("/v1/items/new/image?size=60").content
    assert client.delete("/v1/items/new").status_code == 204
    # The file is the only one: no copy of its metadata is anywhere else.
    assert holding(folder, MARK) == [kept]
