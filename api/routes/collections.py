"""Collections: what the database holds, and which of it this service searches."""

from fastapi import APIRouter

from api.deps import Engine
from api.routes.responses import ERRORS, example
from api.schemas import CollectionOut, CollectionsOut
from api.security import NEEDS_SEARCH
from search.filters import known_fields

router = APIRouter(
    prefix="/v1", tags=["collections"], responses=ERRORS, dependencies=[NEEDS_SEARCH]
)


_EXAMPLE = {
    "collections": [
        {
            "name": "products__v1",
            "aliases": ["products"],
            "items": 400,
            "model": {"name": "mini", "fingerprint": "9f8ad21c", "dim": 256},
            "fields": [
                {"name": "id", "type": "string"},
                {"name": "colour", "type": "string"},
                {"name": "price", "type": "float"},
            ],
            "served": True,
        }
    ]
}


@router.get(
    "/collections",
    summary="All collections of the database",
    responses={200: example(_EXAMPLE)},
)
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
