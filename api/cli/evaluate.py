"""`vitrine eval`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import options
from api.cli.console import note, print_json, stderr
from search.config import Settings
from search.errors import ConfigError

if TYPE_CHECKING:
    from search.engine import SearchEngine
    from search.evaluation import (
        Comparison,
        EvalQuery,
        Evaluation,
        Qrels,
        Slice,
        SliceBy,
        SliceDifference,
        SliceScore,
    )
    from search.store.base import CollectionInfo
    from search.types import Item

OTHER = "What to compare with"


@dataclass(frozen=True)
class Side:
    """A collection with the settings that it was asked with, and what came of it.

    `items` has what pages show and slices need: the queries' best answers, their hits and those
    that they name.
    """

    collection: str
    model: str
    settings: Mapping[str, object]
    queries: "Sequence[EvalQuery]"
    slices: "Sequence[Slice]"
    evaluation: "Evaluation"
    items: "Mapping[str, Item]"
    info: "CollectionInfo"


@dataclass(frozen=True)
class Findings:
    """One side measured, or two compared; `slices` are the scores of one or the differences."""

    first: Side
    second: Side | None
    comparison: "Comparison | None"
    scores: "Sequence[SliceScore]"
    differences: "Sequence[SliceDifference]"


def evaluate(
    queries: Annotated[Path, typer.Option("--queries", help="Queries, one JSON object a line.")],
    qrels: Annotated[
        Path, typer.Option("--qrels", help="Right answers: {query id: {item id: gain}}.")
    ],
    db: options.Db = None,
    collection: options.Collection = None,
    model: options.Model = None,
    device: options.Device = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A setting of every query. Repeatable."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option("--against", help="Another collection.", rich_help_panel=OTHER),
    ] = None,
    against_db: Annotated[
        str | None,
        typer.Option("--against-db", help="Another database.", rich_help_panel=OTHER),
    ] = None,
    against_model: Annotated[
        str | None,
        typer.Option(
            "--against-model",
            help="From where to load the model of that collection.",
            rich_help_panel=OTHER,
        ),
    ] = None,
    against_set: Annotated[
        list[str] | None,
        typer.Option(
            "--against-set",
            metavar="NAME=VALUE",
            help="Another setting, such as diversity=0.3. Repeatable.",
            rich_help_panel=OTHER,
        ),
    ] = None,
    slice_: Annotated[
        list[str] | None,
        typer.Option(
            "--slice",
            metavar="COLUMN",
            help="Measure the queries apart by a column of their right answers; price:4 for four "
            "ranges of numbers. Repeatable.",
        ),
    ] = None,
    worst: Annotated[
        int, typer.Option("--worst", min=0, help="How many of the worst queries the page shows.")
    ] = 20,
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Write a page with the worst queries and their pictures."),
    ] = None,
    save: Annotated[
        bool,
        typer.Option("--save", help="Keep the numbers beside the database, for the service."),
    ] = False,
    json: options.Json = False,
) -> None:
    """Measure how good the answers are, over queries whose right answers are known.

    A query line is {"id": .., "text" | "image" | "item": .., "filter": ..}; images are paths
    relative to the file. Prints recall@1/5/10, precision@5/10, nDCG@10, MRR and mAP (both over
    the first 100 hits), over all queries and by kind. "vitrine make-queries" makes both files.

    With --against or another option of that group it compares two collections, models or settings:
    each measure of both, their difference with its 95 % interval, and whether it is significant
    (paired bootstrap over the queries). What the group leaves out is the same for both.

    With --save the service's page for operators shows the numbers, until others are saved. While
    a service holds an embedded database, nobody else can ask it: measure before it starts.

    Examples:

      vitrine eval --queries q.jsonl --qrels r.json --slice kind --html eval.html
      vitrine eval --queries q.jsonl --qrels r.json --slice kind --save
      vitrine eval --queries q.jsonl --qrels r.json --against products__v2
      vitrine eval --queries q.jsonl --qrels r.json --against-set diversity=0.3
    """
    compares = bool(against or against_db or against_model or against_set)
    if save and compares:
        raise ConfigError(
            "--save does not go with a comparison.", hint="Save what one collection measures."
        )
    settings = options.make_settings(db=db, collection=collection, model=model, device=device)
    from search import evaluation

    answers = evaluation.load_qrels(qrels)
    by = [evaluation.parse_slice(each) for each in slice_ or []]
    asked = evaluation.query_settings(set_ or [])
    other = asked | evaluation.query_settings(against_set or [])
    first = _run("A", settings, asked, queries, answers, by)
    second = None
    if compares:
        kept = model if not (against or against_db) else None
        settings = options.make_settings(
            db=against_db or db,
            collection=against or collection,
            model=against_model or kept,
            device=device,
        )
        second = _run("B", settings, other, queries, answers, ())
    found = _findings(first, second)
    if save:
        note(f"Kept in {_keep(found, queries, settings)}")
    if html:
        from api.cli.evaluation_page import write_evaluation

        write_evaluation(html, found, answers, worst, settings)
        note(f"Wrote {html}")
    if json:
        print_json(findings_object(found))
    else:
        from api.cli.evaluation_text import show

        show(found)


def _run(
    name: str,
    settings: Settings,
    asked: Mapping[str, object],
    queries: Path,
    answers: "Qrels",
    by: "Sequence[SliceBy]",
) -> Side:
    """Ask a collection all queries."""
    from rich.progress import Progress

    from api.reranking import rerankers_of
    from search import evaluation
    from search.engine import open_engine

    with open_engine(settings, rerankers_of(settings.rerankers, settings)) as engine:
        info = engine.info
        lines = evaluation.load_queries(queries, fields=engine.fields)
        evaluation.check_answers(lines, answers)
        best = {id for line in lines for id in evaluation.best_answers(line, answers)}
        items = engine.store.get(info.name, sorted(best))
        slices = [
            each for one in by for each in evaluation.slice_queries(lines, answers, items, one)
        ]
        with Progress(console=stderr, transient=True) as bar:
            task = bar.add_task(f"Asking {name}", total=len(lines))
            result = evaluation.evaluate(
                engine,
                lines,
                answers,
                existing=lambda ids: list(engine.store.get(info.name, ids)),
                settings=asked,
                collection=info.name,
                on_query=lambda done: bar.update(task, completed=done),
            )
        items = items | _shown_items(engine, info.name, lines, result)
    return Side(info.name, info.model.name, asked, lines, slices, result, items, info)


def _shown_items(
    engine: "SearchEngine", name: str, queries: "Sequence[EvalQuery]", result: "Evaluation"
) -> dict[str, "Item"]:
    """The hits of all queries, and the items that queries are."""
    from search.types import ItemPart

    hits = {id for score in result.queries for id in score.found}
    named = {query.part.id for query in queries if isinstance(query.part, ItemPart)}
    return engine.store.get(name, sorted(hits | named))


def _keep(found: Findings, queries: Path, settings: Settings) -> Path:
    """Write down what was found of one side; where."""
    from search.evaluation.keeping import EvaluationFiles, KeptEvaluation

    kept = KeptEvaluation.of(
        found.first.info,
        found.first.evaluation,
        tuple(found.scores),
        queries=queries.name,
        settings=found.first.settings,
        measured=datetime.now(UTC),
    )
    return EvaluationFiles(settings.evaluations, settings.db).keep(kept)


def _findings(first: Side, second: Side | None) -> Findings:
    from search.evaluation import compare, compare_slices, measure_slices

    if second is None:
        return Findings(first, None, None, measure_slices(first.slices, first.evaluation), ())
    return Findings(
        first,
        second,
        compare(first.evaluation, second.evaluation),
        (),
        compare_slices(first.slices, first.evaluation, second.evaluation),
    )


def findings_object(found: Findings) -> dict[str, object]:
    """Everything that was found, as data.

    One side: its measures at the top. Two: `first`, `second`, and what differs between them.
    """
    if found.second is None or found.comparison is None:
        return _side_object(found.first) | {"slices": [asdict(each) for each in found.scores]}
    return {
        "first": _side_object(found.first),
        "second": _side_object(found.second),
        "queries": found.comparison.queries,
        "differences": [asdict(each) for each in found.comparison.differences],
        "slices": [asdict(each) for each in found.differences],
    }


def _side_object(side: Side) -> dict[str, object]:
    about = {"collection": side.collection, "model": side.model, "settings": dict(side.settings)}
    return about | side.evaluation.to_json()
