"""Searching pictures and their regions: items are answered, each once, by its best region."""

import base64
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from api.app import create_app
from indexer import IndexOptions, index_catalog
from indexer.regions import Regions
from search.config import Settings
from search.encoders import load_encoder
from search.engine import SearchEngine, open_engine
from search.evaluation import EvalQuery, evaluate
from search.filters import parse_filter
from search.images import cropped, load_image
from search.images.decoding import ImageLimits
from search.store import open_store
from search.types import (
    Box,
    Hit,
    ImagePart,
    ItemPart,
    Page,
    Query,
    Sort,
    TextPart,
)
from tests.command_line import Vitrine, runner
from tests.local_client import local_client
from tests.scenes import CELLS, Scenes, draw_scenes, write_scenes
from tests.waiting import wait_until

pytestmark = pytest.mark.model

COUNT = 12


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Scenes:
    made = draw_scenes(tmp_path_factory.mktemp("scenes"), COUNT)
    write_scenes(made.catalog, list(made.items), products=True)
    return made


@pytest.fixture(scope="module")
def settings(scenes: Scenes) -> Settings:
    """A collection of the scenes in regions of 2x2."""
    folder = scenes.catalog.parent
    settings = Settings(db=str(folder / "vitrine.db"), job_dir=folder / "jobs")
    store = open_store(settings.db)
    try:
        options = IndexOptions(job_dir=settings.jobs, regions=Regions.from_text("2x2"))
        encoder = load_encoder("mini", device="cpu")
        index_catalog(
            scenes.catalog, store=store, encoder=encoder, alias="products", options=options
        )
    finally:
        store.close()
    return settings


@pytest.fixture
def engine(settings: Settings) -> Iterator[SearchEngine]:
    with open_engine(settings) as engine:
        yield engine


def seen(scenes: Scenes, id: str, place: int) -> ImagePart:
    """The picture of one item of a scene."""
    return ImagePart(Path(scenes.items[id][place]["image"]))


def ids(page: Page) -> list[str]:
    return [hit.id for hit in page.hits]


@pytest.mark.parametrize("place", range(4))
def test_a_hit_names_the_region_that_matched(
    place: int, engine: SearchEngine, scenes: Scenes
) -> None:
    for id in scenes.items:
        (hit,) = engine.search(Query((seen(scenes, id, place),), limit=1)).hits
        assert hit.score > 0.97
        assert hit.region in CELLS
        shown = scenes.items[hit.id][CELLS.index(hit.region)]
        assert shown["kind"] == scenes.items[id][place]["kind"]


def test_a_whole_scene_matches_as_a_whole(engine: SearchEngine, scenes: Scenes) -> None:
    (hit,) = engine.search(Query((ImagePart(scenes.picture("s3")),), limit=1)).hits
    assert (hit.id, hit.region) == ("s3", None) and hit.score > 0.999


def test_a_crop_of_a_scene_finds_its_region(engine: SearchEngine, scenes: Scenes) -> None:
    part = ImagePart(scenes.picture("s5"), crop=CELLS[2])
    (hit,) = engine.search(Query((part,), limit=1)).hits
    assert (hit.id, hit.region) == ("s5", CELLS[2]) and hit.score > 0.999


@pytest.mark.parametrize("by", ["item", "product"])
def test_every_item_is_a_hit_once_on_whatever_pages(by: Any, engine: SearchEngine) -> None:
    query = Query((TextPart("red dress"),), by=by, limit=50, total=True)
    page = engine.search(query)
    count = COUNT if by == "item" else COUNT // 2
    assert len(set(ids(page))) == len(page.hits) == page.total == count
    assert page.total_is_exact
    assert [hit.score for hit in page.hits] == sorted((h.score for h in page.hits), reverse=True)
    walked: list[Hit] = []
    for offset in range(0, count, 5):
        walked += engine.search(Query(query.parts, by=by, limit=5, offset=offset)).hits
    assert walked == list(page.hits)


def test_variants_are_other_items_and_not_other_regions(engine: SearchEngine) -> None:
    page = engine.search(Query((TextPart("red dress"),), by="product"))
    for hit in page.hits:
        assert hit.variant_count == len(hit.variants) == 1
        assert hit.variants[0].item.product_id == hit.item.product_id
        assert hit.variants[0].id != hit.id and "@" not in hit.variants[0].id


def test_totals_and_facets_count_items(engine: SearchEngine) -> None:
    asked = Query((TextPart("dress"),), limit=3, total=True, facets=("room",))
    for by, count in (("item", COUNT // 2), ("product", COUNT // 2)):
        page = engine.search(Query(asked.parts, by=by, limit=3, total=True, facets=("room",)))  # type: ignore[arg-type]
        assert {each.value: each.count for each in page.facets[0].values} == {
            "attic": count, "hall": count
        }  # fmt: skip
    relevant = Query(asked.parts, limit=3, facets=("room",), facets_over="relevant")
    assert sum(each.count for each in engine.search(relevant).facets[0].values) == COUNT
    narrow = Query(asked.parts, filter=parse_filter("room=hall", engine.fields), total=True)
    page = engine.search(narrow)
    assert page.total == len(page.hits) == COUNT // 2
    assert all(hit.item.fields["room"] == "hall" for hit in page.hits)


def test_whole_pictures_alone_by_a_filter(engine: SearchEngine, scenes: Scenes) -> None:
    wholes = parse_filter("image_region=whole", engine.fields)
    page = engine.search(Query((seen(scenes, "s2", 1),), filter=wholes, limit=50))
    assert len(page.hits) == COUNT and not any(hit.region for hit in page.hits)
    left = parse_filter(f'image_region="{CELLS[0]}"', engine.fields)
    page = engine.search(Query((TextPart("dress"),), filter=left, limit=4, total=True))
    assert {hit.region for hit in page.hits} == {CELLS[0]}


def test_what_resembles_an_item_is_another_item(engine: SearchEngine) -> None:
    page = engine.search(Query((ItemPart("s4"),), limit=50, total=True))
    assert len(set(ids(page))) == COUNT - 1 == page.total and "s4" not in ids(page)


def test_items_say_nothing_of_how_they_are_stored(engine: SearchEngine) -> None:
    (hit,) = engine.search(Query((TextPart("dress"),), limit=1)).hits
    assert set(hit.item.fields) == {"room"}
    assert set(engine.item("s1").fields) == {"room"} and engine.item("s1").id == "s1"


@pytest.mark.parametrize(
    "more",
    [
        {"sort": (Sort("room"),)},
        {"diversity": 0.5},
        {"collapse_duplicates": True},
        {"without": ("striped",)},
        {"offset": 5},
    ],
)
def test_every_arrangement_is_of_items(more: dict[str, Any], engine: SearchEngine) -> None:
    page = engine.search(Query((TextPart("dress"),), limit=50, **more))
    found = [each.id for hit in page.hits for each in (hit, *hit.variants)]
    assert found and len(set(found)) == len(found)
    assert all(id.startswith("s") and "@" not in id for id in found)


def test_an_evaluation_is_of_items(engine: SearchEngine, scenes: Scenes) -> None:
    queries = [EvalQuery(id, "image", seen(scenes, id, 0)) for id in scenes.items]
    qrels = {query.id: {query.id: 1} for query in queries}
    result = evaluate(engine, queries, qrels)
    assert result.overall.recall_10 == 1.0


def test_over_http(settings: Settings, scenes: Scenes) -> None:
    with local_client(create_app(settings)) as client:
        wait_until(lambda: client.get("/readyz").status_code == 200, 60)
        picture = seen(scenes, "s6", 3).image
        assert isinstance(picture, Path)
        image = base64.b64encode(picture.read_bytes()).decode()
        hit = client.post("/v1/search", json={"image": image, "limit": 1}).json()["hits"][0]
        assert Box(*hit["region"]) in CELLS and "@" not in hit["id"]
        assert client.get(hit["thumbnail_url"]).status_code == 200
        similar = client.get(f"/v1/items/{hit['id']}/similar").json()["hits"]
        assert hit["id"] not in [each["id"] for each in similar]


def test_on_the_command_line(
    settings: Settings,
    scenes: Scenes,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    vitrine: Vitrine = runner(capfd, monkeypatch, tmp_path)
    picture = str(seen(scenes, "s7", 1).image)
    search = partial(vitrine, "search", "--image", picture, "--db", settings.db)
    hit = json.loads(search("--json", "-n", "1").out)["hits"][0]
    box = Box(*hit["region"])
    table = search("-n", "1", "--html", "sheet.html").out
    assert "region" in table and str(box) in table
    assert f"region {box}" in (tmp_path / "sheet.html").read_text()


def test_indexed_on_the_command_line(
    scenes: Scenes,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    vitrine: Vitrine = runner(capfd, monkeypatch, tmp_path)
    index = partial(vitrine, "index", str(scenes.catalog), "--db", "x.db", "-c", "scenes")
    report = json.loads(index("--regions", "2x1", "--json").out)
    assert report["indexed"] == report["rows"] == 3 * COUNT
    said = index()
    assert said.code == 1 and "--regions" in said.err
    assert index("--regions", "corners").code == 2
    # Without a catalogue it is that of the last time, and so are the regions.
    again = vitrine("reindex", "--db", "x.db", "-c", "scenes", "--json", "--sample", "10")
    assert again.code == 0, again.err
    assert json.loads(again.out)["index"]["indexed"] == 3 * COUNT


def test_the_frame_of_a_region_is_drawn_inside_the_picture(scenes: Scenes) -> None:
    from api.cli.contact_sheet import _draw

    picture = load_image(scenes.picture("s0"), ImageLimits())
    before = picture.copy()
    _draw(CELLS[3], picture)
    assert picture.size == before.size and picture != before
    assert cropped(picture, CELLS[0]) == cropped(before, CELLS[0])
