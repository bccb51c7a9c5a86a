"""The committed sample: complete, small, and with answers that follow from its columns."""

import csv
import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from training.drawing import COLOURS, KINDS, is_held_out, patterns_for, write_sample_data

SAMPLE = Path(__file__).parents[2] / "sample_data"
SEED = 7
COLUMNS = ["id", "image", "product_id", "title", "brand", "kind", "colour", "pattern", "price",
           "currency", "in_stock", "added_on", "tags"]  # fmt: skip

# What a query's words ask for, written here a second time so that the answers are checked
# against the words and not against the table they were made from.
KIND_WORDS = {
    "dress": "dress", "t-shirt": "t-shirt", "tee": "t-shirt", "shirt": "shirt",
    "blouse": "blouse", "skirt": "skirt", "trousers": "trousers", "pants": "trousers",
    "jeans": "jeans", "shorts": "shorts", "jacket": "jacket", "coat": "coat",
    "sweater": "sweater", "jumper": "sweater", "sneakers": "sneakers", "trainers": "sneakers",
    "boots": "boots", "heels": "heels", "handbag": "handbag", "bag": "handbag",
    "backpack": "backpack", "rucksack": "backpack", "hat": "hat", "beanie": "hat", "cap": "cap",
    "scarf": "scarf", "wristwatch": "watch", "watch": "watch", "sunglasses": "sunglasses",
}  # fmt: skip
PATTERN_WORDS = {
    "plain": "plain", "striped": "striped", "checked": "checked", "plaid": "checked",
    "dot": "polka dot", "dots": "polka dot", "spotted": "polka dot", "floral": "floral",
    "flowery": "floral", "leaf": "leaf", "leaves": "leaf", "zigzag": "zigzag",
}  # fmt: skip
TAG_WORDS = {
    "high": "high-heel", "long-sleeved": "long-sleeve", "mini": "mini", "pleated": "pleated",
    "knee-high": "knee-high", "ankle": "ankle", "high-top": "high-top", "wide-leg": "wide-leg",
    "puffer": "puffer", "trench": "trench", "turtleneck": "turtleneck", "aviator": "aviator",
    "tote": "tote", "beanie": "beanie",
}  # fmt: skip


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with (SAMPLE / "catalog.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def queries() -> list[dict[str, Any]]:
    lines = (SAMPLE / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def qrels() -> dict[str, dict[str, int]]:
    read: dict[str, dict[str, int]] = json.loads((SAMPLE / "qrels.json").read_text("utf-8"))
    return read


def test_the_catalogue_has_its_columns_and_typed_values(rows: list[dict[str, str]]) -> None:
    assert len(rows) == 400
    assert list(rows[0]) == COLUMNS
    for row in rows:
        assert row["kind"] in KINDS
        assert row["colour"] in COLOURS
        assert row["pattern"] in patterns_for(row["kind"])
        assert float(row["price"]) > 0
        assert row["in_stock"] in {"true", "false"}
        datetime.date.fromisoformat(row["added_on"])
        assert all(row["tags"].split("|"))
        assert row["title"].startswith(row["brand"])


def test_ids_and_file_names_are_unique_and_plain(rows: list[dict[str, str]]) -> None:
    assert len({row["id"] for row in rows}) == len({row["image"] for row in rows}) == len(rows)
    plain = set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert all(set(row["id"]) <= plain and set(Path(row["image"]).stem) <= plain for row in rows)


def test_every_picture_opens_and_none_is_left_over(
    rows: list[dict[str, str]], queries: list[dict[str, Any]]
) -> None:
    named = {row["image"] for row in rows} | {q["image"] for q in queries if "image" in q}
    for name in named:
        with Image.open(SAMPLE / name) as image:
            image.load()
            assert (image.size, image.mode) == ((256, 256), "RGB")
    assert {str(path.relative_to(SAMPLE)) for path in SAMPLE.rglob("*.jpg")} == named


def test_the_sample_is_at_most_five_megabytes() -> None:
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) <= 5_000_000


def test_colour_variants_share_a_product_and_differ_in_colour(rows: list[dict[str, str]]) -> None:
    products: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        products.setdefault(row["product_id"], []).append(row)
    assert sum(len(variants) > 1 for variants in products.values()) > 50
    for variants in products.values():
        assert len({row["colour"] for row in variants}) == len(variants)
        for column in ("kind", "pattern", "brand", "price"):
            assert len({row[column] for row in variants}) == 1


def test_a_natural_share_of_the_items_is_held_out(rows: list[dict[str, str]]) -> None:
    share = np.mean([is_held_out(row["kind"], row["colour"], row["pattern"]) for row in rows])
    assert 0.15 < share < 0.30


def test_every_query_has_an_answer_and_every_answer_an_item(
    rows: list[dict[str, str]], queries: list[dict[str, Any]], qrels: dict[str, dict[str, int]]
) -> None:
    ids = {row["id"] for row in rows}
    assert set(qrels) == {query["id"] for query in queries}
    assert all(gains and set(gains) <= ids for gains in qrels.values())
    by_text = {query["text"]: query["id"] for query in queries if "text" in query}
    assert len(by_text) >= 60
    assert sum("image" in query for query in queries) == 40
    assert len(qrels[by_text["red floral dress"]]) >= 3


def _asked(text: str) -> Iterator[tuple[str, str]]:
    words = text.lower().split()
    if "shoes" in words:  # "shoes with high heels": the heels name the kind
        words.remove("shoes")
    for word in words:
        for column, table in (("kind", KIND_WORDS), ("pattern", PATTERN_WORDS), ("tag", TAG_WORDS)):
            if word in table:
                yield column, table[word]
        colour = "purple" if word == "violet" else word
        if colour in COLOURS:
            yield "colour", colour


def _passes(row: dict[str, str], condition: dict[str, Any]) -> bool:
    for column, bound in condition.items():
        if isinstance(bound, dict):
            price = float(row[column])
            if not bound.get("gt", -1) < price < bound.get("lt", 1e9):
                return False
        elif row[column] != (str(bound).lower() if isinstance(bound, bool) else bound):
            return False
    return True


def test_text_answers_follow_from_the_columns(
    rows: list[dict[str, str]], queries: list[dict[str, Any]], qrels: dict[str, dict[str, int]]
) -> None:
    for query in queries:
        if "text" not in query:
            continue
        asked = set(_asked(query["text"]))
        assert asked, query
        right = {
            row["id"]: 1
            for row in rows
            if all(
                value in row["tags"].split("|") if column == "tag" else row[column] == value
                for column, value in asked
            )
            and _passes(row, query.get("filter", {}))
        }
        assert qrels[query["id"]] == right, query


def test_held_out_is_told_of_fully_specified_queries_only(
    rows: list[dict[str, str]], queries: list[dict[str, Any]], qrels: dict[str, dict[str, int]]
) -> None:
    by_id = {row["id"]: row for row in rows}
    for query in queries:
        if "image" in query:
            shown = by_id[max(qrels[query["id"]], key=lambda item: qrels[query["id"]][item])]
            look = shown["kind"], shown["colour"], shown["pattern"]
            assert query["held_out"] == is_held_out(*look)
            continue
        asked = dict(_asked(query["text"])) | query.get("filter", {})
        if {"kind", "colour", "pattern"} <= set(asked):
            look = asked["kind"], asked["colour"], asked["pattern"]
            assert query["held_out"] == is_held_out(*look)
        else:
            assert "held_out" not in query


def test_image_answers_are_the_item_its_variants_and_its_like(
    rows: list[dict[str, str]], queries: list[dict[str, Any]], qrels: dict[str, dict[str, int]]
) -> None:
    for query in queries:
        if "image" not in query:
            continue
        gains = qrels[query["id"]]
        [shown] = [row for row in rows if gains.get(row["id"]) == 3]
        look = shown["kind"], shown["colour"], shown["pattern"]
        for row in rows:
            alike = (row["kind"], row["colour"], row["pattern"]) == look
            related = alike or row["product_id"] == shown["product_id"]
            expected = 3 if row is shown else int(related)
            assert gains.get(row["id"], 0) == expected


def test_query_pictures_are_not_in_the_catalogue(
    rows: list[dict[str, str]], queries: list[dict[str, Any]]
) -> None:
    catalogue = {(SAMPLE / row["image"]).read_bytes() for row in rows}
    shown = [(SAMPLE / query["image"]).read_bytes() for query in queries if "image" in query]
    assert len(set(shown)) == 40
    assert not catalogue.intersection(shown)


def test_the_sample_can_be_made_again(tmp_path: Path) -> None:
    pytest.importorskip("skia")
    write_sample_data(tmp_path, seed=SEED)
    for name in ("catalog.csv", "queries.jsonl", "qrels.json", "README.md"):
        assert (tmp_path / name).read_bytes() == (SAMPLE / name).read_bytes(), name
    for path in sorted(SAMPLE.rglob("*.jpg"))[::11]:
        same = tmp_path / path.relative_to(SAMPLE)
        with Image.open(path) as committed, Image.open(same) as again:
            gap = np.asarray(committed, np.int16) - np.asarray(again, np.int16)
            assert np.abs(gap).mean() < 2, path.name
