"""Search: by words, by a picture, by an item, or by several of them at once."""

from typing import Annotated

from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile

from api.asking import Queries
from api.deps import Engine, Limits, read_filter
from api.paging import add_links
from api.requests import CropText, Limit, Offset, Phrases, SearchBody, SearchParameters, Text
from api.routes.responses import ERRORS, PAGE_EXAMPLE, answered
from api.schemas import PageOut
from api.security import NEEDS_SEARCH
from api.uploads import read_upload
from search.types import MAX_RERANKED, Box, ImagePart, Mode, QueryPart, TextPart
from search.types import Query as EngineQuery

router = APIRouter(prefix="/v1", tags=["search"], responses=ERRORS, dependencies=[NEEDS_SEARCH])


@router.post(
    "/search",
    summary="Search by text, image, item, or weighted parts",
    response_model=PageOut,
    responses={200: PAGE_EXAMPLE},
)
def search(body: SearchBody, queries: Queries) -> Response:
    """Rank the collection against the query."""
    return answered(PageOut.of(queries.engine.search(queries.query(body))))


@router.get(
    "/search",
    summary="Search by text",
    response_model=PageOut,
    responses={200: PAGE_EXAMPLE},
)
def search_text(
    engine: Engine,
    asked: Annotated[SearchParameters, Query()],
    request: Request,
) -> Response:
    """Rank the collection against a text; the `Link` header says where the next page is."""
    query = asked.query((TextPart(asked.q),), read_filter(asked.filter, engine))
    page = engine.search(query)
    answer = answered(PageOut.of(page))
    add_links(request, answer, page)
    return answer


@router.post(
    "/search/image",
    summary="Search by an uploaded image, and a text if you like",
    response_model=PageOut,
    responses={200: PAGE_EXAMPLE},
)
def search_image(
    engine: Engine,
    limits: Limits,
    file: Annotated[UploadFile, File(description="An image file.")],
    text: Annotated[Text | None, Form()] = None,
    crop: Annotated[CropText | None, Form()] = None,
    filter: Annotated[
        str | None, Form(description="The short text form of a filter.", max_length=10_000)
    ] = None,
    limit: Annotated[Limit, Form()] = 10,
    offset: Annotated[Offset, Form()] = 0,
    without: Annotated[Phrases, Form(description="What no hit may show.")] = [],  # noqa: B006
    literal: Annotated[bool, Form(description="Take the text as it stands.")] = False,
    relevance: Annotated[bool, Form(description="Say how relevant hits are.")] = False,
    min_relevance: Annotated[float | None, Form(ge=0, le=1)] = None,
    mode: Annotated[Mode, Form(description="What a text is compared with.")] = "visual",
    rerank: Annotated[
        str | None, Form(description="One of the service's rerankers.", max_length=100)
    ] = None,
    rerank_depth: Annotated[
        int, Form(ge=1, le=MAX_RERANKED, description="How many hits it reorders.")
    ] = 100,
    explain: Annotated[bool, Form(description="Say what each part gave to each hit.")] = False,
) -> Response:
    """Rank the collection against an image.

    A text beside it that names a change ("in blue") changes that of the image; any other counts
    as much as the image does.
    """
    box = Box.from_text(crop) if crop and crop.strip() else None
    parts: list[QueryPart] = [ImagePart(read_upload(file, limits), crop=box)]
    if text and text.strip():
        parts.append(TextPart(text))
    query = EngineQuery(
        tuple(parts),
        filter=read_filter(filter, engine),
        limit=limit,
        offset=offset,
        without=tuple(without),
        literal=literal,
        relevance=relevance,
        min_relevance=min_relevance,
        mode=mode,
        rerank=rerank,
        rerank_depth=rerank_depth,
        explain=explain,
    )
    return answered(PageOut.of(engine.search(query)))
