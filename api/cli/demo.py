"""`vitrine demo`: the main job on the sample catalogue, from pictures to ranked answers."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli import options
from api.cli.console import note, print_json, stdout
from api.cli.results import page_object, show_page
from search.errors import CatalogError
from search.types import ImagePart, Page, Query, TextPart

SAMPLE_DATA = Path(__file__).parents[2] / "sample_data"
FILTER = "price<60 in_stock=true"
LIMIT = 6


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
    catalog = data / "catalog.csv"
    if not catalog.is_file():
        raise CatalogError(
            f"There is no sample catalogue at {catalog}.",
            hint="Run from a checkout of vitrine, or name the folder with --data.",
        )
    settings = options.make_settings(db=db, collection=collection, model=model)
    from api.cli.contact_sheet import write_contact_sheet
    from api.cli.index import run_index, show_report
    from indexer import ColumnNames
    from search.engine import open_engine

    report = run_index(catalog, settings, ColumnNames(), {})
    with open_engine(settings) as engine:
        from search.filters import parse_filter

        cheap = parse_filter(FILTER, engine.fields)
        photo = sorted((data / "queries").iterdir())[0]
        dress = TextPart("red floral dress")
        asked = [
            ("'red floral dress'", Query((dress,), limit=LIMIT)),
            (f"'red floral dress' where {FILTER}", Query((dress,), filter=cheap, limit=LIMIT)),
            (f"the picture {photo.name}", Query((ImagePart(photo),), limit=LIMIT)),
        ]
        answers = [(heading, engine.search(query)) for heading, query in asked]
    write_contact_sheet(html, answers, settings)
    if json:
        print_json({"answers": [{"query": heading, **page_object(p)} for heading, p in answers]})
        return
    show_report(report)
    _show_answers(answers)
    note(f"With pictures: {html}")
    note(f"Go on: vitrine search 'navy striped shirt' --db {db}, or vitrine serve --db {db}")


def _show_answers(answers: list[tuple[str, Page]]) -> None:
    for heading, page in answers:
        stdout.print()
        show_page(page, heading=heading)
