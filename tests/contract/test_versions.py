"""Which version of an alias the indexer makes first, beside what is there already."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pymilvus import DataType, MilvusClient

from indexer.rollout import first_version
from search.store import CollectionSpec, schema
from search.store.connection import Connection
from search.store.milvus import MilvusStore
from tests.contract.catalogue import MODEL, entity


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    connection = Connection(str(tmp_path / "shop.db"))
    yield connection
    connection.close()


def test_one_of_a_newer_format_keeps_its_name_and_stops_nobody(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MilvusStore(connection)
    with monkeypatch.context() as patched:
        patched.setattr(schema, "FORMAT", 2)
        store.create(CollectionSpec("products__v4", MODEL))
    assert first_version(store, "products", MODEL, ()).name == "products__v5"
    assert first_version(store, "others", MODEL, ()).name == "others__v1"
    assert store.names() == ["others__v1", "products__v4", "products__v5"]


def test_somebody_elses_keeps_its_name_too(connection: Connection) -> None:
    foreign = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    foreign.add_field("id", DataType.VARCHAR, is_primary=True, max_length=512)
    foreign.add_field("embedding", DataType.FLOAT_VECTOR, dim=8)
    connection.client.create_collection("products__v2", schema=foreign)
    store = MilvusStore(connection)
    assert first_version(store, "products", MODEL, ()).name == "products__v3"
    assert store.names() == ["products__v2", "products__v3"]


def test_only_empty_versions_that_nobody_uses_are_dropped(connection: Connection) -> None:
    store = MilvusStore(connection)
    for version in ("v1", "v2", "v3", "v4"):
        store.create(CollectionSpec(f"products__{version}", MODEL))
    store.upsert("products__v2", [entity("a")])
    store.set_alias("products", "products__v1")
    store.set_alias("kept", "products__v3")
    info = first_version(store, "products", MODEL, ())
    assert (info.name, info.aliases) == ("products__v5", ("products",))
    assert store.names() == ["products__v2", "products__v3", "products__v5"]
