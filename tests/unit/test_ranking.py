"""The order of hits: boosts, products, duplicates, diversity, sorting; and what is refused."""

import math
from collections.abc import Mapping

import numpy as np
import pytest

from search.errors import InvalidQueryError, UnknownFieldError
from search.ranking.boosting import boosted
from search.ranking.checking import check_fields
from search.ranking.diversity import diversified
from search.ranking.duplicates import collapsed
from search.ranking.groups import Group, grouped
from search.ranking.sorting import in_order
from search.ranking.texts import boost_from_text, sort_from_text
from search.store import Candidate
from search.types import (
    MAX_FIELDS,
    MAX_RELEVANT,
    Boost,
    Field,
    FieldType,
    FieldValue,
    Query,
    Sort,
    TextPart,
)

PARTS = (TextPart("dress"),)
FIELDS = tuple(Field(type_.value, type_) for type_ in FieldType)


def candidate(
    id: str, score: float, values: Mapping[str, FieldValue] | None = None, degrees: float = 0.0
) -> Candidate:
    angle = math.radians(degrees)
    embedding = np.array([math.cos(angle), math.sin(angle)], dtype=np.float32)
    return Candidate(id, score, values or {}, embedding)


def group(id: str, score: float, degrees: float = 0.0, **values: FieldValue) -> Group:
    return Group((candidate(id, score, values, degrees),))


def ids(groups: list[Group]) -> list[str]:
    return [each.best.id for each in groups]


def test_boosts_add_what_the_formula_says() -> None:
    values = (9, 99, None, -5, 0)
    found = dict(
        (each.id, added)
        for each, added in boosted(
            [candidate(f"{v}", 0.5, {"sold": v, "stock": v == 9}) for v in values],
            [Boost("sold", 0.2), Boost("stock", -0.1)],
        )
    )
    assert found == {
        "9": pytest.approx(0.2 * math.log1p(9) / math.log1p(99) - 0.1),
        "99": pytest.approx(0.2),
        "None": 0,
        "-5": 0,
        "0": 0,
    }


def test_boosted_is_in_order_of_the_sums_ties_by_id() -> None:
    found = boosted(
        [
            candidate("c", 0.3, {"x": 1}),
            candidate("b", 0.4, {"x": 0}),
            candidate("a", 0.3, {"x": 1}),
        ],
        [Boost("x", 0.5)],
    )
    assert [each.id for each, _ in found] == ["a", "c", "b"]


def test_a_boost_without_any_value_changes_nothing() -> None:
    found = boosted(
        [candidate("b", 0.4, {"x": None}), candidate("a", 0.3, {"x": 0})], [Boost("x", 5)]
    )
    assert [(each.id, added) for each, added in found] == [("b", 0), ("a", 0)]


def test_a_product_is_where_its_best_image_is() -> None:
    rows = [("1", "p"), ("2", None), ("3", "q"), ("4", "p"), ("5", None), ("6", "2")]
    ranking = [(candidate(id, 0.5, {"product_id": product}), 0.0) for id, product in rows]
    found = [[member.id for member in each.members] for each in grouped(ranking, "product")]
    # An item without a product is its own, whatever a product is called.
    assert found == [["1", "4"], ["2"], ["3"], ["5"], ["6"]]
    assert ids(grouped(ranking, "item")) == ["1", "2", "3", "4", "5", "6"]


def test_pictures_that_are_nearly_the_same_are_one_hit() -> None:
    groups = [
        group("a", 0.9, 0),
        group("b", 0.8, 10),
        group("near b", 0.7, 12),
        group("near a", 0.6, 3),
        group("c", 0.5, 60),
    ]
    found = collapsed(groups, math.cos(math.radians(5)))
    assert [[member.id for member in each.members] for each in found] == [
        ["a", "near a"],
        ["b", "near b"],
        ["c"],
    ]


def test_what_stays_is_compared_with_what_stays_alone() -> None:
    """A chain of small steps does not swallow a picture that is far from its first."""
    chain = [group(f"{step}", 1 - step / 10, 4.0 * step) for step in range(4)]
    found = collapsed(chain, math.cos(math.radians(5)))
    assert ids(found) == ["0", "2"]


def test_diversity_puts_a_different_picture_before_a_similar_one() -> None:
    groups = [
        group("a", 0.9, 0),
        group("like a", 0.8, 1),
        group("other", 0.5, 90),
        group("z", 0.1, 2),
    ]
    assert ids(diversified(groups, 0.0)) == ["a", "like a", "other", "z"]
    assert ids(diversified(groups, 0.5))[:2] == ["a", "other"]
    assert sorted(ids(diversified(groups, 1.0))) == ["a", "like a", "other", "z"]


def test_diversity_is_maximal_marginal_relevance() -> None:
    """Step by step as in the paper, with relevance stretched to 0..1."""
    rng = np.random.default_rng(7)
    groups = [
        group(f"{i:02}", float(rng.uniform(0.2, 0.4)), float(rng.uniform(0, 360)))
        for i in range(30)
    ]
    scores = np.array([each.score for each in groups])
    relevance = (scores - scores.min()) / np.ptp(scores)
    vectors = np.stack([each.best.embedding for each in groups]).astype(np.float64)
    for share in (0.1, 0.3, 0.9):
        order = [int(np.argmax(relevance))]
        while len(order) < len(groups):
            left = [i for i in range(len(groups)) if i not in order]
            gains = {
                i: (1 - share) * relevance[i] - share * max(vectors[i] @ vectors[j] for j in order)
                for i in left
            }
            order.append(max(left, key=lambda i: gains[i]))
        assert ids(diversified(groups, share)) == [f"{i:02}" for i in order]


def test_equal_pictures_and_scores_keep_their_order() -> None:
    groups = [group(id, 0.5) for id in "abcd"]
    assert ids(diversified(groups, 0.7)) == list("abcd")
    assert diversified([], 0.5) == [] and collapsed([]) == [] and in_order([], [Sort("x")]) == []


def test_sorting_puts_missing_values_last_either_way() -> None:
    groups = [
        group("none", 0.9, price=None, size="b"),
        group("dear", 0.8, price=30.0, size="a"),
        group("cheap", 0.7, price=-1.0, size="b"),
        group("also dear", 0.95, price=30.0, size=None),
    ]
    assert ids(in_order(groups, [Sort("price")])) == ["cheap", "also dear", "dear", "none"]
    assert ids(in_order(groups, [Sort("price", True)])) == ["also dear", "dear", "cheap", "none"]
    both = [Sort("size", True), Sort("price")]
    assert ids(in_order(groups, both)) == ["cheap", "none", "dear", "also dear"]


def test_ties_of_a_sort_are_by_score_then_id() -> None:
    groups = [group("b", 0.5, x=1), group("c", 0.6, x=1), group("a", 0.5, x=1)]
    for sort in (Sort("x"), Sort("x", True)):
        assert ids(in_order(groups, [sort])) == ["c", "a", "b"]


def test_sorts_and_boosts_as_text() -> None:
    assert sort_from_text("price") == Sort("price")
    assert sort_from_text("-added_on") == Sort("added_on", descending=True)
    assert boost_from_text("popularity:0.1") == Boost("popularity", 0.1)
    assert boost_from_text("a:b:-2") == Boost("a:b", -2)
    for text in ("", "-"):
        with pytest.raises(InvalidQueryError, match="-price"):
            sort_from_text(text)
    for text in ("", "popularity", ":0.1", "popularity:", "popularity:high"):
        with pytest.raises(InvalidQueryError, match=r"popularity:0\.1"):
            boost_from_text(text)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"by": "brand"}, "brand"),
        ({"facets_over": "page"}, "page"),
        ({"limit": 0}, "limit"),
        ({"offset": -1}, "offset"),
        ({"limit": 1, "offset": 16_384}, "offset"),
        ({"diversity": -0.1}, "diversity"),
        ({"diversity": 1.1}, "diversity"),
        ({"diversity": math.nan}, "diversity"),
        ({"relevant": 0}, "relevant"),
        ({"relevant": MAX_RELEVANT + 1}, "relevant"),
        ({"boosts": (Boost("x", 0),)}, "zero"),
        ({"boosts": (Boost("x", math.nan),)}, "zero"),
        ({"boosts": (Boost("x", 101),)}, "range"),
        ({"sort": (Sort("price"), Sort("price", True))}, "price"),
        ({"boosts": (Boost("x", 1), Boost("x", 2))}, "twice"),
        ({"facets": ("x", "x")}, "twice"),
        ({"facets": tuple(map(str, range(MAX_FIELDS + 1)))}, "at most"),
        ({"sort": (Sort("price"),), "boosts": (Boost("x", 1),)}, "sort"),
        ({"sort": (Sort("price"),), "diversity": 0.5}, "sort"),
        ({"parts": (TextPart("a", 0.0),)}, "zero"),
    ],
)
def test_queries_that_make_no_sense_are_refused(given: dict[str, object], named: str) -> None:
    with pytest.raises(InvalidQueryError, match=named) as refused:
        Query(**({"parts": PARTS} | given))  # type: ignore[arg-type]
    assert refused.value.hint


@pytest.mark.parametrize(
    ("given", "error", "named"),
    [
        ({"sort": (Sort("size"),)}, UnknownFieldError, "size"),
        ({"boosts": (Boost("size", 1),)}, UnknownFieldError, "size"),
        ({"facets": ("size",)}, UnknownFieldError, "size"),
        ({"facets": ("colour ",)}, UnknownFieldError, "colour"),
        ({"sort": (Sort("strings"),)}, InvalidQueryError, "order"),
        ({"boosts": (Boost("string", 1),)}, InvalidQueryError, "string"),
        ({"boosts": (Boost("date", 1),)}, InvalidQueryError, "date"),
        ({"boosts": (Boost("title", 1),)}, InvalidQueryError, "number"),
        ({"facets": ("title",)}, InvalidQueryError, "title"),
        ({"facets": ("id",)}, InvalidQueryError, "boolean"),
        ({"facets": ("product_id",)}, InvalidQueryError, "product_id"),
    ],
)
def test_fields_that_cannot_do_it_are_refused(
    given: dict[str, object], error: type[InvalidQueryError], named: str
) -> None:
    with pytest.raises(error, match=named) as refused:
        check_fields(Query(PARTS, **given), FIELDS)  # type: ignore[arg-type]
    assert refused.value.hint


def test_all_other_fields_are_taken() -> None:
    orderly = [field for field in FIELDS if field.type is not FieldType.STRINGS]
    check_fields(Query(PARTS, sort=tuple(Sort(field.name) for field in orderly)), FIELDS)
    check_fields(Query(PARTS, sort=(Sort("title"), Sort("id", True))), FIELDS)
    check_fields(Query(PARTS, facets=tuple(field.name for field in FIELDS)), FIELDS)
    numbers = ("boolean", "integer", "float")
    check_fields(Query(PARTS, boosts=tuple(Boost(name, 1) for name in numbers)), FIELDS)
