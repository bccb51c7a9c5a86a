"""Indexing loads the model when something has to be embedded, and not before."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from indexer import IndexOptions, IndexReport, index_catalog
from indexer.models import encoders_for
from search.encoders import Encoder, load_encoder
from search.encoders.late import LateEncoder
from search.errors import ModelMismatchError, ModelUnavailableError
from search.images import ImageLimits, load_image
from search.store import Store, open_store
from tests.drawn_catalog import draw, rows_of, write
from tests.second_model import second_model

pytestmark = pytest.mark.model

COMMAND = """
import sys
from api.cli.main import main
sys.argv = ["vitrine", "index", *sys.argv[1:], "--json"]
try:
    main()
finally:
    print("torch" in sys.modules, file=sys.stderr)
"""


class Loading:
    """Loads, and counts how often."""

    def __init__(self, load: Callable[[], Encoder]) -> None:
        self.load, self.times = load, 0

    def __call__(self) -> Sequence[Encoder]:
        self.times += 1
        return [self.load()]


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder("mini", device="cpu")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(str(tmp_path / "one.db"))) as store:
        yield store


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return write(tmp_path / "catalog.jsonl", rows_of(tmp_path / "catalog.jsonl", 6))


def run(catalog: Path, store: Store, load: Callable[[], Sequence[Encoder]]) -> IndexReport:
    return index_catalog(
        catalog,
        store=store,
        encoder=encoders_for(store, "products", "mini", load),
        alias="products",
        options=IndexOptions(job_dir=catalog.parent / "jobs", batch_size=2, decode_workers=4),
    )


def test_the_model_is_loaded_only_when_something_has_to_be_embedded(
    catalog: Path, store: Store, mini: Encoder
) -> None:
    loading = Loading(lambda: mini)
    assert run(catalog, store, loading).indexed == 6
    assert loading.times == 1, "there is no collection that knows its model"

    assert run(catalog, store, loading).unchanged == 6
    rows = rows_of(catalog, 6)
    rows[2]["price"] = 99.0
    del rows[5]
    report = run(write(catalog, rows), store, loading)
    assert (report.columns_updated, report.unchanged, report.missing) == (1, 4, 1)
    assert loading.times == 1

    for number in (0, 1, 3):
        rows[number]["image"] = draw(catalog.parent / "images" / f"new{number}.png", 50 + number)
    report = run(write(catalog, rows), store, loading)
    assert (report.updated, report.unchanged) == (3, 2)
    assert loading.times == 2, "several threads wanted it, and one loaded it"
    _, (found,) = store.embeddings("products", ["i003"])
    expected = mini.encode_images(
        [load_image(catalog.parent / "images" / "new3.png", ImageLimits())]
    )
    np.testing.assert_allclose(found, expected[0], atol=1e-6)


def test_a_model_whose_files_have_changed_embeds_nothing(
    catalog: Path, store: Store, mini: Encoder, tmp_path: Path
) -> None:
    run(catalog, store, lambda: [mini])
    other = load_encoder(second_model(tmp_path / "other"), device="cpu")
    assert run(catalog, store, lambda: [other]).unchanged == 6

    rows = rows_of(catalog, 7)
    before = dict(zip(*store.embeddings("products", [f"i{n:03}" for n in range(6)]), strict=True))
    with pytest.raises(ModelMismatchError, match="files of model 'mini' have changed") as said:
        run(write(catalog, rows), store, lambda: [other])
    assert "vitrine reindex" in str(said.value)
    assert sorted(store.scan_ids("products")) == sorted(before)
    assert run(catalog, store, lambda: [mini]).indexed == 1


def test_a_model_that_cannot_be_loaded_is_tried_once_and_ends_the_run(
    catalog: Path, store: Store, mini: Encoder
) -> None:
    run(catalog, store, lambda: [mini])

    def fail() -> Encoder:
        raise ModelUnavailableError("The model is gone.")

    loading = Loading(fail)
    with pytest.raises(ModelUnavailableError, match="is gone"):
        run(write(catalog, rows_of(catalog, 12)), store, loading)
    assert loading.times == 1 and store.count("products") == 6


def test_another_model_than_the_collections_is_loaded_at_once(
    catalog: Path, store: Store, mini: Encoder, tmp_path: Path
) -> None:
    run(catalog, store, lambda: [mini])
    name = second_model(tmp_path / "other")
    loading = Loading(lambda: load_encoder(name, device="cpu"))
    (encoder,) = encoders_for(store, "products", name, loading)
    assert loading.times == 1 and not isinstance(encoder, LateEncoder)
    (encoder,) = encoders_for(store, "products", " mini", loading)
    assert loading.times == 1 and isinstance(encoder, LateEncoder)


def test_the_command_imports_no_torch_for_an_unchanged_catalogue(
    catalog: Path, store: Store, mini: Encoder, tmp_path: Path
) -> None:
    run(catalog, store, lambda: [mini])
    store.close()
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, str(catalog), "--db", str(tmp_path / "one.db")],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["unchanged"] == 6
    assert done.stderr.splitlines()[-1] == "False"
