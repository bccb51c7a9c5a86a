"""What the store has Milvus make of a collection, and when it has it loaded into memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from search.store import CollectionSpec, SearchRequest
from search.store.connection import Connection
from search.store.milvus import MilvusStore
from tests.contract.catalogue import MODEL, entity, fresh_name, unit_vector


@pytest.fixture
def uri(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if backend == "server":
        return str(request.getfixturevalue("milvus_uri"))
    return str(tmp_path / "shop.db")


@pytest.fixture
def made(uri: str, backend: str) -> Iterator[str]:
    """A collection of twenty flushed items, of which a new client finds nothing in memory."""
    name = fresh_name()
    connection = Connection(uri)
    store = MilvusStore(connection)
    store.create(CollectionSpec(name, MODEL))
    store.upsert(name, [entity(f"{i}", unit_vector(i)) for i in range(20)])
    store.flush(name)
    if backend == "server":  # An embedded database forgets it with the process.
        connection.client.release_collection(name, timeout=20)
    store.close()
    yield name
    connection = Connection(uri)
    MilvusStore(connection).drop(name)
    connection.close()


@pytest.fixture
def connection(uri: str, made: str) -> Iterator[Connection]:
    connection = Connection(uri)
    yield connection
    connection.close()


def is_loaded(connection: Connection, name: str) -> bool:
    state = connection.client.get_load_state(name, timeout=20)["state"]
    return bool(state.name == "Loaded")


def test_the_index_is_exact_embedded_and_hnsw_on_a_server(
    connection: Connection, made: str, backend: str
) -> None:
    index = connection.client.describe_index(made, "embedding", timeout=20)
    assert index["metric_type"] == "IP"
    assert index["index_type"] == {"lite": "FLAT", "server": "HNSW"}[backend]
    if backend == "server":
        assert (int(index["M"]), int(index["efConstruction"])) == (16, 200)


def test_looking_loads_nothing_and_reading_does(connection: Connection, made: str) -> None:
    store = MilvusStore(connection)
    alias = f"alias_of_{made}"
    assert store.resolve(made).name == made
    assert made in store.names()
    assert [info.count for info in store.collections() if info.name == made] == [20]
    store.set_alias(alias, made)
    store.drop_alias(alias)
    store.upsert(made, [entity("new", unit_vector(99))])
    assert not is_loaded(connection, made)

    [hit] = store.search(made, SearchRequest(unit_vector(99), 1))
    assert hit.id == "new"
    assert is_loaded(connection, made)
    assert [info.count for info in store.collections() if info.name == made] == [21]


def test_describing_counts_exactly(connection: Connection, made: str) -> None:
    """A server's statistics would not know of the new item, and count the replaced one twice."""
    store = MilvusStore(connection)
    store.upsert(made, [entity("new"), entity("3")])
    assert store.describe(made).count == 21


def test_what_is_not_loaded_is_loaded_before_deleting(connection: Connection, made: str) -> None:
    store = MilvusStore(connection)
    assert store.delete(made, ["1", "2", "none"]) == 2
    assert store.count(made) == 18
