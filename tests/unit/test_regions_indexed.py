"""Indexing with regions: what is stored, counted, spared, and refused."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import indexer.preparing
from indexer import IndexOptions, IndexReport, index_catalog, plan_index
from indexer.care.snapshot import take_snapshot
from indexer.exchange import export_collection, import_embeddings, open_exchange
from indexer.memory import Known
from indexer.preparing import Task
from indexer.regions import Regions, region_hash
from indexer.rollout.reindexing import ReindexOptions, reindex
from indexer.rows import Row
from indexer.staging import StagedEmbeddings
from search.encoders import Encoder, load_encoder
from search.errors import ConfigError, SchemaMismatchError
from search.images import ImageLimits, cropped, load_image
from search.regions import REGION, WHOLE
from search.store import Store, open_store
from search.store.base import Hashes
from search.types import Item
from tests.scenes import CELLS, Scenes, draw_scenes, write_scenes

pytestmark = pytest.mark.model

COUNT, EACH = 5, 5
"""Scenes, and entities of each: the whole and four regions."""

GRID = Regions.from_text("2x2")


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder("mini", device="cpu")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(str(tmp_path / "db" / "vitrine.db"))) as store:
        yield store


@pytest.fixture
def scenes(tmp_path: Path) -> Scenes:
    return draw_scenes(tmp_path, COUNT)


def options(scenes: Scenes, regions: Regions | None = GRID, **more: Any) -> IndexOptions:
    return IndexOptions(job_dir=scenes.catalog.parent / "jobs", regions=regions, **more)


def run(
    scenes: Scenes, store: Store, mini: Encoder, regions: Regions | None = GRID, **more: Any
) -> IndexReport:
    return index_catalog(
        scenes.catalog,
        store=store,
        encoder=mini,
        alias="products",
        options=options(scenes, regions, **more),
    )


def counts(report: IndexReport) -> tuple[int, int, int, int, int]:
    return (
        report.indexed, report.updated, report.columns_updated, report.unchanged, report.failed
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "boxes"),
    [
        ("none", []),
        ("2x1", ["0,0,0.5,1", "0.5,0,1,1"]),
        ("2X2", list(map(str, CELLS))),
        ("halves", ["0,0,0.5,1", "0.5,0,1,1", "0,0,1,0.5", "0,0.5,1,1"]),
    ],
)
def test_grids_by_name(text: str, boxes: list[str]) -> None:
    assert list(map(str, Regions.from_text(text).boxes)) == boxes


def test_the_cells_of_a_grid_touch_and_cover_everything() -> None:
    boxes = Regions.from_text("3x2").boxes
    assert len(boxes) == 6
    assert sum((box.x1 - box.x0) * (box.y1 - box.y0) for box in boxes) == pytest.approx(1)
    assert str(boxes[4]) == "0.3333,0.5,0.6667,1"


@pytest.mark.parametrize("text", ["", "2", "0x2", "7x1", "2x2x2", "faces"])
def test_what_is_no_grid(text: str) -> None:
    with pytest.raises(ConfigError, match="none, halves, or a grid"):
        Regions.from_text(text)


def test_each_picture_is_stored_whole_and_in_regions(
    scenes: Scenes, store: Store, mini: Encoder
) -> None:
    report = run(scenes, store, mini)
    assert counts(report) == (COUNT * EACH, 0, 0, 0, 0)
    assert any("counts 5 times" in notice for notice in report.notices)
    assert store.count("products") == COUNT * EACH
    ids = ["s0", *(f"s0@{box}" for box in CELLS)]
    stored = store.get("products", ids)
    assert list(stored) == ids
    assert {stored[id].fields[REGION.name] for id in ids} == {WHOLE, *map(str, CELLS)}
    for item in stored.values():
        assert (item.title, item.fields["room"]) == ("scene s0", "attic")
        assert item.image == str(scenes.picture("s0")) and item.product_id is None


def test_the_embedding_of_a_region_is_that_of_its_crop(
    scenes: Scenes, store: Store, mini: Encoder
) -> None:
    run(scenes, store, mini)
    picture = load_image(scenes.picture("s1"), ImageLimits())
    wanted = mini.encode_images([picture, *(cropped(picture, box) for box in CELLS)])
    _, stored = store.embeddings("products", ["s1", *(f"s1@{box}" for box in CELLS)])
    np.testing.assert_allclose(stored, wanted, atol=1e-5)


def test_a_picture_is_decoded_once_for_all_its_regions(
    scenes: Scenes, store: Store, mini: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[str] = []
    decode = indexer.preparing.decode_image

    def counting(*args: Any, **kwargs: Any) -> Any:
        decoded.append(kwargs["name"])
        return decode(*args, **kwargs)

    monkeypatch.setattr(indexer.preparing, "decode_image", counting)
    report = run(scenes, store, mini)
    assert sorted(decoded) == sorted(str(scenes.picture(id)) for id in scenes.items)
    assert (report.stage_rows.decode, report.stage_rows.encode) == (COUNT, COUNT * EACH)


def test_what_has_not_changed_is_not_embedded_again(
    scenes: Scenes, store: Store, mini: Encoder
) -> None:
    run(scenes, store, mini)
    again = run(scenes, store, mini)
    assert counts(again) == (0, 0, 0, COUNT * EACH, 0) and again.embedded == 0
    scenes.picture("s2").write_bytes(scenes.picture("s3").read_bytes())
    changed = run(scenes, store, mini)
    assert counts(changed) == (0, EACH, 0, (COUNT - 1) * EACH, 0)
    assert changed.reused == 0 and changed.missing == 0
    write_scenes(scenes.catalog, list(scenes.items), title="view")
    assert counts(run(scenes, store, mini)) == (0, 0, COUNT * EACH, 0, 0)
    assert store.get("products", [f"s4@{CELLS[3]}"]).popitem()[1].title == "view s4"


def test_the_same_picture_of_two_rows_shares_nothing_but_its_regions(
    scenes: Scenes, store: Store, mini: Encoder
) -> None:
    scenes.picture("s1").write_bytes(scenes.picture("s0").read_bytes())
    run(scenes, store, mini)
    for suffix in ("", *(f"@{box}" for box in CELLS)):
        _, pair = store.embeddings("products", [f"s0{suffix}", f"s1{suffix}"])
        np.testing.assert_allclose(pair[0], pair[1], atol=1e-6)
    _, regions = store.embeddings("products", [f"s0@{box}" for box in CELLS])
    assert np.abs(regions[0] - regions[1]).max() > 0.01


def test_what_a_killed_run_has_embedded_is_reused_regions_too(
    scenes: Scenes, store: Store, mini: Encoder, tmp_path: Path
) -> None:
    first = run(scenes, store, mini)
    with closing(open_store(str(tmp_path / "other" / "vitrine.db"))) as other:
        report = run(scenes, other, mini, reuse=(first.job,))
        assert counts(report) == (COUNT * EACH, 0, 0, 0, 0)
        assert (report.reused, report.embedded) == (COUNT * EACH, 0)


def test_another_grid_adds_its_regions_and_lists_those_before(
    scenes: Scenes, store: Store, mini: Encoder
) -> None:
    run(scenes, store, mini)
    other = Regions.from_text("2x1")
    report = run(scenes, store, mini, other)
    assert counts(report) == (2 * COUNT, 0, 0, COUNT, 0)
    assert (report.missing, report.deleted) == (4 * COUNT, 0)
    removed = run(scenes, store, mini, other, delete_missing=True, confirmed=True)
    assert removed.deleted == 4 * COUNT and store.count("products") == 3 * COUNT
    none = run(scenes, store, mini, Regions(), delete_missing=True, confirmed=True)
    assert counts(none) == (0, 0, 0, COUNT, 0) and store.count("products") == COUNT


def test_a_scene_that_is_gone_is_gone_with_its_regions(
    scenes: Scenes, store: Store, mini: Encoder
) -> None:
    run(scenes, store, mini)
    write_scenes(scenes.catalog, ["s0", "s1", "s2", "s3"])
    report = run(scenes, store, mini, delete_missing=True)
    assert (report.missing, report.deleted) == (EACH, EACH)
    assert not store.get("products", ["s4", f"s4@{CELLS[0]}"])


def test_a_broken_picture_counts_as_often_as_it_would_have_been_stored(
    scenes: Scenes, store: Store, mini: Encoder
) -> None:
    scenes.picture("s3").write_bytes(scenes.picture("s3").read_bytes()[:-2000])
    with scenes.catalog.open("a", encoding="utf-8") as file:
        file.write("s9,,no picture,hall\ns0,s0.png,the same id,hall\n")
    report = run(scenes, store, mini)
    assert counts(report) == (4 * EACH, 0, 0, 0, 3 * EACH)
    assert report.rows == 7 * EACH
    lines = [json.loads(line) for line in report.errors_file.read_text().splitlines()]
    assert {(line["id"], line["times"]) for line in lines} == {("s3", 5), ("s9", 5), ("s0", 5)}
    assert report.missing == 0, "what could not be read is not gone"


def test_a_dry_run_says_what_a_run_does(scenes: Scenes, store: Store, mini: Encoder) -> None:
    run(scenes, store, mini)
    scenes.picture("s0").write_bytes(scenes.picture("s1").read_bytes())
    scenes.picture("s2").write_bytes(b"no image")
    plan = plan_index(
        scenes.catalog, store=store, alias="products", options=options(scenes), encoder=mini
    )
    said = (plan.new, plan.changed, plan.columns_only, plan.unchanged, plan.failed)
    assert said == (0, EACH, 0, 3 * EACH, EACH)
    assert counts(run(scenes, store, mini)) == said


def test_a_collection_with_regions_wants_to_be_told_which(
    scenes: Scenes, store: Store, mini: Encoder
) -> None:
    run(scenes, store, mini)
    with pytest.raises(SchemaMismatchError, match="not said which"):
        run(scenes, store, mini, None)
    assert store.count("products") == COUNT * EACH


def test_a_collection_without_regions_takes_none(
    scenes: Scenes, store: Store, mini: Encoder
) -> None:
    run(scenes, store, mini, None)
    with pytest.raises(SchemaMismatchError, match="reindex --regions 2x2"):
        run(scenes, store, mini)
    assert counts(run(scenes, store, mini, Regions())) == (0, 0, 0, COUNT, 0)


def test_a_new_version_may_have_regions_and_keeps_being_asked_for_them(
    scenes: Scenes, store: Store, mini: Encoder
) -> None:
    run(scenes, store, mini, None)

    def build(regions: Regions | None) -> Any:
        return reindex(
            scenes.catalog,
            store=store,
            encoder=mini,
            alias="products",
            load=load_encoder,
            options=ReindexOptions(index=options(scenes, regions)),
        )

    report = build(GRID)
    assert report.switched, report.verification
    assert store.describe("products").count == COUNT * EACH
    with pytest.raises(SchemaMismatchError, match="--regions none"):
        build(None)


def test_a_column_of_the_fields_name_is_kept_as_extra(
    scenes: Scenes, store: Store, mini: Encoder
) -> None:
    text = scenes.catalog.read_text().replace("room", REGION.name)
    scenes.catalog.write_text(text)
    run(scenes, store, mini)
    item = store.get("products", ["s1"])["s1"]
    assert item.fields[REGION.name] == WHOLE and item.extra[REGION.name] == "hall"


def test_regions_come_through_export_and_import(
    scenes: Scenes, store: Store, mini: Encoder, tmp_path: Path
) -> None:
    run(scenes, store, mini)
    target = tmp_path / "all.parquet"
    export_collection(store, "products", str(target))
    import_embeddings(
        open_exchange([str(target)]), store=store, alias="copy", job_dir=tmp_path / "imports"
    )
    assert store.count("copy") == COUNT * EACH
    assert counts(run(scenes, store, mini)) == (0, 0, 0, COUNT * EACH, 0)
    again = index_catalog(
        scenes.catalog, store=store, encoder=mini, alias="copy", options=options(scenes)
    )
    assert counts(again) == (0, 0, 0, COUNT * EACH, 0)


def test_care_looks_at_whole_pictures(scenes: Scenes, store: Store, mini: Encoder) -> None:
    run(scenes, store, mini)
    snapshot = take_snapshot(store, "products")
    assert [entry.id for entry in snapshot.entries] == sorted(scenes.items)
    assert snapshot.embeddings.shape == (COUNT, mini.dim)


def test_several_image_columns_have_regions_each(
    scenes: Scenes, store: Store, mini: Encoder
) -> None:
    scenes.catalog.write_text("id,front,back\nx,s0.png,s1.png\n")
    columns = replace(options(scenes).columns, image=("front", "back"))
    report = run(scenes, store, mini, columns=columns)
    assert counts(report) == (2 * EACH, 0, 0, 0, 0)
    assert set(store.scan_ids("products")) == {
        f"x#{column}{suffix}"
        for column in ("front", "back")
        for suffix in ("", *(f"@{box}" for box in CELLS))
    }


def test_an_image_elsewhere_is_asked_for_whole_while_a_region_is_not_stored() -> None:
    whole = Row(1, Item("a", "https://shop.test/a.png"), "r")
    parts = tuple(replace(whole, item=replace(whole.item, id=f"a@{box}"), box=box) for box in CELLS)
    row = replace(whole, parts=parts)
    known = Known("etag:1", "0" * 32)
    stored = [Hashes(region_hash(known.image_hash, box), "r") for box in (None, *CELLS)]
    nothing = StagedEmbeddings()
    assert Task(row, stored[0], known, tuple(stored[1:])).validator(nothing) == "etag:1"
    assert Task(row, stored[0], known, (*stored[1:4], None)).validator(nothing) is None
    assert Task(row, stored[0], known).validator(nothing) is None
    assert Task(whole, stored[0], known).validator(nothing) == "etag:1"
