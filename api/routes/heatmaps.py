"""Heat maps: where in an item's picture a text is found."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from api.deps import Engine, ImagesOfItems, ItemIdFromPath, Limits
from api.heatmaps import DEFAULT_SIZE, MAX_SIZE, draw_heat_map
from api.images import MIN_SIZE, open_image
from api.routes.responses import ERRORS
from api.security import NEEDS_SEARCH

router = APIRouter(
    prefix="/v1/items", tags=["items"], responses=ERRORS, dependencies=[NEEDS_SEARCH]
)

HeatText = Annotated[
    str,
    Query(
        max_length=500,
        description="What to find in the picture: a word, or a few.",
        examples=["floral"],
    ),
]
HeatSize = Annotated[
    int, Query(ge=MIN_SIZE, le=MAX_SIZE, description="Pixels along the longer side.")
]


@router.get(
    "/{id:path}/heatmap",
    summary="Where in the item's picture a text is found, as a JPEG",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}, "description": "The picture, coloured."}},
)
def heatmap(
    id: ItemIdFromPath,
    text: HeatText,
    engine: Engine,
    limits: Limits,
    images: ImagesOfItems,
    size: HeatSize = DEFAULT_SIZE,
) -> Response:
    """The item's picture in grey, with warm colours where the model finds the text."""
    file = open_image(engine.item(id), images)
    drawn = draw_heat_map(file, text, size, engine=engine, limits=limits)
    # The picture may be replaced, and the model with the next version of the collection.
    return Response(drawn, media_type="image/jpeg", headers={"Cache-Control": "private, no-cache"})
