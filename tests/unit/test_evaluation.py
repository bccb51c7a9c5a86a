import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from search.errors import (
    EvaluationError,
    ImageUnreadableError,
    InvalidQueryError,
    ItemNotFoundError,
    ModelMismatchError,
    StoreError,
    StoreUnavailableError,
    VitrineError,
)
from search.evaluation import (
    MEASURES,
    EvalQuery,
    evaluate,
    evaluate_rankings,
    load_qrels,
    load_queries,
    query_settings,
)
from search.filters import Comparison, Op
from search.types import Field, FieldType, Hit, ImagePart, Item, ItemPart, Page, Query, TextPart


def query(id: str, kind: str = "text", **more: object) -> EvalQuery:
    part = {"text": TextPart("red"), "image": ImagePart(b"x"), "item": ItemPart("a")}[kind]
    return EvalQuery(id=id, kind=kind, part=part, **more)  # type: ignore[arg-type]


class Ranker:
    """Answers every query with the ranking that it was given for its text."""

    def __init__(self, rankings: dict[str, list[str]]) -> None:
        self.rankings = rankings
        self.limits: list[int] = []

    def search(self, query: Query) -> Page:
        self.limits.append(query.limit)
        part = query.parts[0]
        assert isinstance(part, TextPart)
        # All of one score: the order alone must count.
        hits = [Hit(Item(id, ""), 0.5) for id in self.rankings[part.text][: query.limit]]
        return Page(tuple(hits), query.limit, 0, "c", "m")


def test_measures_are_those_computed_by_hand() -> None:
    # Right at ranks 2, 3 and 7, gains 3, 1 and 2; a fourth right answer (gain 1) is not found.
    ranking = ["x1", "a", "b", "x2", "x3", "x4", "c", "x5", "x6", "x7", "x8"]
    qrels = {"q": {"a": 3, "b": 1, "c": 2, "d": 1, "x1": 0}}
    found = evaluate_rankings([query("q")], qrels, {"q": ranking}).overall
    assert found.queries == 1
    assert found.recall_1 == 0
    assert found.recall_5 == pytest.approx(2 / 4)
    assert found.recall_10 == pytest.approx(3 / 4)
    assert found.precision_5 == pytest.approx(2 / 5)
    assert found.precision_10 == pytest.approx(3 / 10)
    assert found.mrr == pytest.approx(1 / 2)
    assert found.map == pytest.approx((1 / 2 + 2 / 3 + 3 / 7) / 4)
    gained = 3 / math.log2(3) + 1 / math.log2(4) + 2 / math.log2(8)
    best = 3 / math.log2(2) + 2 / math.log2(3) + 1 / math.log2(4) + 1 / math.log2(5)
    assert found.ndcg_10 == pytest.approx(gained / best)


def test_means_are_over_queries_and_parts() -> None:
    queries = [
        query("q1", group="plain", held_out=True),
        query("q2", "image", group="plain", held_out=False),
        query("q3", "image"),
    ]
    qrels = {"q1": {"a": 1}, "q2": {"a": 1, "b": 1}, "q3": {"z": 1}, "not asked": {"a": 1}}
    rankings = {"q1": ["a", "b"], "q2": ["x", "a"], "q3": []}
    found = evaluate_rankings(queries, qrels, rankings)
    assert found.overall.recall_1 == pytest.approx(1 / 3)
    assert found.overall.mrr == pytest.approx((1 + 1 / 2 + 0) / 3)
    assert {kind: part.queries for kind, part in found.by_kind.items()} == {"text": 1, "image": 2}
    assert found.by_kind["image"].recall_5 == pytest.approx((1 / 2 + 0) / 2)
    assert found.by_group["plain"].queries == 2
    assert found.by_held_out["held_out"].map == 1
    assert found.by_held_out["seen"].map == pytest.approx(1 / 4)
    assert [(one.id, one.first_right) for one in found.queries] == [
        ("q1", 1), ("q2", 2), ("q3", None),
    ]  # fmt: skip
    plain = json.loads(json.dumps(found.to_json()))
    assert plain["overall"]["queries"] == 3
    assert plain["queries"][2] == {
        "id": "q3",
        "kind": "image",
        "first_right": None,
        "found": [],
    } | {measure: 0.0 for measure in MEASURES}
    assert plain["queries"][1]["found"] == ["x", "a"]


@pytest.mark.parametrize("ranking", [["a", "b", "c"], ["c", "b", "a"], ["b", "c", "a"]])
def test_ties_stay_in_the_engines_order(ranking: list[str]) -> None:
    engine = Ranker({"red": ranking})
    found = evaluate(engine, [query("q")], {"q": {"b": 1}})
    assert found.overall.mrr == pytest.approx(1 / (ranking.index("b") + 1))


def test_only_the_first_hits_count() -> None:
    ranking = [f"x{n}" for n in range(100)] + ["right"]
    engine = Ranker({"red": ranking})
    assert evaluate(engine, [query("q")], {"q": {"right": 1}}).overall.map == 0
    assert engine.limits == [100]
    deeper = evaluate(engine, [query("q")], {"q": {"right": 1}}, depth=101)
    assert deeper.overall.map == pytest.approx(1 / 101)
    assert deeper.depth == 101


def test_progress_is_told() -> None:
    told: list[int] = []
    queries = [query("q1"), query("q2")]
    qrels = {"q1": {"a": 1}, "q2": {"a": 1}}
    evaluate(Ranker({"red": ["a"]}), queries, qrels, on_query=told.append)
    assert told == [1, 2]


def test_queries_without_answers_are_named() -> None:
    queries = [query("q1"), query("q2"), query("q3")]
    with pytest.raises(EvaluationError, match=r"2 queries have no right answer.*'q2', 'q3'"):
        evaluate_rankings(queries, {"q1": {"a": 1}, "q3": {"a": 0}}, {})
    with pytest.raises(EvaluationError, match="no queries"):
        evaluate_rankings([], {}, {})
    with pytest.raises(EvaluationError, match="twice"):
        evaluate_rankings([query("q")], {"q": {"a": 1}}, {"q": ["a", "a"]})
    with pytest.raises(EvaluationError, match="no ranking for query 'q'"):
        evaluate_rankings([query("q")], {"q": {"a": 1}}, {})


def test_items_that_do_not_exist_are_named() -> None:
    def existing(ids: Sequence[str]) -> list[str]:
        return [id for id in ids if id != "ghost"]

    qrels = {"q": {"a": 1, "ghost": 1}}
    with pytest.raises(EvaluationError, match=r"1 item of the qrels is not .*'ghost' .query 'q'."):
        evaluate(Ranker({"red": ["a"]}), [query("q")], qrels, existing=existing)


def test_settings_reach_every_query() -> None:
    class Listener:
        heard: ClassVar[list[Query]] = []

        def search(self, query: Query) -> Page:
            self.heard.append(query)
            return Page((Hit(Item("a", ""), 0.5),), query.limit, 0, "c", "m")

    settings = query_settings(["diversity=0.3", "collapse_duplicates=true", "by=product"])
    evaluate(Listener(), [query("q1"), query("q2")], {q: {"a": 1} for q in ("q1", "q2")},
             settings=settings)  # fmt: skip
    assert [(q.diversity, q.collapse_duplicates, q.by) for q in Listener.heard] == [
        (0.3, True, "product")
    ] * 2


@pytest.mark.parametrize(
    "setting", ["diversity", "limit=5", "parts=x", "colour=red", "diversity=much", "by=brand"]
)
def test_what_is_no_setting_is_named(setting: str) -> None:
    with pytest.raises(EvaluationError, match=f"'{setting}' is no setting of a query"):
        query_settings([setting])


def test_a_setting_that_no_query_can_have_is_refused() -> None:
    with pytest.raises(InvalidQueryError, match="diversity"):
        query_settings(["diversity=7"])


def test_a_query_that_fails_is_named() -> None:
    class Broken:
        def search(self, query: Query) -> Page:
            raise ImageUnreadableError("q.jpg does not exist.")

    with pytest.raises(EvaluationError, match=r"Query 'q' failed: q\.jpg does not exist"):
        evaluate(Broken(), [query("q")], {"q": {"a": 1}})


@pytest.mark.parametrize(
    "outage",
    [
        StoreUnavailableError("Milvus did not answer."),
        StoreError("Milvus answered something."),
        ModelMismatchError("The collection was made with another model."),
    ],
)
def test_an_outage_is_not_the_querys_fault(outage: VitrineError) -> None:
    class Down:
        def search(self, query: Query) -> Page:
            raise outage

    with pytest.raises(type(outage)) as caught:
        evaluate(Down(), [query("q")], {"q": {"a": 1}})
    assert caught.value is outage


def test_a_querys_item_that_does_not_exist_is_named_with_the_query() -> None:
    class Without:
        def search(self, query: Query) -> Page:
            raise ItemNotFoundError("There is no item 'x'.")

    with pytest.raises(EvaluationError, match=r"Query 'q' failed: There is no item"):
        evaluate(Without(), [query("q")], {"q": {"a": 1}})


def write(path: Path, *lines: object) -> Path:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_text(text, encoding="utf-8")
    return path


def test_queries_are_read(tmp_path: Path) -> None:
    path = write(
        tmp_path / "queries.jsonl",
        {"id": "1", "text": "red\u2028dress", "filter": "colour=red", "group": "g"},
        "",
        {"id": "2", "image": "pictures/q.jpg", "held_out": True},
        {"id": "3", "item": "v1", "filter": {"colour": "red"}, "slices": {"kind": "dress"}},
    )
    first, second, third = load_queries(path, (Field("colour", FieldType.STRING),))
    red = Comparison("colour", Op.EQ, "red")
    assert first == EvalQuery("1", "text", TextPart("red\u2028dress"), filter=red, group="g")
    assert second.part == ImagePart(tmp_path / "pictures" / "q.jpg")
    assert (second.kind, second.held_out) == ("image", True)
    assert third.part == ItemPart("v1")
    assert third.filter is not None
    assert (dict(first.slices), dict(third.slices)) == ({}, {"kind": "dress"})
    assert first.to_query(limit=7).limit == 7


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "not JSON"),
        ([1], "a query is an object"),
        ({"text": "a"}, "'id' is missing"),
        ({"id": 7, "text": "a"}, "'id' is not a text"),
        ({"id": "7"}, "this one 0"),
        ({"id": "7", "text": "a", "item": "b"}, "this one 2"),
        ({"id": "7", "text": "  "}, "empty"),
        ({"id": "7", "text": "a", "filtre": "b"}, "unknown key 'filtre'"),
        ({"id": "7", "text": "a", "filter": "size=3"}, "size"),
        ({"id": "7", "text": "a", "held_out": "yes"}, "'held_out' is neither"),
        ({"id": "7", "text": "a", "slices": ["kind"]}, "'slices' is no object"),
        ({"id": "7", "text": "a", "slices": {"kind": None}}, "'slices' is no object"),
        ({"id": "1", "text": "again"}, "'1' was given in line 1 already"),
    ],
)
def test_bad_lines_are_named(line: object, says: str, tmp_path: Path) -> None:
    path = write(tmp_path / "queries.jsonl", {"id": "1", "text": "a"}, "", line)
    with pytest.raises(EvaluationError, match=rf"queries\.jsonl, line 3: .*{says}"):
        load_queries(path, (Field("colour", FieldType.STRING),))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="cannot be read"):
        load_queries(tmp_path / "none.jsonl")
    with pytest.raises(EvaluationError, match="has no queries"):
        load_queries(write(tmp_path / "empty.jsonl", ""))
    (tmp_path / "latin.json").write_bytes(b'{"q\xe9": {}}')
    with pytest.raises(EvaluationError, match="not UTF-8"):
        load_qrels(tmp_path / "latin.json")


def test_qrels_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "qrels.json", {"q": {"a": 1, "b": 2.0, "c": 0}})
    assert load_qrels(path) == {"q": {"a": 1, "b": 2, "c": 0}}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "is not JSON"),
        ([], "no object of queries"),
        ({"q": ["a"]}, "query 'q' has no object"),
        ({"q": {"a": -1}}, "item 'a' for query 'q' is -1"),
        ({"q": {"a": 0.5}}, "item 'a' for query 'q' is 0.5"),
        ({"q": {"a": True}}, "is True"),
        ({"q": {"a": "1"}}, "is '1'"),
        ('{"q": {"a": NaN}}', "is nan"),
        ('{"q": {"a": Infinity}}', "is inf"),
    ],
)
def test_bad_qrels_are_named(content: object, says: str, tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=says):
        load_qrels(write(tmp_path / "qrels.json", content))
