"""Reindexing beside a run that is alive, and after one that was killed just after its switch."""

import json
from collections.abc import Callable, Iterator
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


class At:
    """Does something at the first stage whose description begins so, and keeps what was said."""

    def __init__(self, stage: str, do: Callable[[], object]) -> None:
        self.stage, self.do, self.said = stage, do, list[str]()

    def __call__(self, stage: str) -> None:
        self.said.append(stage)
        if stage.startswith(self.stage) and not self.stage.startswith("done"):
            self.stage = "done"
            self.do()


@pytest.mark.parametrize("stage", ["Building", "Verifying"])
@pytest.mark.parametrize("fresh", [False, True])
def test_of_two_that_build_a_version_the_second_is_refused_until_the_first_has_switched(
    stage: str, fresh: bool, store: Store, catalog: Path, index: IndexOptions, mini: Encoder
) -> None:
    def begin_another() -> None:
        with pytest.raises(ConflictError, match="is building products"):
            build(store, catalog, mini, ReindexOptions(index=index, fresh=fresh))

    at = At(stage, begin_another)
    report = build(store, catalog, mini, ReindexOptions(index=index), at)
    assert at.stage == "done" and report.switched
    assert store.names() == ["products__v1", "products__v2"]
    assert [*index.job_dir.glob("*-reindex*")] == [], "locks leave nothing"
    assert build(store, catalog, mini, ReindexOptions(index=index)).new.name == "products__v3"


def test_from_the_verification_to_the_switch_nobody_writes_into_the_live_version(
    store: Store, catalog: Path, index: IndexOptions, mini: Encoder
) -> None:
    def write_into_it() -> None:
        with pytest.raises(ConflictError, match="is replacing products__v1"):
            index_catalog(catalog, store=store, encoder=mini, alias="products", options=index)

    at = At("Verifying", write_into_it)
    assert build(store, catalog, mini, ReindexOptions(index=index), at).switched
    assert at.stage == "done"
    again = index_catalog(catalog, store=store, encoder=mini, alias="products", options=index)
    assert again.unchanged == 6 and again.collection == "products__v2"


def test_what_index_brings_while_a_version_is_built_is_in_it_when_it_takes_over(
    store: Store, catalog: Path, index: IndexOptions, mini: Encoder
) -> None:
    class Late:
        """The real encoder, beside which the catalogue changes once the version is half built."""

        changed = False

        def __getattr__(self, name: str) -> Any:
            return getattr(mini, name)

        def encode_pixels(self, pixels: Any) -> Any:
            if not self.changed:
                self.changed = True
                rows = rows_of(catalog, 8)
                rows[0]["price"] = 99.0
                write(catalog, rows)
                index_catalog(catalog, store=store, encoder=mini, alias="products", options=index)
            return mini.encode_pixels(pixels)

    said: list[str] = []
    options = ReindexOptions(index=replace(index, batch_size=2))
    report = build(store, catalog, Late(), options, said.append)  # type: ignore[arg-type]
    assert report.switched and any("catching up" in one for one in said)
    assert store.count("products__v2") == 8
    assert store.get("products__v2", ["i000"])["i000"].fields["price"] == 99.0


def test_what_came_from_another_catalogue_meanwhile_is_said_and_nothing_is_switched(
    store: Store, catalog: Path, index: IndexOptions, mini: Encoder
) -> None:
    extra = catalog.with_name("extra.jsonl")
    rows = rows_of(catalog, 7)[6:]

    def bring() -> None:
        index_catalog(
            write(extra, rows), store=store, encoder=mini, alias="products", options=index
        )

    report = build(store, catalog, mini, ReindexOptions(index=index), At("Building", bring))
    assert not report.switched and store.resolve("products").name == "products__v1"
    (failed,) = (check for check in report.verification.checks if not check.passed)
    (job,) = (job for job in index.job_dir.iterdir() if f"{extra}" in _catalog_of(job))
    assert failed.name == "jobs beside" and job.name in (failed.reason or "")
    # Somebody who has read that goes on: the version is there already.
    again = build(store, catalog, mini, ReindexOptions(index=index))
    assert again.switched and again.resumed and again.index.unchanged == 6


def test_a_run_that_writes_into_the_live_version_is_waited_for(
    store: Store, catalog: Path, index: IndexOptions, mini: Encoder
) -> None:
    manifest = {
        "alias": "products",
        "catalog": str(catalog),
        "collection": "products__v1",
        "database": database_of(store, index.job_dir),
    }
    job = Job(index.job_dir, "products", manifest)
    # The other run ends when somebody waits for it.
    at = At("Waiting", lambda: job.finish({"status": "done", "indexed": 0}, ""))
    report = build(store, catalog, mini, ReindexOptions(index=index), at)
    assert report.switched
    assert f"Waiting for {job.folder.name}, which writes into products__v1" in at.said


def test_an_alias_that_somebody_moved_meanwhile_is_left_where_it_is(
    store: Store, catalog: Path, index: IndexOptions, mini: Encoder
) -> None:
    def move() -> None:
        store.create(CollectionSpec("products__v9", mini.identity, ()))
        store.set_alias("products", "products__v9")

    with pytest.raises(ConflictError, match="pointed to products__v9 by somebody else"):
        build(store, catalog, mini, ReindexOptions(index=index), At("Verifying", move))
    assert store.resolve("products").name == "products__v9"
    assert "products__v1" in store.names() and "products__v2" in store.names()


def _catalog_of(job: Path) -> str:
    manifest = job / "manifest.json"
    return str(json.loads(manifest.read_text())["catalog"]) if manifest.is_file() else ""
