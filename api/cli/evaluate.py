"""`vitrine eval`."""

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from api.cli import options
from api.cli.console import counted, note, print_json, stderr, stdout

if TYPE_CHECKING:
    from search.evaluation import Evaluation, Metrics

HEADINGS = {
    "queries": "n",
    "recall_1": "R@1",
    "recall_5": "R@5",
    "recall_10": "R@10",
    "precision_5": "P@5",
    "precision_10": "P@10",
    "ndcg_10": "nDCG@10",
    "mrr": "MRR",
    "map": "mAP",
}


def evaluate(
    queries: Annotated[Path, typer.Option("--queries", help="Queries, one JSON object a line.")],
    qrels: Annotated[
        Path, typer.Option("--qrels", help="Right answers: {query id: {item id: gain}}.")
    ],
    db: options.Db = None,
    collection: options.Collection = None,
    model: options.Model = None,
    device: options.Device = None,
    json: options.Json = False,
) -> None:
    """Measure how good the answers are, over queries whose right answers are known.

    A query line is {"id": .., "text" | "image" | "item": .., "filter": ..}; images are paths
    relative to the file. Prints recall@1/5/10, precision@5/10, nDCG@10, MRR and mAP (both over
    the first 100 hits), over all queries and by kind.

    Example:

      vitrine eval --queries queries.jsonl --qrels qrels.json
    """
    settings = options.make_settings(db=db, collection=collection, model=model, device=device)
    from rich.progress import Progress

    from search import evaluation
    from search.engine import open_engine

    answers = evaluation.load_qrels(qrels)
    with open_engine(settings) as engine:
        asked = evaluation.load_queries(queries, fields=engine.fields)
        with Progress(console=stderr, transient=True) as bar:
            task = bar.add_task("Asking", total=len(asked))
            result = evaluation.evaluate(
                engine,
                asked,
                answers,
                existing=lambda ids: list(engine.store.get(settings.collection, ids)),
                on_query=lambda done: bar.update(task, completed=done),
            )
    if json:
        print_json(result.to_json())
    else:
        stdout.print(_table(result))
        unanswered = [score.id for score in result.queries if score.first_right is None]
        if unanswered:
            queries_without = counted(len(unanswered), "query", "queries")
            first = ", ".join(unanswered[:10])
            note(f"{queries_without} without a right answer in the first {result.depth}: {first}")


def _table(result: "Evaluation") -> Table:
    table = Table(header_style="bold", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("queries", no_wrap=True)
    for heading in HEADINGS.values():
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_row("all", *_cells(result.overall), end_section=True)
    for parts in (result.by_kind, result.by_held_out, result.by_group):
        for name, metrics in parts.items():
            table.add_row(name, *_cells(metrics))
    return table


def _cells(metrics: "Metrics") -> list[str]:
    values = {field.name: getattr(metrics, field.name) for field in fields(metrics)}
    return [str(values[name]) if name == "queries" else f"{values[name]:.3f}" for name in HEADINGS]
