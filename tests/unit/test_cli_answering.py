"""`vitrine search` with products, facets, order and totals, on a real collection."""

import json
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from api.cli.results import facet_line, total_of
from search.config import Settings
from search.types import Facet, FacetRange, FacetValue, Page
from tests.command_line import Said, Vitrine, runner
from tests.sample_collection import build, chosen_rows

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return build(tmp_path_factory.mktemp("cli"), chosen_rows(40))


@pytest.fixture
def search(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    collection: Settings,
) -> Vitrine:
    """Run `vitrine search dress ARGUMENTS` in an empty folder of its own."""
    run = runner(capfd, monkeypatch, tmp_path)
    return partial(run, "search", "dress", "--db", collection.db)


def page_of(said: Said) -> dict[str, Any]:
    assert said.code == 0, said.err
    page: dict[str, Any] = json.loads(said.out)
    return page


def test_by_product_as_data(search: Vitrine) -> None:
    page = page_of(search("--by", "product", "--total", "-n", "99", "--json"))
    images = Counter(row["product_id"] for row in chosen_rows(40))
    assert page["total"] == len(page["hits"]) == len(images)
    for hit in page["hits"]:
        assert hit["variant_count"] == len(hit["variants"]) == images[hit["product_id"]] - 1


def test_facets_sort_and_total_as_data(search: Vitrine) -> None:
    page = page_of(
        search(
            *("--facet", "colour", "--facet", "added_on", "--sort", "price", "--sort", "-added_on"),
            *("--relevant", "12", "--total", "--json"),
        )
    )
    prices = [hit["fields"]["price"] for hit in page["hits"]]
    assert prices == sorted(prices)
    assert (page["total"], page["total_is_exact"]) == (12, True)
    colour, added = page["facets"]
    rows = Counter(row["colour"] for row in chosen_rows(40))
    assert {each["value"]: each["count"] for each in colour["values"]} == rows
    assert all(each["start"] < each["end"] for each in added["ranges"])


def test_people_see_facets_totals_and_variants(search: Vitrine) -> None:
    said = search("--by", "product", "--facet", "colour", "--facet", "price", "--total", "-n", "20")
    assert said.code == 0
    assert "colour: " in said.out and "price: " in said.out
    assert "variants" in said.out and "+1" in said.out
    assert "results · products__v1" in said.err.replace("\n", " ")


def test_the_contact_sheet_says_how_many_variants(search: Vitrine, tmp_path: Path) -> None:
    said = search("--by", "product", "--facet", "colour", "--total", "-n", "30", "--html", "x.html")
    assert said.code == 0
    sheet = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert "+1 more" in sheet
    assert "colour: " in sheet
    assert " results" in sheet


def test_boosts_and_diversity(search: Vitrine) -> None:
    plain = page_of(search("--json"))
    boosted = page_of(search("--boost", "in_stock:-0.5", "--json"))
    diverse = page_of(search("--diversity", "0.8", "--collapse-duplicates", "--json"))
    assert plain["hits"][0]["id"] == diverse["hits"][0]["id"]
    assert [hit["boost"] for hit in boosted["hits"]] == sorted(
        (hit["boost"] for hit in boosted["hits"]), reverse=True
    )
    kinds = [{hit["fields"]["kind"] for hit in page["hits"]} for page in (plain, diverse)]
    assert len(kinds[1]) > len(kinds[0])


BAD = {
    "an unknown grouping": (["--by", "brand"], "product"),
    "a limit of zero": (["-n", "0"], "limit"),
    "a boost without weight": (["--boost", "price"], "popularity:0.1"),
    "a sort by nothing": (["--sort", "-"], "-price"),
    "sort and diversity": (["--sort", "price", "--diversity", "0.5"], "sort"),
    "a facet twice": (["--facet", "kind", "--facet", "kind"], "kind"),
    "an unknown facet": (["--facet", "color"], "colour"),
    "a facet of titles": (["--facet", "title"], "title"),
    "a sort by a list": (["--sort", "tags"], "tags"),
    "a boost by a text": (["--boost", "colour:1"], "colour"),
    "facets over a page": (["--facets-over", "page"], "relevant"),
    "too large a relevant set": (["--relevant", "5000"], "2,000"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_says_what_and_leaves(case: str, search: Vitrine) -> None:
    arguments, named = BAD[case]
    said = search(*arguments, "--json")
    assert said.code == 2
    assert named in said.err
    assert set(json.loads(said.out)["error"]) == {"code", "message", "details"}


def test_facets_in_a_line() -> None:
    values = tuple(FacetValue(f"v{number}", 20 - number) for number in range(12))
    line = facet_line(Facet("colour", values, (), 15, 3))
    assert line.startswith("colour: v0 20 · v1 19 · ")
    assert line.endswith(" · 7 more · (none) 3")
    assert facet_line(Facet("new", (FacetValue(True, 2),), (), 1)) == "new: true 2"
    ranges = (FacetRange(0, 20, 5), FacetRange(20, 40, 0), FacetRange(40.0, 60.5, 1))
    assert facet_line(Facet("price", (), ranges, 6)) == "price: 0 to 20 5 · 40 to 60.5 1"


def test_totals_in_words() -> None:
    def page(total: int, exact: bool) -> Page:
        return Page((), 10, 0, "c", "m", total=total, total_is_exact=exact)

    assert total_of(page(1, True)) == "1 result"
    assert total_of(page(12_345, True)) == "12,345 results"
    assert total_of(page(40, False)) == "at least 40 results"
