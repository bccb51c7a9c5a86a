"""What looks like items: one, by its address, or several together."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.deps import Engine, ItemIdFromPath, read_filter
from api.paging import add_links
from api.requests_similar import SimilarBody, SimilarParameters
from api.routes.responses import ERRORS, PAGE_EXAMPLE, answered
from api.schemas import PageOut
from api.security import NEEDS_SEARCH
from search.recommending import search_similar
from search.types import ItemPart

router = APIRouter(prefix="/v1", tags=["items"], responses=ERRORS, dependencies=[NEEDS_SEARCH])


# `{id:path}` takes slashes that a proxy has decoded: this has to come before the item itself.
@router.get(
    "/items/{id:path}/similar",
    summary="Items that look like this one",
    response_model=PageOut,
    responses={200: PAGE_EXAMPLE},
)
def similar(
    id: ItemIdFromPath,
    engine: Engine,
    asked: Annotated[SimilarParameters, Query()],
    request: Request,
) -> Response:
    """Rank the collection against an item: neither it nor its product is among the hits."""
    query = asked.similar_query([ItemPart(id)], read_filter(asked.filter, engine))
    page = search_similar(engine, query, asked.relatives(), own_products=asked.own_products)
    answer = answered(PageOut.of(page))
    add_links(request, answer, page)
    return answer


@router.post(
    "/similar",
    summary="Items that look like several ones together",
    response_model=PageOut,
    responses={200: PAGE_EXAMPLE},
)
def similar_to_several(body: SimilarBody, engine: Engine) -> Response:
    """Rank the collection against a basket, or what somebody likes, each with its weight."""
    query = body.similar_query(
        [ItemPart(each.id, each.weight) for each in body.items], read_filter(body.filter, engine)
    )
    page = search_similar(engine, query, body.relatives(), own_products=body.own_products)
    return answered(PageOut.of(page))
