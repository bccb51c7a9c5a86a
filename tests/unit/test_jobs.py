"""What a job's folder holds, and what later runs make of it."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from indexer import IndexOptions, IndexReport, index_catalog, plan_index
from indexer.columns import ColumnNames, find_roles
from indexer.fetching import Fetcher, FetchOptions
from indexer.inference import infer_types
from indexer.job import unfinished_jobs
from indexer.memory import Known
from indexer.plan import plan_columns
from indexer.preparing import Comparer, ImageChanged, Task
from indexer.rows import Row as CatalogRow
from indexer.rows import read_rows
from indexer.seen import SeenIds
from indexer.shard_folder import ShardFolder
from indexer.sources import open_source
from indexer.staging import StagedEmbeddings, shards_of, write_shard
from indexer.tally import Tally
from search.encoders import Encoder, load_encoder
from search.encoders.base import Embeddings, Pixels
from search.errors import CatalogError, ConflictError, ModelMismatchError, UnavailableError
from search.images import ImageLimits
from search.store import Entity, Store, open_store
from search.types import Item
from tests.drawn_catalog import Row, draw, rows_of, write

pytestmark = pytest.mark.model


class StoppingEncoder:
    """The real encoder, that counts images and ends like a power cut after a number of them."""

    def __init__(self, encoder: Encoder, stop_after: int | None = None) -> None:
        self.encoder, self.stop_after = encoder, stop_after
        self.identity = encoder.identity
        self.images = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.encoder, name)

    def preprocess(self, images: list[object]) -> Pixels:
        return self.encoder.preprocess(images)  # type: ignore[arg-type]

    def encode_pixels(self, pixels: Pixels) -> Embeddings:
        if self.stop_after is not None and self.images >= self.stop_after:
            raise RuntimeError("power cut")
        self.images += len(pixels)
        return self.encoder.encode_pixels(pixels)


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder("mini", device="cpu")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(str(tmp_path / "db" / "vitrine.db"))
    yield store
    store.close()


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return tmp_path / "catalog.jsonl"


def options(catalog: Path, **more: object) -> IndexOptions:
    given = {"batch_size": 4, "shard_rows": 8, "job_dir": catalog.parent / "jobs", **more}
    return IndexOptions(**given)  # type: ignore[arg-type]


def run(catalog: Path, store: Store, encoder: object, **more: object) -> IndexReport:
    return index_catalog(
        catalog,
        store=store,
        encoder=encoder,  # type: ignore[arg-type]
        alias="products",
        options=options(catalog, **more),
    )


def staged_ids(job: Path) -> list[str]:
    import pyarrow.parquet as pq

    return [id for shard in shards_of(job) for id in pq.read_table(shard)["id"].to_pylist()]


def entity(number: int, dim: int = 8) -> Entity:
    vector = np.random.default_rng(number).normal(size=dim).astype(np.float32)
    item = Item(id=f"i{number}", image=f"/{number}.jpg", title="", fields={}, extra={})
    return Entity(item, vector / np.linalg.norm(vector), f"{number:032x}", f"{number:032x}")


def test_every_embedded_row_is_in_the_jobs_shards_as_it_is_in_the_store(
    catalog: Path, store: Store, mini: Encoder
) -> None:
    import pyarrow.parquet as pq

    report = run(write(catalog, rows_of(catalog, 20)), store, mini)
    tables = [pq.read_table(shard) for shard in shards_of(report.job)]
    assert [len(table) for table in tables] == [8, 8, 4]
    ids, stored = store.embeddings("products", [f"i{n:03}" for n in range(20)])
    staged = {
        id: embedding
        for table in tables
        for id, embedding in zip(table["id"].to_pylist(), table["embedding"].to_pylist())
    }
    np.testing.assert_allclose(np.array([staged[id] for id in ids]), stored, atol=1e-6)
    row = next(row for table in tables for row in table.to_pylist() if row["id"] == "i003")
    assert row["title"] == "Item 3" and json.loads(row["fields"]) == {"price": 3.5}


def test_what_a_broken_run_had_staged_is_not_embedded_again(
    catalog: Path, store: Store, mini: Encoder
) -> None:
    write(catalog, rows_of(catalog, 40))
    broken = StoppingEncoder(mini, stop_after=20)
    with pytest.raises(RuntimeError, match="power cut"):
        run(catalog, store, broken)
    (first,) = sorted((catalog.parent / "jobs").glob("*-products"))
    # Between staging and upsert: as if the store had never heard of the shards.
    store.delete("products__v1", list(store.scan_ids("products")))
    staged = staged_ids(first)
    assert len(staged) >= 16

    counting = StoppingEncoder(mini)
    report = run(catalog, store, counting)
    assert counting.images == 40 - len(staged) == report.embedded
    assert report.reused == len(staged) and report.resumed == (first.name,)
    assert sorted(store.scan_ids("products")) == [f"i{n:03}" for n in range(40)]
    assert unfinished_jobs(catalog.parent / "jobs", "products", mini.identity.fingerprint) == []


def test_two_broken_runs_in_a_row_are_both_made_good(
    catalog: Path, store: Store, mini: Encoder
) -> None:
    write(catalog, rows_of(catalog, 40))
    for stop_after in (12, 12):
        with pytest.raises(RuntimeError, match="power cut"):
            run(catalog, store, StoppingEncoder(mini, stop_after=stop_after))
    counting = StoppingEncoder(mini)
    report = run(catalog, store, counting)
    assert counting.images <= 40 - 16 and len(report.resumed) == 2
    assert store.count("products") == 40


def test_a_job_can_be_reused_in_another_database(
    catalog: Path, store: Store, mini: Encoder, tmp_path: Path
) -> None:
    first = run(write(catalog, rows_of(catalog, 12)), store, mini)
    counting = StoppingEncoder(mini)
    other = open_store(str(tmp_path / "other.db"))
    try:
        report = run(catalog, other, counting, reuse=(first.job,))
        assert counting.images == 0 and report.reused == report.indexed == 12
        ids, embeddings = other.embeddings("products", ["i005"])
        _, before = store.embeddings("products", ids)
        np.testing.assert_allclose(embeddings, before, atol=1e-6)
    finally:
        other.close()


def test_a_job_of_another_model_or_no_job_is_not_reused(
    catalog: Path, store: Store, mini: Encoder, tmp_path: Path
) -> None:
    first = run(write(catalog, rows_of(catalog, 2)), store, mini)
    manifest = json.loads((first.job / "manifest.json").read_text())
    manifest["model"]["fingerprint"] = "0" * 64
    (first.job / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelMismatchError, match="another model"):
        run(catalog, store, mini, reuse=(first.job,))
    with pytest.raises(CatalogError, match="no folder of a job"):
        run(catalog, store, mini, reuse=(tmp_path / "nothing",))


def test_rows_that_share_an_image_are_embedded_once(
    catalog: Path, store: Store, mini: Encoder
) -> None:
    rows = rows_of(catalog, 40)
    for row in rows[20:]:
        row["image"] = rows[0]["image"]
    counting = StoppingEncoder(mini)
    report = run(write(catalog, rows), store, counting, decode_workers=1)
    assert report.indexed == 40 and report.embedded == counting.images < 40


def test_an_image_is_not_read_again_while_its_file_is_the_same(
    catalog: Path, store: Store, mini: Encoder
) -> None:
    rows = rows_of(catalog, 6)
    for row in rows:
        # Files that were written a moment ago are not trusted: they may change within a tick.
        os.utime(catalog.parent / str(row["image"]), (1_700_000_000, 1_700_000_000))
    run(write(catalog, rows), store, mini)
    path = catalog.parent / str(rows[2]["image"])
    before, stat = path.read_bytes(), path.stat()
    # As long, as old, other bytes: nobody looks. That is what makes an unchanged run quick.
    path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert run(catalog, store, mini).unchanged == 6
    os.utime(path, (1_700_000_001, 1_700_000_001))
    assert run(catalog, store, mini).unchanged < 6


def test_items_that_are_gone_are_listed_and_removed_on_request(
    catalog: Path, store: Store, mini: Encoder
) -> None:
    rows = rows_of(catalog, 10)
    run(write(catalog, rows), store, mini)
    write(catalog, rows[1:])
    listed = run(catalog, store, mini)
    assert (listed.missing, listed.deleted) == (1, 0) and store.count("products") == 10
    assert json.loads(listed.missing_file.read_text()) == {"id": "i000"}
    removed = run(catalog, store, mini, delete_missing=True)
    assert (removed.missing, removed.deleted) == (1, 1) and store.count("products") == 9


def test_removing_more_than_a_fifth_asks_for_confirmation(
    catalog: Path, store: Store, mini: Encoder
) -> None:
    rows = rows_of(catalog, 10)
    run(write(catalog, rows), store, mini)
    write(catalog, [*rows[:7], rows_of(catalog, 11)[10]])
    with pytest.raises(ConflictError, match=r"3 of 10 items .* not removed") as caught:
        run(catalog, store, mini, delete_missing=True)
    assert "--yes" in str(caught.value)
    assert store.count("products") == 11, "everything else is indexed"
    report = run(catalog, store, mini, delete_missing=True, confirmed=True)
    assert report.deleted == 3 and store.count("products") == 8


def test_new_rows_do_not_make_a_large_loss_look_small(
    catalog: Path, store: Store, mini: Encoder
) -> None:
    run(write(catalog, rows_of(catalog, 5)), store, mini)
    renamed = [{**row, "id": f"new-{row['id']}"} for row in rows_of(catalog, 40)]
    with pytest.raises(ConflictError, match=r"5 of 5 items .* not removed"):
        run(write(catalog, renamed), store, mini, delete_missing=True)


def test_ids_that_are_no_text_protect_the_items_that_may_be_theirs(
    catalog: Path, store: Store, mini: Encoder
) -> None:
    rows = rows_of(catalog, 10)
    run(write(catalog, rows), store, mini)
    rows[0]["id"] = {"$oid": "i000"}
    with pytest.raises(ConflictError, match="no id that can be read"):
        run(write(catalog, rows), store, mini, delete_missing=True)


def test_an_image_whose_embedding_was_forgotten_meanwhile_is_fetched_whole(
    catalog: Path, store: Store, mini: Encoder
) -> None:
    rows = rows_of(catalog, 1)
    os.utime(catalog.parent / str(rows[0]["image"]), (1_700_000_000, 1_700_000_000))
    source = open_source(write(catalog, rows))
    plan = plan_columns(infer_types(source), find_roles(source.columns, ColumnNames()), {}, None)
    with (
        SeenIds(catalog.parent / "seen") as seen,
        Fetcher(ImageLimits(), FetchOptions()) as fetcher,
    ):
        (row,) = read_rows(source, plan, seen)
        assert isinstance(row, CatalogRow)
        whole = fetcher.read(row.item.image, None)
        assert whole.validator is not None
        known = Known(whole.validator, "0" * 32)
        asked = fetcher.submit(row.item.image, whole.validator)
        assert asked.result().data is None
        comparer = Comparer(fetcher, StagedEmbeddings(), Tally())
        (compared,) = comparer.compare(Task(row, None, known), asked)
    assert isinstance(compared, ImageChanged) and compared.data == whole.data


def test_rows_without_a_readable_id_protect_the_items_that_may_be_theirs(
    catalog: Path, store: Store, mini: Encoder
) -> None:
    rows = rows_of(catalog, 10)
    run(write(catalog, rows), store, mini)
    write(catalog, rows[1:])
    with catalog.open("a") as stream:
        stream.write("\n{ half a row")
    with pytest.raises(ConflictError, match="no id that can be read"):
        run(catalog, store, mini, delete_missing=True)
    assert store.count("products") == 10


def test_a_failed_row_keeps_its_item(catalog: Path, store: Store, mini: Encoder) -> None:
    rows = rows_of(catalog, 10)
    run(write(catalog, rows), store, mini)
    (catalog.parent / str(rows[0]["image"])).write_bytes(b"no image any more")
    report = run(catalog, store, mini, delete_missing=True)
    assert (report.failed, report.missing) == (1, 0) and store.count("products") == 10


def test_a_dry_run_says_what_a_run_would_do_and_touches_nothing(
    catalog: Path, store: Store, mini: Encoder
) -> None:
    rows = rows_of(catalog, 10)
    run(write(catalog, rows), store, mini)
    changed: list[Row] = [dict(row) for row in rows[1:]] + rows_of(catalog, 12)[10:]
    changed[0]["price"] = 99.0
    changed[1]["image"] = draw(catalog.parent / "images" / "new.png", 77)
    del changed[2]["image"]
    write(catalog, changed)
    files = sorted(catalog.parent.glob("jobs/*"))
    before = {id: store.hashes("products", [id])[id] for id in store.scan_ids("products")}

    plan = plan_index(catalog, store=store, alias="products", options=options(catalog))
    assert (plan.new, plan.changed, plan.columns_only, plan.unchanged) == (2, 1, 1, 6)
    assert (plan.failed, plan.missing, plan.collection) == (1, 1, "products__v1")
    assert sorted(catalog.parent.glob("jobs/*")) == files
    assert before == {id: store.hashes("products", [id])[id] for id in store.scan_ids("products")}

    report = run(catalog, store, mini)
    assert (report.indexed, report.updated, report.columns_updated) == (2, 1, 1)
    assert (report.unchanged, report.failed, report.missing) == (6, 1, 1)


def test_a_dry_run_without_a_database_finds_everything_new(catalog: Path) -> None:
    write(catalog, rows_of(catalog, 3))
    plan = plan_index(catalog, store=None, alias="products", options=options(catalog))
    assert (plan.new, plan.collection) == (3, None)
    assert sorted(path.name for path in catalog.parent.iterdir()) == ["catalog.jsonl", "images"]


def test_several_encoders_share_the_work_and_give_the_same(
    catalog: Path, store: Store, mini: Encoder
) -> None:
    write(catalog, rows_of(catalog, 40))
    pair = (StoppingEncoder(mini), StoppingEncoder(mini))
    report = index_catalog(
        catalog, store=store, encoder=pair, alias="products",  # type: ignore[arg-type]
        options=options(catalog),
    )  # fmt: skip
    assert report.indexed == 40 and report.lanes >= 2
    assert pair[0].images + pair[1].images == 40 and min(one.images for one in pair) > 0
    single = StoppingEncoder(mini)
    again = index_catalog(
        catalog, store=store, encoder=single, alias="alone",  # type: ignore[arg-type]
        options=options(catalog),
    )  # fmt: skip
    ids = [f"i{n:03}" for n in range(40)]
    np.testing.assert_allclose(
        store.embeddings("products", ids)[1], store.embeddings("alone", ids)[1], atol=1e-5
    )
    assert again.indexed == 40


def test_the_report_for_people_names_counts_stages_failures_and_columns(
    catalog: Path, store: Store, mini: Encoder
) -> None:
    rows = rows_of(catalog, 10)
    rows[4]["image"] = "images/[none](x).png"
    report = run(write(catalog, rows), store, mini)
    text = (report.job / "report.md").read_text()
    assert "| new | 9 |" in text and "| failed | 1 |" in text and "| encode | 9 |" in text
    assert "| price | field `price`, float |" in text
    assert "row 5 (i004)" in text and "\\[none\\](x).png" in text


def test_a_shard_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    shard = tmp_path / "job" / "shards" / "00000.parquet"
    shard.parent.mkdir(parents=True)
    child = os.fork()
    if child == 0:  # A file may not grow beyond a limit here: as on a disk that is full.
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))
        try:
            write_shard(ShardFolder(str(shard.parent)), "00000", [entity(n) for n in range(500)])
        except OSError:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert list(shard.parent.iterdir()) == []


def test_staged_embeddings_are_found_by_hash_and_broken_shards_are_left_out(
    tmp_path: Path,
) -> None:
    job = tmp_path / "job"
    (job / "shards").mkdir(parents=True)
    for number in range(6):
        entities = [entity(n) for n in range(number * 10, number * 10 + 10)]
        write_shard(ShardFolder(str(job / "shards")), f"{number:05}", entities)
    (job / "shards" / "00003.parquet").write_bytes(b"PAR1 no more")
    staged = StagedEmbeddings([job])
    assert len(staged) == 50
    for number in (0, 17, 59, 21, 3):
        found = staged.get(f"{number:032x}")
        assert found is not None
        np.testing.assert_allclose(found, entity(number).embedding, atol=1e-7)
    assert staged.get(f"{35:032x}") is None and staged.get("f" * 32) is None
    assert StagedEmbeddings().get("f" * 32) is None


def test_a_job_folder_that_fills_up_ends_the_run_with_a_cure(
    catalog: Path, store: Store, mini: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(catalog, rows_of(catalog, 20))

    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("indexer.staging.write_shard", full)
    with pytest.raises(UnavailableError, match="No space left") as caught:
        run(catalog, store, mini)
    assert "same command again" in str(caught.value)
    monkeypatch.undo()
    assert run(catalog, store, mini).indexed == 20
