"""What is like an item, within limits that the item's own values set."""

from datetime import date

import pytest

from search.errors import InvalidQueryError, UnknownFieldError
from search.filters.ast import And, Comparison, Filter, Not, Op, Or
from search.recommending import Relation, Relative, relative_filter, relative_from_text
from search.recommending.similar import limited
from search.types import Field, FieldType, FieldValue, Item, ItemPart, Query

FIELDS = (
    Field("price", FieldType.FLOAT),
    Field("stars", FieldType.INTEGER),
    Field("colour", FieldType.STRING),
    Field("added_on", FieldType.DATE),
    Field("tags", FieldType.STRINGS),
)


def item(id: str = "a", product: str | None = None, **fields: FieldValue) -> Item:
    return Item(id, f"{id}.jpg", product_id=product, fields=fields)


SHOE = item(price=80.0, stars=4, colour="red", added_on=date(2024, 5, 1), tags=["summer", "sale"])
OTHER = item("b", price=50.0, stars=2, colour="blue", added_on=date(2023, 1, 1), tags=["sale"])


def asked(relation: str, text: str, *items: Item) -> Filter:
    relative = relative_from_text(Relation(relation), text)
    (found,) = relative_filter([relative], items or [SHOE], FIELDS)
    return found


@pytest.mark.parametrize(
    ("relation", "text", "wanted"),
    [
        ("less", "price", Comparison("price", Op.LT, 80.0)),
        ("less", "price:5", Comparison("price", Op.LTE, 75.0)),
        ("less", "price:10%", Comparison("price", Op.LTE, 72.0)),
        ("more", "price:25%", Comparison("price", Op.GTE, 100.0)),
        ("more", "stars", Comparison("stars", Op.GT, 4)),
        ("less", "stars:10%", Comparison("stars", Op.LTE, 3)),
        ("more", "stars:10%", Comparison("stars", Op.GTE, 5)),
        ("more", "added_on", Comparison("added_on", Op.GT, date(2024, 5, 1))),
        ("same", "colour", Comparison("colour", Op.IN, ("red",))),
        ("same", "id", Comparison("id", Op.IN, ("a",))),
        ("other", "colour", And((Comparison("colour", Op.NE, "red"),))),
    ],
)
def test_limits_are_set_by_the_items_own_value(relation: str, text: str, wanted: Filter) -> None:
    assert asked(relation, text) == wanted


def test_lists_are_the_same_when_they_share_a_member() -> None:
    shares = Or(
        (Comparison("tags", Op.CONTAINS, "summer"), Comparison("tags", Op.CONTAINS, "sale"))
    )
    assert asked("same", "tags") == shares
    assert asked("other", "tags") == Not(shares)


def test_of_several_items_less_is_less_than_all_and_the_same_is_that_of_any() -> None:
    assert asked("less", "price", SHOE, OTHER) == Comparison("price", Op.LT, 50.0)
    assert asked("more", "price", SHOE, OTHER) == Comparison("price", Op.GT, 80.0)
    assert asked("less", "added_on", SHOE, OTHER) == Comparison("added_on", Op.LT, date(2023, 1, 1))
    assert asked("same", "colour", SHOE, OTHER) == Comparison("colour", Op.IN, ("red", "blue"))
    assert asked("other", "colour", SHOE, OTHER) == And(
        (Comparison("colour", Op.NE, "red"), Comparison("colour", Op.NE, "blue"))
    )


def test_a_share_of_a_negative_value_is_still_less() -> None:
    assert asked("less", "price:10%", item(price=-10.0)) == Comparison("price", Op.LTE, -11.0)


@pytest.mark.parametrize(
    ("relation", "text"),
    [
        ("less", "colour"), ("more", "tags"), ("less", ""), ("less", ":5"), ("less", "price:x"),
        ("less", "price:-5"), ("less", "price:inf"), ("less", "price:nan"), ("less", "price:"),
        ("same", "colour:5"), ("more", "added_on:5"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(relation: str, text: str) -> None:
    with pytest.raises(InvalidQueryError):
        asked(relation, text)


def test_a_field_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UnknownFieldError, match="cost"):
        asked("less", "cost")


def test_an_item_without_a_value_is_refused_and_named() -> None:
    for empty in (None, []):
        with pytest.raises(InvalidQueryError, match="'x' has no tags"):
            asked("same", "tags", SHOE, item("x", tags=empty))


def test_a_margin_belongs_to_an_order() -> None:
    with pytest.raises(InvalidQueryError):
        Relative(Relation.SAME, "colour", 5.0)


def test_limits_stand_beside_what_the_filter_asks_so_that_facets_see_each() -> None:
    query = Query((ItemPart("a"),), filter=And((Comparison("stars", Op.GT, 1),)))
    found = limited(query, [Relative(Relation.LESS, "price")], [SHOE], FIELDS).filter
    assert found == And((Comparison("stars", Op.GT, 1), Comparison("price", Op.LT, 80.0)))


def test_other_images_of_the_items_products_are_left_out_unless_wanted() -> None:
    query = Query((ItemPart("a"), ItemPart("b"), ItemPart("c")))
    items = [item("a", "p1"), item("b"), item("c", "p2")]
    left_out = Not(Comparison("product_id", Op.IN, ("p1", "p2")))
    assert limited(query, [], items, FIELDS).filter == left_out
    assert limited(query, [], items, FIELDS, own_products=True).filter is None
    assert limited(query, [], [item("b")], FIELDS).filter is None
