"""Complete the look: what goes with an item."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from api.deps import Engine, ItemIdFromPath, read_filter
from api.requests_looks import LookBody, LookParameters
from api.routes.responses import AN_ITEM, ERRORS, example
from api.schemas import ItemOut, thumbnail_url
from api.security import NEEDS_SEARCH
from api.styling import Looks
from search.recommending import Look
from search.types import Hit

router = APIRouter(prefix="/v1", tags=["items"], responses=ERRORS, dependencies=[NEEDS_SEARCH])


class LookHitOut(ItemOut):
    """An item that goes with another."""

    score: float = Field(description="How well the style fits, 0 to 1.")


class LookSlotOut(BaseModel):
    """What fills one slot, best first."""

    slot: str
    hits: list[LookHitOut]


class LookOut(BaseModel):
    """An item, and what goes with it."""

    item: ItemOut
    slot: str = Field(description="The slot of the item itself.")
    kind_field: str | None = Field(
        description="The column that said kinds; null where the pictures did."
    )
    slots: list[LookSlotOut]
    collection: str
    model: str

    @classmethod
    def of(cls, look: Look) -> "LookOut":
        """The look as it goes out."""
        return cls(
            item=ItemOut.of(look.item),
            slot=look.slot,
            kind_field=look.kind_field,
            slots=[
                LookSlotOut(slot=slot.name, hits=[_scored(hit) for hit in slot.hits])
                for slot in look.slots
            ],
            collection=look.collection,
            model=look.model,
        )


_EXAMPLE = {
    "item": AN_ITEM,
    "slot": "dress",
    "kind_field": "kind",
    "slots": [
        {
            "slot": "shoes",
            "hits": [
                AN_ITEM
                | {
                    "id": "v0214",
                    "title": "Northpeak Leather Sandals",
                    "thumbnail_url": thumbnail_url("v0214"),
                    "score": 0.71,
                }
            ],
        }
    ],
    "collection": "products__v1",
    "model": "mini",
}


async def get_looks(request: Request) -> Looks:
    """What completes looks."""
    looks = request.app.state.looks
    assert isinstance(looks, Looks)
    return looks


ServiceLooks = Annotated[Looks, Depends(get_looks)]


# Before the item itself, whose `{id:path}` takes slashes that a proxy has decoded.
@router.get(
    "/items/{id:path}/look",
    summary="What goes with an item: complete the look",
    responses={200: example(_EXAMPLE)},
)
def look(
    id: ItemIdFromPath,
    engine: Engine,
    looks: ServiceLooks,
    asked: Annotated[LookParameters, Query()],
) -> LookOut:
    """The best few of each kind that goes with the item's, by rules and by style."""
    query = asked.query(id, read_filter(asked.filter, engine))
    return LookOut.of(looks.stylist(engine).look(query))


@router.post(
    "/look",
    summary="What goes with an item, by rules of one's own",
    responses={200: example(_EXAMPLE)},
)
def look_by_rules(body: LookBody, engine: Engine, looks: ServiceLooks) -> LookOut:
    """The best few of each kind that goes with the item's, by the rules in the body."""
    rules = body.look_rules()
    query = body.query(body.item, read_filter(body.filter, engine))
    return LookOut.of(looks.stylist(engine).look(query, rules))


def _scored(hit: Hit) -> LookHitOut:
    return LookHitOut(score=hit.score, **ItemOut.of(hit.item).model_dump())
