"""A query by a part of a picture: what it finds, and what is no part."""

import base64
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from search.config import Settings
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
