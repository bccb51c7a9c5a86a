"""What Prometheus reads."""

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from api.observing.observing import Observing

PATH = "/metrics"

router = APIRouter(tags=["metrics"], include_in_schema=False)

_limiter = CapacityLimiter(2)
"""Threads of its own: it has to answer when those of the searches are all at work."""


# Without a scope: where keys are wanted the guard wants one here too, and any key may search.
@router.get(PATH, summary="Metrics for Prometheus")
async def metrics(request: Request) -> Response:
    """All metrics, in Prometheus' text format."""
    observing = request.app.state.observing
    assert isinstance(observing, Observing)
    text = await to_thread.run_sync(observing.metrics.text, limiter=_limiter)
    return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)
