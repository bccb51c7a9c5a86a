"""Search: by words, by a picture, by an item, or by several of them at once."""

from typing import Annotated

from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile

from api.deps import Engine, ImagesOfQueries, Limits, read_filter
from api.paging import add_links
from api.requests import CropText, Limit, Offset, Phrases, SearchBody, SearchParameters, Text
from api.routes.responses import ERRORS, PAGE_EXAMPLE
from api.schemas import PageOut
from api.security import NEEDS_SEARCH
from api.uploads import read_upload
from search.types import Box, ImagePart, Mode, QueryPart, TextPart
from search.types import Query as EngineQuery

router = APIRouter(prefix="/v1", tags=["search"], responses=ERRORS, dependencies=[NEEDS_SEARCH])

FilterText = Annotated[
    str | None,
    Query(
        description="The short text form of a filter.",
        examples=["colour=red price<50", "tags:summer"],
        max_length=10_000,
    ),
]


@router.post(
    "/search",
    summary="Search by text, image, item, or weighted parts",
    responses={200: PAGE_EXAMPLE},
)
def search(body: SearchBody, engine: Engine, images: ImagesOfQueries) -> PageOut:
    """Rank the collection against the query."""
    filter = read_filter(body.filter, engine)
    query = body.query(body.query_parts(images.fetch), filter)
    return PageOut.of(engine.search(query))


@router.get("/search", summary="Search by text", responses={200: PAGE_EXAMPLE})
def search_text(
    engine: Engine,
    asked: Annotated[SearchParameters, Query()],
    request: Request,
    response: Response,
) -> PageOut:
    """Rank the collection against a text; the `Link` header says where the next page is."""
    query = asked.query((TextPart(asked.q),), read_filter(asked.filter, engine))
    page = engine.search(query)
    add_links(request, response, page)
    return PageOut.of(page)


@router.post(
    "/search/image",
    summary="Search by an uploaded image, and a text if you like",
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
) -> PageOut:
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
    )
    return PageOut.of(engine.search(query))
