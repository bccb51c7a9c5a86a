"""Commands and the client that ask a service which holds the embedded database, with a key."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.client import AsyncClient, Client
from api.jobs.errors import VersionNotFoundError
from api.requests_items import BatchItemBody
from api.schemas import PageOut
from api.security.errors import KeyRefusedError
from api.security.keys import KeyFile
from api.security.scopes import Scope
from search.errors import FilterSyntaxError, ItemNotFoundError, NotFoundError, VitrineError
from tests.command_line import Vitrine, runner
from tests.running import run as run_coroutine
from tests.sample_collection import build, chosen_rows, write_catalog
from tests.serving_process import serving
from tests.waiting import wait_until

pytestmark = pytest.mark.model

ROWS = chosen_rows(20)


@dataclass(frozen=True)
class Shop:
    """A service of its own process, its key, its folder."""

    url: str
    key: str
    folder: Path

    def client(self) -> Client:
        return Client(self.url, api_key=self.key)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    shutil.move(build(folder, ROWS).db, folder / "shop.db")
    token, _ = KeyFile(folder / "keys.db").create("boss", Scope.ADMIN)
    with serving(folder, job_sources=str(folder)) as made, Client(made.url) as anybody:
        wait_until(lambda: is_ready(anybody), 60)
        yield Shop(made.url, token, folder)


def is_ready(client: Client) -> bool:
    try:
        return bool(client.ready().collection)
    except VitrineError:
        return False


@pytest.fixture
def vitrine(
    shop: Shop,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Vitrine:
    monkeypatch.setenv("VITRINE_API_KEY", shop.key)
    return runner(capfd, monkeypatch, tmp_path)


def test_searching_through_a_service_finds_what_searching_beside_it_would(
    shop: Shop, vitrine: Vitrine
) -> None:
    asked = ("red floral dress", "--limit", "3", "--filter", "price>1", "--facet", "colour")
    said = vitrine("search", *asked, "--server", shop.url, "--json")
    assert said.code == 0, said.err
    page = json.loads(said.out)
    with shop.client() as client:
        found = client.search("red floral dress", limit=3, filter={"price": {"gt": 1}})
    assert [hit["id"] for hit in page["hits"]] == [hit.id for hit in found.hits]
    assert page["hits"][0]["image"].startswith(shop.url) and page["facets"]
    for_people = vitrine("search", *asked, "--server", shop.url)
    assert found.hits[0].id in for_people.out and "colour" in for_people.out


def test_a_picture_of_this_machine_is_sent_along(shop: Shop, vitrine: Vitrine) -> None:
    said = vitrine("search", "--image", ROWS[0]["image"], "--server", shop.url, "--json")
    assert json.loads(said.out)["hits"][0]["score"] > 0.99, said.err


def test_similar_takes_weights_and_odd_ids(shop: Shop, vitrine: Vitrine) -> None:
    said = vitrine("similar", ROWS[0]["id"], f"{ROWS[1]['id']}:0.5", "--same", "kind",
                   "--server", shop.url, "--json")  # fmt: skip
    assert said.code == 0, said.err
    with shop.client() as client:
        weights = {ROWS[0]["id"]: 1.0, ROWS[1]["id"]: 0.5}
        found = client.similar(weights, same=["kind"])
        assert client.similar("a/b/c", limit=1).hits
    assert [hit["id"] for hit in json.loads(said.out)["hits"]] == [hit.id for hit in found.hits]


def test_collections_of_the_service(
    shop: Shop, vitrine: Vitrine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITRINE_SERVER", shop.url)
    said = vitrine("collections", "--json")
    [found] = json.loads(said.out)["collections"]
    assert (found["name"], found["live"], found["disk_bytes"]) == ("products__v1", True, None)
    assert "id" not in found["fields"] and "price" in found["fields"]


def test_indexing_while_the_service_holds_the_database(shop: Shop, vitrine: Vitrine) -> None:
    shutil.copy(ROWS[0]["image"], shop.folder / "own.png")
    bad = [ROWS[0] | {"id": "", "image": "own.png"}, ROWS[0] | {"id": "gone", "image": "/no/x.png"}]
    more = [*ROWS, ROWS[0] | {"id": "one more"}, *bad]
    catalog = write_catalog(more, shop.folder / "more.csv")
    locked = vitrine("index", str(catalog), "--db", str(shop.folder / "shop.db"))
    assert locked.code == 1 and "--server" in locked.err
    said = vitrine("index", str(catalog), "--server", shop.url)
    assert said.code == 3, said.err
    assert "products__v1" in said.out and "gone" in said.err
    with shop.client() as client:
        assert client.item("one more").title == ROWS[0]["title"]
        [job] = client.jobs(limit=1).jobs
        nameless, gone = client.job_failures(job.id).failures
        assert (nameless.id, gone.id) == (None, "gone")
        assert client.row_image(job.id, nameless.row, nameless.id, size=64)[:2] == b"\xff\xd8"
        with pytest.raises(NotFoundError, match="no picture of row"):
            client.row_image(job.id, gone.row, gone.id)
    again = json.loads(vitrine("index", str(catalog), "--server", shop.url, "--json").out)
    assert (again["unchanged"], again["failed"], again["indexed"]) == (len(ROWS) + 1, 2, 0)


def test_what_only_works_here_is_refused_with_a_service(shop: Shop, vitrine: Vitrine) -> None:
    said = vitrine("index", "x.csv", "--dry-run", "--server", shop.url)
    assert said.code == 2 and "--dry-run" in said.err
    said = vitrine("search", "dress", "--db", "x.db", "--server", shop.url)
    assert said.code == 2 and "--db" in said.err
    said = vitrine("search", "dress", "--server", "localhost:8000")
    assert said.code == 2 and "http://" in said.err


def test_refusals_of_the_service_are_told_as_the_commands_own(
    shop: Shop, vitrine: Vitrine, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = vitrine("search", "dress", "--filter", "price<", "--server", shop.url, "--json")
    assert said.code == 2 and json.loads(said.out)["error"]["code"] == "filter_syntax"
    said = vitrine("index", "/etc/x.csv", "--server", shop.url)
    assert said.code == 2 and "VITRINE_JOB_SOURCES" in said.err
    missing = shop.folder / "missing.csv"
    said = vitrine("index", str(missing), "--server", shop.url, "--json")
    assert said.code == 2 and json.loads(said.out)["error"]["code"] == "invalid_catalog"
    monkeypatch.setenv("VITRINE_API_KEY", "vk_wrong")
    said = vitrine("collections", "--server", shop.url, "--json")
    assert said.code == 1 and json.loads(said.out)["error"]["code"] == "unauthorized"
    assert "vk_wrong" not in said.err + said.out


def test_the_client_can_do_all_that_the_service_can(shop: Shop) -> None:
    picture = Path(ROWS[0]["image"])
    with shop.client() as client:
        made = client.put_item("a new/one", title="New", fields={"price": 3.5}, image=picture)
        assert (made.id, made.fields["price"]) == ("a new/one", 3.5)
        assert client.item("a new/one").title == "New"
        assert client.image("a new/one", size=64).startswith(b"\xff\xd8")
        assert client.put_image("a new/one", Path(ROWS[1]["image"])).title == "New"
        assert client.heat_map("a new/one", "red", size=64).startswith(b"\xff\xd8")
        assert client.feedback("a new/one", "click", query="dress", rank=2).kept is False
        body = BatchItemBody(id="a new/one", title="Newer", fields={"price": 4})
        assert client.write_items([body]).results[0].status == "replaced"
        assert client.delete_items(["a new/one", "nobody"]).deleted == 1
        with pytest.raises(ItemNotFoundError):
            client.item("a new/one")
        with pytest.raises(FilterSyntaxError):
            client.search("dress", filter="price<")
        [vector] = client.embed(["red dress"]).texts
        assert len(vector) == client.collections().collections[0].model.dim
        labelled = client.classify([picture], labels=["dress", "shoe"], top=1).labelled
        assert labelled[0].labels[0].label in ("dress", "shoe")
        wait_until(lambda: client.suggest("dr").ready, 30)
        assert client.suggest("dr").suggestions
        assert client.facets(["colour"]).facets[0].field == "colour"
        [products] = client.versions().collections
        assert products.alias == "products" and products.versions[0].live
        assert client.evaluations("products").evaluations == []
        with pytest.raises(VersionNotFoundError):
            client.evaluations("nothing")
        first, second = client.batch_search(
            [client.search_body("dress", limit=1), client.search_body(item="no such")]
        ).pages
        assert isinstance(first, PageOut) and not isinstance(second, PageOut)
    with Client(shop.url) as stranger, pytest.raises(KeyRefusedError):
        stranger.search("dress")


def test_the_asynchronous_client_follows_a_job(shop: Shop) -> None:
    catalog = write_catalog(ROWS, shop.folder / "followed.csv")

    async def follow() -> list[str]:
        async with AsyncClient(shop.url, api_key=shop.key) as client:
            job = await client.start_job("index", str(catalog))
            return [each.state async for each in client.follow_job(job.id)]

    assert run_coroutine(follow())[-1] == "done"
