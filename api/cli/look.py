"""`vitrine look`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import options
from api.cli.classify import split_names
from api.cli.console import counted, note, print_json, stdout
from api.cli.results import item_object, price_of
from search.types import Page

if TYPE_CHECKING:
    from search.recommending import Look


def look(
    id: Annotated[str, typer.Argument(help="The item's id.")],
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many for each slot.")] = 3,
    slots: Annotated[
        str | None, typer.Option(help="Slots to fill, such as shoes,bag. (default: by the rules)")
    ] = None,
    agree: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMNS",
            help="Columns that should agree, such as gender,usage: what agrees comes first.",
        ),
    ] = None,
    kind_field: Annotated[
        str | None,
        typer.Option(
            "--kind-field", help="Column of the kind. (default: article_type, kind, category, ...)"
        ),
    ] = None,
    looks: Annotated[
        Path | None,
        typer.Option("--looks", metavar="FILE", help="TOML of slots and of what goes with what."),
    ] = None,
    filter: options.FilterText = None,
    html: options.Html = None,
    db: options.Db = None,
    collection: options.Collection = None,
    model: options.Model = None,
    device: options.Device = None,
    json: options.Json = False,
) -> None:
    """Complete the look: what goes with an item, the best few of each compatible kind.

    Which kinds go with which is said by rules (a dress with shoes, a bag, a jacket, ...), by the
    column of the kind, or by the picture where no column says it. Within a kind, what is alike in
    colour, wearer and occasion comes first, as the model sees them: scores are 0 to 1. No outfits
    were learned.

    Examples:

      vitrine look v0001
      vitrine look 15970 --agree gender,usage --html look.html
      vitrine look v0137 --slots shoes,bag --filter 'price<80 in_stock=true' --limit 5
      vitrine look v0001 --looks our_looks.toml --kind-field kind --json
    """
    settings = options.make_settings(db=db, collection=collection, model=model, device=device)
    from api.cli.contact_sheet import write_contact_sheet
    from search.engine import open_engine
    from search.filters import parse_filter
    from search.recommending import LookQuery, Stylist, read_rules

    rules = read_rules(looks)
    LookQuery(id, limit)  # Out of range is refused before a model is loaded for it.
    with open_engine(settings) as engine:
        asked = LookQuery(
            id,
            limit,
            slots=tuple(split_names(slots or "")),
            kind_field=kind_field,
            agree=tuple(split_names(agree or "")),
            filter=parse_filter(filter, engine.fields) if filter else None,
        )
        found = Stylist(engine, rules).look(asked)
    if html:
        write_contact_sheet(html, list(_pages(found, limit)), settings)
        note(f"Wrote {html}")
    if json:
        print_json(look_object(found))
    else:
        _show(found)


def look_object(found: "Look") -> dict[str, object]:
    """The look as JSON data."""
    return {
        "item": {"id": found.item.id, **item_object(found.item)},
        "slot": found.slot,
        "kind_field": found.kind_field,
        "slots": [
            {
                "slot": slot.name,
                "hits": [
                    {"id": hit.id, "score": hit.score, **item_object(hit.item)} for hit in slot.hits
                ],
            }
            for slot in found.slots
        ],
        "collection": found.collection,
        "model": found.model,
    }


def _pages(found: "Look", limit: int) -> list[tuple[str, Page]]:
    """A section of the contact sheet for the item and for each slot."""
    from search.types import Hit

    title = f"{found.slot}: {found.item.title or found.item.id}"
    sections: list[tuple[str, tuple[Hit, ...]]] = [(title, (Hit(found.item, 1.0),))]
    sections += [(f"with {slot.name}", slot.hits) for slot in found.slots if slot.hits]
    return [
        (heading, Page(hits, limit, 0, found.collection, found.model)) for heading, hits in sections
    ]


def _show(found: "Look") -> None:
    from rich.table import Table

    title = f"{found.item.id} {found.item.title} ({found.slot})"
    table = Table(title=title, title_justify="left", header_style="bold", title_style="bold")
    for name in ("slot", "score", "id", "title", "price"):
        table.add_column(
            name, justify="right" if name in ("score", "price") else "left", overflow="fold"
        )
    for slot in found.slots:
        for place, hit in enumerate(slot.hits):
            name, price = slot.name if place == 0 else "", price_of(hit.item)
            table.add_row(name, f"{hit.score:.3f}", hit.id, hit.item.title, price)
    stdout.print(table)
    if empty := [slot.name for slot in found.slots if not slot.hits]:
        note(f"Nothing found for {counted(len(empty), 'slot')}: {', '.join(empty)}.")
    by = f"the column {found.kind_field}" if found.kind_field else "their pictures"
    note(f"{found.collection} · {found.model} · kinds by {by}")
