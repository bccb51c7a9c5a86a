"""A page of results as a table for people and as data for programs."""

from collections.abc import Mapping

from rich.table import Table

from api.cli.console import note, stdout, warn
from search.types import Hit, Item, Page

LEADING = ("price", "brand", "colour")
"""Columns that are shown first when the catalogue has them; a currency stands by its price."""

MOST_COLUMNS = 3


def show_page(page: Page, *, heading: str) -> None:
    """Print the page as a table on stdout; warnings and times on stderr."""
    for warning in page.warnings:
        warn(warning)
    if not page.hits:
        stdout.print(f"{heading}: no results.", markup=False)
        return
    columns = _columns(page.hits)
    table = Table(title=heading, title_justify="left", header_style="bold", title_style="bold")
    table.add_column("#", justify="right", style="dim")
    table.add_column("score", justify="right")
    table.add_column("id", overflow="fold")
    table.add_column("title", overflow="fold", ratio=1)
    for name in columns:
        table.add_column(name, overflow="ellipsis", no_wrap=True)
    for rank, hit in enumerate(page.hits, start=page.offset + 1):
        cells = (_cell(hit.item, name) for name in columns)
        table.add_row(str(rank), f"{hit.score:.3f}", hit.id, hit.item.title, *cells)
    stdout.print(table)
    times = ", ".join(f"{stage} {ms:.0f} ms" for stage, ms in page.took_ms.items())
    note(f"{page.collection} · {page.model} · {times}")


def page_object(page: Page) -> dict[str, object]:
    """The page as JSON data."""
    return {
        "hits": [
            {"id": h.id, "score": round(h.score, 6), **item_object(h.item)} for h in page.hits
        ],
        "limit": page.limit,
        "offset": page.offset,
        "collection": page.collection,
        "model": page.model,
        "warnings": list(page.warnings),
        "took_ms": dict(page.took_ms),
    }


def item_object(item: Item) -> dict[str, object]:
    """The item as JSON data."""
    return {
        "id": item.id,
        "title": item.title,
        "product_id": item.product_id,
        "image": item.image,
        "fields": _jsonable(item.fields),
        "extra": dict(item.extra),
    }


def _jsonable(fields: Mapping[str, object]) -> dict[str, object]:
    return {
        name: value if isinstance(value, str | int | float | bool | list | None) else str(value)
        for name, value in fields.items()
    }


def _columns(hits: tuple[Hit, ...]) -> list[str]:
    names = [name for name in hits[0].item.fields if name != "currency"]
    ordered = [n for n in LEADING if n in names] + [n for n in names if n not in LEADING]
    return ordered[:MOST_COLUMNS]


def _cell(item: Item, name: str) -> str:
    value = item.fields.get(name)
    if name == "price":
        return price_of(item)
    return ", ".join(value) if isinstance(value, list) else "" if value is None else str(value)


def price_of(item: Item) -> str:
    """The item's price with its currency, as far as the catalogue has them."""
    price, currency = item.fields.get("price"), item.fields.get("currency")
    shown = f"{price:.2f}" if isinstance(price, float) else "" if price is None else str(price)
    return f"{shown} {currency}" if shown and currency else shown
