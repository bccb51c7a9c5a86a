"""Facets alone: how values are spread, without any hit."""

from dataclasses import replace

from fastapi import APIRouter

from api.asking import Queries
from api.deps import Engine, read_filter
from api.requests_more import FacetsBody
from api.routes.responses import ERRORS, example
from api.schemas import FacetOut
from api.schemas_more import FacetsOut
from api.security import NEEDS_SEARCH
from search.counting import count_values
from search.types import Facet

router = APIRouter(prefix="/v1", tags=["search"], responses=ERRORS, dependencies=[NEEDS_SEARCH])

_EXAMPLE = {
    "facets": [
        {
            "field": "colour",
            "values": [{"value": "red", "count": 40}, {"value": "black", "count": 39}],
            "ranges": [],
            "distinct": 12,
            "missing": 0,
        },
        {
            "field": "price",
            "values": [],
            "ranges": [{"start": 0.0, "end": 25.0, "count": 9}],
            "distinct": 72,
            "missing": 0,
        },
    ],
    "total": 400,
    "total_is_exact": True,
    "collection": "products__v1",
    "warnings": [],
}


@router.post("/facets", summary="Count values", responses={200: example(_EXAMPLE)})
def facets(body: FacetsBody, engine: Engine, queries: Queries) -> FacetsOut:
    """The facets that POST /v1/search gives for this body; its paging and order do not matter.

    Without text, image, item and parts, over all items that satisfy the filter.
    """
    body.check()
    if not body.asks_nothing:
        query = queries.query(body)
        plain = replace(query, limit=1, offset=0, explain=False, rerank=None, total=True)
        page = engine.search(plain)
        total, is_exact = page.total or 0, page.total_is_exact
        return _answer(page.facets, total, is_exact, page.collection, page.warnings)
    collection = engine.serving().collection
    counted = count_values(
        engine.store,
        collection,
        body.facets,
        read_filter(body.filter, engine),
        by=body.by,
        ignore_own=body.facets_ignore_own,
    )
    return _answer(counted.facets, counted.total, counted.total_is_exact, collection.name)


def _answer(
    facets: tuple[Facet, ...],
    total: int,
    is_exact: bool,
    collection: str,
    warnings: tuple[str, ...] = (),
) -> FacetsOut:
    return FacetsOut(
        facets=[FacetOut.of(facet) for facet in facets],
        total=total,
        total_is_exact=is_exact,
        collection=collection,
        warnings=list(warnings),
    )
