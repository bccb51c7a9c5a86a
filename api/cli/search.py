"""`vitrine search` and `vitrine similar`."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated, cast

import typer

from api.cli import options
from api.cli.console import note, print_json
from api.cli.results import page_object, show_page
from search.ranking.texts import boost_from_text, sort_from_text
from search.types import By, FacetsOver, ImagePart, ItemPart, Query, QueryPart, TextPart


def search(
    text: Annotated[str | None, typer.Argument(help="What to look for, in words.")] = None,
    image: Annotated[
        str | None,
        typer.Option(
            "--image",
            "-i",
            metavar="FILE[:WEIGHT]",
            help="Look for what this picture shows; a weight counts beside the text's 1.",
        ),
    ] = None,
    item: Annotated[
        str | None, typer.Option("--item", help="Look for what resembles this item.")
    ] = None,
    without: options.Without = None,
    literal: options.Literal = False,
    filter: options.FilterText = None,
    limit: options.Limit = 10,
    offset: options.Offset = 0,
    by: options.By = "item",
    sort: options.SortBy = None,
    boost: options.BoostBy = None,
    diversity: options.Diversity = 0.0,
    collapse_duplicates: options.CollapseDuplicates = False,
    relevant: options.Relevant = 200,
    relevance: options.Relevance = False,
    min_relevance: options.MinRelevance = None,
    facet: options.Facets = None,
    facets_over: options.FacetsOver = "filter",
    facets_ignore_own: options.FacetsIgnoreOwn = True,
    total: options.Total = False,
    html: options.Html = None,
    db: options.Db = None,
    collection: options.Collection = None,
    model: options.Model = None,
    device: options.Device = None,
    json: options.Json = False,
) -> None:
    """Search by a sentence, a picture, an item, or several of them together.

    The best results come first, with their scores.

    Examples:

      vitrine search "red floral dress"
      vitrine search "red dress" --filter 'price<50 in_stock=true' --html red.html
      vitrine search --image photo.jpg
      vitrine search "in leather" --image bag.jpg:0.6
      vitrine search "but in blue" --item v0394
      vitrine search "dress, not floral" --not red --min-relevance 0.5
      vitrine search "dress" --by product --facet colour --facet price --total
      vitrine search "dress" --sort price --sort -added_on
      vitrine search "dress" --boost popularity:0.1 --diversity 0.3
    """
    parts: list[QueryPart] = []
    parts += [TextPart(text)] if text is not None else []
    parts += [image_part(image)] if image is not None else []
    parts += [ItemPart(item)] if item is not None else []
    settings = options.make_settings(db=db, collection=collection, model=model, device=device)
    # An empty query is refused before a model is loaded for it.
    query = Query(
        tuple(parts),
        limit=limit,
        offset=offset,
        by=cast(By, by),
        sort=tuple(map(sort_from_text, sort or ())),
        boosts=tuple(map(boost_from_text, boost or ())),
        diversity=diversity,
        collapse_duplicates=collapse_duplicates,
        relevant=relevant,
        facets=tuple(facet or ()),
        facets_over=cast(FacetsOver, facets_over),
        facets_ignore_own=facets_ignore_own,
        total=total,
        without=tuple(without or ()),
        literal=literal,
        relevance=relevance,
        min_relevance=min_relevance,
    )

    from api.cli.contact_sheet import write_contact_sheet
    from search.engine import open_engine
    from search.filters import parse_filter

    with open_engine(settings) as engine:
        parsed = parse_filter(filter, engine.fields) if filter else None
        page = engine.search(replace(query, filter=parsed))
    heading = _heading(text, image, item, filter, without or ())
    if html:
        write_contact_sheet(html, [(heading, page)], settings)
        note(f"Wrote {html}")
    if json:
        print_json(page_object(page))
    else:
        show_page(page, heading=heading)


def similar(
    id: Annotated[str, typer.Argument(help="The item's id.")],
    filter: options.FilterText = None,
    limit: options.Limit = 10,
    offset: options.Offset = 0,
    html: options.Html = None,
    db: options.Db = None,
    collection: options.Collection = None,
    model: options.Model = None,
    device: options.Device = None,
    json: options.Json = False,
) -> None:
    """List the items that look most like an item of the collection, the item itself left out."""
    search(
        item=id,
        filter=filter,
        limit=limit,
        offset=offset,
        html=html,
        db=db,
        collection=collection,
        model=model,
        device=device,
        json=json,
    )


def image_part(given: str) -> ImagePart:
    """`photo.jpg` or `photo.jpg:0.6`; a file of exactly the given name comes first."""
    path, colon, weight = given.rpartition(":")
    if colon and path and not Path(given).exists():
        with suppress(ValueError):
            return ImagePart(Path(path), float(weight))
    return ImagePart(Path(given))


def _heading(
    text: str | None,
    image: str | None,
    item: str | None,
    filter: str | None,
    without: Sequence[str],
) -> str:
    """What was asked, in a line."""
    said = [repr(text)] if text else []
    said += [Path(image).name] if image else []
    said += [f"item {item}"] if item else []
    excluded = "".join(f" without {phrase!r}" for phrase in without)
    return " + ".join(said) + excluded + (f" where {filter}" if filter else "")
