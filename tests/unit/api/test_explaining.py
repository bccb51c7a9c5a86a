"""Heat maps, contributions and rerankers over HTTP."""

import io
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from api.app import create_app
from search.config import Settings
from search.errors import ConfigError
from tests.error_shape import error_of
from tests.local_client import local_client
from tests.sample_collection import ODD_IDS, build, chosen_rows
from tests.waiting import wait_until

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def reranking(settings: Settings) -> Iterator[TestClient]:
    """A service whose operator has set rerankers up."""
    given = "late-interaction, exact, endpoint:http://127.0.0.1:9/rerank"
    app = create_app(settings.model_copy(update={"rerankers": given}))
    with local_client(app) as client:
        wait_until(lambda: client.get("/readyz").status_code == 200, 60)
        yield client


@pytest.mark.parametrize("id", ODD_IDS[:3])
def test_a_heat_map_is_a_small_picture(client: TestClient, id: str) -> None:
    address = f"/v1/items/{quote(id, safe='')}/heatmap"
    answer = client.get(address, params={"text": "dress", "size": 120})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/jpeg"
    picture = Image.open(io.BytesIO(answer.content))
    assert max(picture.size) == 120
    other = client.get(address, params={"text": "zigzag", "size": 120})
    assert other.content != answer.content


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ({"text": "  "}, 400, "empty_query"),
        ({}, 422, "invalid_request"),
        ({"text": "x" * 501}, 422, "invalid_request"),
        ({"text": "x", "size": 5_000}, 422, "invalid_request"),
    ],
)
def test_wrong_requests_for_heat_maps(
    client: TestClient, parameters: dict[str, str], status: int, code: str
) -> None:
    address = f"/v1/items/{quote(ODD_IDS[0], safe='')}/heatmap"
    assert error_of(client.get(address, params=parameters), status)["code"] == code
    gone = client.get("/v1/items/nobody/heatmap", params={"text": "x"})
    assert error_of(gone, 404)["code"] == "item_not_found"


def test_hits_say_what_each_part_gave(client: TestClient) -> None:
    body = {"parts": [{"text": "dress"}, {"item": ODD_IDS[0], "weight": 0.5}], "explain": True}
    hits = client.post("/v1/search", json=body).json()["hits"]
    assert hits
    for hit in hits:
        assert [each["kind"] for each in hit["contributions"]] == ["text", "item"]
        assert [each["said"] for each in hit["contributions"]] == ["dress", ODD_IDS[0]]
        total = sum(each["value"] for each in hit["contributions"])
        assert total == pytest.approx(hit["score"], abs=1e-4)
    plain = client.post("/v1/search", json={"text": "dress"}).json()["hits"]
    assert all(hit["contributions"] == [] and hit["rerank"] is None for hit in plain)


def test_a_client_names_a_reranker_that_the_operator_set_up(reranking: TestClient) -> None:
    body = {"text": "red floral dress", "rerank": "late-interaction", "rerank_depth": 20}
    page = reranking.post("/v1/search", json=body).json()
    ranks = [hit["score"] + hit["lift"] for hit in page["hits"]]
    assert ranks == sorted(ranks, reverse=True)
    assert all(hit["rerank"] is not None for hit in page["hits"])
    by_address = reranking.get("/v1/search", params={"q": "dress", "rerank": "exact"})
    assert by_address.json()["hits"][0]["rerank"] is not None


def test_an_uploaded_picture_with_a_text_is_reranked_and_explained(
    reranking: TestClient, an_image: bytes
) -> None:
    form = {
        "text": "red floral dress",
        "rerank": "late-interaction",
        "rerank_depth": "5",
        "explain": "true",
        "limit": "8",
    }
    answer = reranking.post("/v1/search/image", files={"file": ("x.png", an_image)}, data=form)
    assert answer.status_code == 200, answer.text
    hits = answer.json()["hits"]
    assert [hit["rerank"] is not None for hit in hits] == [True] * 5 + [False] * 3
    for place, hit in enumerate(hits):
        kinds = ["image", "text"] + ["rerank"] * (place < 5)
        assert [each["kind"] for each in hit["contributions"]] == kinds
        total = sum(each["value"] for each in hit["contributions"])
        assert total == pytest.approx(hit["score"] + hit["lift"], abs=1e-4)


@pytest.mark.parametrize(
    ("form", "status"),
    [({"rerank": "cross-encoder:/tmp"}, 400), ({"rerank_depth": "0"}, 422)],
)
def test_a_form_names_what_there_is(
    reranking: TestClient, an_image: bytes, form: dict[str, str], status: int
) -> None:
    files = {"file": ("x.png", an_image)}
    assert error_of(reranking.post("/v1/search/image", files=files, data=form), status)


def test_what_is_similar_is_reranked_and_explained_too(reranking: TestClient) -> None:
    asked = {"but": "made of soft leather", "mode": "hybrid", "rerank": "exact", "explain": True}
    of_one = reranking.get(f"/v1/items/{quote(ODD_IDS[0], safe='')}/similar", params=asked)
    of_several = reranking.post("/v1/similar", json={"items": [{"id": ODD_IDS[0]}], **asked})
    for answer in (of_one, of_several):
        assert answer.status_code == 200, answer.text
        hits = answer.json()["hits"]
        for hit in hits:
            assert hit["fused"] is not None and hit["rerank"] is not None
            kinds = [each["kind"] for each in hit["contributions"]]
            assert kinds == ["item", "text", "words", "rerank"]


def test_an_endpoint_that_is_down_is_a_warning(reranking: TestClient) -> None:
    page = reranking.post("/v1/search", json={"text": "dress", "rerank": "endpoint"})
    assert page.status_code == 200
    plain = reranking.post("/v1/search", json={"text": "dress"}).json()
    assert [h["id"] for h in page.json()["hits"]] == [h["id"] for h in plain["hits"]]
    assert any("Not reranked" in each for each in page.json()["warnings"])


@pytest.mark.parametrize(
    "name", ["cross-encoder", "cross-encoder:/tmp", "endpoint:http://127.0.0.1:9", "", "exact:"]
)
def test_a_client_cannot_name_a_folder_or_an_address(reranking: TestClient, name: str) -> None:
    answer = reranking.post("/v1/search", json={"text": "dress", "rerank": name})
    assert error_of(answer, 400)["code"] == "invalid_query"


def test_a_service_without_rerankers_refuses_them(client: TestClient) -> None:
    answer = client.post("/v1/search", json={"text": "dress", "rerank": "exact"})
    error = error_of(answer, 400)
    assert error["code"] == "invalid_query" and "exact" in error["message"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"rerank": "exact", "sort": ["price"]}, 400),
        ({"rerank": "exact", "rerank_depth": 0}, 422),
        ({"rerank": "exact", "rerank_depth": 501}, 422),
    ],
)
def test_wrong_requests_for_reranking(
    reranking: TestClient, body: dict[str, object], status: int
) -> None:
    error_of(reranking.post("/v1/search", json={"text": "dress", **body}), status)


def test_a_reranker_that_cannot_be_is_said_at_the_start(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="'colbert' is no reranker"):
        create_app(settings.model_copy(update={"rerankers": "colbert"}))


def test_a_picture_that_is_gone_has_no_heat_map(tmp_path: Path) -> None:
    [row] = chosen_rows(40)[:1]
    image = tmp_path / "gone.jpg"
    image.write_bytes(Path(row["image"]).read_bytes())
    settings = build(tmp_path, [row | {"image": str(image)}])
    image.write_bytes(b"no image")
    with local_client(create_app(settings)) as client:
        wait_until(lambda: client.get("/readyz").status_code == 200, 60)
        address = f"/v1/items/{row['id']}/heatmap"
        assert error_of(client.get(address, params={"text": "x"}), 404)["code"] == "not_found"
        image.unlink()
        assert error_of(client.get(address, params={"text": "x"}), 404)["code"] == "not_found"
