"""`vitrine search` and `vitrine similar`."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli import options
from api.cli.console import note, print_json
from api.cli.results import page_object, show_page
from search.types import ImagePart, ItemPart, Query, QueryPart, TextPart


def search(
    text: Annotated[str | None, typer.Argument(help="What to look for, in words.")] = None,
    image: Annotated[
        Path | None, typer.Option("--image", "-i", help="Look for what this picture shows.")
    ] = None,
    item: Annotated[
        str | None, typer.Option("--item", help="Look for what resembles this item.")
    ] = None,
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
    """Search by a sentence, a picture, an item, or several of them together.

    The best results come first, with their scores.

    Examples:

      vitrine search "red floral dress"
      vitrine search "red dress" --filter 'price<50 in_stock=true' --html red.html
      vitrine search --image photo.jpg
      vitrine search "in leather" --image bag.jpg
    """
    parts: list[QueryPart] = []
    parts += [TextPart(text)] if text is not None else []
    parts += [ImagePart(image)] if image is not None else []
    parts += [ItemPart(item)] if item is not None else []
    said = [repr(text)] if text else []
    said += [image.name] if image else []
    said += [f"item {item}"] if item else []
    heading = " + ".join(said) + (f" where {filter}" if filter else "")
    settings = options.make_settings(db=db, collection=collection, model=model, device=device)
    # An empty query is refused before a model is loaded for it.
    query = Query(tuple(parts), limit=limit, offset=offset)

    from api.cli.contact_sheet import write_contact_sheet
    from search.engine import open_engine
    from search.filters import parse_filter

    with open_engine(settings) as engine:
        parsed = parse_filter(filter, engine.fields) if filter else None
        page = engine.search(Query(query.parts, filter=parsed, limit=limit, offset=offset))
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
