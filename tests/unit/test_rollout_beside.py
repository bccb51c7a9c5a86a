"""Reindexing beside a run that is alive, and after one that was killed just after its switch."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from indexer import IndexOptions, index_catalog
from indexer.job import Job, database_of
from indexer.rollout import rollback
from indexer.rollout.reindexing import ReindexOptions, ReindexReport, reindex
from search.encoders import Encoder, load_encoder
from search.errors import ConflictError
from search.store import CollectionSpec, Store, open_store
from tests.drawn_catalog import rows_of, write

pytestmark = pytest.mark.model


class Killed(BaseException):
    """Ends a run as a power cut does: nothing catches it."""


class KilledOnceSwitched:
    """The real store, at which a run ends once its alias has moved."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def set_alias(self, alias: str, collection: str) -> None:
        self._store.set_alias(alias, collection)
        raise Killed


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder("mini", device="cpu")


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return write(tmp_path / "catalog.jsonl", rows_of(tmp_path / "catalog.jsonl", 6))


@pytest.fixture
def index(tmp_path: Path) -> IndexOptions:
    return IndexOptions(job_dir=tmp_path / "jobs")


@pytest.fixture
def store(tmp_path: Path, catalog: Path, index: IndexOptions, mini: Encoder) -> Iterator[Store]:
    with closing(open_store(str(tmp_path / "v.db"))) as store:
        index_catalog(catalog, store=store, encoder=mini, alias="products", options=index)
        yield store


def build(
    store: Any, catalog: Path, mini: Encoder, options: ReindexOptions, said: Any = None
) -> ReindexReport:
    load = partial(load_encoder, device="cpu")
    return reindex(
        catalog, store=store, encoder=mini, alias="products", load=load, options=options,
        on_stage=said,
    )  # fmt: skip


def test_killed_right_after_the_switch_it_is_not_built_again(
    store: Store, catalog: Path, index: IndexOptions, mini: Encoder
) -> None:
    options, said = ReindexOptions(index=index, keep=1), list[str]()
    with pytest.raises(Killed):
        build(KilledOnceSwitched(store), catalog, mini, options)
    assert store.names() == ["products__v1", "products__v2"]

    report = build(store, catalog, mini, options, said.append)
    assert "products__v2 is live already" in said[0] and len(said) == 1
    assert report.switched and report.resumed and report.new.name == "products__v2"
    assert (report.live.name, report.index.indexed) == ("products__v1", 6)
    assert report.dropped == ("products__v1",) and store.names() == ["products__v2"]

    assert build(store, catalog, mini, options).new.name == "products__v3", "asked for once more"
    assert build(store, catalog, mini, options).new.name == "products__v4"


@pytest.mark.parametrize("how", ["force", "fresh", "another catalogue", "rolled back"])
def test_what_else_is_wanted_is_built_all_the_same(
    how: str, store: Store, catalog: Path, index: IndexOptions, mini: Encoder
) -> None:
    options = ReindexOptions(index=index)
    with pytest.raises(Killed):
        build(KilledOnceSwitched(store), catalog, mini, options)
    if how == "another catalogue":
        catalog = write(catalog.with_name("other.jsonl"), rows_of(catalog, 5))
    elif how == "rolled back":
        rollback(store, "products")
    else:
        options = replace(options, force=how == "force", fresh=how == "fresh")
    report = build(store, catalog, mini, options)
    # What was rolled back from is above the live version: it is brought up to date and verified.
    assert report.new.name == ("products__v2" if how == "rolled back" else "products__v3")
    assert report.verification.checks and report.switched


@pytest.mark.parametrize("fresh", [False, True])
def test_a_version_that_another_run_builds_is_left_to_it(
    fresh: bool, store: Store, catalog: Path, index: IndexOptions, mini: Encoder
) -> None:
    store.create(CollectionSpec("products__v2", mini.identity, store.resolve("products").fields))
    manifest = {
        "alias": "products",
        "collection": "products__v2",
        "database": database_of(store, index.job_dir),
    }
    job = Job(index.job_dir, "products", manifest)
    options = ReindexOptions(index=index, fresh=fresh)
    with pytest.raises(ConflictError, match="still going and writes into products__v2"):
        build(store, catalog, mini, options)
    assert store.names() == ["products__v1", "products__v2"]
    # The live version may be brought up to date meanwhile.
    again = index_catalog(catalog, store=store, encoder=mini, alias="products", options=index)
    assert again.unchanged == 6
    job.finish({"status": "failed"}, "")
    assert build(store, catalog, mini, options).switched
