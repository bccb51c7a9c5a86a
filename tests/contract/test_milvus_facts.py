"""What Milvus does, that the store relies on or protects its users from.

Each test says who relies on it. When an upgrade of pymilvus, Milvus Lite or the server changes one,
look at that place: a protection may have become needless, or a new one is needed.
"""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymilvus import DataType, MilvusClient, MilvusException

from search.store.expressions import literal
from tests.contract.catalogue import unit_vector

SESSION = {"consistency_level": "Session", "timeout": 20}
STRONG = {"consistency_level": "Strong", "timeout": 20}


@pytest.fixture(scope="module")
def raw(
    backend: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MilvusClient]:
    if backend == "server":
        uri = request.getfixturevalue("milvus_uri")
    else:
        uri = str(tmp_path_factory.mktemp("facts") / "facts.db")
    client = MilvusClient(uri, timeout=10, dedicated=True)
    yield client
    client.close()
    if backend == "lite":
        from milvus_lite.server_manager import server_manager_instance

        server_manager_instance.release_server(uri)


@pytest.fixture(scope="module")
def name(raw: MilvusClient, backend: str) -> Iterator[str]:
    name = f"facts_{uuid.uuid4().hex[:12]}"
    schema = MilvusClient.create_schema(
        auto_id=False, enable_dynamic_field=False, description="a description"
    )
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=512)
    schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=8)
    schema.add_field("text", DataType.VARCHAR, max_length=10)
    schema.add_field("number", DataType.INT64)
    index = MilvusClient.prepare_index_params()
    kind = {"lite": "FLAT", "server": "HNSW"}[backend]
    params = {"M": 16, "efConstruction": 200} if backend == "server" else {}
    index.add_index("embedding", index_type=kind, metric_type="IP", params=params)
    raw.create_collection(
        name, schema=schema, index_params=index, properties={"ours": "kept"}, timeout=60
    )
    yield name
    raw.drop_collection(name, timeout=60)


def row(id: str, seed: int = 0, text: str = "", number: int = 0) -> dict[str, Any]:
    return {"id": id, "embedding": unit_vector(seed), "text": text, "number": number}


def ids_of(raw: MilvusClient, name: str, filter: str, **options: Any) -> list[str]:
    found = raw.query(name, filter=filter, output_fields=["id"], **(SESSION | options))
    return [each["id"] for each in found]


def test_lite_must_load_what_was_opened_again(tmp_path: Path) -> None:
    """Reader.load before reads. Counting everything needs none: Reader.size and describe."""
    from milvus_lite.server_manager import server_manager_instance

    uri = str(tmp_path / "again.db")
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=512)
    schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=8)
    index = MilvusClient.prepare_index_params()
    index.add_index("embedding", index_type="FLAT", metric_type="IP")
    first = MilvusClient(uri, timeout=10, dedicated=True)
    first.create_collection("again", schema=schema, index_params=index, timeout=20)
    first.insert("again", [{"id": "a", "embedding": unit_vector(0)}], timeout=20)
    assert ids_of(first, "again", 'id == "a"') == ["a"]
    first.close()
    server_manager_instance.release_server(uri)

    second = MilvusClient(uri, timeout=10, dedicated=True)
    try:
        with pytest.raises(MilvusException, match="load"):
            ids_of(second, "again", 'id == "a"')
        [row] = second.query("again", filter="", output_fields=["count(*)"], timeout=20)
        assert row["count(*)"] == 1
        second.load_collection("again", timeout=20)
        assert ids_of(second, "again", 'id == "a"') == ["a"]
    finally:
        second.close()
        server_manager_instance.release_server(uri)


def test_lite_drops_descriptions(raw: MilvusClient, name: str, backend: str) -> None:
    """schema.describe keeps the layout in a property there, in the description elsewhere."""
    described = raw.describe_collection(name)
    assert described["description"] == ("" if backend == "lite" else "a description")
    if backend == "lite":
        assert described["properties"]["ours"] == "kept"


def test_which_escapes_a_literal_knows(raw: MilvusClient, name: str, backend: str) -> None:
    r"""expressions.literal escapes no other character: Lite knows neither \u0001 nor \b."""
    text = "a\x01b"
    raw.upsert(name, [row("control", text=text)], timeout=20)
    assert ids_of(raw, name, f"text == {literal(text)}") == ["control"]
    if backend == "lite":
        with pytest.raises(MilvusException, match="escape"):
            ids_of(raw, name, f"text == {json.dumps(text)}")


def test_the_least_integer_is_no_literal_for_servers(
    raw: MilvusClient, name: str, backend: str
) -> None:
    """expressions._present compares with the least integer but one."""
    if backend == "server":
        with pytest.raises(MilvusException, match="out of range"):
            ids_of(raw, name, f"number > {-(2**63)}")
    raw.upsert(name, [row("least", number=-(2**63))], timeout=20)
    assert "least" not in ids_of(raw, name, f"number >= {-(2**63) + 1}")


def test_upsert_answers_what_delete_does_not(raw: MilvusClient, name: str, backend: str) -> None:
    """MilvusStore.delete counts first: Lite lists keys, servers repeat the number asked for."""
    raw.upsert(name, [row("gone")], timeout=20)
    told = raw.delete(name, filter='id in ["gone", "never there"]', timeout=20)
    if backend == "lite":
        assert isinstance(told, list)
    else:
        assert told["delete_count"] == 2


def test_session_sees_upserts_at_once(raw: MilvusClient, name: str) -> None:
    """MilvusStore reads with Session, which costs 3 ms where Strong costs 200 to 600."""
    for i in range(3):
        raw.upsert(name, [row("seen", text=f"v{i}")], timeout=20)
        assert ids_of(raw, name, f'text == "v{i}"') == ["seen"]


def test_strong_sees_deletes(raw: MilvusClient, name: str) -> None:
    """MilvusStore.delete waits with a Strong query, as Session may show deleted rows."""
    raw.upsert(name, [row("deleted")], timeout=20)
    raw.delete(name, filter='id in ["deleted"]', timeout=20)
    assert ids_of(raw, name, 'id == "deleted"', **STRONG) == []


def test_iterator_pages_come_in_order_of_id(raw: MilvusClient, name: str) -> None:
    """Reader.scan pages by `id >`; plain queries give Lite's rows in any order."""
    raw.upsert(name, [row(f"page {i:02}") for i in reversed(range(20))], timeout=20)
    ids_of(raw, name, 'id == "page 00"', **STRONG)
    options = {"limit": 5, "iterator": "True", "reduce_stop_for_best": "True"}
    found = ids_of(raw, name, 'id > "page 07"', **options)
    assert found == [f"page {i:02}" for i in range(8, 13)]


def test_twice_in_one_upsert(raw: MilvusClient, name: str, backend: str) -> None:
    """rows.encode_all refuses it: Lite keeps the last, the server the first."""
    raw.upsert(name, [row("twice", text="first"), row("twice", text="last")], timeout=20)
    [kept] = raw.query(name, filter='id == "twice"', output_fields=["text"], **STRONG)
    assert kept["text"] == {"lite": "last", "server": "first"}[backend]


def test_lite_takes_what_servers_refuse(raw: MilvusClient, name: str, backend: str) -> None:
    """rows.encode checks NaN and byte lengths itself (max_length here is 10)."""
    bad = [
        {**row("nan"), "embedding": np.full(8, np.nan, np.float32)},
        row("long", text="é" * 6),
        row("longer", text="x" * 11),
    ]
    for each in bad:
        try:
            raw.upsert(name, [each], timeout=20)
            taken = True
        except MilvusException:
            taken = False
        assert taken == (backend == "lite" and each["id"] != "longer")
    raw.delete(name, filter='id in ["nan", "long"]', timeout=20)


def test_lite_knows_the_aliases_only_when_asked_for(raw: MilvusClient, name: str) -> None:
    """Reader.aliases uses list_aliases: describe_collection is empty in Lite."""
    alias = f"alias_{uuid.uuid4().hex[:8]}"
    raw.create_alias(name, alias, timeout=20)
    assert raw.list_aliases(name)["aliases"] == [alias]
    assert raw.describe_collection(alias)["collection_name"] == name
    raw.drop_alias(alias, timeout=20)


def test_ties_come_in_any_order(raw: MilvusClient, name: str) -> None:
    """nearest.nearest fetches past a tie and cuts pages itself; scores are inner products."""
    raw.upsert(name, [row(f"tie {i:02}", seed=77) for i in range(30)], timeout=20)
    query = [unit_vector(77)]
    for limit in (3, 30):
        [found] = raw.search(name, data=query, limit=limit, output_fields=["id"], **SESSION)
        assert len(found) == limit
        assert [hit["distance"] for hit in found] == pytest.approx([1.0] * limit, abs=1e-6)
        assert all(hit["id"].startswith("tie") for hit in found)
