"""When a run imports in bulk, where its files go, and versions that an import did not finish."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from indexer import IndexOptions, index_catalog
from indexer.bulk import ImportFiles, choose_place, clear_left_behind
from indexer.rollout import find_collection, versions_of
from indexer.rollout.targets import choose_target
from indexer.rollout.unfinished import is_unfinished, mark
from indexer.rollout.versions import drop_unfinished, first_version
from search.encoders import Encoder, load_encoder
from search.errors import ConfigError, ConflictError, UnavailableError, UnsupportedError
from search.store import Capabilities, CollectionInfo, CollectionSpec, Store, open_store
from search.store.bulk import check, import_schema
from search.types import Field, FieldType
from tests.contract.catalogue import FIELDS, MODEL, entity
from tests.drawn_catalog import rows_of, write

CLOUD = "https://in03-1.serverless.gcp-us-west1.cloud.zilliz.com"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(str(tmp_path / "v.db"))) as opened:
        yield opened


class At:
    """A database as far as a choice asks for it: its address, and whether it is embedded."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.capabilities = Capabilities("2.6.11", "://" not in address, *[True] * 4)


def chosen(
    place: str, job_dir: Path, *, at: str = "http://milvus:19530", rows: int = 5, used: bool = False
) -> tuple[str | None, str]:
    """The place, and why there is none."""
    options = IndexOptions(job_dir=job_dir, bulk_import=place, bulk_import_rows=5)
    info = CollectionInfo("shop__v1", MODEL, (), 3) if used else None
    found, said = choose_place(options, At(at), lambda: rows, used=info)  # type: ignore[arg-type]
    return found, " ".join(said)


def test_a_new_large_collection_of_a_server_is_imported(tmp_path: Path) -> None:
    place = str(tmp_path / "imports")
    assert chosen(place, tmp_path) == (place, "")
    assert not any((tmp_path / "imports").iterdir()), "what was tried is removed"


@pytest.mark.parametrize(
    ("why", "case"),
    [
        ("an embedded database has no bulk import", {"at": "/shop/v.db"}),
        ("Zilliz Cloud has a service of its own", {"at": CLOUD}),
        ("shop__v1 was there before", {"used": True}),
        ("of about 4 rows it takes longer (it is used from 5 on)", {"rows": 4}),
    ],
)
def test_anything_else_is_upserted_and_says_why(
    why: str, case: dict[str, object], tmp_path: Path
) -> None:
    found, said = chosen(str(tmp_path / "imports"), tmp_path, **case)  # type: ignore[arg-type]
    assert found is None
    assert said.startswith("Rows are upserted and not imported in bulk: ") and why in said


@pytest.mark.parametrize("place", ["https://shop.example/imports", "s3://b/x::zip", "ftp://h/x"])
def test_a_place_that_no_storage_can_have_is_refused(place: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot import from"):
        chosen(place, tmp_path)


def test_a_place_that_cannot_be_written_ends_the_run_before_it_begins(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UnavailableError, match="Nothing can be written") as raised:
        chosen(str(tmp_path / "file" / "imports"), tmp_path)
    assert "--bulk-import" in str(raised.value.hint)


def test_a_server_finds_a_file_by_its_path_or_by_its_key(tmp_path: Path) -> None:
    local = ImportFiles.below(str(tmp_path), "job")
    assert local.for_server("0.parquet") == str(tmp_path / "job" / "0.parquet")
    pytest.importorskip("s3fs")
    remote = ImportFiles.below("s3://bucket/some/imports/", "job")
    assert remote.for_server("0.parquet") == "some/imports/job/0.parquet"


def test_files_that_a_killed_run_left_are_removed(tmp_path: Path) -> None:
    for name, ended in (("killed", None), ("done", "done")):
        files = ImportFiles.below(str(tmp_path / "imports"), name)
        with files.writing("0.parquet") as stream:
            stream.write(b"rows")
        job = tmp_path / "jobs" / name
        job.mkdir(parents=True)
        (job / "manifest.json").write_text(json.dumps({"bulk_import": files.address}))
        if ended:
            (job / "report.json").write_text(json.dumps({"status": ended}))
    clear_left_behind(tmp_path / "jobs")
    assert [each.name for each in (tmp_path / "imports").iterdir()] == ["done"]


def test_a_file_has_the_columns_that_an_upsert_sends() -> None:
    schema = import_schema(CollectionSpec("shop__v1", MODEL, FIELDS))
    assert {name: str(schema.field(name).type) for name in schema.names} == {
        "id": "string",
        "embedding": "list<item: float>",
        "image": "string",
        "title": "string",
        "product_id": "string",
        "image_hash": "string",
        "row_hash": "string",
        "extra": "string",
        "f0_colour": "string",
        "f1_price": "double",
        "f2_stock": "int64",
        "f3_on_sale": "int8",
        "f4_added_on": "string",
        "f5_tags": "list<item: string>",
    }


def test_what_an_upsert_refuses_is_refused_before_it_is_staged() -> None:
    spec = CollectionSpec("shop__v1", MODEL, (Field("colour", FieldType.STRING),))
    check(spec, [entity("a", fields={"colour": "red"})])
    with pytest.raises(Exception, match="'b' has 3 as 'colour'"):
        check(spec, [entity("a"), entity("b", fields={"colour": 3})])


def test_an_embedded_database_imports_nothing(store: Store) -> None:
    store.create(CollectionSpec("shop__v1", MODEL))
    with pytest.raises(UnsupportedError, match="no bulk import"):
        store.begin_import("shop__v1", "a.parquet")


def test_a_first_version_may_be_pointed_to_when_it_is_whole(store: Store) -> None:
    made = first_version(store, "shop", MODEL, (), at_once=False)
    assert (made.name, made.aliases) == ("shop__v1", ())
    assert find_collection(store, "shop") is None


def test_a_version_that_an_import_did_not_finish_is_dropped_and_no_other(store: Store) -> None:
    for number in (1, 2, 3):
        store.create(CollectionSpec(f"shop__v{number}", MODEL))
        store.upsert(f"shop__v{number}", [entity("a")])
    store.set_alias("shop", "shop__v1")
    for name in ("shop__v1", "shop__v2"):  # Of a run that was killed between its last two steps.
        mark(store, name)
    assert [is_unfinished(each.info) for each in versions_of(store, "shop")] == [False, True, False]

    def refuse(version: object) -> None:
        raise ConflictError("somebody is at it")

    with pytest.raises(ConflictError):
        drop_unfinished(store, "shop", refuse)
    assert len(versions_of(store, "shop")) == 3
    assert drop_unfinished(store, "shop") == ["shop__v2"]
    left = {each.name: each.info.aliases for each in versions_of(store, "shop")}
    assert left == {"shop__v1": ("shop",), "shop__v3": ()}
    assert drop_unfinished(store, "shop") == []


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder("mini", device="cpu")


@pytest.mark.model
def test_a_new_version_is_not_gone_on_with_if_an_import_did_not_finish_it(
    store: Store, mini: Encoder, tmp_path: Path
) -> None:
    catalog = write(tmp_path / "catalog.jsonl", rows_of(tmp_path / "catalog.jsonl", 6))
    options = IndexOptions(job_dir=tmp_path / "jobs")
    index_catalog(catalog, store=store, encoder=mini, alias="shop", options=options)
    live = store.resolve("shop")
    store.create(replace(live, name="shop__v2"))
    assert choose_target(store, "shop", live, catalog, mini, options, fresh=False) == (
        "shop__v2",
        True,
    )
    mark(store, "shop__v2")
    name, resumed = choose_target(store, "shop", live, catalog, mini, options, fresh=False)
    assert not resumed
    assert [each.name for each in versions_of(store, "shop")] == ["shop__v1", name]


@pytest.mark.model
def test_an_embedded_database_is_upserted_into_with_a_notice(
    store: Store, mini: Encoder, tmp_path: Path
) -> None:
    catalog = write(tmp_path / "catalog.jsonl", rows_of(tmp_path / "catalog.jsonl", 6))
    options = IndexOptions(job_dir=tmp_path / "jobs", bulk_import=str(tmp_path / "imports"))
    report = index_catalog(catalog, store=store, encoder=mini, alias="shop", options=options)
    assert "an embedded database has no bulk import" in report.notices[-1]
    assert store.count("shop") == report.indexed == report.stage_rows.store > 0
    assert not (tmp_path / "imports").exists()
