"""Queries without pause through a whole reindex, a switch and a roll back, on both backends."""

import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from indexer import IndexOptions, index_catalog
from indexer.rollout import rollback, versions_of
from indexer.rollout.reindexing import ReindexOptions, reindex
from search.encoders import Encoder, load_encoder
from search.engine import SearchEngine
from search.errors import CollectionNotFoundError, VitrineError
from search.images import ImageLimits
from search.store import Store, open_store
from tests.sample_collection import chosen_rows, write_catalog
from tests.second_model import second_model
from tests.steady_queries import Answers, answers_of, asking, check
from tests.waiting import wait_until

pytestmark = pytest.mark.model

load = partial(load_encoder, device="cpu")


@dataclass(frozen=True)
class Shop:
    """An alias with a version 1 of `mini`, and the catalogue for the next one."""

    store: Store
    uri: str
    alias: str
    next_catalog: Path
    options: IndexOptions

    def engine(self, encoder: Encoder, collection: str | None = None) -> SearchEngine:
        """A service's engine: with a store of its own, following the alias."""
        store = open_store(self.uri)
        return SearchEngine(store, encoder, collection or self.alias, ImageLimits(), load=load)

    def expected(self, encoder: Encoder, number: int) -> dict[str, tuple[str, Answers]]:
        name = f"{self.alias}__v{number}"
        with self.engine(encoder, name) as engine:
            return {name: (encoder.identity.name, answers_of(engine))}


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load("mini")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> str:
    return second_model(tmp_path_factory.mktemp("models") / "second")


@pytest.fixture
def shop(
    backend: str, request: pytest.FixtureRequest, tmp_path: Path, mini: Encoder
) -> Iterator[Shop]:
    is_server = backend == "server"
    uri = request.getfixturevalue("milvus_uri") if is_server else str(tmp_path / "shop.db")
    alias = f"shop_{uuid.uuid4().hex[:8]}"
    rows = chosen_rows(60)
    # Other ids in the next version: a page with an id of each would be seen.
    renamed = [row | {"id": f"new-{row['id']}"} for row in rows]
    options = IndexOptions(job_dir=tmp_path / "jobs")
    store = open_store(uri)
    first = write_catalog(rows, tmp_path / "first.csv")
    index_catalog(first, store=store, encoder=mini, alias=alias, options=options)
    yield Shop(store, uri, alias, write_catalog(renamed, tmp_path / "next.csv"), options)
    with suppress(CollectionNotFoundError):
        store.drop_alias(alias)
    for version in versions_of(store, alias):
        with suppress(VitrineError):
            store.drop(version.name)
    store.close()


def test_no_query_notices_a_reindex_a_switch_and_a_roll_back(
    shop: Shop, mini: Encoder, other: str
) -> None:
    v1, v2 = f"{shop.alias}__v1", f"{shop.alias}__v2"
    expected = shop.expected(mini, 1)
    with shop.engine(mini) as engine, asking(engine.search) as asked:
        report = reindex(
            shop.next_catalog,
            store=shop.store,
            encoder=load(other),
            alias=shop.alias,
            load=load,
            options=ReindexOptions(index=shop.options),
        )
        assert report.switched and report.verification.passed, report.verification
        assert (report.live.name, report.new.name, report.dropped) == (v1, v2, ())
        assert report.switch_seconds < 10
        wait_until(lambda: asked.by_collection[v2] >= 20, 120)
        rolled = rollback(shop.store, shop.alias)
        assert (rolled.before, rolled.now.name) == (v2, v1)
        before = asked.by_collection[v1]
        wait_until(lambda: asked.by_collection[v1] >= before + 20, 60)
        rollback(shop.store, shop.alias, to=2)
        after = asked.by_collection[v2]
        wait_until(lambda: asked.by_collection[v2] >= after + 20, 60)
        assert engine.behind() is None and engine.check().name == v2
    check(asked, expected | shop.expected(load(other), 2))


def test_a_version_that_is_dropped_at_once_costs_no_query(
    shop: Shop, mini: Encoder, other: str
) -> None:
    """With one version kept there is nothing to answer from while the model is loaded: wait."""
    v2 = f"{shop.alias}__v2"
    expected = shop.expected(mini, 1)
    with shop.engine(mini) as engine, asking(engine.search) as asked:
        report = reindex(
            shop.next_catalog,
            store=shop.store,
            encoder=load(other),
            alias=shop.alias,
            load=load,
            options=ReindexOptions(index=shop.options, keep=1),
        )
        assert report.dropped == (f"{shop.alias}__v1",)
        wait_until(lambda: asked.by_collection[v2] >= 20, 120)
    check(asked, expected | shop.expected(load(other), 2))
