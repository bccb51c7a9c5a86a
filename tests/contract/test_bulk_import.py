"""A Milvus server's bulk import: the same collection as by upserts, whatever ends the run."""

import multiprocessing
import os
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from indexer import IndexOptions, IndexReport, index_catalog
from indexer.rollout import versions_of
from indexer.rollout.reindexing import ReindexOptions, reindex
from indexer.rollout.unfinished import is_marked, mark
from search.encoders import Encoder, load_encoder
from search.errors import CollectionNotFoundError, StoreError, VitrineError
from search.store import CollectionSpec, Entity, SearchRequest, Store, open_store
from search.store.bulk import table_of
from tests.contract.catalogue import (
    FIELDS,
    HOSTILE,
    HOSTILE_VALUES,
    MODEL,
    entity,
    fresh_name,
    shop,
    unit_vector,
)
from tests.s3_server import S3Missing, running_s3, skip_or_fail
from tests.sample_collection import chosen_rows, write_catalog
from tests.waiting import wait_until

pytestmark = [pytest.mark.model, pytest.mark.server]

PATIENCE_S = 120.0
_FORKED = multiprocessing.get_context("spawn")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder that the server sees under the same path, as one of this machine does."""
    if os.environ.get("VITRINE_TEST_SERVER_URI"):
        pytest.skip("The server that was given need not see the files of this machine.")
    return tmp_path / "imports"


@pytest.fixture
def store(milvus_uri: str) -> Iterator[Store]:
    with closing(open_store(milvus_uri)) as opened:
        yield opened


@pytest.fixture
def name(store: Store) -> Iterator[str]:
    """The name of a collection that is dropped after the test."""
    name = fresh_name()
    yield name
    with suppress(CollectionNotFoundError):
        store.drop(name)


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder("mini", device="cpu")


@dataclass(frozen=True)
class Shop:
    """A catalogue, and an alias that is its collection's."""

    store: Store
    uri: str
    encoder: Encoder
    catalog: Path
    alias: str
    options: IndexOptions

    def index(self, **options: object) -> IndexReport:
        return index_catalog(
            self.catalog,
            store=self.store,
            encoder=self.encoder,
            alias=self.alias,
            options=replace(self.options, **options),  # type: ignore[arg-type]
        )

    def names(self) -> list[str]:
        return [version.name for version in versions_of(self.store, self.alias)]

    def files(self) -> list[Path]:
        return list(Path(str(self.options.bulk_import)).rglob("*.parquet"))


@pytest.fixture
def bulk_shop(
    store: Store, milvus_uri: str, mini: Encoder, tmp_path: Path, place: Path
) -> Iterator[Shop]:
    alias = f"bulk_{uuid.uuid4().hex[:8]}"
    catalog = write_catalog(chosen_rows(60), tmp_path / "catalog.csv")
    options = IndexOptions(
        job_dir=tmp_path / "jobs", bulk_import=str(place), bulk_import_rows=1, shard_rows=16
    )
    made = Shop(store, milvus_uri, mini, catalog, alias, options)
    yield made
    clear(store, alias)


def clear(store: Store, alias: str) -> None:
    """Drop an alias, its versions and their marks."""
    with suppress(VitrineError):
        store.drop_alias(alias)
    for version in versions_of(store, alias):
        for each in version.info.aliases:
            with suppress(VitrineError):
                store.drop_alias(each)
        with suppress(VitrineError):
            store.drop(version.name)


def content(store: Store, name: str) -> dict[str, Entity]:
    """Everything stored, by id; doubled ids fail."""
    entities = [entity for batch in store.scan(name) for entity in batch]
    by_id = {entity.item.id: entity for entity in entities}
    assert len(by_id) == len(entities) == store.count(name)
    return by_id


def assert_same(found: dict[str, Entity], expected: dict[str, Entity]) -> None:
    assert found.keys() == expected.keys()
    for id, one in found.items():
        other = expected[id]
        assert one.item == other.item
        assert (one.image_hash, one.row_hash) == (other.image_hash, other.row_hash)
        np.testing.assert_allclose(one.embedding, other.embedding, atol=1e-6)


def imported(store: Store, spec: CollectionSpec, entities: list[Entity], folder: Path) -> int:
    """Import entities into a collection, and wait until the server says that it is done."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{uuid.uuid4().hex}.parquet"
    pq.write_table(table_of(spec, entities), file)
    task = store.begin_import(spec.name, str(file))
    wait_until(lambda: store.import_state(task).done, PATIENCE_S)
    return task


def test_what_is_imported_is_what_is_upserted(
    store: Store, name: str, second: str, place: Path
) -> None:
    entities = [
        *shop(),
        *(entity(id) for id in HOSTILE),
        *(
            entity(
                f"h{number}", None, {"colour": text, "tags": [text, ""]}, {text: [1, None, text]}
            )
            for number, text in enumerate(HOSTILE_VALUES)
        ),
    ]
    spec = CollectionSpec(name, MODEL, FIELDS)
    store.create(spec)
    imported(store, spec, entities, place)
    store.refresh(name)
    wait_until(lambda: store.count(name) == len(entities), PATIENCE_S)
    store.drop(second)
    store.create(replace(spec, name=second))
    store.upsert(second, entities)
    assert_same(content(store, name), content(store, second))
    for seed in range(5):
        request = SearchRequest(unit_vector(seed), limit=20)
        assert store.search(name, request) == store.search(second, request)


def test_what_cannot_be_upserted_is_left_out_of_a_file() -> None:
    bad = replace(entity("bad"), embedding=np.full(MODEL.dim, np.nan, np.float32))
    long = entity("long", title="x" * 70_000)
    table = table_of(CollectionSpec("any", MODEL, FIELDS), [entity("a"), bad, long, entity("b")])
    assert table["id"].to_pylist() == ["a", "b"]


def test_an_import_inserts_and_does_not_replace(store: Store, name: str, place: Path) -> None:
    """Why it is only for collections that are made for it."""
    spec = CollectionSpec(name, MODEL, FIELDS)
    store.create(spec)
    store.upsert(name, [entity("a"), entity("b")])
    store.flush(name)
    imported(store, spec, [entity("a"), entity("b")], place)
    store.refresh(name)
    wait_until(lambda: store.count(name) == 4, PATIENCE_S)
    assert [one.done for one in store.imports(name)] == [True]


def test_a_file_that_the_server_does_not_have_fails_with_its_reason(
    store: Store, name: str, place: Path
) -> None:
    store.create(CollectionSpec(name, MODEL, FIELDS))
    try:
        task = store.begin_import(name, str(place / "nowhere.parquet"))
    except StoreError as error:
        assert "nowhere.parquet" in error.message
        return
    wait_until(lambda: store.import_state(task).failure is not None, PATIENCE_S)
    assert "nowhere.parquet" in str(store.import_state(task).failure)


def test_a_first_index_by_import_is_one_by_upserts(bulk_shop: Shop) -> None:
    store, seen = bulk_shop.store, []

    def look(progress: object) -> None:
        with suppress(CollectionNotFoundError):
            seen.append(store.count(bulk_shop.alias))

    report = index_catalog(
        bulk_shop.catalog,
        store=store,
        encoder=bulk_shop.encoder,
        alias=bulk_shop.alias,
        options=bulk_shop.options,
        on_progress=look,
    )
    assert report.notices == () and report.failed == 0
    assert report.stage_rows.store == report.indexed == report.embedded
    assert set(seen) <= {report.indexed}, "nobody sees a part of it"
    assert len(store.imports(report.collection)) == 1
    assert not bulk_shop.files()
    (version,) = versions_of(store, bulk_shop.alias)
    assert version.live and not is_marked(version.info)

    other = replace(bulk_shop, alias=f"{bulk_shop.alias}_upserted")
    try:
        upserted = other.index(bulk_import=None, reuse=(report.job,))
        assert (upserted.indexed, upserted.embedded) == (report.indexed, 0)
        by_import, by_upserts = (content(store, one.alias) for one in (bulk_shop, other))
        assert_same(by_import, by_upserts)
        for one in list(by_import.values())[:10]:
            request = SearchRequest(one.embedding, limit=10)
            assert store.search(bulk_shop.alias, request) == store.search(other.alias, request)
    finally:
        clear(store, other.alias)


def test_a_collection_with_items_is_upserted_into(bulk_shop: Shop, tmp_path: Path) -> None:
    first = bulk_shop.index()
    rows = chosen_rows(60)
    rows[0] |= {"title": "another title"}
    write_catalog(rows[:-1], bulk_shop.catalog)
    again = bulk_shop.index()
    assert (again.columns_updated, again.indexed, again.missing) == (1, 0, 1)
    assert "was there before" in again.notices[-1]
    stored = content(bulk_shop.store, bulk_shop.alias)
    assert len(stored) == first.indexed
    assert stored[rows[0]["id"]].item.title == "another title"
    assert len(bulk_shop.store.imports(again.collection)) == 1


def test_a_server_that_cannot_read_the_files_gets_upserts(
    bulk_shop: Shop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The files go to an object store that is not the server's own."""
    try:
        with running_s3() as s3:
            report = bulk_shop.index(bulk_import=s3.url("imports"))
            assert "Contents" not in s3.client.list_objects_v2(Bucket="catalogue")
    except S3Missing as missing:
        skip_or_fail(missing)
        return
    (notice,) = report.notices
    assert "could not import s3://catalogue/imports/" in notice
    assert "upserted instead" in notice and notice in caplog.text
    assert "upserted instead" in (report.job / "report.md").read_text()
    assert (
        report.stage_rows.store == report.indexed == len(content(bulk_shop.store, bulk_shop.alias))
    )
    (version,) = versions_of(bulk_shop.store, bulk_shop.alias)
    assert version.live and not is_marked(version.info)


def index_there(uri: str, catalog: Path, alias: str, options: IndexOptions) -> None:
    """What a process does that is killed."""
    with closing(open_store(uri)) as store:
        encoder = load_encoder("mini", device="cpu")
        index_catalog(catalog, store=store, encoder=encoder, alias=alias, options=options)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("at", "then"),
    [
        ("the mark", "imported"),
        ("the file", "imported"),
        ("the task", "imported"),
        ("the task", "upserted"),
    ],
)
def test_a_run_that_is_killed_while_it_imports_neither_doubles_nor_loses(
    bulk_shop: Shop, at: str, then: str
) -> None:
    store, alias = bulk_shop.store, bulk_shop.alias

    def reached() -> bool:
        marked = [one.name for one in versions_of(store, alias) if is_marked(one.info)]
        if at == "the file":
            return bool(bulk_shop.files())
        return bool(marked) and (at == "the mark" or bool(store.imports(marked[0])))

    arguments = (bulk_shop.uri, bulk_shop.catalog, alias, bulk_shop.options)
    process = _FORKED.Process(target=index_there, args=arguments)
    process.start()
    try:
        wait_until(lambda: reached() or not process.is_alive(), PATIENCE_S)
        assert process.is_alive(), "the run was over before it could be killed"
    finally:
        process.kill()
        process.join()
    with pytest.raises(CollectionNotFoundError):
        store.resolve(alias)

    report = bulk_shop.index(**({} if then == "imported" else {"bulk_import": None}))
    assert report.embedded == 0 and report.reused == report.indexed
    assert len(content(store, alias)) == report.indexed == len(chosen_rows(60))
    (version,) = versions_of(store, alias)
    assert version.live and not is_marked(version.info)
    if then == "imported":
        assert report.notices == () and not bulk_shop.files()
    assert bulk_shop.index().unchanged == report.indexed


def test_a_new_version_is_built_by_import_and_not_gone_on_with_if_it_was_not_finished(
    bulk_shop: Shop,
) -> None:
    store, alias = bulk_shop.store, bulk_shop.alias
    live = bulk_shop.index(bulk_import=None)
    begun = f"{alias}__v2"
    info = store.describe(alias)
    store.create(CollectionSpec(begun, info.model, info.fields))
    mark(store, begun)
    store.upsert(begun, list(content(store, alias).values())[:3])

    report = reindex(
        bulk_shop.catalog,
        store=store,
        encoder=bulk_shop.encoder,
        alias=alias,
        load=partial(load_encoder, device="cpu"),
        options=ReindexOptions(bulk_shop.options),
    )
    assert report.switched and not report.resumed
    assert report.index.indexed == live.indexed and report.index.notices == ()
    assert len(store.imports(report.new.name)) == 1
    assert bulk_shop.names() == [live.collection, report.new.name]
    assert_same(content(store, alias), content(store, live.collection))
