"""Jobs: catalogues indexed while the service answers; and the way back to an earlier version."""

from collections.abc import AsyncIterator, Sequence
from contextlib import closing, suppress
from typing import Annotated

import anyio
import anyio.to_thread
from fastapi import APIRouter, Body, Depends, Header, Path, Query, Request
from fastapi.openapi.models import Example
from fastapi.responses import Response, StreamingResponse

from api.deps import ServiceSettings, Slot
from api.images import DEFAULT_SIZE
from api.jobs.errors import StateConflictError, VersionNotFoundError
from api.jobs.row_pictures import item_of, picture_address
from api.jobs.running import Jobs
from api.jobs.schemas import (
    ALIAS,
    FailureOut,
    FailuresOut,
    JobBody,
    JobOut,
    JobsOut,
    LeftOutRow,
    RollbackBody,
    RolledBackOut,
)
from api.jobs.streams import EventStream, Streams
from api.readiness import EngineSlot
from api.routes.pictures import PICTURE, ServicePictures, Size
from api.routes.responses import ERRORS
from api.schemas import thumbnail_url
from api.security import NEEDS_ADMIN
from api.security.access import note
from indexer.rollout import rollback as go_back
from search.errors import CollectionNotFoundError, ConflictError, NotFoundError, VitrineError
from search.store import open_store_of

LOOKED_AT_EVERY_S = 0.4
"""Seconds between two looks at a job that is followed: at most so often it has an event."""

HEARTBEAT_S = 10.0
"""Seconds without an event after which a comment says that the connection still lives."""

router = APIRouter(
    prefix="/v1",
    tags=["jobs"],
    responses={
        **ERRORS,
        403: ERRORS[403] | {"description": "The key is not for this, or the source not allowed."},
        404: ERRORS[404] | {"description": "There is no such job, alias or version."},
        409: ERRORS[409] | {"description": "Another job writes there, or this one cannot do it."},
    },
    dependencies=[NEEDS_ADMIN],
)


def get_jobs(request: Request) -> Jobs:
    """The service's jobs."""
    jobs = request.app.state.jobs
    assert isinstance(jobs, Jobs)
    return jobs


async def get_streams(request: Request) -> Streams:
    """The streams of events that the service has open."""
    streams = request.app.state.job_streams
    assert isinstance(streams, Streams)
    return streams


ServiceJobs = Annotated[Jobs, Depends(get_jobs)]
ServiceStreams = Annotated[Streams, Depends(get_streams)]
JobId = Annotated[str, Path(max_length=300, description="The job's id, as `GET /v1/jobs` has it.")]
Limit = Annotated[int, Query(ge=1, le=200, description="How many.")]
Offset = Annotated[int, Query(ge=0, le=1_000_000, description="How many to leave out first.")]


_ROLLBACKS: dict[str, Example] = {
    "before": {"summary": "The version before", "value": {}},
    "to": {"summary": "A version by its number", "value": {"to": 3}},
}


@router.post("/jobs", summary="Start an index or reindex", status_code=202)
def start(body: JobBody, request: Request, jobs: ServiceJobs) -> JobOut:
    """The job has begun; `GET /v1/jobs/{id}/events` follows it. One at a time for a collection."""
    job = jobs.start(body)
    note(request, job=job.id, kind=job.kind, source=job.source)
    return job


@router.get("/jobs", summary="Jobs, newest first")
def jobs_page(jobs: ServiceJobs, limit: Limit = 20, offset: Offset = 0) -> JobsOut:
    """Those of this service, and runs of the command line that used the same job folder."""
    found = jobs.known.all()
    return JobsOut(
        jobs=found[offset : offset + limit], limit=limit, offset=offset, total=len(found)
    )


@router.get("/jobs/{id}", summary="One job")
def job(id: JobId, jobs: ServiceJobs) -> JobOut:
    """How far it is, or what it did."""
    return jobs.known.get(id)


@router.get(
    "/jobs/{id}/events",
    summary="Follow a job",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Server-sent events. `progress` when something has changed, a few a "
            "second at most; `end` once, when it has ended, after which the stream ends. The data "
            "of both is the job, as `GET /v1/jobs/{id}` has it.",
            "content": {
                "text/event-stream": {
                    "schema": {"type": "string"},
                    "example": 'id: 7\nevent: progress\ndata: {"id": "20261121T201500.123Z-'
                    'products", "state": "running"}\n\n',
                }
            },
        }
    },
)
def events(
    id: JobId,
    jobs: ServiceJobs,
    streams: ServiceStreams,
    last_event_id: Annotated[
        str, Header(max_length=100, description="The last event that was seen: none is repeated.")
    ] = "",
) -> EventStream:
    """A comment comes every ten seconds in which nothing else does."""
    jobs.known.get(id)  # Refused before the answer begins.
    seen = int(last_event_id) if last_event_id.isdecimal() else -1
    return EventStream(_events(jobs, id, seen), streams)


@router.get("/jobs/{id}/failures", summary="Rows that a job left out")
def failures(
    id: JobId,
    jobs: ServiceJobs,
    slot: Slot,
    settings: ServiceSettings,
    limit: Limit = 50,
    offset: Offset = 0,
) -> FailuresOut:
    """Each with its reason; of a job that was resumed, those of its last run."""
    job = jobs.known.get(id)
    found = jobs.known.failures(id)
    shown = found[offset : offset + limit]
    known = _items(slot, shown) if job.collection == settings.collection else frozenset()
    base = jobs.known.base(id)

    def picture(row: FailureOut) -> str | None:
        if row.id is not None and row.id in known:
            return thumbnail_url(row.id)
        return picture_address(id, row) if item_of(row, base, jobs.allowed) else None

    rows = [LeftOutRow(**each.model_dump(), thumbnail_url=picture(each)) for each in shown]
    return FailuresOut(failures=rows, limit=limit, offset=offset, total=len(found))


@router.get(
    "/jobs/{id}/failures/{row}/image",
    summary="The picture of a row that a job left out",
    response_class=Response,
    responses=PICTURE,
)
def row_image(
    id: JobId,
    row: Annotated[int, Path(ge=0, le=2**53, description="The row, as the failure has it.")],
    request: Request,
    jobs: ServiceJobs,
    pictures: ServicePictures,
    item: Annotated[
        str | None, Query(max_length=4_000, description="The id that the failure has, if any.")
    ] = None,
    size: Size = DEFAULT_SIZE,
) -> Response:
    """The row's own image, made anew as those of items are, if it lies where jobs may read."""
    jobs.known.get(id)
    failure = jobs.known.failure(id, row, item)
    found = None if failure is None else item_of(failure, jobs.known.base(id), jobs.allowed)
    # Told in the words of the row, and the same whatever keeps it from being shown.
    with suppress(NotFoundError):
        if found is not None:
            asked = request.headers.get("if-none-match", "")
            # Not kept without asking: it is an image that somebody is about to mend.
            return pictures.answer(found, size, none_match=asked, cached="private, no-cache")
    raise NotFoundError(
        f"There is no picture of row {row} to show.",
        hint="Only readable images below VITRINE_JOB_SOURCES are, of rows that the job left out.",
        details={"id": id, "row": row},
    )


@router.delete("/jobs/{id}", summary="Cancel a job", status_code=202)
def cancel(id: JobId, request: Request, jobs: ServiceJobs) -> JobOut:
    """It stops at its next batch: what was embedded is stored, and it can be resumed."""
    note(request, job=id)
    return jobs.cancel(id)


@router.post("/jobs/{id}/resume", summary="Go on with a job", status_code=202)
def resume(id: JobId, request: Request, jobs: ServiceJobs) -> JobOut:
    """Of one that failed, or was cancelled or interrupted; nothing is embedded again."""
    note(request, job=id)
    return jobs.resume(id)


@router.post("/collections/{alias}/rollback", summary="Go back to an earlier version")
def rollback(
    alias: Annotated[str, Path(pattern=ALIAS, description="Alias of the versions.")],
    request: Request,
    settings: ServiceSettings,
    body: Annotated[RollbackBody | None, Body(openapi_examples=_ROLLBACKS)] = None,
) -> RolledBackOut:
    """Point the alias at the version before the live one, or at `to`. Queries go on."""
    to = None if body is None else body.to
    try:
        with closing(open_store_of(settings, create=False)) as store:
            done = go_back(store, alias, to)
    except CollectionNotFoundError as error:
        raise VersionNotFoundError(error.message, hint=error.hint, details=error.details) from None
    except ConflictError as error:
        raise StateConflictError(error.message, hint=error.hint, details=error.details) from None
    note(request, alias=alias, live=done.now.name)
    return RolledBackOut(
        alias=done.alias,
        live_before=done.before,
        live=done.now.name,
        model=done.now.model.name,
        items=done.now.count,
        took_ms=round(done.seconds * 1000, 3),
    )


def _items(slot: EngineSlot, rows: Sequence[FailureOut]) -> frozenset[str]:
    """Ids of those rows whose items the served collection has; none while it cannot be asked."""
    ids = sorted({row.id for row in rows if row.id})
    try:
        engine = slot.get()
        return frozenset(engine.store.get(engine.info.name, ids))
    except VitrineError:
        return frozenset()


async def _events(jobs: Jobs, id: str, seen: int) -> AsyncIterator[str]:
    """The events of a job, until it has ended."""
    told = anyio.current_time()
    while True:
        job = await anyio.to_thread.run_sync(jobs.known.get, id)
        if job.state != "running":
            yield _event("end", job)
            return
        if job.revision != seen:
            seen, told = job.revision, anyio.current_time()
            yield _event("progress", job)
        elif anyio.current_time() - told >= HEARTBEAT_S:
            told = anyio.current_time()
            yield ": still running\n\n"
        await anyio.sleep(LOOKED_AT_EVERY_S)


def _event(name: str, job: JobOut) -> str:
    return f"id: {job.revision}\nevent: {name}\ndata: {job.model_dump_json()}\n\n"
