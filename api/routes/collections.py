"""Collections: what the database holds, and which of it this service searches."""

from typing import Annotated

from fastapi import APIRouter, Depends

from api.deps import Engine, get_settings
from api.routes.responses import ERRORS
from api.schemas import CollectionOut, CollectionsOut
from search.config import Settings
from search.filters import known_fields

router = APIRouter(prefix="/v1", tags=["collections"], responses=ERRORS)


@router.get("/collections", summary="All collections of the database")
def collections(
    engine: Engine, settings: Annotated[Settings, Depends(get_settings)]
) -> CollectionsOut:
    """Each collection with its model, its fields and how many items it has."""
    return CollectionsOut(
        collections=[
            CollectionOut.of(
                info,
                tuple(known_fields(info.fields).values()),
                served=settings.collection in (info.name, *info.aliases),
            )
            for info in engine.store.collections()
        ]
    )
