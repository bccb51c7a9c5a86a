"""Collections: what the database holds, and which of it this service searches."""

from fastapi import APIRouter

from api.deps import Engine
from api.routes.responses import ERRORS
from api.schemas import CollectionOut, CollectionsOut
from search.filters import known_fields

router = APIRouter(prefix="/v1", tags=["collections"], responses=ERRORS)


@router.get("/collections", summary="All collections of the database")
def collections(engine: Engine) -> CollectionsOut:
    """Each collection with its model, its fields and how many items it has."""
    answers = engine.info.name
    return CollectionsOut(
        collections=[
            CollectionOut.of(
                info,
                tuple(known_fields(info.fields).values()),
                served=info.name == answers,
            )
            for info in engine.store.collections()
        ]
    )
