"""Items: what the catalogue says of one, its picture."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.deps import Engine, ItemIdFromPath
from api.entity_tags import matches, tag_of
from api.images import DEFAULT_SIZE
from api.routes.pictures import PICTURE, ServicePictures, Size
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
    responses=PICTURE,
)
def image(
    id: ItemIdFromPath,
    request: Request,
    engine: Engine,
    pictures: ServicePictures,
    size: Size = DEFAULT_SIZE,
) -> Response:
    """The item's image, scaled down, decoded and encoded anew; or where it is on the web."""
    return pictures.answer(
        engine.item(id),
        size,
        none_match=request.headers.get("if-none-match", ""),
        cached=f"private, max-age={MAX_AGE_S}",
    )


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
