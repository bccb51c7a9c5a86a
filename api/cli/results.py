"""A page of results as a table for people and as data for programs."""

from collections.abc import Mapping
from datetime import date

from rich.table import Table

from api.cli.console import note, stdout, warn
from search.types import Facet, FacetRange, Hit, Item, Page

LEADING = ("price", "brand", "colour")
"""Columns that are shown first when the catalogue has them; a currency stands by its price."""

MOST_COLUMNS = 3

MOST_VALUES = 8
"""Values of a facet that are shown to people; `--json` has all that the page has."""


def show_page(page: Page, *, heading: str) -> None:
    """Print the page as a table on stdout; warnings and times on stderr."""
    for warning in page.warnings:
        warn(warning)
    if not page.hits:
        stdout.print(f"{heading}: no results.", markup=False)
    else:
        stdout.print(_table(page, heading))
    for facet in page.facets:
        stdout.print(facet_line(facet), markup=False, highlight=False)
    times = ", ".join(f"{stage} {ms:.0f} ms" for stage, ms in page.took_ms.items())
    counted = f"{total_of(page)} · " if page.total is not None else ""
    if page.relevance is not None:
        counted += f"relevance of the query {page.relevance:.2f} · "
    note(f"{counted}{page.collection} · {page.model} · {times}")


def _table(page: Page, heading: str) -> Table:
    columns = _columns(page.hits)
    has_variants = any(hit.variant_count for hit in page.hits)
    has_regions = any(hit.region for hit in page.hits)
    is_judged = page.relevance is not None
    table = Table(title=heading, title_justify="left", header_style="bold", title_style="bold")
    table.add_column("#", justify="right", style="dim")
    table.add_column("score", justify="right")
    if is_judged:
        table.add_column("relevance", justify="right")
    table.add_column("id", overflow="fold")
    table.add_column("title", overflow="fold", ratio=1)
    for name in columns:
        table.add_column(name, overflow="ellipsis", no_wrap=True)
    if has_regions:
        table.add_column("region")
    if has_variants:
        table.add_column("variants", justify="right")
    for rank, hit in enumerate(page.hits, start=page.offset + 1):
        cells = [_cell(hit.item, name) for name in columns]
        cells += [str(hit.region or "whole")] if has_regions else []
        cells += [f"+{hit.variant_count}" if hit.variant_count else ""] if has_variants else []
        scores = [f"{hit.score:.3f}"] + ([_relevance(hit)] if is_judged else [])
        table.add_row(str(rank), *scores, hit.id, hit.item.title, *cells)
    return table


def _relevance(hit: Hit) -> str:
    return "" if hit.relevance is None else f"{hit.relevance:.2f}"


def total_of(page: Page) -> str:
    """How many hits all pages have, in words."""
    total = page.total or 0
    least = "" if page.total_is_exact else "at least "
    return f"{least}{total:,} result{'' if total == 1 else 's'}"


def facet_line(facet: Facet) -> str:
    """A facet in one line: `colour: red 12 · blue 9 · 3 more`."""
    parts = [f"{_value(each.value)} {each.count}" for each in facet.values[:MOST_VALUES]]
    parts += [f"{_range(each)} {each.count}" for each in facet.ranges if each.count]
    more = facet.distinct - len(facet.values[:MOST_VALUES]) if facet.values else 0
    parts += [f"{more} more"] if more > 0 else []
    parts += [f"(none) {facet.missing}"] if facet.missing else []
    return f"{facet.field}: {' · '.join(parts)}"


def _value(value: str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else value


def _range(span: FacetRange) -> str:
    """Numbers by both ends; a period by its name, 2024-05 or 2024."""
    if isinstance(span.start, date) and isinstance(span.end, date):
        is_month = (span.end - span.start).days < 32
        return span.start.isoformat()[: 7 if is_month else 4]
    return f"{span.start:.12g} to {span.end:.12g}"


def page_object(page: Page) -> dict[str, object]:
    """The page as JSON data."""
    return {
        "hits": [_hit_object(hit) for hit in page.hits],
        "limit": page.limit,
        "offset": page.offset,
        "total": page.total,
        "total_is_exact": page.total_is_exact,
        "facets": [facet_object(facet) for facet in page.facets],
        "relevance": _rounded(page.relevance),
        "collection": page.collection,
        "model": page.model,
        "warnings": list(page.warnings),
        "took_ms": dict(page.took_ms),
    }


def _hit_object(hit: Hit) -> dict[str, object]:
    return {
        "id": hit.id,
        "score": round(hit.score, 6),
        "region": _region_object(hit),
        "boost": round(hit.boost, 6),
        "fused": None if hit.fused is None else round(hit.fused, 6),
        "rerank": _rounded(hit.rerank),
        "lift": round(hit.lift, 6),
        "contributions": [
            {"kind": each.kind, "said": each.said, "value": round(each.value, 6)}
            for each in hit.contributions
        ],
        "relevance": _rounded(hit.relevance),
        "variant_count": hit.variant_count,
        "variants": [
            {
                "id": each.id,
                "score": round(each.score, 6),
                "region": _region_object(each),
                "relevance": _rounded(each.relevance),
                **item_object(each.item),
            }
            for each in hit.variants
        ],
        **item_object(hit.item),
    }


def _region_object(hit: Hit) -> list[float] | None:
    return None if hit.region is None else list(hit.region.edges)


def _rounded(relevance: float | None) -> float | None:
    return None if relevance is None else round(relevance, 4)


def facet_object(facet: Facet) -> dict[str, object]:
    """The facet as JSON data."""
    return {
        "field": facet.field,
        "values": [{"value": each.value, "count": each.count} for each in facet.values],
        "ranges": [
            _jsonable({"start": each.start, "end": each.end, "count": each.count})
            for each in facet.ranges
        ],
        "distinct": facet.distinct,
        "missing": facet.missing,
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
