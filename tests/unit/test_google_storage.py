"""A whole run on Google's storage: catalogue, images and shards behind `gs://`, through gcsfs.

The other end is an emulator of its protocol, which listens on this machine.
"""

import io
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer import IndexOptions, IndexReport, index_catalog
from indexer.sources import open_source
from indexer.staging import StagedEmbeddings, shards_of
from search.encoders import Encoder, load_encoder
from search.errors import CatalogError
from search.store import Store, open_store
from tests.drawn_catalog import rows_of
from tests.gs_server import GsMissing, GsServer, running_gs, skip_or_fail

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def gs() -> Iterator[GsServer]:
    try:
        with running_gs() as server:
            yield server
    except GsMissing as missing:
        skip_or_fail(missing)


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder("mini", device="cpu")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(str(tmp_path / "one.db"))) as store:
        yield store


def run(
    catalog: str, store: Store, encoder: Encoder, folder: Path, place: str | None
) -> IndexReport:
    options = IndexOptions(job_dir=folder / "jobs", batch_size=2, shard_rows=2, shards_dir=place)
    return index_catalog(catalog, store=store, encoder=encoder, alias="products", options=options)


def test_catalogue_images_and_shards_may_all_be_there(
    gs: GsServer, store: Store, mini: Encoder, tmp_path: Path
) -> None:
    rows = rows_of(tmp_path / "catalog.jsonl", 6)
    for row in rows:
        gs.put(f"shop/{row['image']}", (tmp_path / str(row["image"])).read_bytes())
    rows.append({"id": "gone", "image": "images/none.png"})
    catalog = gs.put("shop/catalog.jsonl", "\n".join(json.dumps(row) for row in rows).encode())

    first = run(catalog, store, mini, tmp_path, gs.url("shards"))
    assert (first.indexed, first.failed) == (6, 1)
    assert "does not exist" in first.failures[0].reason
    assert store.get("products", ["i003"])["i003"].image == gs.url("shop/images/003.png")
    with Image.open(tmp_path / "images" / "003.png") as image:
        expected = mini.encode_images([image.convert("RGB")])
    np.testing.assert_allclose(store.embeddings("products", ["i003"])[1], expected, atol=1e-5)
    assert [shard.rpartition("/")[2] for shard in shards_of(first.job)] == [
        f"0000{number}.parquet" for number in range(3)
    ]
    assert len(StagedEmbeddings([first.job])) == 6

    drawn = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(drawn, "png")
    gs.put("shop/images/001.png", drawn.getvalue())
    again = run(catalog, store, mini, tmp_path, None)
    assert (again.unchanged, again.updated, again.failed) == (5, 1, 1)
    (host,) = again.hosts
    assert host.bytes == len(drawn.getvalue()), "what has not changed is not fetched again"

    # As a kill leaves it: no report, and of the store what was not stored yet is missing.
    (first.job / "report.json").unlink()
    store.delete("products__v1", ["i003", "i004"])
    resumed = run(catalog, store, mini, tmp_path, None)
    assert (resumed.indexed, resumed.reused, resumed.unchanged) == (2, 2, 4)


def test_folders_and_globs_are_listed_and_what_is_not_there_is_said(gs: GsServer) -> None:
    for key in ("p/2.jpg", "p/new/1.png", "p/notes.txt", "p/.hidden.jpg"):
        gs.put(key, b"x")
    found = [raw.values["image"] for raw in open_source(gs.url("p")).rows()]
    assert found == ["2.jpg", "new/1.png"], "below the folder"
    found = [raw.values["image"] for raw in open_source(gs.url("p/**/*.png")).rows()]
    assert found == ["new/1.png"]
    with pytest.raises(CatalogError, match="There is no catalogue at"):
        open_source(gs.url("none.csv"))
