"""`vitrine demo`: the main job on the sample catalogue, from pictures to ranked answers."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli import options
from api.cli.console import DONE_WITH_QUARANTINED, note, print_json, stdout
from api.cli.results import page_object, show_page
from search.errors import CatalogError
from search.types import ImagePart, Page, Query, TextPart

SAMPLE_DATA = Path(__file__).parents[2] / "sample_data"
FILTER = "price<60 in_stock=true"
LIMIT = 5


def demo(
    data: Annotated[
        Path, typer.Option("--data", help="Folder of the sample catalogue.", show_default=False)
    ] = SAMPLE_DATA,
    db: Annotated[
        str, typer.Option("--db", help="Database to make or bring up to date.")
    ] = ".vitrine/demo.db",
    collection: options.Collection = None,
    model: options.Model = None,
    html: Annotated[Path, typer.Option("--html", help="Where to write the contact sheet.")] = Path(
        ".vitrine/demo.html"
    ),
    json: options.Json = False,
) -> None:
    """Index the sample catalogue and answer three queries: text, text with a filter, a picture.

    Run again, it embeds nothing and answers from the same database.
    """
    settings = options.make_settings(db=db, collection=collection, model=model)
    catalog, photo = data / "catalog.csv", _first_picture(data / "queries.jsonl")
    from api.cli.contact_sheet import write_contact_sheet
    from api.cli.index import run_index
    from api.cli.index_report import report_object, show_report
    from indexer import ColumnNames, IndexOptions
    from search.engine import open_engine
    from search.filters import parse_filter

    report = run_index(catalog, settings, IndexOptions.of(settings, ColumnNames(), {}))
    with open_engine(settings) as engine:
        cheap = parse_filter(FILTER, engine.fields)
        dress = TextPart("red floral dress")
        asked = [
            ("'red floral dress'", Query((dress,), limit=LIMIT)),
            (f"'red floral dress' where {FILTER}", Query((dress,), filter=cheap, limit=LIMIT)),
            (f"the picture {photo.name}", Query((ImagePart(photo),), limit=LIMIT)),
        ]
        answers = [(heading, engine.search(query)) for heading, query in asked]
    write_contact_sheet(html, answers, settings)
    if json:
        said = [{"query": heading, **page_object(page)} for heading, page in answers]
        print_json({"index": report_object(report), "answers": said})
    else:
        show_report(report)
        _show_answers(answers)
        note(f"With pictures: {html}")
        note(f"Go on: vitrine search 'navy striped shirt' --db {db}, or vitrine serve --db {db}")
    if report.failed:
        raise typer.Exit(DONE_WITH_QUARANTINED)


def _first_picture(queries: Path) -> Path:
    """The picture of the sample's first image query."""
    from search.evaluation.files import load_queries

    if queries.is_file():
        for query in load_queries(queries):
            if isinstance(query.part, ImagePart) and isinstance(query.part.image, Path):
                return query.part.image
    raise CatalogError(
        f"There is no sample catalogue with image queries in {queries.parent}.",
        hint="Run from a checkout of vitrine, or name the folder with --data.",
    )


def _show_answers(answers: list[tuple[str, Page]]) -> None:
    for heading, page in answers:
        stdout.print()
        show_page(page, heading=heading)
