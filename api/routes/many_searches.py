"""Several searches at once."""

from fastapi import APIRouter, Request

from api.asking import Queries
from api.errors import refusal_of, request_id_of
from api.many_searches import search_all
from api.requests_more import BatchSearchBody
from api.routes.responses import A_PAGE, A_REFUSAL, ERRORS, example
from api.schemas import ErrorResponse, PageOut
from api.schemas_more import PagesOut
from api.security import NEEDS_SEARCH
from search.types import Page

router = APIRouter(prefix="/v1", tags=["search"], responses=ERRORS, dependencies=[NEEDS_SEARCH])


@router.post(
    "/batch-search",
    summary="Several searches at once",
    responses={200: example({"pages": [A_PAGE, A_REFUSAL]})},
)
def batch_search(body: BatchSearchBody, request: Request, queries: Queries) -> PagesOut:
    """Up to 32 searches, each answered as by POST /v1/search, or refused by itself."""
    body.check()
    request_id = request_id_of(request)
    return PagesOut(
        pages=[
            PageOut.of(found)
            if isinstance(found, Page)
            else ErrorResponse(error=refusal_of(request_id, found))
            for found in search_all(body.queries, queries)
        ]
    )
