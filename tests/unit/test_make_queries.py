"""Queries made of a collection's titles and columns: what is asked, and what is right."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from search.errors import EvaluationError, UnknownFieldError
from search.evaluation import (
    Made,
    MadeQuery,
    MakeOptions,
    load_qrels,
    load_queries,
    make_queries,
    write_made,
)
from search.filters import Comparison, Op
from search.types import Field, FieldType, FieldValue, Item

FIELDS = (
    Field("kind", FieldType.STRING),
    Field("colour", FieldType.STRING),
    Field("pattern", FieldType.STRING),
    Field("price", FieldType.FLOAT),
    Field("tags", FieldType.STRINGS),
    Field("currency", FieldType.STRING),
    Field("size", FieldType.STRING),
    Field("care", FieldType.STRING),
    Field("in_stock", FieldType.BOOLEAN),
)
COLOURS, KINDS, PATTERNS = ("Red", "Blue", "Dark_Green"), ("dress", "shirt"), ("plain", "floral")


def items() -> list[Item]:
    """Two of each colour, kind and pattern; the two are of one product, titles differ."""
    made: list[Item] = []
    for colour in COLOURS:
        for kind in KINDS:
            for pattern in PATTERNS:
                for each in (1, 2):
                    number = len(made)
                    fields: dict[str, FieldValue] = {
                        "kind": kind,
                        "colour": colour,
                        "pattern": pattern,
                        "price": 10.0 + number,
                        "tags": ["new", kind],
                        "currency": ("euro", "pound")[number % 2],
                        "size": "SML"[number % 3],
                        "care": f"Wash it {number} times",
                        "in_stock": True,
                    }
                    title = f"{colour} {pattern} {kind} No {each}"
                    made.append(Item(f"i{number:02}", "", title, f"p{number // 2}", fields))
    return made


def group(made: Made, name: str) -> Sequence[MadeQuery]:
    return made.by_group()[name]


def wearing(**values: str) -> set[str]:
    return {
        item.id
        for item in items()
        if all(item.fields[column] == value for column, value in values.items())
    }


def test_columns_that_people_speak_of_are_found() -> None:
    columns = make_queries(items(), FIELDS).columns
    # In the order in which they are said; currency is bookkeeping, sizes are letters, care is
    # different for each item, tags are a list and the price is a number.
    assert columns.words == ("colour", "pattern", "kind")
    assert (columns.noun, columns.numbers) == ("kind", ("price",))


def test_all_items_with_the_values_are_right_and_no_other() -> None:
    made = make_queries(items(), FIELDS)
    two = {query.text: query for query in group(made, "two columns")}
    assert set(two["red dress"].gains) == wearing(colour="Red", kind="dress")
    assert set(two["dark green shirt"].gains) == wearing(colour="Dark_Green", kind="shirt")
    three = {query.text: query for query in group(made, "three columns")}
    assert len(three) == 12
    assert set(three["blue floral shirt"].gains) == wearing(
        colour="Blue", pattern="floral", kind="shirt"
    )
    assert set(three["blue floral shirt"].gains.values()) == {1}


def test_every_query_says_what_the_thing_is() -> None:
    made = make_queries(items(), FIELDS)
    texts = [query.text for query in (*group(made, "two columns"), *group(made, "with a filter"))]
    assert texts and all(text.endswith(("dress", "shirt")) for text in texts)


def test_no_value_is_idle() -> None:
    """A garment is always clothing: who says dress need not say so."""
    fields = (*FIELDS, Field("category", FieldType.STRING))
    of = [
        Item(item.id, "", item.title, None, {**item.fields, "category": word})
        for item, word in zip(items(), ["clothing"] * 16 + ["leisure wear"] * 8)
    ]
    # Of all dark green items, and of no other, the category is leisure wear.
    made = make_queries(of, fields)
    assert "category" in made.columns.words
    texts = {query.text for query in made.queries if query.group != "title"}
    assert "clothing dress" in texts
    assert not {text for text in texts if "leisure wear" in text and "green" in text}


def test_a_title_means_its_item_and_half_the_others_of_its_product() -> None:
    of = items()
    of.append(Item("twin", "", of[0].title.upper(), "other", {}))
    titles = {query.text: query.gains for query in group(make_queries(of, FIELDS), "title")}
    assert titles["Red plain dress No 2"] == {"i01": 2, "i00": 1}
    assert titles["Red plain dress No 1"] == {"i00": 2, "twin": 2, "i01": 1}
    assert len(titles) == 24  # Titles that differ in capitals alone are one query.


def test_a_filter_leaves_some_of_them_out() -> None:
    of = {item.id: item for item in items()}
    made = group(make_queries(items(), FIELDS), "with a filter")
    assert made
    for query in made:
        assert query.filter is not None
        below = query.filter["price"]["lt"]
        named = {id for id, item in of.items() if _says(item, query.text)}
        cheap = {id for id in named if float(of[id].fields["price"]) < below}  # type: ignore[arg-type]
        assert set(query.gains) == cheap
        assert 0 < len(cheap) < len(named)


def _says(item: Item, text: str) -> bool:
    values = [str(item.fields[name]).lower().replace("_", " ") for name in ("colour", "pattern")]
    kind = text.split()[-1]
    return item.fields["kind"] == kind and text.removesuffix(kind).strip() in values


def test_no_query_has_more_right_answers_than_it_may() -> None:
    for most in (2, 4):
        made = make_queries(items(), FIELDS, MakeOptions(most_right=most))
        assert max(len(query.gains) for query in made.queries) == most
        assert min(len(query.gains) for query in made.queries) >= 1
    assert "two columns" not in make_queries(items(), FIELDS, MakeOptions(most_right=2)).by_group()
    with pytest.raises(EvaluationError, match="a higher --most-right"):
        make_queries(items(), FIELDS, MakeOptions(most_right=1))


def test_the_seed_decides_and_the_order_of_the_items_does_not() -> None:
    few = MakeOptions(per_kind=4)
    made = make_queries(items(), FIELDS, few)
    assert made == make_queries(items()[::-1], FIELDS, few)
    others = [make_queries(items(), FIELDS, MakeOptions(per_kind=4, seed=seed)) for seed in (1, 2)]
    assert made.queries != others[0].queries != others[1].queries
    assert {name: len(members) for name, members in made.by_group().items()} == {
        "title": 4, "two columns": 4, "three columns": 4, "with a filter": 4,
    }  # fmt: skip
    assert len({query.id for query in made.queries}) == 16


def test_wanted_columns_alone_are_used() -> None:
    wanted = MakeOptions(columns=("tags", "colour"))
    made = make_queries(items(), FIELDS, wanted)
    assert made.columns.words == ("tags", "colour") and not made.columns.numbers
    two = {query.text: query for query in group(made, "two columns")}
    assert set(two["dress red"].gains) == wearing(colour="Red", kind="dress")
    with pytest.raises(UnknownFieldError, match=r"column 'material'.*colour"):
        make_queries(items(), FIELDS, MakeOptions(columns=("material",)))
    with pytest.raises(UnknownFieldError, match="column 'in_stock'"):
        make_queries(items(), FIELDS, MakeOptions(columns=("in_stock",)))


def test_a_collection_that_says_nothing_is_refused() -> None:
    with pytest.raises(EvaluationError, match=r"No query can be made.*needs titles"):
        make_queries([Item("a", ""), Item("b", "")], FIELDS)
    with pytest.raises(EvaluationError, match="No query can be made"):
        make_queries([], ())


def test_titles_alone_are_enough() -> None:
    made = make_queries([Item("a", "", "A red dress"), Item("b", "", " ")], ())
    assert [(query.text, query.gains) for query in made.queries] == [("A red dress", {"a": 2})]


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    made = make_queries(items(), FIELDS)
    paths = tmp_path / "new" / "queries.jsonl", tmp_path / "qrels.json"
    write_made(made, *paths)
    read = load_queries(paths[0], FIELDS)
    assert [query.id for query in read] == [query.id for query in made.queries]
    assert load_qrels(paths[1]) == {query.id: query.gains for query in made.queries}
    filtered = next(query for query in read if query.group == "with a filter")
    assert isinstance(filtered.filter, Comparison)
    assert (filtered.filter.field, filtered.filter.op) == ("price", Op.LT)


def test_files_that_are_there_are_kept_unless_asked(tmp_path: Path) -> None:
    made = make_queries(items(), FIELDS)
    paths = tmp_path / "queries.jsonl", tmp_path / "qrels.json"
    paths[1].write_text(json.dumps("by hand"))
    with pytest.raises(EvaluationError, match=r"qrels\.json is there already.*--force"):
        write_made(made, *paths)
    assert not paths[0].exists() and json.loads(paths[1].read_text()) == "by hand"
    write_made(made, *paths, replace=True)
    assert load_qrels(paths[1])
    with pytest.raises(EvaluationError, match="one file"):
        write_made(made, paths[0], paths[0], replace=True)
    with pytest.raises(EvaluationError, match="cannot be written"):
        write_made(made, tmp_path, paths[1], replace=True)
