"""What is exported and imported again is the same collection, on both backends."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.exchange import export_collection, import_embeddings, open_exchange
from search.encoders.base import ModelIdentity
from search.errors import ModelMismatchError, SchemaMismatchError
from search.filters import parse_filter
from search.store import CollectionSpec, Entity, SearchRequest, Store
from search.types import Field, FieldType
from tests.contract.catalogue import (
    DIM,
    FIELDS,
    HOSTILE,
    HOSTILE_VALUES,
    MODEL,
    entity,
    fresh_name,
    shop,
    unit_vector,
)


def everything() -> list[Entity]:
    hostile = [
        entity(id, unit_vector(i), {"colour": text, "tags": [text]}, {text: text}, text, text)
        for i, (id, text) in enumerate(zip(HOSTILE, HOSTILE_VALUES, strict=False))
    ]
    many = [entity(f"item {i}", unit_vector(i), {"stock": i}) for i in range(1_200)]
    return [*shop(), *hostile, *many]


def contents(store: Store, name: str) -> dict[str, Entity]:
    return {one.item.id: one for batch in store.scan(name) for one in batch}


def assert_same(found: dict[str, Entity], wanted: dict[str, Entity], atol: float = 0.0) -> None:
    assert found.keys() == wanted.keys()
    for id, one in wanted.items():
        assert found[id].item == one.item
        assert (found[id].image_hash, found[id].row_hash) == (one.image_hash, one.row_hash)
        np.testing.assert_allclose(found[id].embedding, one.embedding, rtol=0, atol=atol)


@pytest.fixture(scope="module")
def full(store: Store) -> Iterator[str]:
    name = fresh_name()
    store.create(CollectionSpec(name, MODEL, FIELDS))
    store.upsert(name, everything())
    store.flush(name)
    yield name
    store.drop(name)


@pytest.fixture
def alias(store: Store) -> Iterator[str]:
    name = f"imported_{uuid.uuid4().hex[:12]}"
    yield name
    aliased = [info for info in store.collections() if name in info.aliases]
    if aliased:
        store.drop_alias(name)
    for each in store.names():
        if each.startswith(f"{name}__v"):
            store.drop(each)


def test_a_round_trip_changes_nothing(store: Store, full: str, alias: str, tmp_path: Path) -> None:
    file = str(tmp_path / "all.parquet")
    exported = export_collection(store, full, file)
    before = contents(store, full)
    assert exported.rows == len(before) == len(everything())
    exchange = open_exchange([file])
    assert (exchange.model, exchange.fields, exchange.rows) == (MODEL, FIELDS, len(before))
    report = import_embeddings(exchange, store=store, alias=alias, job_dir=tmp_path / "jobs")
    assert (report.imported, report.unchanged, report.failed) == (len(before), 0, 0)
    assert report.collection == f"{alias}__v1"
    info = store.describe(alias)
    assert (info.model, info.fields, info.count) == (MODEL, FIELDS, len(before))
    assert_same(contents(store, alias), before)
    for query in (
        SearchRequest(unit_vector(5), 20),
        SearchRequest(unit_vector(6), 20, filter=parse_filter("stock>600", FIELDS)),
    ):
        wanted = [(hit.id, hit.score) for hit in store.search(full, query)]
        assert [(hit.id, hit.score) for hit in store.search(alias, query)] == wanted

    again = import_embeddings(exchange, store=store, alias=alias, job_dir=tmp_path / "jobs")
    assert (again.imported, again.unchanged, again.failed) == (0, len(before), 0)
    assert again.collection == report.collection


def test_an_import_that_was_killed_goes_on(
    store: Store, full: str, alias: str, tmp_path: Path
) -> None:
    file = str(tmp_path / "all.parquet")
    export_collection(store, full, file)
    exchange = open_exchange([file])
    job_dir = tmp_path / "jobs"

    def stop(now: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_embeddings(exchange, store=store, alias=alias, job_dir=job_dir, on_progress=stop)
    there = store.count(alias)
    assert there == 1_000
    report = import_embeddings(exchange, store=store, alias=alias, job_dir=job_dir)
    assert (report.unchanged, report.imported) == (there, exchange.rows - there)
    assert_same(contents(store, alias), contents(store, full))


def test_what_changed_in_the_file_is_written(
    store: Store, full: str, alias: str, collection: str, tmp_path: Path
) -> None:
    files = [str(tmp_path / name) for name in ("one.parquet", "two.parquet")]
    store.upsert(collection, shop())
    export_collection(store, collection, files[0])
    [first, second, *_] = shop()
    changed = [replace(first, row_hash="other"), replace(second, embedding=unit_vector(77))]
    store.upsert(collection, changed)
    export_collection(store, collection, files[1])
    for file, counts in zip(files, [(8, 0), (2, 6)], strict=True):
        report = import_embeddings(
            open_exchange([file]), store=store, alias=alias, job_dir=tmp_path / "jobs"
        )
        assert (report.imported, report.unchanged) == counts
    assert_same(contents(store, alias), contents(store, collection))


def test_another_model_dim_or_type_is_refused(
    store: Store, collection: str, second: str, alias: str, tmp_path: Path
) -> None:
    """`second` has no fields: those of the file are kept with its items as extra values."""
    file = str(tmp_path / "shop.parquet")
    store.upsert(collection, shop())
    export_collection(store, collection, file)
    exchange = open_exchange([file])
    store.upsert(second, [entity("x")])
    report = import_embeddings(exchange, store=store, alias=second, job_dir=tmp_path / "jobs")
    assert report.imported == len(shop())
    assert "colour" in report.notices[0]
    moved = store.get(second, ["a"])["a"]
    assert (moved.fields, moved.extra["added_on"]) == ({}, "2024-01-01")

    others = [
        (ModelIdentity("mini", "other weights", DIM), (), ModelMismatchError),
        (MODEL, (("colour", "integer"),), SchemaMismatchError),
    ]
    for model, fields, error in others:
        name = fresh_name()
        typed = tuple(Field(field, FieldType(type)) for field, type in fields)
        store.create(CollectionSpec(name, model, typed))
        try:
            store.upsert(name, [entity("x")])
            with pytest.raises(error) as caught:
                import_embeddings(exchange, store=store, alias=name, job_dir=tmp_path / "no")
            assert caught.value.hint
            assert store.count(name) == 1
            assert not (tmp_path / "no").exists()
        finally:
            store.drop(name)
