"""What people made of the hits they were shown."""

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from api.observing.observing import Observing
from api.requests import ItemId
from api.routes.responses import ERRORS, example
from api.security import NEEDS_SEARCH
from search.errors import InvalidQueryError

router = APIRouter(prefix="/v1", tags=["search"], responses=ERRORS, dependencies=[NEEDS_SEARCH])


class FeedbackBody(BaseModel):
    """Somebody chose a hit, or dismissed it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "request_id": "5d0c1a2be0f94b6fa1c6c0e0a8b1f3d2",
                    "item": "v0086",
                    "kind": "click",
                    "rank": 1,
                },
                {"query": "red floral dress", "item": "v0086", "kind": "purchase"},
            ]
        },
    )

    request_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] | None = Field(
        None, description="The `X-Request-ID` that the search was answered with."
    )
    query: Annotated[str, Field(min_length=1, max_length=1_000)] | None = Field(
        None, description="Or the text that was searched for."
    )
    item: ItemId
    kind: Literal["click", "cart", "purchase", "dismissed"]
    rank: int | None = Field(
        None, ge=1, le=16_384, description="Where the hit stood, from 1 at the top."
    )


class FeedbackOut(BaseModel):
    """What became of the feedback."""

    kept: bool = Field(description="False where the service keeps no query log, or is too busy.")


@router.post(
    "/feedback",
    status_code=202,
    summary="Say what became of a hit",
    responses={202: example({"kept": True})},
)
async def feedback(body: FeedbackBody, request: Request) -> FeedbackOut:
    """Kept in the query log, where the service has one; it changes no answer by itself."""
    if (body.request_id is None) == (body.query is None):
        raise InvalidQueryError(
            "Feedback has exactly one of request_id and query.",
            hint="request_id is the X-Request-ID of the search's answer.",
        )
    observing = request.app.state.observing
    assert isinstance(observing, Observing)
    observing.metrics.told(body.kind)
    log = observing.queries
    if log is None:
        return FeedbackOut(kept=False)
    kept = log.feedback(
        request_id=body.request_id,
        query=body.query,
        item=body.item,
        kind=body.kind,
        rank=body.rank,
    )
    return FeedbackOut(kept=kept)
