"""`vitrine make-queries`."""

from contextlib import closing
from pathlib import Path
from shlex import quote
from statistics import median_low
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import options
from api.cli.console import counted, note, print_json, stdout

if TYPE_CHECKING:
    from search.evaluation import Made


def make_queries(
    db: options.Db = None,
    collection: options.Collection = None,
    out_queries: Annotated[
        Path, typer.Option("--out-queries", help="Where to write the queries.")
    ] = Path("queries.jsonl"),
    out_qrels: Annotated[
        Path, typer.Option("--out-qrels", help="Where to write their right answers.")
    ] = Path("qrels.json"),
    per_kind: Annotated[
        int, typer.Option("--per-kind", min=1, help="Most queries of each of the four kinds.")
    ] = 50,
    most_right: Annotated[
        int, typer.Option("--most-right", min=1, help="Most right answers of a query.")
    ] = 20,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            help="Column to make queries of, instead of those found. Repeatable.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Which of all possible queries.")] = 0,
    from_log: Annotated[
        list[Path] | None,
        typer.Option(
            "--from-log",
            metavar="FILE",
            help="Make them of a service's query log instead. Repeatable.",
            show_default=False,
        ),
    ] = None,
    least: Annotated[
        int,
        typer.Option("--least", min=1, help="Of a log: how often an item was chosen at least."),
    ] = 1,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files that are there already.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Make queries with right answers from a collection's titles and columns, for "vitrine eval".

    Four kinds: titles (their item is right, others of the product are half right), values of two
    and of three columns ("red floral dress": all items that have them are right), and two columns
    with a filter on a number (price). The same seed makes the same queries of the same items.

    Text columns with few different values and number columns are found by themselves.

    With --from-log the queries are those that people asked a service (VITRINE_QUERY_LOG), and
    right is what they chose: gain 1 for a click, 2 for the cart, 3 for a purchase. People choose
    from what they are shown, mostly from its top: such answers flatter the ranking of that time.

    Examples:

      vitrine make-queries
      vitrine make-queries --column colour --column article_type --per-kind 200
      vitrine make-queries --from-log queries.log --from-log queries.log.1 --least 3
    """
    if from_log:
        from api.cli.queries_from_log import make_from_log

        make_from_log(from_log, out_queries, out_qrels, least=least, force=force, json=json)
        return
    settings = options.make_settings(db=db, collection=collection)
    from search.evaluation import MakeOptions, write_made
    from search.evaluation import make_queries as make
    from search.regions import is_part, whole_item
    from search.store import open_store_of

    wanted = MakeOptions(per_kind, most_right, tuple(columns or ()), seed)
    with closing(open_store_of(settings, create=False)) as store:
        spec = store.resolve(settings.collection)
        batches = store.scan(spec.name, embeddings=False)
        items = [
            whole_item(entity.item)
            for batch in batches
            for entity in batch
            if not is_part(entity.item)
        ]
    made = make(items, spec.fields, wanted)
    write_made(made, out_queries, out_qrels, replace=force)
    if json:
        print_json(made_object(made, out_queries, out_qrels))
        return
    _show(made)
    where = [("--db", db), ("--collection", collection)]
    given = [*where, ("--queries", out_queries), ("--qrels", out_qrels)]
    given += [("--slice", name) for name in made.columns.telling()]
    said = " ".join(f"{option} {quote(str(value))}" for option, value in given if value)
    note(f"Wrote {out_queries} and {out_qrels}")
    note(f"Go on: vitrine eval {said} --html eval.html")


def made_object(made: "Made", queries: Path, qrels: Path) -> dict[str, object]:
    """What was made, as data."""
    return {
        "queries": str(queries),
        "qrels": str(qrels),
        "count": len(made.queries),
        "groups": {group: len(members) for group, members in made.by_group().items()},
        "columns": list(made.columns.words),
        "numbers": list(made.columns.numbers),
    }


def _show(made: "Made") -> None:
    stdout.print(
        f"{counted(len(made.queries), 'query', 'queries')} of the titles and the columns "
        f"{', '.join([*made.columns.words, *made.columns.numbers]) or '(none)'}",
        soft_wrap=True,
    )
    for group, members in made.by_group().items():
        right = median_low(len(query.gains) for query in members)
        answers = counted(right, "right answer")
        stdout.print(
            f"  {group}: {len(members)}, usually {answers}, such as {members[0].text!r}",
            soft_wrap=True,
        )
