"""What routes are given: the engine, the image limits, an item's id, a filter.

All of it is at hand, so that these are `async`: FastAPI would give each of the others a thread.
"""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import unquote

from fastapi import Depends, Path, Request
from pydantic import JsonValue

from api.images import ItemImages
from api.query_images import QueryImages
from api.readiness import EngineSlot
from api.thumbnails import Thumbnails
from search.config import Settings
from search.engine import SearchEngine
from search.errors import InvalidQueryError
from search.filters import filter_from_json, parse_filter
from search.filters.ast import Filter
from search.images import ImageLimits


async def get_slot(request: Request) -> EngineSlot:
    """Where the engine is, once it is open."""
    slot = request.app.state.engine
    assert isinstance(slot, EngineSlot)
    return slot


async def get_settings(request: Request) -> Settings:
    """The settings that the application was made with."""
    settings = request.app.state.settings
    assert isinstance(settings, Settings)
    return settings


Slot = Annotated[EngineSlot, Depends(get_slot)]


async def get_engine(slot: Slot) -> SearchEngine:
    """The engine; raises the reason why the service is not ready."""
    return slot.get()


async def get_limits(settings: Annotated[Settings, Depends(get_settings)]) -> ImageLimits:
    """The largest image that is read and decoded."""
    return ImageLimits(settings.max_image_bytes, settings.max_image_pixels)


async def get_item_images(request: Request) -> ItemImages:
    """What reads images that are not files of this machine."""
    images = request.app.state.item_images
    assert isinstance(images, ItemImages)
    return images


async def get_query_images(request: Request) -> QueryImages:
    """What fetches the images that queries name by address."""
    images = request.app.state.query_images
    assert isinstance(images, QueryImages)
    return images


async def get_item_id(
    id: Annotated[str, Path(description="The item's id, percent-encoded, slashes too.")],
) -> str:
    """The item's id, decoded; InvalidQueryError if it is not UTF-8."""
    try:
        return unquote(id, errors="strict")
    except UnicodeDecodeError as error:
        raise InvalidQueryError(
            "The item id in the address is not UTF-8.", hint="Percent-encode it as UTF-8."
        ) from error


def read_filter(given: Mapping[str, JsonValue] | str | None, engine: SearchEngine) -> Filter | None:
    """A filter in its JSON form or its short text form; nothing and blank text are no filter.

    Raises:
        FilterError: it cannot be read, names an unknown field or compares with a wrong type.
    """
    if given is None or (isinstance(given, str) and not given.strip()):
        return None
    if isinstance(given, str):
        return parse_filter(given, engine.fields)
    return filter_from_json(dict(given))


async def get_thumbnails(request: Request) -> Thumbnails:
    """Pictures that were made ready before."""
    thumbnails = request.app.state.thumbnails
    assert isinstance(thumbnails, Thumbnails)
    return thumbnails


Engine = Annotated[SearchEngine, Depends(get_engine)]
ServiceSettings = Annotated[Settings, Depends(get_settings)]
Limits = Annotated[ImageLimits, Depends(get_limits)]
ImagesOfItems = Annotated[ItemImages, Depends(get_item_images)]
ImagesOfQueries = Annotated[QueryImages, Depends(get_query_images)]
ReadyPictures = Annotated[Thumbnails, Depends(get_thumbnails)]
ItemIdFromPath = Annotated[str, Depends(get_item_id)]
