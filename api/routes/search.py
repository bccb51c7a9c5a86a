"""Search: by words, by a picture, by an item, or by several of them at once."""

from typing import Annotated

from fastapi import APIRouter, File, Form, Query, UploadFile

from api.deps import Engine, Limits, read_filter
from api.requests import Limit, Offset, Phrases, SearchBody, SearchParameters, Text
from api.routes.responses import ERRORS
from api.schemas import PageOut
from search.errors import EmptyQueryError, ImageTooLargeError
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
    query = body.query(body.query_parts(), read_filter(body.filter, engine))
    return PageOut.of(engine.search(query))


@router.get("/search", summary="Search by text")
def search_text(engine: Engine, asked: Annotated[SearchParameters, Query()]) -> PageOut:
    """Rank the collection against a text."""
    query = asked.query((TextPart(asked.q),), read_filter(asked.filter, engine))
    return PageOut.of(engine.search(query))


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
    without: Annotated[Phrases, Form(description="What no hit may show.")] = [],  # noqa: B006
    literal: Annotated[bool, Form(description="Take the text as it stands.")] = False,
    relevance: Annotated[bool, Form(description="Say how relevant hits are.")] = False,
    min_relevance: Annotated[float | None, Form(ge=0, le=1)] = None,
) -> PageOut:
    """Rank the collection against an image.

    A text beside it that names a change ("in blue") changes that of the image; any other counts
    as much as the image does.
    """
    parts: list[QueryPart] = [ImagePart(_read_upload(file, limits))]
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
    )
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
