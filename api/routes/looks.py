"""Complete the look: what goes with an item."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from api.deps import Engine, ItemIdFromPath, read_filter
from api.requests import FieldNames, FilterString
from api.routes.responses import AN_ITEM, ERRORS, example
from api.schemas import ItemOut, thumbnail_url
from api.security import NEEDS_SEARCH
from search.engine import SearchEngine
from search.recommending import Look, LookQuery, Stylist
from search.recommending.looks import MOST_HITS
from search.types import Hit

router = APIRouter(
    prefix="/v1/items", tags=["items"], responses=ERRORS, dependencies=[NEEDS_SEARCH]
)


class LookParameters(BaseModel):
    """What a look is asked for, as an address says it."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(3, ge=1, le=MOST_HITS, description="How many hits of each slot.")
    slots: FieldNames = Field(
        [], description="Slots to fill; default: all that go with the item's own."
    )
    agree: FieldNames = Field(
        [], description="Columns in which hits should agree with the item: what does comes first."
    )
    kind_field: str | None = Field(
        None, max_length=1_000, description="Column of the kind; default: a usual one."
    )
    filter: FilterString | None = Field(
        None,
        description="The short text form of a filter.",
        examples=["price<80 in_stock=true"],
    )


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


# Before the item itself, whose `{id:path}` takes slashes that a proxy has decoded.
@router.get(
    "/{id:path}/look",
    summary="What goes with an item: complete the look",
    responses={200: example(_EXAMPLE)},
)
def look(
    id: ItemIdFromPath,
    request: Request,
    engine: Engine,
    asked: Annotated[LookParameters, Query()],
) -> LookOut:
    """The best few of each kind that goes with the item's, by rules and by style."""
    query = LookQuery(
        id,
        asked.limit,
        slots=tuple(asked.slots),
        kind_field=asked.kind_field,
        agree=tuple(asked.agree),
        filter=read_filter(asked.filter, engine),
    )
    return LookOut.of(_stylist(request, engine).look(query))


def _stylist(request: Request, engine: SearchEngine) -> Stylist:
    """The service's stylist, made when one is first asked for. It keeps texts that it embedded."""
    kept: tuple[SearchEngine, Stylist] | None = getattr(request.app.state, "stylist", None)
    if kept is None or kept[0] is not engine:
        kept = request.app.state.stylist = (engine, Stylist(engine))
    return kept[1]


def _scored(hit: Hit) -> LookHitOut:
    return LookHitOut(score=hit.score, **ItemOut.of(hit.item).model_dump())
