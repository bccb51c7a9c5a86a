"""How answers travel: kept pictures, entity tags, links between pages, compression."""

import os
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from api.thumbnails import Thumbnails
from search.config import Settings
from tests.sample_collection import ODD_IDS

Rows = list[dict[str, str]]
TAG = '"{:032x}"'


class TestThumbnails:
    def test_what_was_put_is_there_for_others_too(self, tmp_path: Path) -> None:
        Thumbnails(tmp_path, 1_000).put(TAG.format(1), b"picture")
        assert Thumbnails(tmp_path, 1_000).get(TAG.format(1)) == b"picture"
        assert Thumbnails(tmp_path, 1_000).get(TAG.format(2)) is None

    def test_those_not_asked_for_the_longest_go_first(self, tmp_path: Path) -> None:
        kept = Thumbnails(tmp_path, 1_000)
        for number in range(10):
            kept.put(TAG.format(number), b"x" * 100)
            os.utime(kept._path(TAG.format(number)), (number, number))
        assert kept.get(TAG.format(0)) is not None
        kept.put(TAG.format(10), b"x" * 100)
        there = [number for number in range(11) if kept.get(TAG.format(number)) is not None]
        assert there == [0, 3, 4, 5, 6, 7, 8, 9, 10]

    def test_the_bound_holds_whatever_comes(self, tmp_path: Path) -> None:
        for number in range(200):
            # Each has to find out anew how much there is.
            Thumbnails(tmp_path, 5_000).put(TAG.format(number), b"x" * (number % 400))
        assert sum(path.stat().st_size for path in tmp_path.glob("*/*")) <= 5_000

    def test_none_are_kept_where_none_may_or_can_be(self, tmp_path: Path) -> None:
        nothing = Thumbnails(tmp_path / "a", 0)
        nothing.put(TAG.format(1), b"x")
        assert nothing.get(TAG.format(1)) is None and not (tmp_path / "a").exists()
        (tmp_path / "b").write_bytes(b"a file")
        blocked = Thumbnails(tmp_path / "b", 1_000)
        blocked.put(TAG.format(1), b"x")
        assert blocked.get(TAG.format(1)) is None

    def test_a_tag_is_no_path(self, tmp_path: Path) -> None:
        with pytest.raises(AssertionError):
            Thumbnails(tmp_path, 1_000).get('"../../etc/passwd"')


@pytest.mark.model
def test_a_picture_is_made_once(client: TestClient, settings: Settings, rows: Rows) -> None:
    url = f"/v1/items/{rows[3]['id']}/image?size=77"
    first = client.get(url)
    tag = first.headers["etag"].strip('"')
    path = settings.thumbnails_folder / tag[:2] / f"{tag}.jpg"
    assert path.read_bytes() == first.content
    path.write_bytes(b"as it was kept")
    assert client.get(url).content == b"as it was kept"
    path.unlink()
    assert client.get(url).content == first.content


@pytest.mark.model
def test_an_item_is_sent_again_only_when_it_has_changed(client: TestClient, rows: Rows) -> None:
    url = f"/v1/items/{rows[0]['id']}"
    first = client.get(url)
    tag = first.headers["etag"]
    again = client.get(url, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == tag
    assert client.get(url, headers={"If-None-Match": 'W/"other"'}).status_code == 200


@pytest.mark.model
@pytest.mark.parametrize("by", ["item", "product"])
def test_links_lead_through_all_pages(client: TestClient, rows: Rows, by: str) -> None:
    url: str | None = f"/v1/search?q=red+dress&limit=9&by={by}&facets=kind"
    seen: list[str] = []
    before: list[str] = []
    while url is not None:
        answer = client.get(url)
        assert answer.status_code == 200
        seen += [hit["id"] for hit in answer.json()["hits"]]
        assert answer.json()["facets"]
        before.append(url)
        links = answer.links
        if len(before) > 1:
            assert links["prev"]["url"].endswith(f"offset={9 * (len(before) - 2)}")
        else:
            assert "prev" not in links
        url = links.get("next", {}).get("url")
    whole = client.get(f"/v1/search?q=red+dress&limit=99&by={by}").json()["hits"]
    assert seen == [hit["id"] for hit in whole]
    assert len(before) >= len(whole) // 9


@pytest.mark.model
@pytest.mark.parametrize("id", ODD_IDS)
def test_links_of_odd_ids(client: TestClient, id: str) -> None:
    answer = client.get(f"/v1/items/{quote(id, safe='')}/similar?limit=2&without=striped")
    following = client.get(answer.links["next"]["url"])
    assert following.status_code == 200
    assert following.json()["offset"] == 2
    first, second = ({hit["id"] for hit in each.json()["hits"]} for each in (answer, following))
    assert not first & second


@pytest.mark.model
def test_a_last_page_has_no_next_one(client: TestClient) -> None:
    assert "next" not in client.get("/v1/search?q=a&limit=99").links
    total = client.get("/v1/search?q=a&limit=1&total=true").json()["total"]
    exact = client.get(f"/v1/search?q=a&limit={total}&total=true")
    assert len(exact.json()["hits"]) == total and "next" not in exact.links


@pytest.mark.model
def test_what_is_large_is_compressed_and_pictures_are_not(client: TestClient, rows: Rows) -> None:
    wants = {"Accept-Encoding": "gzip"}
    page = client.get("/v1/search?q=dress&limit=20", headers=wants)
    assert page.headers["content-encoding"] == "gzip"
    assert "accept-encoding" in page.headers["vary"].lower()
    plain = client.get("/v1/search?q=dress&limit=20", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert page.json()["hits"] == plain.json()["hits"]
    assert int(page.headers["content-length"]) < len(plain.content) / 3
    image = client.get(f"/v1/items/{rows[0]['id']}/image", headers=wants)
    assert "content-encoding" not in image.headers
    assert "content-encoding" not in client.get("/healthz", headers=wants).headers
