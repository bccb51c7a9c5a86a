"""`vitrine similar` on a real collection."""

import json
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from search.config import Settings
from tests.command_line import Vitrine, runner
from tests.sample_collection import build, sample_rows

pytestmark = pytest.mark.model

ROWS = {row["id"]: row for row in sample_rows()[:100]}
DEAREST = max(ROWS.values(), key=lambda row: float(row["price"]))
_PRODUCTS = Counter(row["product_id"] for row in ROWS.values())
VARIANT = next(row for row in ROWS.values() if _PRODUCTS[row["product_id"]] > 1)


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    rows = [*ROWS.values(), DEAREST | {"id": "odd:0.5", "product_id": ""}]
    return build(tmp_path_factory.mktemp("similar"), rows)


@pytest.fixture
def vitrine(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    collection: Settings,
) -> Vitrine:
    """Run `vitrine similar --db DB ARGUMENTS` in an empty folder of its own."""
    return partial(runner(capfd, monkeypatch, tmp_path), "similar", "--db", collection.db)


def hits_of(vitrine: Vitrine, *arguments: str) -> list[dict[str, Any]]:
    said = vitrine(*arguments, "-n", "200", "--json")
    assert said.code == 0, said.err
    hits: list[dict[str, Any]] = json.loads(said.out)["hits"]
    return hits


def test_cheaper_of_the_same_kind_in_another_colour(vitrine: Vitrine) -> None:
    hits = hits_of(vitrine, DEAREST["id"], "--cheaper", "--same", "kind", "--other", "colour")
    wanted = {
        row["id"]
        for row in ROWS.values()
        if row["kind"] == DEAREST["kind"]
        and row["colour"] != DEAREST["colour"]
        and float(row["price"]) < float(DEAREST["price"])
        and row["product_id"] != DEAREST["product_id"]
    }
    assert wanted and {hit["id"] for hit in hits} == wanted


def test_a_margin_is_kept(vitrine: Vitrine) -> None:
    hits = hits_of(vitrine, DEAREST["id"], "--less", "price:50%")
    prices = [hit["fields"]["price"] for hit in hits]
    assert prices and max(prices) <= float(DEAREST["price"]) / 2


def test_other_images_of_its_product_are_left_out_unless_wanted(vitrine: Vitrine) -> None:
    def products(*arguments: str) -> list[str]:
        return [hit["product_id"] for hit in hits_of(vitrine, VARIANT["id"], *arguments)]

    assert VARIANT["product_id"] not in products()
    assert products("--own-products").count(VARIANT["product_id"]) == (
        _PRODUCTS[VARIANT["product_id"]] - 1
    )


def test_several_items_weigh_as_they_are_told(vitrine: Vitrine) -> None:
    first, second = "v0001", next(id for id, row in ROWS.items() if row["kind"] == "handbag")
    for heavy, light in ((first, second), (second, first)):
        alone = [hit["id"] for hit in hits_of(vitrine, heavy, "--own-products")]
        both = [hit["id"] for hit in hits_of(vitrine, heavy, f"{light}:0.001", "--own-products")]
        assert heavy not in both and light not in both
        assert both[:3] == [id for id in alone if id != light][:3]


def test_an_id_that_ends_like_a_weight_is_an_id(vitrine: Vitrine) -> None:
    assert "odd:0.5" not in [hit["id"] for hit in hits_of(vitrine, "odd:0.5")]


def test_a_change_in_words(vitrine: Vitrine) -> None:
    red = next(row for row in ROWS.values() if row["colour"] == "red")
    hits = hits_of(vitrine, red["id"], "--but", "in blue")
    plain = hits_of(vitrine, red["id"])
    blue = [sum(h["fields"]["colour"] == "blue" for h in page[:5]) for page in (plain, hits)]
    assert blue[1] > blue[0]


def test_what_search_arranges_and_counts_similar_does_too(vitrine: Vitrine) -> None:
    said = vitrine("v0001", "--sort", "price", "--relevant", "9", "--facet", "kind", "--total",
                   "--by", "product", "--relevance", "--not", "striped", "--json")  # fmt: skip
    page = json.loads(said.out)
    prices = [hit["fields"]["price"] for hit in page["hits"]]
    assert prices == sorted(prices)
    assert page["facets"][0]["field"] == "kind"
    assert page["total"] == len(page["hits"])
    assert page["relevance"] == 1.0


def test_a_text_beside_it_is_compared_with_words_and_looked_for_in_pictures(
    vitrine: Vitrine, tmp_path: Path
) -> None:
    brand = DEAREST["title"].split()[0]
    said = vitrine("v0001", "--but", f"by {brand}", "--mode", "hybrid", "-n", "4", "--json",
                   "--rerank", "late-interaction", "--explain", "why")  # fmt: skip
    assert said.code == 0, said.err
    hits = json.loads(said.out)["hits"]
    kinds = ["item", "text", "words", "rerank"]
    assert [[each["kind"] for each in hit["contributions"]] for hit in hits] == [kinds] * 4
    assert all(hit["fused"] is not None and hit["rerank"] is not None for hit in hits)
    assert brand in hits[0]["title"]
    page = (tmp_path / "why" / "index.html").read_text(encoding="utf-8")
    assert all(hit["id"] in page for hit in hits)


def test_the_sheet_says_what_was_asked(vitrine: Vitrine, tmp_path: Path) -> None:
    assert vitrine("v0001", "--but", "in red", "--html", "s.html").code == 0
    assert "Like v0001, but in red" in (tmp_path / "s.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nobody"], 1, "'nobody'"),
        (["v0001:0"], 2, "weight of zero"),
        (["v0001", "--less", "kind"], 2, "no less and more"),
        (["v0001", "--less", "cost"], 2, "'cost'"),
        (["v0001", "--more", "price:x"], 2, "not a number"),
        (["v0001", "--sort", "price", "--diversity", "0.5"], 2, "sorted"),
        (["v0001", "--mode", "text"], 2, "compares words"),
        (["v0001", "--rerank", "colbert"], 2, "colbert"),
        ([], 2, "Missing argument"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    vitrine: Vitrine, arguments: list[str], code: int, message: str
) -> None:
    said = vitrine(*arguments)
    assert said.code == code
    assert message in said.err
