"""Which versions there are, what is dropped, and where a roll back leads, on an embedded Milvus."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.rollout import prune, rollback, versions_of
from indexer.rollout.verification import sampled
from indexer.rollout.versions import alias_and_number, clear_way_back, superseded
from search.errors import CollectionNotFoundError, ConflictError, InvalidInputError
from search.store import CollectionSpec, Store, open_store
from search.store.sizes import disk_bytes, vector_bytes
from tests.contract.catalogue import MODEL, entity


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(str(tmp_path / "shop.db"))
    yield opened
    opened.close()


def make(store: Store, *numbers: int, empty: tuple[int, ...] = (), live: int) -> None:
    for number in numbers:
        store.create(CollectionSpec(f"products__v{number}", MODEL))
        if number not in empty:
            store.upsert(f"products__v{number}", [entity("a")])
    store.set_alias("products", f"products__v{live}")


def numbers(store: Store) -> list[int]:
    return [version.number for version in versions_of(store, "products")]


def test_versions_are_in_the_order_of_their_numbers_and_of_one_alias_only(store: Store) -> None:
    make(store, 2, 10, 9, live=9)
    store.create(CollectionSpec("products__vX", MODEL))
    store.create(CollectionSpec("my_products__v1", MODEL))
    found = versions_of(store, "products")
    assert [(each.number, each.live, each.info.count) for each in found] == [
        (2, False, 1), (9, True, 1), (10, False, 1),
    ]  # fmt: skip
    assert alias_and_number("my__v2__v31") == ("my__v2", 31)
    assert alias_and_number("products") is None


def test_rolling_back_passes_over_empty_versions_and_says_what_is_live(store: Store) -> None:
    make(store, 1, 2, 3, empty=(2,), live=3)
    done = rollback(store, "products")
    assert (done.before, done.now.name, done.now.count) == ("products__v3", "products__v1", 1)
    assert store.resolve("products").name == "products__v1"
    assert rollback(store, "products", to=3).now.name == "products__v3"
    assert numbers(store) == [1, 2, 3]


@pytest.mark.parametrize(
    ("to", "error", "says"),
    [
        (None, CollectionNotFoundError, "There are 2 .0 items., 3 .1 items.: choose with --to"),
        (1, InvalidInputError, "products__v1 is live already"),
        (2, ConflictError, "products__v2 has no items"),
        (7, CollectionNotFoundError, "has no version 7"),
    ],
)
def test_where_no_way_leads_back(
    store: Store, to: int | None, error: type[Exception], says: str
) -> None:
    make(store, 1, 2, 3, empty=(2,), live=1)
    with pytest.raises(error, match=says):
        rollback(store, "products", to)
    assert store.resolve("products").name == "products__v1"


def test_no_alias_and_a_collection_of_its_own_name_cannot_be_rolled_back(store: Store) -> None:
    with pytest.raises(CollectionNotFoundError):
        rollback(store, "products")
    store.create(CollectionSpec("plain", MODEL))
    with pytest.raises(ConflictError, match="not an alias"):
        rollback(store, "plain")


@pytest.mark.parametrize(("keep", "left"), [(1, [5, 6]), (2, [4, 5, 6]), (3, [2, 4, 5, 6])])
def test_pruning_keeps_the_last_ones_with_items_the_live_one_and_what_is_above(
    store: Store, keep: int, left: list[int]
) -> None:
    make(store, 1, 2, 3, 4, 5, 6, empty=(3,), live=5)
    prune(store, "products", keep)
    assert numbers(store) == left


def test_pruning_leaves_what_another_alias_uses_and_whatever_has_no_live_version(
    store: Store,
) -> None:
    make(store, 1, 2, 3, live=3)
    store.set_alias("frozen", "products__v1")
    assert prune(store, "products", 1) == ["products__v2"]
    store.drop_alias("products")
    assert not superseded(versions_of(store, "products"), 1)


def test_what_lies_between_two_versions_goes_before_the_switch_so_that_the_way_back_is_clear(
    store: Store,
) -> None:
    make(store, 1, 2, 3, 4, 5, live=2)  # 3 and 4 were never finished, or rolled back from.
    store.set_alias("looked_at", "products__v4")
    assert clear_way_back(store, "products", "products__v2", "products__v5") == ["products__v3"]
    assert numbers(store) == [1, 2, 4, 5]
    assert clear_way_back(store, "products", "older_shop", "products__v5") == []
    store.drop_alias("looked_at")
    clear_way_back(store, "products", "products__v2", "products__v5")
    store.set_alias("products", "products__v5")
    assert rollback(store, "products").now.name == "products__v2"


def test_a_sample_is_the_same_for_a_seed_and_covers_everything_evenly() -> None:
    ids = [str(number) for number in range(1000)]
    assert sampled(ids, 50, 3) == sampled(iter(ids), 50, 3) != sampled(ids, 50, 4)
    drawn = [int(id) for seed in range(40) for id in sampled(ids, 50, seed)]
    assert 450 < sum(drawn) / len(drawn) < 550
    assert sampled(ids[:3], 50, 0) == ids[:3]


def test_sizes_are_those_of_the_vectors_and_of_the_folder(store: Store, tmp_path: Path) -> None:
    make(store, 1, live=1)
    assert vector_bytes(store.describe("products")) == MODEL.dim * 4
    assert (disk_bytes(str(tmp_path / "shop.db"), "products__v1") or 0) > 100
    assert disk_bytes(str(tmp_path / "shop.db"), "products__v9") is None
    assert disk_bytes("http://localhost:19530", "products__v1") is None
