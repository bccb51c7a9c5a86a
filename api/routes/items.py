"""Items: what the catalogue says of one, what looks like it, its picture."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from api.deps import Engine, ImageFetcher, ItemIdFromPath, Limits, read_filter
from api.images import (
    DEFAULT_SIZE,
    MAX_SIZE,
    MIN_SIZE,
    browser_address,
    open_image,
    render_jpeg,
)
from api.requests import Limit, Offset
from api.routes.responses import ERRORS
from api.routes.search import FilterText
from api.schemas import ItemOut, PageOut
from search.types import ItemPart
from search.types import Query as EngineQuery

router = APIRouter(prefix="/v1/items", tags=["items"], responses=ERRORS)

MAX_AGE_S = 3600
"""How long a browser shows a picture again without asking whether it has changed."""


# `{id:path}` takes slashes that a proxy has decoded; the longer addresses have to come first.
@router.get("/{id:path}/similar", summary="Items that look like this one")
def similar(
    id: ItemIdFromPath,
    engine: Engine,
    filter: FilterText = None,
    limit: Limit = 10,
    offset: Offset = 0,
) -> PageOut:
    """Rank the collection against an item, which is not among the hits itself."""
    query = EngineQuery(
        (ItemPart(id),), filter=read_filter(filter, engine), limit=limit, offset=offset
    )
    return PageOut.of(engine.search(query))


@router.get(
    "/{id:path}/image",
    summary="The item's picture, as a JPEG",
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {}}, "description": "The picture."},
        302: {"description": "The image is on a web server: its address there, at its own size."},
        304: {"description": "The picture that the client has is the current one."},
    },
)
def image(
    id: ItemIdFromPath,
    request: Request,
    engine: Engine,
    limits: Limits,
    fetcher: ImageFetcher,
    size: Annotated[
        int, Query(ge=MIN_SIZE, le=MAX_SIZE, description="Pixels along the longer side.")
    ] = DEFAULT_SIZE,
) -> Response:
    """The item's image, scaled down, decoded and encoded anew; or where it is on the web."""
    item = engine.item(id)
    headers = {"Cache-Control": f"private, max-age={MAX_AGE_S}"}
    if (address := browser_address(item)) is not None:
        return RedirectResponse(address, 302, headers=headers)
    file = open_image(item, fetcher)
    etag = file.etag(size)
    headers["ETag"] = etag
    if _has(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    return Response(render_jpeg(file, size, limits), media_type="image/jpeg", headers=headers)


@router.get("/{id:path}", summary="One item")
def item(id: ItemIdFromPath, engine: Engine) -> ItemOut:
    """Everything that the catalogue says of an item."""
    return ItemOut.of(engine.item(id))


def _has(if_none_match: str, etag: str) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in tags or "*" in tags
