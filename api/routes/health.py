"""Whether the process is alive, and whether it can answer."""

import anyio.to_thread
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api.deps import Slot
from api.errors import domain_response, request_id_of, told
from api.readiness import EngineSlot
from api.routes.responses import ERRORS, example
from api.schemas import BehindOut, HealthOut, ReadyOut
from api.version import version
from search.errors import VitrineError
from search.store.base import CollectionInfo
from search.switching import Behind

router = APIRouter(tags=["health"])


@router.get(
    "/healthz",
    summary="Is the process alive?",
    responses={200: example({"status": "ok", "version": "1.0.0"})},
)
async def healthz() -> HealthOut:
    """Answers as long as the process runs, whatever else is missing."""
    return HealthOut(version=version())


@router.get(
    "/readyz",
    summary="Can it answer queries?",
    response_model=ReadyOut,
    responses={
        200: example(
            {
                "status": "ready",
                "collection": "products__v1",
                "model": "mini",
                "items": 400,
                "behind": None,
            }
        ),
        503: ERRORS[503],
    },
)
async def readyz(request: Request, slot: Slot) -> ReadyOut | JSONResponse:
    """Ready when Milvus answers, and the collection is there and of a model that is loaded.

    `behind` says when that is not the live version, but the one before.
    """
    # The one route that catches: here the reason is the answer, and its status is always 503.
    # In threads of its own: it must not wait for those that queries hold.
    own_threads = request.app.state.health_threads
    try:
        info, behind = await anyio.to_thread.run_sync(_state, slot, limiter=own_threads)
    except VitrineError as reason:
        return domain_response(request_id_of(request), reason, 503)
    return ReadyOut(
        collection=info.name,
        model=info.model.name,
        items=info.count,
        behind=behind_out(behind) if behind else None,
    )


def _state(slot: EngineSlot) -> tuple[CollectionInfo, Behind | None]:
    return slot.check(), slot.get().behind()


def behind_out(behind: Behind) -> BehindOut:
    """The version that waits, as it is told."""
    reason = told(behind.reason) if behind.reason else None
    found = behind.collection
    return BehindOut(collection=found.name, model=found.model.name, reason=reason)
