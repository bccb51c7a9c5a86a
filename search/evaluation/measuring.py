"""Running queries and measuring their rankings; `search.evaluation` says how."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any, Protocol

from search.errors import EvaluationError, InvalidInputError, NotFoundError
from search.evaluation.files import EvalQuery, Qrels
from search.types import Page, Query

DEPTH = 100
"""How many hits of each query are looked at: mAP is mAP@100, MRR is MRR@100."""

SHOWN = 10
"""How many hits of each query an evaluation keeps."""

MEASURES = (
    "recall_1", "recall_5", "recall_10", "precision_5", "precision_10", "ndcg_10", "mrr", "map",
)  # fmt: skip
"""The names of the measures, as `Metrics` and `QueryScore` have them."""

_NAMED_IN_ERRORS = 5


class Searcher(Protocol):
    """What can be evaluated: `search.engine.SearchEngine`, or anything that ranks items."""

    def search(self, query: Query) -> Page:
        """The hits of a query, best first."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """Means over queries, each between 0 and 1, higher is better."""

    queries: int
    recall_1: float
    recall_5: float
    recall_10: float
    precision_5: float
    precision_10: float
    ndcg_10: float
    mrr: float
    map: float


@dataclass(frozen=True, slots=True)
class QueryScore:
    """One query: its measures, and the rank of its first right answer (from 1) if there is one.

    `found` has the ids of its first `SHOWN` hits, best first.
    """

    id: str
    kind: str
    first_right: int | None
    found: tuple[str, ...]
    recall_1: float
    recall_5: float
    recall_10: float
    precision_5: float
    precision_10: float
    ndcg_10: float
    mrr: float
    map: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The measures of all queries, and of each part of them, by the part's name.

    `by_kind` has text, image and item as far as there are such queries; `by_group` the queries'
    own `group`; `by_held_out` has held_out and seen if queries say so. `queries` is in the
    order of the file.
    """

    depth: int
    overall: Metrics
    by_kind: Mapping[str, Metrics]
    by_group: Mapping[str, Metrics]
    by_held_out: Mapping[str, Metrics]
    queries: tuple[QueryScore, ...]

    def to_json(self) -> dict[str, object]:
        """The same as plain data, for programs."""
        return asdict(self)


def evaluate(
    searcher: Searcher,
    queries: Sequence[EvalQuery],
    qrels: Qrels,
    *,
    existing: Callable[[Sequence[str]], Sequence[str]] | None = None,
    settings: Mapping[str, Any] | None = None,
    collection: str = "the collection",
    depth: int = DEPTH,
    on_query: Callable[[int], None] | None = None,
) -> Evaluation:
    """Run every query and measure the rankings.

    `existing` says which of some item ids exist (when given, every id of the qrels must);
    `settings` are fields of `Query` that every query gets (see `query_settings`); `collection` is
    what errors call what is searched; `on_query` is told how many queries are done.

    Raises:
        EvaluationError: queries and qrels do not belong together, or a query failed (names it).
    """
    check_answers(queries, qrels)
    if existing is not None:
        _check_items(queries, qrels, existing, collection)
    rankings: dict[str, list[str]] = {}
    for done, query in enumerate(queries, start=1):
        rankings[query.id] = _rank(searcher, query, depth, settings or {})
        if on_query is not None:
            on_query(done)
    return evaluate_rankings(queries, qrels, rankings, depth=depth)


def evaluate_rankings(
    queries: Sequence[EvalQuery],
    qrels: Qrels,
    rankings: Mapping[str, Sequence[str]],
    *,
    depth: int = DEPTH,
) -> Evaluation:
    """Measure rankings that are there already: item ids by query id, best first.

    Raises:
        EvaluationError: a query without right answers or without a ranking, or a ranking that
            has an item twice.
    """
    check_answers(queries, qrels)
    for query in queries:
        if query.id not in rankings:
            raise EvaluationError(f"There is no ranking for query '{query.id}'.")
    cut = {query.id: list(rankings[query.id][:depth]) for query in queries}
    scores = _measure(cut, qrels)
    return Evaluation(
        depth=depth,
        overall=_mean(queries, scores),
        by_kind=_by(queries, scores, lambda query: query.kind),
        by_group=_by(queries, scores, lambda query: query.group),
        by_held_out=_by(
            queries,
            scores,
            lambda query: None if query.held_out is None else _SEEN[query.held_out],
        ),
        queries=tuple(
            QueryScore(
                id=query.id,
                kind=query.kind,
                first_right=_first_right(cut[query.id], qrels[query.id]),
                found=tuple(cut[query.id][:SHOWN]),
                **scores[query.id],
            )
            for query in queries
        ),
    )


def check_answers(queries: Sequence[EvalQuery], qrels: Qrels) -> None:
    """Raise EvaluationError unless there are queries, and each has a right answer."""
    if not queries:
        raise EvaluationError("There are no queries to evaluate.")
    without = [
        query.id for query in queries if not any(g > 0 for g in qrels.get(query.id, {}).values())
    ]
    if without:
        raise EvaluationError(
            f"{_count(len(without), 'query has', 'queries have')} no right answer in the qrels:"
            f" {_some(without)}.",
            hint="Give each query at least one item with a gain above 0, or leave it out.",
            details={"queries": without},
        )


def _check_items(
    queries: Sequence[EvalQuery],
    qrels: Qrels,
    existing: Callable[[Sequence[str]], Sequence[str]],
    collection: str,
) -> None:
    wanted = {item: query.id for query in queries for item in qrels[query.id]}
    found = set(existing(list(wanted)))
    missing = [item for item in wanted if item not in found]
    if missing:
        raise EvaluationError(
            f"{_count(len(missing), 'item', 'items')} of the qrels"
            f" {'is' if len(missing) == 1 else 'are'} not in {collection}: {_some(missing)}"
            f" (query '{wanted[missing[0]]}').",
            hint="The qrels belong to another catalogue, or the collection is not complete.",
            details={"items": missing},
        )


def _rank(
    searcher: Searcher, query: EvalQuery, depth: int, settings: Mapping[str, Any]
) -> list[str]:
    try:
        page = searcher.search(replace(query.to_query(limit=depth), **settings))
    # What is wrong with the query itself. An outage is not, and leaves as what it is.
    except (InvalidInputError, NotFoundError) as error:
        raise EvaluationError(
            f"Query '{query.id}' failed: {error.message}",
            hint=error.hint,
            details={"query": query.id, "cause": error.code},
        ) from error
    return [hit.id for hit in page.hits]


_SEEN = {True: "held_out", False: "seen"}
_Scores = Mapping[str, Mapping[str, float]]


def _measure(rankings: Mapping[str, Sequence[str]], qrels: Qrels) -> _Scores:
    """Each query's measures by name. A query without hits scores 0 everywhere."""
    import ir_measures
    from ir_measures import AP, RR, P, R, nDCG

    names = dict(
        zip((R @ 1, R @ 5, R @ 10, P @ 5, P @ 10, nDCG @ 10, RR, AP), MEASURES, strict=True)
    )
    run = {query: _falling_scores(query, items) for query, items in rankings.items()}
    asked = {query: dict(qrels[query]) for query in rankings}
    scores: dict[str, dict[str, float]] = {
        query: dict.fromkeys(MEASURES, 0.0) for query in rankings
    }
    for metric in ir_measures.iter_calc(list(names), asked, run):
        scores[metric.query_id][names[metric.measure]] = float(metric.value)
    return scores


def _falling_scores(query: str, items: Sequence[str]) -> dict[str, float]:
    """Scores that say nothing but the order, so that no tie is broken by a library's own rule."""
    falling = {item: float(len(items) - rank) for rank, item in enumerate(items)}
    if len(falling) < len(items):
        raise EvaluationError(f"The ranking of query '{query}' has an item twice.")
    return falling


def _mean(queries: Sequence[EvalQuery], scores: _Scores) -> Metrics:
    means = {
        name: sum(scores[query.id][name] for query in queries) / len(queries) for name in MEASURES
    }
    return Metrics(queries=len(queries), **means)


def _by(
    queries: Sequence[EvalQuery],
    scores: _Scores,
    part_of: Callable[[EvalQuery], str | None],
) -> dict[str, Metrics]:
    parts: dict[str, list[EvalQuery]] = {}
    for query in queries:
        part = part_of(query)
        if part is not None:
            parts.setdefault(part, []).append(query)
    return {part: _mean(members, scores) for part, members in parts.items()}


def _first_right(ranking: Sequence[str], gains: Mapping[str, int]) -> int | None:
    return next((r for r, item in enumerate(ranking, start=1) if gains.get(item, 0) > 0), None)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in islice(names, _NAMED_IN_ERRORS))
    return shown if len(names) <= _NAMED_IN_ERRORS else f"{shown} and more"


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
