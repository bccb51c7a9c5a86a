"""Copies of fetched images: what they spare, and that nothing wrong ever comes of them."""

import io
from collections.abc import Iterator
from contextlib import chdir, closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from api.cli.main import app
from indexer import IndexOptions, IndexReport, index_catalog
from indexer.staged_images import StagedImages, hash_of
from search.encoders import Encoder, load_encoder
from search.errors import UnavailableError
from search.store import Store, open_store
from tests.drawn_catalog import write
from tests.second_model import second_model
from tests.unruly_server import Connection, Request, UnrulyServer

pytestmark = pytest.mark.model

COUNT = 4


def picture(number: int) -> bytes:
    colours = np.random.default_rng(number).integers(0, 255, (3, 4, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(colours).resize((40, 30), Image.Resampling.NEAREST).save(file, "PNG")
    return file.getvalue()


class Shop:
    """A host of pictures that answers 304 to who has them; `sent` counts those it sent."""

    def __init__(self) -> None:
        self.tags = {number: f'"{number}"' for number in range(COUNT)}
        self.asked = self.sent = 0

    def answer(self, number: int, request: Request, connection: Connection) -> None:
        self.asked += 1
        headers = {"ETag": self.tags[number], "Content-Type": "image/png"}
        if request.headers.get("if-none-match") == self.tags[number]:
            connection.answer(304, headers=headers)
        else:
            self.sent += 1
            connection.answer(200, picture(number), headers)


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def catalog(shop: Shop, tmp_path: Path) -> Iterator[Path]:
    def behaviour(number: int) -> Any:
        return lambda request, connection: shop.answer(number, request, connection)

    behaviours = {f"/{number}.png": behaviour(number) for number in range(COUNT)}
    with UnrulyServer(behaviours) as server:
        rows = [
            {"id": f"i{number}", "image": server.url(f"/{number}.png")} for number in range(COUNT)
        ]
        yield write(tmp_path / "catalog.jsonl", rows)


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder("mini", device="cpu")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(str(tmp_path / "one.db"))) as store:
        yield store


def run(
    catalog: Path, store: Store, encoder: Encoder, alias: str, *, trusted: bool = False
) -> IndexReport:
    """Each alias is a collection of its own: its images are wanted again."""
    options = IndexOptions(
        job_dir=catalog.parent / "jobs",
        staged_images=catalog.parent / "staged",
        trust_staged_images=trusted,
    )
    return index_catalog(catalog, store=store, encoder=encoder, alias=alias, options=options)


def test_a_copy_spares_the_download_and_its_host_is_asked_whether_it_changed(
    catalog: Path, shop: Shop, store: Store, mini: Encoder
) -> None:
    assert run(catalog, store, mini, "first").indexed == COUNT
    assert (shop.asked, shop.sent) == (COUNT, COUNT)
    assert run(catalog, store, mini, "second").embedded == COUNT
    assert (shop.asked, shop.sent) == (2 * COUNT, COUNT)
    shop.tags[0] = '"changed"'
    assert run(catalog, store, mini, "third").embedded == COUNT
    assert (shop.asked, shop.sent) == (3 * COUNT, COUNT + 1)


def test_hosts_of_trusted_copies_are_not_asked(
    catalog: Path, shop: Shop, store: Store, mini: Encoder
) -> None:
    run(catalog, store, mini, "first")
    report = run(catalog, store, mini, "second", trusted=True)
    assert report.embedded == COUNT and shop.asked == COUNT
    one, other = (store.embeddings(alias, ["i1"])[1] for alias in ("first", "second"))
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_reindex_with_another_model_downloads_nothing(
    catalog: Path, shop: Shop, tmp_path: Path
) -> None:
    def vitrine(command: str, *arguments: str) -> Result:
        places = ["--db", "one.db", "--job-dir", "jobs", "--staged-images", "staged"]
        with chdir(tmp_path):
            return CliRunner().invoke(app, [command, *arguments, *places])

    assert vitrine("index", str(catalog)).exit_code == 0
    other = second_model(tmp_path / "other")
    switched = vitrine("reindex", "--model", other, "--json")
    assert switched.exit_code == 0, switched.output
    assert (shop.asked, shop.sent) == (COUNT, COUNT)
    with closing(open_store(str(tmp_path / "one.db"))) as store:
        assert store.resolve("products").name == "products__v2"
        assert store.count("products") == COUNT


def test_copies_that_are_gone_or_broken_are_fetched_again(
    catalog: Path, shop: Shop, store: Store, mini: Encoder
) -> None:
    run(catalog, store, mini, "first")
    staged = catalog.parent / "staged"
    gone, broken = (staged / hash_of(picture(n))[:2] / hash_of(picture(n)) for n in (0, 1))
    gone.unlink()
    broken.write_bytes(broken.read_bytes()[:-1] + b"?")
    report = run(catalog, store, mini, "second", trusted=True)
    assert (report.embedded, report.failed) == (COUNT, 0)
    assert shop.sent == COUNT + 2
    assert (gone.read_bytes(), broken.read_bytes()) == (picture(0), picture(1))


def test_a_folder_that_takes_nothing_ends_the_run_with_a_reason(
    catalog: Path, store: Store, mini: Encoder
) -> None:
    (catalog.parent / "staged").write_text("a file")
    with pytest.raises(UnavailableError, match=r"cannot be kept in .*staged"):
        run(catalog, store, mini, "first")


def test_a_copy_is_the_image_or_nothing(tmp_path: Path) -> None:
    images, data = StagedImages(tmp_path), b"an image"
    name = hash_of(data)
    assert name not in images and images.get(name) is None
    images.put(name, data)
    images.put(name, data)
    assert name in images and images.get(name) == data
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [name]
