"""Runs of `index_catalog` on Milvus Lite with the bundled model."""

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer import IndexOptions, IndexReport, Progress, index_catalog
from indexer.values import LEVELS
from search.encoders import Encoder, ModelIdentity, load_encoder
from search.encoders.base import Embeddings, Pixels
from search.errors import CatalogError, ModelMismatchError, StoreError, UnavailableError
from search.images import ImageLimits, load_image
from search.store import CollectionSpec, Entity, Store, open_store
from search.types import FieldType, Item
from tests.drawn_catalog import draw, rows_of, write

pytestmark = pytest.mark.model

BATCH = 4


class CountingEncoder:
    """The real encoder, with a count of what went through it."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self.identity: ModelIdentity = encoder.identity
        self.dim, self.context_length = encoder.dim, encoder.context_length
        self.encode_texts, self.truncated = encoder.encode_texts, encoder.truncated
        self.decode_at_least, self.lanes = encoder.decode_at_least, encoder.lanes
        self.batches: list[int] = []
        self.most_ahead = 0
        self._prepared = 0
        self._lock = threading.Lock()

    def encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        return self.encode_pixels(self.preprocess(images))

    def preprocess(self, images: Sequence[Image.Image]) -> Pixels:
        with self._lock:
            self._prepared += len(images)
            self.most_ahead = max(self.most_ahead, self._prepared - sum(self.batches))
        return self.encoder.preprocess(images)

    def encode_pixels(self, pixels: Pixels) -> Embeddings:
        embeddings = self.encoder.encode_pixels(pixels)
        with self._lock:
            self.batches.append(len(pixels))
        return embeddings

    @property
    def images(self) -> int:
        return sum(self.batches)


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder("mini", device="cpu")


@pytest.fixture
def encoder(mini: Encoder) -> CountingEncoder:
    return CountingEncoder(mini)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(str(tmp_path / "db" / "vitrine.db"))
    yield store
    store.close()


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return tmp_path / "catalog.jsonl"


def run(catalog: Path, store: Store, encoder: Encoder, **options: object) -> IndexReport:
    given = IndexOptions(
        batch_size=BATCH, decode_workers=2, shard_rows=BATCH, job_dir=catalog.parent / "jobs"
    )
    return index_catalog(
        catalog,
        store=store,
        encoder=encoder,
        alias="products",
        options=replace(given, **options),  # type: ignore[arg-type]
    )


def counts(report: IndexReport) -> tuple[int, int, int, int, int]:
    return (
        report.indexed, report.updated, report.columns_updated, report.unchanged, report.failed,
    )  # fmt: skip


def ids_in(store: Store) -> list[str]:
    return sorted(store.scan_ids("products"))


def last_report(catalog: Path) -> dict[str, object]:
    folder = max((catalog.parent / "jobs").glob("*-products*"))
    report: dict[str, object] = json.loads((folder / "report.json").read_text())
    return report


def test_a_catalogue_is_in_the_collection_with_everything_its_rows_say(
    catalog: Path, store: Store, encoder: CountingEncoder
) -> None:
    rows = rows_of(catalog, 10)
    box = {"deep": [1, "a"], "deepest": json.loads("[" * (LEVELS - 1) + "]" * (LEVELS - 1))}
    rows[3]["box"] = box
    report = run(write(catalog, rows), store, encoder)

    assert counts(report) == (10, 0, 0, 0, 0) and report.rows == 10
    assert sorted(encoder.batches) == [2, 4, 4]
    info = store.describe("products")
    assert (info.name, info.count, info.aliases) == ("products__v1", 10, ("products",))
    assert info.model == encoder.identity
    item = store.get("products", ["i003"])["i003"]
    assert item == Item(
        id="i003",
        image=str(catalog.parent / "images" / "003.png"),
        title="Item 3",
        fields={"price": 3.5},
        extra={"box": box},
    )


def test_an_image_gets_the_vector_that_a_query_by_the_same_image_gets(
    catalog: Path, store: Store, encoder: CountingEncoder
) -> None:
    rows = rows_of(catalog, 6)
    run(write(catalog, rows), store, encoder)
    ids, stored = store.embeddings("products", [str(row["id"]) for row in rows])
    images = [load_image(catalog.parent / str(row["image"]), ImageLimits()) for row in rows]
    asked = np.concatenate([encoder.encode_images([image]) for image in images])
    assert ids == [row["id"] for row in rows]
    assert np.allclose(np.sum(stored * asked, axis=1), 1, atol=1e-5)


def test_indexing_the_same_catalogue_again_embeds_and_writes_nothing(
    catalog: Path, store: Store, encoder: CountingEncoder
) -> None:
    write(catalog, rows_of(catalog, 10))
    run(catalog, store, encoder)
    encoder.batches.clear()
    assert counts(run(catalog, store, encoder)) == (0, 0, 0, 10, 0)
    assert encoder.batches == []


def test_only_what_changed_is_embedded(
    catalog: Path, store: Store, encoder: CountingEncoder
) -> None:
    rows = rows_of(catalog, 10)
    run(write(catalog, rows), store, encoder)
    _, before = store.embeddings("products", ["i002", "i005"])
    encoder.batches.clear()

    rows[2]["title"] = "Renamed"
    rows[2]["price"] = None
    draw(catalog.parent / "images" / "005.png", seed=99)
    rows.append({"id": "new", "image": draw(catalog.parent / "images" / "new.png", 50)})
    report = run(write(catalog, rows), store, encoder)

    assert counts(report) == (1, 1, 1, 8, 0)
    assert encoder.images == 2
    items = store.get("products", ["i002"])
    assert items["i002"].title == "Renamed" and items["i002"].fields == {"price": None}
    _, after = store.embeddings("products", ["i002", "i005"])
    assert np.allclose(before[0], after[0], atol=1e-7)
    assert float(before[1] @ after[1]) < 0.9999
    assert store.count("products") == 11


def test_a_collection_of_another_model_is_refused_before_the_catalogue_is_read(
    catalog: Path, store: Store, encoder: CountingEncoder
) -> None:
    run(write(catalog, rows_of(catalog, 2)), store, encoder)
    encoder.identity = replace(encoder.identity, name="ViT-B-32/openai", fingerprint="0" * 64)
    with pytest.raises(ModelMismatchError) as caught:
        run(catalog.parent / "does-not-exist.csv", store, encoder)
    assert "mini" in caught.value.message and "ViT-B-32/openai" in caught.value.message
    assert "--model mini" in (caught.value.hint or "")


def test_a_slow_model_holds_the_stages_before_it_back(
    catalog: Path, store: Store, encoder: CountingEncoder
) -> None:
    rows = rows_of(catalog, 20)
    many = [{**row, "id": f"{row['id']}-{copy}"} for copy in range(3) for row in rows]
    report = run(write(catalog, many), store, encoder)
    assert report.indexed == 60
    # Two batches in work, one being filled and one in each lane of the model.
    assert encoder.most_ahead <= (3 + report.lanes) * BATCH


def test_ids_that_the_store_cannot_hold_are_left_out_alone(
    catalog: Path, store: Store, encoder: CountingEncoder
) -> None:
    rows = rows_of(catalog, 8)
    rows[1]["id"] = "x" * 600
    rows[6]["id"] = "line\nbreak"
    rows[7]["id"] = "quote' \" \\ 色"
    for expected in ((6, 0, 0, 0, 2), (0, 0, 0, 6, 2)):
        report = run(write(catalog, rows), store, encoder)
        assert counts(report) == expected
        assert [failure.row for failure in report.failures] == [2, 7]
        assert {failure.code for failure in report.failures} == {"invalid_item"}
    assert "quote' \" \\ 色" in ids_in(store)


def test_too_many_failures_stop_the_run_and_keep_what_was_written(
    catalog: Path, store: Store, encoder: CountingEncoder
) -> None:
    rows = rows_of(catalog, 12)
    bad = [{"id": f"bad{number}", "image": "missing.png"} for number in range(400)]
    with pytest.raises(CatalogError, match=r"rows failed; the first is row 13: .*does not exist"):
        run(write(catalog, [*rows, *bad]), store, encoder)
    told = last_report(catalog)
    assert told["status"] == "failed" and told["indexed"] == 12
    assert isinstance(told["failed"], int) and 80 < told["failed"] < 120
    assert ids_in(store) == [row["id"] for row in rows]
    report = run(catalog, store, encoder, max_failed_share=1.0)
    assert counts(report) == (0, 0, 0, 12, 400)


def test_good_rows_on_their_way_count_against_the_failed_share(
    catalog: Path, store: Store, encoder: CountingEncoder
) -> None:
    rows = rows_of(catalog, 5)
    mixed = [
        {**rows[number % 5], "id": f"i{number}"}
        if number % 5
        else {"id": f"bad{number}", "image": "missing.png"}
        for number in range(110)
    ]
    report = run(write(catalog, mixed), store, encoder, batch_size=128, max_failed_share=0.25)
    assert counts(report) == (88, 0, 0, 0, 22)


def test_a_small_catalogue_of_which_most_fails_is_refused_at_its_end(
    catalog: Path, store: Store, encoder: CountingEncoder
) -> None:
    rows = [*rows_of(catalog, 1), {"id": "a", "image": "no.png"}, {"id": "b", "image": "no.png"}]
    with pytest.raises(CatalogError, match="2 of 3 rows failed"):
        run(write(catalog, rows), store, encoder)
    assert ids_in(store) == ["i000"]


def test_a_run_without_a_good_row_does_not_decide_the_fields_of_the_next(
    catalog: Path, store: Store, encoder: CountingEncoder
) -> None:
    rows = rows_of(catalog, 2)
    with pytest.raises(CatalogError):
        run(write(catalog, [{"id": "a", "image": "no.png", "price": "x"}]), store, encoder)
    run(write(catalog, rows), store, encoder)
    info = store.describe("products")
    assert [field.type for field in info.fields] == [FieldType.FLOAT] and info.count == 2
    assert [collection.name for collection in store.collections()] == [info.name]


def test_what_a_run_leaves_that_was_killed_before_the_alias_was_set_is_replaced(
    catalog: Path, store: Store, encoder: CountingEncoder
) -> None:
    store.create(CollectionSpec("products__v1", encoder.identity))
    run(write(catalog, rows_of(catalog, 2)), store, encoder)
    (info,) = store.collections()
    assert info.count == 2 and info.aliases == ("products",)


def test_new_columns_of_a_collection_that_exists_are_kept_and_said(
    catalog: Path, store: Store, encoder: CountingEncoder
) -> None:
    rows = rows_of(catalog, 3)
    run(write(catalog, rows), store, encoder)
    rows[1]["colour"] = "red"
    report = run(write(catalog, rows), store, encoder)
    assert counts(report) == (0, 0, 1, 2, 0)
    assert any("colour" in notice for notice in report.notices)
    assert store.get("products", ["i001"])["i001"].extra == {"colour": "red"}


class FailingStore:
    """The real store, whose disk is full from the third write on."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.writes = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)

    def upsert(self, collection: str, entities: Sequence[Entity]) -> None:
        self.writes += 1
        if self.writes > 2:
            raise StoreError("Milvus cannot write: No space left on device.")
        self.store.upsert(collection, entities)


def test_a_store_that_fails_ends_the_run_and_what_is_counted_is_stored(
    catalog: Path, store: Store, encoder: CountingEncoder
) -> None:
    write(catalog, rows_of(catalog, 40))
    with pytest.raises(StoreError, match="No space left"):
        run(catalog, FailingStore(store), encoder)  # type: ignore[arg-type]
    told = last_report(catalog)
    assert told["status"] == "failed" and told["indexed"] == 8 == store.count("products")
    assert "No space left" in str(told["error"])
    assert counts(run(catalog, store, encoder)) == (32, 0, 0, 8, 0)


def test_a_run_that_is_interrupted_keeps_what_was_encoded_and_goes_on_later(
    catalog: Path, store: Store, encoder: CountingEncoder
) -> None:
    write(catalog, rows_of(catalog, 40))

    def interrupt(now: Progress) -> None:
        if encoder.images >= 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index_catalog(
            catalog,
            store=store,
            encoder=encoder,
            alias="products",
            options=IndexOptions(batch_size=BATCH, job_dir=catalog.parent / "jobs"),
            on_progress=interrupt,
        )
    assert last_report(catalog)["status"] == "interrupted"
    stored = store.count("products")
    assert stored == encoder.images >= 8
    assert counts(run(catalog, store, encoder)) == (40 - stored, 0, 0, stored, 0)


def test_every_run_has_a_folder_that_says_what_it_did(
    catalog: Path, store: Store, encoder: CountingEncoder
) -> None:
    rows = [*rows_of(catalog, 5), {"id": "i000", "image": "images/000.png"}]
    first = run(write(catalog, rows), store, encoder)
    second = run(catalog, store, encoder)
    assert first.job != second.job and first.job.name.endswith("-products")
    manifest = json.loads((first.job / "manifest.json").read_text())
    assert manifest["catalog"] == str(catalog)
    assert manifest["model"]["fingerprint"] == encoder.identity.fingerprint
    assert manifest["fields"] == {"price": {"name": "price", "type": "float"}}
    (line,) = first.errors_file.read_text().splitlines()
    assert json.loads(line) == {
        "row": 6,
        "id": "i000",
        "image": "images/000.png",
        "code": "id_duplicate",
        "reason": "Id 'i000' is already used by row 1.",
        "hint": "Give every row an id of its own, or choose another --id-column.",
        "times": 1,
    }
    told = json.loads((first.job / "report.json").read_text())
    assert told["status"] == "done" and told["indexed"] == 5 and told["failed"] == 1
    assert 0 < first.stages.encode < first.seconds and 0 < first.outside_model_share < 1


def test_progress_counts_up_to_what_the_report_says(
    catalog: Path, store: Store, encoder: CountingEncoder
) -> None:
    seen: list[Progress] = []
    write(catalog, rows_of(catalog, 12))
    index_catalog(
        catalog,
        store=store,
        encoder=encoder,
        alias="products",
        options=IndexOptions(batch_size=2, job_dir=catalog.parent / "jobs"),
        on_progress=seen.append,
    )
    assert seen[-1].done == seen[-1].total == seen[-1].embedded == 12 and seen[-1].eta_s == 0
    assert [now.done for now in seen] == sorted(now.done for now in seen)


def test_a_job_folder_that_cannot_be_written_is_named(
    catalog: Path, store: Store, encoder: CountingEncoder
) -> None:
    write(catalog, rows_of(catalog, 1))
    (catalog.parent / "file").touch()
    with pytest.raises(UnavailableError, match=r"job folder .* cannot be written"):
        run(catalog, store, encoder, job_dir=catalog.parent / "file" / "jobs")
