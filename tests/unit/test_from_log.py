"""Evaluations from a query log: what is asked, what is right, and what is left out."""

import json
from pathlib import Path
from typing import Any

import pytest

from search.errors import EvaluationError
from search.evaluation import (
    Logged,
    load_qrels,
    load_queries,
    queries_from_log,
    write_logged,
)
from tests.command_line import runner


def search(request: str, *parts: dict[str, Any], shown: str = "abc", **said: Any) -> dict[str, Any]:
    results = [{"id": id, "rank": rank} for rank, id in enumerate(shown, start=1)]
    line = {"event": "search", "request_id": request, "parts": list(parts), "results": results}
    return line | said


def feedback(request: str | None, item: str, kind: str, **said: Any) -> dict[str, Any]:
    return {"event": "feedback", "request_id": request, "item": item, "kind": kind} | said


def text(said: str) -> dict[str, Any]:
    return {"text": said, "weight": 1.0}


def read(folder: Path, *lines: dict[str, Any], least: int = 1) -> Logged:
    path = folder / "queries.log"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return queries_from_log([path], least=least)


def test_the_gain_is_that_of_the_most_that_a_search_led_to(tmp_path: Path) -> None:
    logged = read(
        tmp_path,
        search("r1", text("dress")),
        search("r2", text("dress")),
        feedback("r1", "a", "click"),
        feedback("r2", "a", "purchase"),
        feedback("r2", "b", "cart"),
        feedback("r1", "c", "click"),
    )
    [query] = logged.queries
    assert (query.kind, query.said, query.searches) == ("text", "dress", 2)
    assert query.gains == {"a": 3, "b": 2, "c": 1}


def test_what_was_dismissed_as_often_as_chosen_is_not_right(tmp_path: Path) -> None:
    logged = read(
        tmp_path,
        search("r1", text("dress")),
        search("r2", text("dress")),
        feedback("r1", "a", "click"),
        feedback("r2", "a", "dismissed"),
        feedback("r1", "b", "click"),
    )
    assert logged.queries[0].gains == {"b": 1}


def test_a_choice_said_twice_of_one_search_counts_once(tmp_path: Path) -> None:
    lines = [search("r1", text("dress")), search("r2", text("dress"))]
    clicks = [feedback("r1", "a", "click")] * 3
    clicks += [feedback("r1", "b", "click"), feedback("r2", "b", "click")]
    assert read(tmp_path, *lines, *clicks, least=2).queries[0].gains == {"b": 1}


def test_filters_make_queries_of_their_own_and_the_most_asked_comes_first(tmp_path: Path) -> None:
    filter = {"price": {"lt": 50}}
    logged = read(
        tmp_path,
        search("r1", text("bag")),
        *(search(f"f{number}", text("bag"), filter=filter) for number in range(2)),
        search("r2", {"item": "p1", "weight": 1.0}),
        feedback("r1", "a", "click"),
        feedback("f1", "b", "click"),
        feedback("r2", "c", "click"),
    )
    assert [(each.said, each.filter, dict(each.gains)) for each in logged.queries] == [
        ("bag", filter, {"b": 1}),
        ("p1", None, {"c": 1}),
        ("bag", None, {"a": 1}),
    ]


def test_of_several_searches_in_one_request_those_are_meant_that_showed_it(tmp_path: Path) -> None:
    logged = read(
        tmp_path,
        search("r1", text("dress"), shown="ab"),
        search("r1", text("bag"), shown="xy"),
        feedback("r1", "x", "click"),
        feedback("r1", "nowhere", "click"),
    )
    assert [(each.said, dict(each.gains)) for each in logged.queries] == [("bag", {"x": 1})]
    assert logged.unmatched == 1


def test_feedback_may_name_the_text(tmp_path: Path) -> None:
    logged = read(
        tmp_path,
        search("r1", text("dress")),
        feedback(None, "a", "click", query="dress"),
        feedback(None, "a", "click", query="never asked"),
    )
    assert logged.queries[0].gains == {"a": 1}
    assert logged.unmatched == 1


def test_what_cannot_be_evaluated_is_left_out_and_counted(tmp_path: Path) -> None:
    hidden = search("r4", text("9f86d0"), hashed=True)
    logged = read(
        tmp_path,
        search("r1", {"image": "9f86", "weight": 1.0}),
        search("r2", text("dress"), text("red")),
        search("r3", text("dress"), without=["red"]),
        hidden,
        search("r5", text("dress")),
        *(feedback(f"r{number}", "a", "click", rank=number) for number in range(1, 6)),
    )
    assert logged.left_out == {"pictures": 1, "several parts": 2, "hashed": 1}
    assert (logged.searches, logged.feedback, logged.unmatched) == (5, 5, 0)
    assert [each.said for each in logged.queries] == ["dress"]
    assert logged.median_rank == 5


def test_what_is_written_is_what_an_evaluation_reads(tmp_path: Path) -> None:
    logged = read(
        tmp_path,
        search("r1", text("Grün"), filter={"price": {"lt": 50}}),
        search("r2", {"item": "p1", "weight": 1.0}),
        feedback("r1", "a", "cart"),
        feedback("r2", "b", "click"),
    )
    write_logged(logged, tmp_path / "q.jsonl", tmp_path / "qrels.json")
    queries = load_queries(tmp_path / "q.jsonl")
    assert [(each.kind, each.filter is not None) for each in queries] == [
        ("item", False),
        ("text", True),
    ]
    assert load_qrels(tmp_path / "qrels.json") == {"log-00001": {"b": 1}, "log-00002": {"a": 2}}
    with pytest.raises(EvaluationError, match="there already"):
        write_logged(logged, tmp_path / "q.jsonl", tmp_path / "qrels.json")


def test_a_log_without_answers_and_one_that_is_broken_are_told(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="No query can be made"):
        read(tmp_path, search("r1", text("dress")))
    broken = tmp_path / "broken.log"
    broken.write_text('{"event": "search"}\nnot json\n', encoding="utf-8")
    with pytest.raises(EvaluationError, match="line 2"):
        queries_from_log([broken])
    with pytest.raises(EvaluationError, match="cannot be read"):
        queries_from_log([tmp_path / "missing.log"])


def test_the_command_says_what_it_made_and_what_it_left_out(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lines = [search("r1", text("dress")), search("r2", {"image": "9f86"})]
    read(tmp_path, *lines, feedback("r1", "b", "click", rank=2))
    vitrine = runner(capfd, monkeypatch, tmp_path)
    done = vitrine("make-queries", "--from-log", "queries.log")
    assert done.code == 0, done.err
    assert "1 query of 2 searches" in done.out
    assert "left out, pictures: 1" in done.out
    assert "rank 2 or above" in done.out
    assert "vitrine eval" in done.err
    assert vitrine("make-queries", "--from-log", "queries.log").code == 2
    made = json.loads(vitrine("make-queries", "--from-log", "queries.log", "--force", "--json").out)
    assert (made["count"], made["left_out"]) == (1, {"pictures": 1})
