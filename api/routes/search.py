"""Search: by words, by a picture, by an item, or by several of them at once."""

from typing import Annotated

from fastapi import APIRouter, File, Form, Query, UploadFile

from api.deps import Engine, Limits, read_filter
from api.routes.responses import ERRORS
from api.schemas import Limit, Offset, PageOut, SearchBody, Text
from search.engine import SearchEngine
from search.errors import EmptyQueryError, ImageTooLargeError
from search.filters.ast import Filter
from search.images import ImageLimits
from search.types import ImagePart, QueryPart, TextPart
from search.types import Query as EngineQuery

router = APIRouter(prefix="/v1", tags=["search"], responses=ERRORS)

FilterText = Annotated[
    str | None,
    Query(
        description="The short text form of a filter.",
        examples=["colour=red price<50", "tags:summer"],
        max_length=10_000,
    ),
]


@router.post("/search", summary="Search by text, image, item, or weighted parts")
def search(body: SearchBody, engine: Engine) -> PageOut:
    """Rank the collection against the query."""
    parts = body.query_parts()
    return _page(engine, parts, read_filter(body.filter, engine), body.limit, body.offset)


@router.get("/search", summary="Search by text")
def search_text(
    engine: Engine,
    q: Annotated[
        str,
        Query(description="What to look for.", examples=["red floral dress"], max_length=20_000),
    ] = "",
    filter: FilterText = None,
    limit: Limit = 10,
    offset: Offset = 0,
) -> PageOut:
    """Rank the collection against a text."""
    return _page(engine, (TextPart(q),), read_filter(filter, engine), limit, offset)


@router.post("/search/image", summary="Search by an uploaded image, and a text if you like")
def search_image(
    engine: Engine,
    limits: Limits,
    file: Annotated[UploadFile, File(description="An image file.")],
    text: Annotated[Text | None, Form()] = None,
    filter: Annotated[
        str | None, Form(description="The short text form of a filter.", max_length=10_000)
    ] = None,
    limit: Annotated[Limit, Form()] = 10,
    offset: Annotated[Offset, Form()] = 0,
) -> PageOut:
    """Rank the collection against an image; a text beside it counts as much as the image."""
    parts: list[QueryPart] = [ImagePart(_read_upload(file, limits))]
    if text and text.strip():
        parts.append(TextPart(text))
    return _page(engine, tuple(parts), read_filter(filter, engine), limit, offset)


def _page(
    engine: SearchEngine,
    parts: tuple[QueryPart, ...],
    filter: Filter | None,
    limit: int,
    offset: int,
) -> PageOut:
    query = EngineQuery(parts, filter=filter, limit=limit, offset=offset)
    return PageOut.of(engine.search(query))


def _read_upload(file: UploadFile, limits: ImageLimits) -> bytes:
    """The upload's bytes: at most one more than allowed is ever read."""
    data = file.file.read(limits.max_bytes + 1)
    if len(data) > limits.max_bytes:
        raise ImageTooLargeError(
            f"The uploaded image is larger than {limits.max_bytes:,} bytes.",
            hint="Send a smaller one.",
            details={"max_bytes": limits.max_bytes},
        )
    if not data:
        raise EmptyQueryError("The uploaded file is empty.", hint="Upload an image.")
    return data
