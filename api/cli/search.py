"""`vitrine search`."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated, cast

import typer

from api.cli import options, remote
from api.cli.console import note, print_json
from api.cli.results import page_object, show_page
from search.config import Settings
from search.errors import InvalidQueryError
from search.ranking.texts import boost_from_text, sort_from_text
from search.types import Box, By, FacetsOver, ImagePart, ItemPart, Mode, Query, QueryPart, TextPart


def search(
    text: Annotated[str | None, typer.Argument(help="What to look for, in words.")] = None,
    image: Annotated[
        str | None,
        typer.Option(
            "--image",
            "-i",
            metavar="FILE[:WEIGHT]",
            help="Look for what this picture shows, a file or a web address; a weight counts "
            "beside the text's 1.",
        ),
    ] = None,
    crop: options.Crop = None,
    item: Annotated[
        str | None, typer.Option("--item", help="Look for what resembles this item.")
    ] = None,
    without: options.Without = None,
    literal: options.Literal = False,
    mode: options.Mode = "visual",
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
    """Search by a sentence, a picture, an item, or several of them together.

    The best results come first, with their scores.

    Examples:

      vitrine search "red floral dress"
      vitrine search "red dress" --filter 'price<50 in_stock=true' --html red.html
      vitrine search "dress" --filter 'tags:summer,beach not (price>=50 or title^=Northpeak)'
      vitrine search --image photo.jpg
      vitrine search --image street.jpg --crop 0,0.5,0.5,1
      vitrine search --image https://example.com/dress.jpg
      vitrine search "in leather" --image bag.jpg:0.6
      vitrine search "but in blue" --item v0394
      vitrine search "dress, not floral" --not red --min-relevance 0.5
      vitrine search "northpeak sneekers" --mode hybrid
      vitrine search "dress" --by product --facet colour --facet price --total
      vitrine search "dress" --sort price --sort -added_on
      vitrine search "dress" --boost popularity:0.1 --diversity 0.3
      vitrine search "red floral dress" --rerank late-interaction --explain why
    """
    settings = options.make_settings(
        db=db, collection=collection, model=model, device=device, server=server
    )
    here = {"--db": db, "--collection": collection, "--model": model, "--device": device}
    is_remote = remote.is_asked(settings, server, here | {"--html": html, "--explain": explain})
    parts: list[QueryPart] = []
    parts += [TextPart(text)] if text is not None else []
    parts += [_cropped(image_part(image, settings), crop)] if image is not None else []
    if crop is not None and image is None:
        raise InvalidQueryError("There is a --crop without an --image.", hint="Give both.")
    parts += [ItemPart(item)] if item is not None else []
    from api.reranking import reranker_name, rerankers_of

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

    heading = _heading(text, image, item, filter, without or ())
    if is_remote:
        page = remote.search(settings, query, filter)
    else:
        with open_engine(settings, rerankers_of(rerank or "", settings)) as engine:
            parsed = parse_filter(filter, engine.fields) if filter else None
            page = engine.search(replace(query, filter=parsed))
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


def image_part(given: str, settings: Settings) -> ImagePart:
    """`photo.jpg` or `photo.jpg:0.6`; a file of exactly the given name comes first.

    What has an address on the web, or in an object store, is fetched from there.
    """
    place, weight = given, 1.0
    start, colon, end = given.rpartition(":")
    if colon and start and not Path(given).exists():
        with suppress(ValueError):
            place, weight = start, float(end)
    return ImagePart(_fetched(place, settings) if "://" in place else Path(place), weight)


def _fetched(address: str, settings: Settings) -> bytes:
    from indexer.fetching import Fetcher, FetchOptions
    from search.images import ImageLimits

    limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels)
    options = FetchOptions(timeout_s=settings.fetch_timeout_s, attempts=2)
    with Fetcher(limits, options) as fetcher:
        return fetcher.read(address).data or b""


def _cropped(part: ImagePart, crop: str | None) -> ImagePart:
    return part if crop is None else replace(part, crop=Box.from_text(crop))


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
