"""Items: what the catalogue says of one, its picture."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from api.deps import Engine, ImagesOfItems, ItemIdFromPath, Limits, ReadyPictures
from api.entity_tags import matches, tag_of
from api.images import (
    DEFAULT_SIZE,
    MAX_SIZE,
    MIN_SIZE,
    browser_address,
    open_image,
    render_jpeg,
)
from api.routes.responses import ERRORS, ITEM_EXAMPLE
from api.schemas import ItemOut
from api.security import NEEDS_SEARCH

router = APIRouter(
    prefix="/v1/items", tags=["items"], responses=ERRORS, dependencies=[NEEDS_SEARCH]
)

MAX_AGE_S = 3600
"""How long a browser shows a picture again without asking whether it has changed."""


# `{id:path}` takes slashes that a proxy has decoded; the longer addresses have to come first.
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
    images: ImagesOfItems,
    thumbnails: ReadyPictures,
    size: Annotated[
        int, Query(ge=MIN_SIZE, le=MAX_SIZE, description="Pixels along the longer side.")
    ] = DEFAULT_SIZE,
) -> Response:
    """The item's image, scaled down, decoded and encoded anew; or where it is on the web."""
    item = engine.item(id)
    headers = {"Cache-Control": f"private, max-age={MAX_AGE_S}"}
    if (address := browser_address(item)) is not None:
        return RedirectResponse(address, 302, headers=headers)
    file = open_image(item, images)
    etag = file.etag(size)
    headers["ETag"] = etag
    if matches(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    picture = thumbnails.get(etag)
    if picture is None:
        picture = render_jpeg(file, size, limits)
        thumbnails.put(etag, picture)
    return Response(picture, media_type="image/jpeg", headers=headers)


@router.get(
    "/{id:path}",
    summary="One item",
    response_model=ItemOut,
    responses={200: ITEM_EXAMPLE, 304: {"description": "What the client has is current."}},
)
def item(id: ItemIdFromPath, request: Request, engine: Engine) -> Response:
    """Everything that the catalogue says of an item."""
    content = ItemOut.of(engine.item(id)).model_dump_json().encode()
    # Weak: what is sent may be compressed, and is the same all the same.
    headers = {"ETag": f"W/{tag_of(content)}", "Cache-Control": "private, no-cache"}
    if matches(request.headers.get("if-none-match", ""), tag_of(content)):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/json", headers=headers)
