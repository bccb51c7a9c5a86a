"""Pictures of rows that a job left out: the rows' own, and never a file from anywhere else."""

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from api.jobs.schemas import JobBody
from api.security.scopes import Scope
from tests.error_shape import error_of
from tests.keyed_service import bearer, heard, make_key, service


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Where jobs may read, with an image; another image lies beside it, and one in a sub-folder."""
    folder = tmp_path / "shop"
    (folder / "in").mkdir(parents=True)
    for path in (folder / "own.jpg", folder / "in" / "deep.png", tmp_path / "secret.jpg"):
        draw(path)
    return folder


@pytest.fixture
def client(tmp_path: Path, shop: Path) -> Iterator[TestClient]:
    with service(tmp_path, job_sources=f"{shop}, s3://shop/in") as made:
        yield made


def draw(path: Path, size: tuple[int, int] = (90, 60)) -> None:
    exif = Image.Exif()
    exif[0x010E] = "where it was taken"
    Image.new("RGB", size, (200, 30, 30)).save(path, exif=exif)


def left_out(client: TestClient, base: Path | str | None, *rows: dict[str, Any]) -> str:
    """The id of a job whose last run left these rows out."""
    app: Any = client.app
    job, held = app.state.jobs.known.begin(JobBody(kind="index", source="/x.csv"), "products")
    held.release()
    run = app.state.settings.jobs / f"{job.id}Z-products"
    run.mkdir(parents=True)
    manifest = {"alias": "products", "options": {"label": job.id}}
    manifest |= {} if base is None else {"base": str(base)}
    (run / "manifest.json").write_text(json.dumps(manifest))
    plain = {"row": 2, "id": "a", "image": "own.jpg", "code": "wrong_type", "reason": "No price."}
    lines = [json.dumps(plain | {"hint": "Correct it."} | row) for row in rows]
    (run / "errors.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return str(job.id)


def address_of(client: TestClient, id: str) -> str | None:
    """Where the only row that the job left out has its picture."""
    [row] = client.get(f"/v1/jobs/{id}/failures").json()["failures"]
    address: str | None = row["thumbnail_url"]
    return address


def picture(response: Any) -> Image.Image:
    assert (response.status_code, response.headers["content-type"]) == (200, "image/jpeg")
    return Image.open(io.BytesIO(response.content))


@pytest.mark.parametrize(
    "row",
    [{}, {"id": None}, {"id": "x/y z&ü?#🧥", "row": 99}, {"image": "in/deep.png"},
     {"image": "in/../own.jpg"}, {"image": "{shop}/own.jpg"}, {"image": "file://{shop}/own.jpg"}],
)  # fmt: skip
def test_a_row_shows_its_own_image_without_metadata(
    client: TestClient, shop: Path, row: dict[str, Any]
) -> None:
    if "image" in row:
        row = row | {"image": row["image"].format(shop=shop)}
    address = address_of(client, left_out(client, shop, row))
    assert address is not None
    shown = picture(client.get(address))
    assert shown.size == (90, 60) and not shown.getexif()
    small = picture(client.get(address.replace("size=400", "size=32")))
    assert max(small.size) == 32


def test_it_is_kept_only_as_long_as_the_file_is_the_same(client: TestClient, shop: Path) -> None:
    address = address_of(client, left_out(client, shop, {}))
    assert address is not None
    first = client.get(address)
    assert first.headers["cache-control"] == "private, no-cache"
    known = {"If-None-Match": first.headers["etag"]}
    assert client.get(address, headers=known).status_code == 304
    draw(shop / "own.jpg", (60, 90))
    again = client.get(address, headers=known)
    assert picture(again).size == (60, 90)


@pytest.mark.parametrize(
    "image",
    ["../secret.jpg", "in/../../secret.jpg", "{top}/secret.jpg", "file://{top}/secret.jpg",
     "file://{top}/shop/%2e%2e/secret.jpg", "{top}/shopping/x.jpg", "out.jpg", "away/secret.jpg",
     "ring/x.jpg", "nul\0.jpg", "/etc/passwd", "/proc/self/environ", "{top}/keys.db",
     "s3://shop/inner/x.jpg", "s3://shop/in/../x.jpg", "tar://a.jpg::{top}/shop/x.tar",
     "memory://x.jpg", "https://user:word@example.org/x.jpg", "", None],
)  # fmt: skip
def test_no_image_from_elsewhere_is_offered_or_shown(
    client: TestClient, tmp_path: Path, shop: Path, image: str | None
) -> None:
    (shop / "out.jpg").symlink_to(tmp_path / "secret.jpg")
    (shop / "away").symlink_to(tmp_path)
    (shop / "ring").symlink_to(shop / "ring")
    named = None if image is None else image.replace("{top}", str(tmp_path))
    id = left_out(client, shop, {"image": named})
    assert address_of(client, id) is None
    refused = error_of(client.get(f"/v1/jobs/{id}/failures/2/image?item=a"), 404)
    assert refused["code"] == "not_found" and str(tmp_path) not in refused["message"]


def test_a_link_that_stays_inside_is_followed(client: TestClient, shop: Path) -> None:
    (shop / "link.jpg").symlink_to(shop / "own.jpg")
    address = address_of(client, left_out(client, shop, {"image": "link.jpg"}))
    assert address is not None and picture(client.get(address)).size == (90, 60)


@pytest.mark.parametrize(
    "made", ["text", "cut", "folder", "pipe", "nothing", "long", "huge", "heavy"]
)
def test_what_is_no_image_within_the_limits_is_not_shown(tmp_path: Path, made: str) -> None:
    path = tmp_path / "own.jpg"
    draw(path)
    match made:
        case "text":
            path.write_text("root:x:0:0")
        case "cut":
            path.write_bytes(path.read_bytes()[:400])
        case "huge":
            draw(path, (400, 300))
        case "heavy":
            path.write_bytes(path.read_bytes() + b"\0" * 2_000_000)
        case _:
            path.unlink()
    if made == "folder":
        path.mkdir()
    if made == "pipe":
        os.mkfifo(path)
    limits: dict[str, Any] = {"max_image_pixels": 100_000, "max_image_bytes": 1_000_000}
    with service(tmp_path, job_sources=str(tmp_path), **limits) as client:
        row = {"image": "n" * 5_000} if made == "long" else {}
        address = address_of(client, left_out(client, tmp_path, row))
        assert address is not None
        assert heard(client.get(address)) == "not_found"


def test_only_rows_that_this_job_left_out_are_shown(client: TestClient, shop: Path) -> None:
    first = left_out(client, shop, {"row": 2, "id": "a"})
    second = left_out(client, shop, {"row": 3, "id": "b"})
    for id, asked in (
        (first, "3/image?item=b"),
        (second, "2/image?item=a"),
        (first, "2/image?item=b"),
        (first, "2/image"),
        (first, "4/image"),
    ):
        assert heard(client.get(f"/v1/jobs/{id}/failures/{asked}")) == "not_found"
    assert client.get(f"/v1/jobs/{first}/failures/2/image?item=a").status_code == 200
    assert heard(client.get("/v1/jobs/none/failures/2/image?item=a")) == "job_not_found"
    for id in ("..", "asked", "%2e%2e%2fjobs"):
        assert client.get(f"/v1/jobs/{id}/failures/2/image?item=a").status_code == 404


def test_each_image_of_a_row_with_several_is_its_own(client: TestClient, shop: Path) -> None:
    draw(shop / "back.jpg", (30, 80))
    rows = ({"id": "a#front"}, {"id": "a#back", "image": "back.jpg"})
    found = client.get(f"/v1/jobs/{left_out(client, shop, *rows)}/failures").json()["failures"]
    sizes = [picture(client.get(row["thumbnail_url"])).size for row in found]
    assert sizes == [(90, 60), (30, 80)]


def test_an_image_on_the_web_is_for_the_browser_to_get(client: TestClient, shop: Path) -> None:
    for base, image in (
        (shop, "https://cdn.example.org/x.jpg"),
        ("https://cdn.example.org/c.csv", "x.jpg"),
    ):
        address = address_of(client, left_out(client, base, {"image": image}))
        assert address is not None
        answer = client.get(address, follow_redirects=False)
        assert answer.status_code == 302
        assert answer.headers["location"] == "https://cdn.example.org/x.jpg"


def test_without_knowing_where_paths_start_nothing_is_shown(client: TestClient, shop: Path) -> None:
    id = left_out(client, None, {"image": str(shop / "own.jpg")})
    assert address_of(client, id) is None


def test_where_no_job_may_read_nothing_is_shown(tmp_path: Path, shop: Path) -> None:
    with service(tmp_path) as client:
        id = left_out(client, shop, {})
        assert address_of(client, id) is None
        assert heard(client.get(f"/v1/jobs/{id}/failures/2/image?item=a")) == "not_found"


def test_it_takes_a_key_of_scope_admin(tmp_path: Path, shop: Path) -> None:
    admin, _ = make_key(tmp_path, Scope.ADMIN, "boss")
    writer, _ = make_key(tmp_path, Scope.WRITE, "shop")
    with service(tmp_path, job_sources=str(shop)) as client:
        address = f"/v1/jobs/{left_out(client, shop, {})}/failures/2/image?item=a"
        assert client.get(address, headers=bearer(writer)).status_code == 403
        assert picture(client.get(address, headers=bearer(admin)))
