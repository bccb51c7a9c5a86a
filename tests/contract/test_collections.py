"""Collections and aliases: made, described, switched and dropped alike on both backends."""

import pytest

from search.encoders.base import ModelIdentity
from search.errors import (
    CollectionNotFoundError,
    ConfigError,
    ConflictError,
    SchemaMismatchError,
    UnsupportedError,
)
from search.store import CollectionSpec, Store, schema
from search.types import Field, FieldType
from tests.contract.catalogue import FIELDS, MODEL, entity, fresh_name

ABSENT = "no_such_collection"


def test_a_collection_says_what_it_was_made_with(store: Store, collection: str) -> None:
    info = store.describe(collection)
    assert (info.name, info.model, info.fields, info.count) == (collection, MODEL, FIELDS, 0)


def test_resolving_leads_to_the_collection_with_its_model_and_fields(
    store: Store, collection: str, second: str, alias: str
) -> None:
    store.set_alias(alias, collection)
    spec = CollectionSpec(collection, MODEL, FIELDS)
    assert store.resolve(collection) == store.resolve(alias) == spec
    store.set_alias(alias, second)
    assert store.resolve(alias) == CollectionSpec(second, MODEL)


def test_model_and_fields_of_any_name_come_back(store: Store) -> None:
    model = ModelIdentity("hf-hub:Marqo/marqo-fashionSigLIP", 'é"\\' * 500, 4)
    fields = (
        *(Field(f"Größe {i} '\"\\", FieldType.STRING) for i in range(20)),
        Field("", FieldType.FLOAT),
        Field("distance", FieldType.INTEGER),
        Field("$meta", FieldType.BOOLEAN),
        Field("漢字", FieldType.STRINGS),
    )
    name = fresh_name()
    store.create(CollectionSpec(name, model, fields))
    try:
        info = store.describe(name)
        assert (info.model, info.fields) == (model, fields)
    finally:
        store.drop(name)


def test_a_taken_name_is_refused_and_nothing_changes(store: Store, collection: str) -> None:
    store.upsert(collection, [entity("kept")])
    with pytest.raises(ConflictError, match=collection):
        store.create(CollectionSpec(collection, MODEL))
    assert store.describe(collection).fields == FIELDS
    assert store.count(collection) == 1


@pytest.mark.parametrize("name", ["", "1st", "a-b", "a b", "é", "a" * 256, "a;drop"])
def test_names_that_milvus_does_not_take(store: Store, name: str) -> None:
    with pytest.raises(ConfigError):
        store.create(CollectionSpec(name, MODEL))


def test_fields_that_cannot_be(store: Store) -> None:
    colour = Field("colour", FieldType.STRING)
    with pytest.raises(SchemaMismatchError, match="colour"):
        store.create(CollectionSpec(fresh_name(), MODEL, (colour, colour)))
    with pytest.raises(SchemaMismatchError, match="title"):
        store.create(CollectionSpec(fresh_name(), MODEL, (Field("title", FieldType.STRING),)))
    many = tuple(Field(f"f{i}", FieldType.INTEGER) for i in range(57))
    with pytest.raises(SchemaMismatchError, match="57"):
        store.create(CollectionSpec(fresh_name(), MODEL, many))


def test_as_many_fields_as_allowed(store: Store) -> None:
    types = list(FieldType)
    fields = tuple(Field(f"f{i}", types[i % len(types)]) for i in range(56))
    name = fresh_name()
    store.create(CollectionSpec(name, MODEL, fields))
    try:
        store.upsert(name, [entity("a", fields={"f1": 5, "f55": 7})])
        assert store.get(name, ["a"])["a"].fields["f55"] == 7
    finally:
        store.drop(name)


def test_an_alias_is_set_followed_and_switched(
    store: Store, collection: str, second: str, alias: str
) -> None:
    store.upsert(collection, [entity("old")])
    store.set_alias(alias, collection)
    store.set_alias(alias, collection)
    assert store.describe(alias).name == collection
    assert store.describe(collection).aliases == (alias,)
    assert list(store.get(alias, ["old"])) == ["old"]

    store.set_alias(alias, second)
    assert store.describe(alias).name == second
    assert store.describe(collection).aliases == ()
    assert store.get(alias, ["old"]) == {}

    with pytest.raises(ConflictError, match=alias):
        store.drop(second)
    store.set_alias(alias, collection)
    store.drop(second)
    with pytest.raises(CollectionNotFoundError, match=second):
        store.describe(second)
    assert store.describe(alias).name == collection


def test_an_alias_is_dropped_and_its_collection_stays(
    store: Store, collection: str, alias: str
) -> None:
    store.set_alias(alias, collection)
    for wrong in (collection, "no_such_alias"):
        with pytest.raises(CollectionNotFoundError, match=wrong):
            store.drop_alias(wrong)
    store.drop_alias(alias)
    with pytest.raises(CollectionNotFoundError, match=alias):
        store.describe(alias)
    assert store.describe(collection).aliases == ()
    store.set_alias(alias, collection)
    assert store.describe(alias).name == collection


def test_an_alias_cannot_hide_a_collection(store: Store, collection: str, second: str) -> None:
    with pytest.raises(ConflictError, match=second):
        store.set_alias(second, collection)
    with pytest.raises(CollectionNotFoundError, match=ABSENT):
        store.set_alias("some_alias", ABSENT)
    with pytest.raises(ConfigError):
        store.set_alias("not an alias", collection)


def test_writes_do_not_follow_aliases(store: Store, collection: str, alias: str) -> None:
    store.upsert(collection, [entity("a")])
    store.set_alias(alias, collection)
    writes = (
        lambda: store.upsert(alias, [entity("b")]),
        lambda: store.delete(alias, ["a"]),
        lambda: store.flush(alias),
        lambda: store.drop(alias),
        lambda: store.set_alias("another", alias),
    )
    for write in writes:
        with pytest.raises(CollectionNotFoundError, match=f"{alias}.*alias of {collection}"):
            write()
    assert list(store.scan_ids(collection)) == ["a"]


def test_all_collections_by_name(store: Store, collection: str, second: str, alias: str) -> None:
    store.set_alias(alias, second)
    listed = store.collections()
    names = [info.name for info in listed]
    assert names == sorted(names)
    assert {collection, second} <= set(names)
    assert next(info for info in listed if info.name == second).aliases == (alias,)
    assert set(names) <= set(store.names())
    assert store.names() == sorted(store.names())


def test_one_of_a_newer_format_is_in_nobodys_way(
    store: Store, collection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = fresh_name()
    with monkeypatch.context() as patched:
        patched.setattr(schema, "FORMAT", 2)
        store.create(CollectionSpec(newer, MODEL))
    try:
        listed = [info.name for info in store.collections()]
        assert collection in listed and newer not in listed
        assert newer in store.names()
        for read in (store.describe, store.resolve, store.count, store.drop):
            with pytest.raises(ConflictError, match="format 2"):
                read(newer)
    finally:
        monkeypatch.setattr(schema, "FORMAT", 2)
        store.drop(newer)


def test_what_is_missing_is_named(store: Store) -> None:
    reads = (
        lambda: store.describe(ABSENT),
        lambda: store.resolve(ABSENT),
        lambda: store.get(ABSENT, ["a"]),
        lambda: store.count(ABSENT),
        lambda: store.scan_ids(ABSENT),
        lambda: store.hashes(ABSENT, ["a"]),
        lambda: store.embeddings(ABSENT, ["a"]),
        lambda: store.drop(ABSENT),
        lambda: store.upsert(ABSENT, [entity("a")]),
    )
    for read in reads:
        with pytest.raises(CollectionNotFoundError, match=ABSENT):
            read()


def test_capabilities_are_those_of_the_backend(store: Store, backend: str) -> None:
    can = store.capabilities
    assert can.embedded == (backend == "lite")
    if can.embedded:
        can.require("full_text_search")
    elif not can.full_text_search:
        with pytest.raises(UnsupportedError, match=r"2\.5"):
            can.require("full_text_search")
