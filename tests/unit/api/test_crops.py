"""A query by a part of a picture: what it finds, and what is no part."""

import base64
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.images import ImageFile, image_bytes
from search.config import Settings
from search.errors import NotFoundError
from search.images import ImageLimits
from tests.command_line import Vitrine, runner
from tests.error_shape import error_of
from tests.mosaics import mosaic

pytestmark = pytest.mark.model

CROPS = ([0, 0, 0.5, 0.5], [0.5, 0, 1, 0.5], [0, 0.5, 0.5, 1], [0.5, 0.5, 1, 1])
Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def shown(rows: Rows) -> Rows:
    """Four items of different kinds."""
    return list({row["kind"]: row for row in rows[:50]}.values())[:4]


@pytest.fixture(scope="module")
def scene(shown: Rows) -> bytes:
    """The four in one picture."""
    return mosaic([Path(row["image"]) for row in shown])


def posted(client: TestClient, **body: Any) -> Any:
    return client.post("/v1/search", json={"limit": 1, **body})


def uploaded(client: TestClient, data: bytes, **form: str) -> Any:
    return client.post(
        "/v1/search/image", files={"file": ("x.png", data)}, data={"limit": "1", **form}
    )


def first(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    hit: dict[str, Any] = answer.json()["hits"][0]
    return hit


@pytest.mark.parametrize("place", range(4))
def test_a_crop_finds_what_is_in_it(
    place: int, client: TestClient, shown: Rows, scene: bytes
) -> None:
    image, crop = base64.b64encode(scene).decode(), CROPS[place]
    answers = [
        posted(client, image=image, crop=crop),
        posted(client, parts=[{"image": image, "crop": crop, "weight": 2}]),
        uploaded(client, scene, crop=",".join(map(str, crop))),
    ]
    hits = [first(answer) for answer in answers]
    # Drawn items come in look-alikes: what is found has the same product, or the very look.
    assert all(hit["score"] > 0.97 for hit in hits)
    assert all(hit["fields"]["kind"] == shown[place]["kind"] for hit in hits)
    assert len({hit["id"] for hit in hits}) == 1
    assert first(posted(client, image=image))["score"] < min(hit["score"] for hit in hits)


def test_the_whole_as_a_crop_is_the_picture(client: TestClient, scene: bytes) -> None:
    whole, cropped = first(uploaded(client, scene)), first(uploaded(client, scene, crop="0,0,1,1"))
    assert (whole["id"], whole["score"]) == (cropped["id"], pytest.approx(cropped["score"]))


@pytest.mark.parametrize(
    ("crop", "said"),
    [
        ([0, 0, 0, 1], "empty"),
        ([0.6, 0, 0.4, 1], "empty"),
        ([0, 0, 448, 448], "outside"),
        ([-0.1, 0, 1, 1], "outside"),
        ([0, 0, 0.01, 1], "pixels of this picture"),
    ],
)
def test_what_is_no_crop(crop: list[float], said: str, client: TestClient, scene: bytes) -> None:
    body = {"image": base64.b64encode(scene).decode(), "crop": crop}
    for answer in (posted(client, **body), uploaded(client, scene, crop=",".join(map(str, crop)))):
        error = error_of(answer, 400)
        assert error["code"] == "invalid_query" and said in error["message"]


def test_a_crop_without_a_picture(client: TestClient) -> None:
    for body in (
        {"text": "dress", "crop": [0, 0, 1, 1]},
        {"crop": [0, 0, 1, 1]},
        {"parts": [{"text": "dress", "crop": [0, 0, 1, 1]}]},
        {"parts": [{"text": "dress"}], "crop": [0, 0, 1, 1]},
    ):
        assert error_of(posted(client, **body), 400)["code"] == "invalid_query"


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [hit["id"] for hit in answer.json()["hits"]]


def test_a_part_of_an_items_picture_finds_what_that_of_the_file_does_but_the_item(
    client: TestClient, shown: Rows
) -> None:
    row, crop = shown[0], [0.1, 0.1, 0.9, 0.6]
    image = base64.b64encode(Path(row["image"]).read_bytes()).decode()
    by_file = ids(posted(client, image=image, crop=crop, limit=7))
    assert row["id"] in by_file
    others = [id for id in by_file if id != row["id"]]
    assert ids(posted(client, item=row["id"], crop=crop, limit=6)) == others
    part = {"item": row["id"], "crop": crop}
    kind = {"kind": row["kind"]}
    filtered = ids(posted(client, parts=[part], filter=kind, limit=6))
    assert filtered and row["id"] not in filtered
    asked = {"queries": [{**part, "limit": 6}]}
    [page] = client.post("/v1/batch-search", json=asked).json()["pages"]
    assert [hit["id"] for hit in page["hits"]] == others
    counted = client.post("/v1/facets", json={**part, "facets": ["kind"]}).json()
    assert counted["total"] == client.get("/readyz").json()["items"] - 1


def test_crops_of_items_are_few_and_of_pictures_that_are_there(
    client: TestClient, rows: Rows
) -> None:
    def crop(id: str) -> dict[str, Any]:
        return {"item": id, "crop": [0, 0, 1, 0.5]}

    many = [crop(row["id"]) for row in rows[:17]]
    assert error_of(posted(client, parts=many[:5]), 400)["code"] == "invalid_query"
    batch = client.post("/v1/batch-search", json={"queries": many})
    assert error_of(batch, 400)["code"] == "invalid_query"
    assert error_of(posted(client, **crop("no such item")), 404)["code"] == "item_not_found"


def test_an_items_picture_is_read_no_further_than_the_limits_and_its_path_stays_here(
    tmp_path: Path,
) -> None:
    limits, path = ImageLimits(max_bytes=100, max_pixels=100), tmp_path / "picture.png"
    path.write_bytes(b"x" * 1_000)
    assert len(image_bytes(ImageFile("v1", path, "1"), limits)) == 101
    path.unlink()
    with pytest.raises(NotFoundError) as caught:
        image_bytes(ImageFile("v1", path, "1"), limits)
    assert str(tmp_path) not in str(caught.value) + str(caught.value.details)


def test_a_crop_of_another_form(client: TestClient, scene: bytes) -> None:
    image = base64.b64encode(scene).decode()
    for crop in ([0, 0, 1], [0, 0, 1, 1, 1], "0,0,1,1", [0, 0, 1, None]):
        assert error_of(posted(client, image=image, crop=crop), 422)["code"] == "invalid_request"
    assert error_of(uploaded(client, scene, crop="0,0,1"), 400)["code"] == "invalid_query"


@pytest.fixture
def search(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    scene: bytes,
) -> Vitrine:
    """Run `vitrine search ARGUMENTS` in a folder with a scene."""
    (tmp_path / "scene.png").write_bytes(scene)
    return partial(runner(capfd, monkeypatch, tmp_path), "search", "-n", "1", "--json")


def test_a_crop_on_the_command_line(
    search: Vitrine, shown: Rows, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from tests.sample_collection import build

    made: Settings = build(tmp_path_factory.mktemp("crops"), shown)
    for place, crop in enumerate(CROPS):
        text = ",".join(map(str, crop))
        said = search("--image", "scene.png", "--crop", text, "--db", made.db)
        assert json.loads(said.out)["hits"][0]["id"] == shown[place]["id"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--image", "scene.png", "--crop", "0,0,0,1"), "empty"),
        (("--image", "scene.png", "--crop", "0,0,2,1"), "outside"),
        (("--image", "scene.png", "--crop", "left"), "four numbers"),
        (("dress", "--crop", "0,0,1,1"), "--image"),
    ],
)
def test_bad_crops_on_the_command_line(
    arguments: tuple[str, ...], named: str, search: Vitrine
) -> None:
    said = search(*arguments)
    assert said.code == 2 and named in said.err
