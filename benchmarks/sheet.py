"""Twelve queries that show what vitrine answers, as a contact sheet.

    vitrine index ../shared/catalog --db shop.db
    python -m benchmarks.sheet shop.db ../shared/photos/images/PHOTO.jpg sheet.html

The words are those of a shop for clothes with the columns gender, article_type and colour.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.contact_sheet import write_contact_sheet
from search.config import Settings
from search.engine import SearchEngine, open_engine
from search.filters import parse_filter
from search.recommending import LookQuery, Relation, Relative, Stylist, search_similar
from search.types import Box, Hit, ImagePart, ItemPart, Page, Query, QueryPart, TextPart

LIMIT = 6
Section = tuple[str, Page]


def said(engine: SearchEngine, *texts: str, **options: Any) -> Page:
    """The page of a query in words."""
    return engine.search(Query(tuple(map(TextPart, texts)), limit=LIMIT, **options))


def by_words(engine: SearchEngine) -> list[Section]:
    """Queries that are only words."""
    men = parse_filter("gender=Men", engine.fields)
    return [
        ("navy blue striped shirt", said(engine, "navy blue striped shirt")),
        ("shoes that are not white", said(engine, "shoes that are not white")),
        (
            "casual shoes, gender=Men, with facets and the total",
            said(engine, "casual shoes", filter=men, facets=("colour",), total=True),
        ),
        ("Puma Ducati, picture and words", said(engine, "Puma Ducati", mode="hybrid")),
        ("puma ducatti jaket, misspelt", said(engine, "puma ducatti jaket", mode="hybrid")),
        ("watch", said(engine, "watch")),
        ("watch, diversity 0.4", said(engine, "watch", diversity=0.4)),
        ("lawn mower: is there a good match?", said(engine, "lawn mower", relevance=True)),
    ]


def by_picture(engine: SearchEngine, photo: Path) -> list[Section]:
    """Queries by a photo, and by items that a text finds."""
    shirt = said(engine, "red t-shirt").hits[0]
    source: QueryPart = ItemPart(shirt.id)
    bag = said(engine, "brown handbag").hits[0]
    other = (Relative(Relation.OTHER, "colour"),)
    upper = ImagePart(photo, crop=Box(0.1, 0.0, 0.9, 0.6))
    return [
        ("a photo taken at home, its upper part", engine.search(Query((upper,), limit=LIMIT))),
        (
            f"{shirt.item.title}, but in green",
            _beside(shirt, engine.search(Query((source, TextPart("in green")), limit=LIMIT))),
        ),
        (
            f"like {bag.item.title}, of another colour",
            _beside(bag, search_similar(engine, Query((ItemPart(bag.id),), limit=LIMIT), other)),
        ),
        _look(engine, shirt),
    ]


def _beside(source: Hit, page: Page) -> Page:
    """The page with what it was asked with in front."""
    return Page(
        (source, *page.hits[: LIMIT - 1]), page.limit, page.offset, page.collection, page.model
    )


def _look(engine: SearchEngine, source: Hit) -> Section:
    asked = LookQuery(source.id, limit=2, kind_field="article_type", agree=("gender", "usage"))
    look = Stylist(engine).look(asked)
    hits = (source, *(hit for slot in look.slots for hit in slot.hits))
    page = Page(hits, len(hits), 0, look.collection, look.model)
    return f"what goes with {source.item.title}", page


def main(
    db: Annotated[Path, typer.Argument(help="Database with the catalogue.")],
    photo: Annotated[Path, typer.Argument(help="A photo to search by.")],
    html: Annotated[Path, typer.Argument(help="File to write.")],
) -> None:
    """Write the contact sheet."""
    settings = Settings(db=str(db))
    with open_engine(settings) as engine:
        sections = by_words(engine) + by_picture(engine, photo)
    write_contact_sheet(html, sections, settings)
    typer.echo(f"{len(sections)} queries: {html}")


if __name__ == "__main__":
    typer.run(main)
