"""Items and their pictures over HTTP, with ids that an address could trip over."""

import io
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from api.app import create_app
from api.images import image_file, render_jpeg
from search.config import Settings
from search.images import ImageLimits
from search.store import open_store
from search.types import Item
from tests.error_shape import error_of
from tests.local_client import local_client
from tests.sample_collection import ODD_IDS, build
from tests.waiting import wait_until

pytestmark = pytest.mark.model
Rows = list[dict[str, str]]


def address(id: str, rest: str = "") -> str:
    return f"/v1/items/{quote(id, safe='')}{rest}"


@pytest.mark.parametrize("id", ODD_IDS)
def test_odd_ids(client: TestClient, id: str) -> None:
    item = client.get(address(id)).json()
    assert item["id"] == id
    similar = client.get(address(id, "/similar?limit=99")).json()
    assert id not in {hit["id"] for hit in similar["hits"]} and similar["hits"]
    picture = client.get(item["thumbnail_url"])
    assert picture.status_code == 200
    assert picture.headers["content-type"] == "image/jpeg"


def test_slashes_that_a_proxy_has_decoded(client: TestClient) -> None:
    assert client.get("/v1/items/a/b/c").json()["id"] == "a/b/c"
    assert client.get("/v1/items/a/b/c/image").status_code == 200
    assert client.get("/v1/items/a/b/c/similar").status_code == 200


@pytest.mark.parametrize(
    "id",
    [
        "no such item", "../../etc/passwd", "..%2f..", "%00", "a" * 3000, "' or 1==1 or id == '",
        '" or id != "', "\\", "\n", "a/b/c/",
    ],
)  # fmt: skip
@pytest.mark.parametrize("rest", ["", "/similar", "/image"])
def test_ids_that_no_item_has(client: TestClient, id: str, rest: str) -> None:
    assert error_of(client.get(address(id, rest)), 404)["code"] in ("item_not_found", "not_found")


def test_nul_in_an_id(client: TestClient) -> None:
    response = client.get("/v1/items/a%00b")
    assert error_of(response, response.status_code)
    assert response.status_code in (400, 404)


def test_id_that_is_not_utf8(client: TestClient) -> None:
    assert error_of(client.get("/v1/items/%ff%fe"), 400)["code"] == "invalid_query"


def test_item_says_what_the_catalogue_says(client: TestClient, rows: Rows) -> None:
    row = rows[0]
    item = client.get(address(row["id"])).json()
    assert set(item) == {"id", "title", "product_id", "fields", "extra", "thumbnail_url"}
    known = item["fields"] | item["extra"]
    assert (known["brand"], known["kind"]) == (row["brand"], row["kind"])
    assert str(known["added_on"]) == row["added_on"]
    assert known["in_stock"] is (row["in_stock"].lower() == "true")


@pytest.mark.parametrize("size", [16, 100, 256])
def test_picture_is_scaled_and_encoded_anew(client: TestClient, rows: Rows, size: int) -> None:
    response = client.get(address(rows[0]["id"], f"/image?size={size}"))
    picture = Image.open(io.BytesIO(response.content))
    assert picture.format == "JPEG"
    assert max(picture.size) == size
    assert not picture.getexif()
    assert response.content != Path(rows[0]["image"]).read_bytes()


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_what_a_file_says_beside_its_pixels_stays_inside(tmp_path: Path, form: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = "secret description"
    path = tmp_path / "x"
    Image.new("RGB", (40, 30)).save(
        path, form, exif=exif, xmp=b"secret xmp", comment=b"secret comment", dpi=(77, 77)
    )
    file = image_file(Item("x", str(path)))
    picture = Image.open(io.BytesIO(render_jpeg(file, 100, ImageLimits())))
    assert picture.size == (40, 30)
    assert set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert picture.info["jfif_density"] == (1, 1)


def test_picture_is_not_blown_up(client: TestClient, rows: Rows) -> None:
    picture = Image.open(io.BytesIO(client.get(address(rows[0]["id"], "/image?size=2048")).content))
    assert picture.size == Image.open(rows[0]["image"]).size


@pytest.mark.parametrize("size", ["15", "2049", "-1", "big"])
def test_size_out_of_range(client: TestClient, rows: Rows, size: str) -> None:
    error_of(client.get(address(rows[0]["id"], f"/image?size={size}")), 422)


def test_conditional_requests(client: TestClient, rows: Rows) -> None:
    url = address(rows[0]["id"], "/image?size=64")
    first = client.get(url)
    assert (
        "max-age" in first.headers["cache-control"] and "private" in first.headers["cache-control"]
    )
    etag = first.headers["etag"]
    for given in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = client.get(url, headers={"If-None-Match": given})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == etag
    assert client.get(url, headers={"If-None-Match": '"other"'}).status_code == 200
    assert client.get(address(rows[0]["id"], "/image?size=65")).headers["etag"] != etag


def test_collections(client: TestClient, rows: Rows) -> None:
    (collection,) = client.get("/v1/collections").json()["collections"]
    assert collection["served"] is True
    assert collection["items"] == len(rows)
    assert collection["aliases"] == ["products"]
    assert collection["model"]["dim"] > 0
    types = {field["name"]: field["type"] for field in collection["fields"]}
    assert types["price"] == "float" and types["tags"] == "strings" and types["id"] == "string"


def test_ready_says_what_is_served(client: TestClient, rows: Rows) -> None:
    ready = client.get("/readyz").json()
    assert ready["status"] == "ready" and ready["items"] == len(rows)


@pytest.fixture(scope="module")
def mended(tmp_path_factory: pytest.TempPathFactory, rows: Rows) -> tuple[Settings, Path]:
    """A collection of three items whose image files a test may break."""
    folder = tmp_path_factory.mktemp("files")
    copies = []
    for number, row in enumerate(rows[:3]):
        copy = folder / f"{number}{Path(row['image']).suffix}"
        copy.write_bytes(Path(row["image"]).read_bytes())
        copies.append(row | {"id": f"item-{number}", "image": str(copy)})
    return build(folder, copies), folder


def test_image_files_that_changed(mended: tuple[Settings, Path]) -> None:
    settings, folder = mended
    files = sorted(folder.glob("[012].*"))
    with local_client(create_app(settings)) as client:
        wait_until(lambda: client.get("/readyz").status_code == 200, 60)
        before = client.get("/v1/items/item-0/image").headers["etag"]
        files[0].write_bytes(files[0].read_bytes()[:100])
        files[1].unlink()
        files[2].write_bytes(files[0].read_bytes())
        Image.new("RGB", (300, 200), "red").save(files[2], "PNG")
        broken = client.get("/v1/items/item-0/image", headers={"If-None-Match": before})
        gone = client.get("/v1/items/item-1/image")
        assert error_of(broken, 404)["code"] == error_of(gone, 404)["code"] == "not_found"
        assert str(folder) not in broken.text + gone.text
        other = client.get("/v1/items/item-2/image")
        assert Image.open(io.BytesIO(other.content)).size == (300, 200)


def test_database_is_let_go_at_the_end(mended: tuple[Settings, Path]) -> None:
    settings, _ = mended
    with local_client(create_app(settings)) as client:
        wait_until(lambda: client.get("/readyz").status_code == 200, 60)
    store = open_store(settings.db)
    assert store.count(settings.collection) == 3
    store.close()
