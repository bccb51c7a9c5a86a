"""What people made of the hits they were shown."""

from fastapi import APIRouter, Request

from api.observing.observing import Observing
from api.requests_more import FeedbackBody
from api.routes.responses import ERRORS, example
from api.schemas_more import FeedbackOut
from api.security import NEEDS_SEARCH

router = APIRouter(prefix="/v1", tags=["search"], responses=ERRORS, dependencies=[NEEDS_SEARCH])


@router.post(
    "/feedback",
    status_code=202,
    summary="Say what became of a hit",
    responses={202: example({"kept": True})},
)
async def feedback(body: FeedbackBody, request: Request) -> FeedbackOut:
    """Kept in the query log, where the service has one; it changes no answer by itself."""
    body.check()
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
