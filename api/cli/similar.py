"""`vitrine similar`."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, cast

import typer

from api.cli import options, remote
from api.cli.console import note, print_json
from api.cli.results import page_object, show_page
from search.ranking.texts import boost_from_text, sort_from_text
from search.types import By, FacetsOver, ItemPart, Mode, Query, QueryPart, TextPart

if TYPE_CHECKING:
    from search.engine import SearchEngine
    from search.recommending import Relative


def similar(
    ids: Annotated[
        list[str],
        typer.Argument(
            metavar="ID[:WEIGHT]...", help="The item, or several: a basket, what somebody likes."
        ),
    ],
    but: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="How hits should differ, such as 'in red'."),
    ] = None,
    without: options.Without = None,
    literal: options.Literal = False,
    mode: options.Mode = "visual",
    cheaper: Annotated[
        bool,
        typer.Option("--cheaper", help="Short for --less price.", rich_help_panel=options.OWN),
    ] = False,
    less: options.Less = None,
    more: options.More = None,
    same: options.Same = None,
    other: options.Other = None,
    own_products: options.OwnProducts = False,
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
    rerank: options.Rerank = None,
    rerank_depth: options.RerankDepth = 100,
    facet: options.Facets = None,
    facets_over: options.FacetsOver = "filter",
    facets_ignore_own: options.FacetsIgnoreOwn = True,
    total: options.Total = False,
    html: options.Html = None,
    explain: options.Explain = None,
    db: options.Db = None,
    collection: options.Collection = None,
    model: options.Model = None,
    device: options.Device = None,
    server: options.Server = None,
    json: options.Json = False,
) -> None:
    """List what looks most like an item of the collection, or like several of them together.

    The items themselves are left out, and so are other images of their products.

    Examples:

      vitrine similar v0001
      vitrine similar v0001 --cheaper --same kind
      vitrine similar v0001 --less price:10% --filter in_stock=true
      vitrine similar v0394 --but "in blue" --other colour --facet brand
      vitrine similar v0394 --but "by northpeak" --mode hybrid
      vitrine similar v0001 v0137:0.5 --diversity 0.3 --collapse-duplicates
      vitrine similar v0001 --but "made of leather" --rerank late-interaction --explain why
    """
    settings = options.make_settings(
        db=db, collection=collection, model=model, device=device, server=server
    )
    here = {"--db": db, "--collection": collection, "--model": model, "--device": device}
    is_remote = remote.is_asked(settings, server, here | {"--html": html, "--explain": explain})
    relatives = asked_relatives(less, more, same, other, cheaper=cheaper)
    from api.reranking import reranker_name, rerankers_of

    # A query that cannot be is refused before a model is loaded for it.
    query = Query(
        _parts([ItemPart(id) for id in ids], but),
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
        mode=cast(Mode, mode),
        rerank=reranker_name(rerank) if rerank is not None else None,
        rerank_depth=rerank_depth,
        explain=explain is not None,
        relevance=relevance,
        min_relevance=min_relevance,
    )

    from api.cli.contact_sheet import write_contact_sheet
    from api.cli.explanation import write_explanation
    from search.engine import open_engine
    from search.filters import parse_filter
    from search.recommending import search_similar

    heading = f"Like {', '.join(ids)}" + (f", but {but.removeprefix('but ')}" if but else "")
    if is_remote:
        page = remote.similar(
            settings,
            query,
            ids,
            but=but,
            less=["price"] * cheaper + list(less or ()),
            more=more or [],
            same=same or [],
            other=other or [],
            own_products=own_products,
            filter=filter or None,
        )
    else:
        with open_engine(settings, rerankers_of(rerank or "", settings)) as engine:
            parsed = parse_filter(filter, engine.fields) if filter else None
            parts = _parts(weighted_items(ids, engine), but)
            query = replace(query, parts=parts, filter=parsed)
            page = search_similar(engine, query, relatives, own_products=own_products)
            if explain is not None:
                write_explanation(explain, heading, query, page, engine, settings)
                note(f"Wrote {explain / 'index.html'}")
    if html:
        write_contact_sheet(html, [(heading, page)], settings)
        note(f"Wrote {html}")
    if json:
        print_json(page_object(page))
    else:
        show_page(page, heading=heading)


def weighted_items(given: Sequence[str], engine: "SearchEngine") -> list[ItemPart]:
    """`v0001` or `v0001:0.5`; an item of exactly the given id comes first."""
    exact = engine.store.get(engine.info.name, given)
    return [ItemPart(each) if each in exact else _weighted(each) for each in given]


def asked_relatives(
    less: Iterable[str] | None,
    more: Iterable[str] | None,
    same: Iterable[str] | None,
    other: Iterable[str] | None,
    *,
    cheaper: bool = False,
) -> list["Relative"]:
    """What hits should be relative to the items, from the texts of the options."""
    from search.recommending import Relation, relative_from_text

    said = {
        Relation.LESS: ["price"] * cheaper + list(less or ()),
        Relation.MORE: more or (),
        Relation.SAME: same or (),
        Relation.OTHER: other or (),
    }
    return [relative_from_text(relation, each) for relation, some in said.items() for each in some]


def _parts(items: Sequence[ItemPart], but: str | None) -> tuple[QueryPart, ...]:
    return (*items, TextPart(but)) if but is not None else tuple(items)


def _weighted(given: str) -> ItemPart:
    id, colon, weight = given.rpartition(":")
    try:
        return ItemPart(id, float(weight)) if colon and id else ItemPart(given)
    except ValueError:
        return ItemPart(given)
