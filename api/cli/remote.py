"""Commands that ask a running service (`--server`) instead of opening the database themselves."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import typer

from api.cli.console import INTERRUPTED, note, warn
from api.cli.progress import shown_progress
from search.config import Settings
from search.errors import ConfigError, ItemNotFoundError, VitrineError

if TYPE_CHECKING:
    from api.client import Client
    from api.client.calls import Arranged, Related
    from api.jobs.schemas import JobOptions, JobOut
    from api.requests import PartBody
    from indexer import IndexOptions, IndexReport
    from search.store.base import CollectionInfo
    from search.types import Page, Query, QueryPart


def is_asked(settings: Settings, server: str | None, here: Mapping[str, object]) -> bool:
    """Whether a service is to be asked: by `--server`, or by VITRINE_SERVER where no `--db` is.

    `here` are options by which a command works on this machine, and their values.

    Raises:
        ConfigError: one of these was given, and a service is to be asked.
    """
    if settings.server is None or (server is None and here.get("--db")):
        return False
    if given := [name for name, value in here.items() if value]:
        raise ConfigError(
            f"{', '.join(given)} cannot be used with a service, which has its own way.",
            hint="Leave it out, or leave out --server (and VITRINE_SERVER).",
            details={"options": given, "server": settings.server},
        )
    return True


def client_of(settings: Settings) -> "Client":
    """A client of the service that the settings name, with their key."""
    from api.client import Client

    assert settings.server is not None
    if not settings.server.startswith(("http://", "https://")):
        raise ConfigError(
            f"{settings.server!r} is no address of a service.",
            hint="Give --server http://localhost:8000, say.",
        )
    key = settings.api_key.get_secret_value() if settings.api_key else None
    return Client(settings.server, api_key=key)


def search(settings: Settings, query: "Query", filter: str | None) -> "Page":
    """The page that the service answers with; raises as `Client`."""
    from api.client.pages import page_of

    with client_of(settings) as client:
        parts = [_part(part) for part in query.parts]
        found = client.search(parts=parts, filter=filter or None, **_arranged(query))
        return page_of(found, settings.server or "")


def similar(
    settings: Settings,
    query: "Query",
    items: Sequence[str],
    **said: "Unpack[Related]",
) -> "Page":
    """The same for what looks like items, `ID` or `ID:WEIGHT` each."""
    from api.client.pages import page_of

    with client_of(settings) as client:
        weights = dict(_weighted(client, each) for each in items)
        found = client.similar(weights, **said, **_arranged(query))
        return page_of(found, settings.server or "")


def index(
    settings: Settings,
    catalog: str,
    *,
    collection: str | None,
    options: "JobOptions",
    json_progress: bool,
) -> "IndexReport":
    """Have the service index a catalogue, showing progress; a path is one of its machine.

    Ctrl-C cancels the job, as it ends a run on this machine, and waits until what was embedded is
    stored; a second one leaves at once.
    """
    source = catalog if "://" in catalog else str(Path(catalog).absolute())
    with client_of(settings) as client:
        job = client.start_job("index", source, collection=collection, options=options)
        note(f"Job {job.id} of {settings.server}")
        try:
            job = _follow(client, job.id, json_progress=json_progress)
        except KeyboardInterrupt:
            note("Cancelling the job, which stores what was embedded. Ctrl-C again leaves at once.")
            with suppress(VitrineError):
                client.cancel_job(job.id)
                *_, job = client.follow_job(job.id)
        return _report(job)


def job_options(
    chosen: "IndexOptions",
    model: str | None,
    batch_size: int | None,
    max_failed_share: float | None,
) -> "JobOptions":
    """The options as a service takes them, which has its own settings for what was not said."""
    from api.jobs.schemas import ColumnsBody, JobOptions

    columns = chosen.columns
    images = columns.image or ()
    return JobOptions(
        model=model,
        columns=ColumnsBody(
            id=columns.id,
            image=[images] if isinstance(images, str) else list(images),
            title=columns.title,
            product_id=columns.product_id,
        ),
        types=dict(chosen.types),
        regions=None if chosen.regions is None else chosen.regions.name,
        batch_size=batch_size,
        max_failed_share=max_failed_share,
        delete_missing=chosen.delete_missing,
        delete_anyway=chosen.confirmed,
    )


def collections(settings: Settings) -> "list[CollectionInfo]":
    """All collections of the service's database."""
    from api.client.pages import collection_of

    with client_of(settings) as client:
        return [collection_of(each) for each in client.collections().collections]


def _follow(client: "Client", id: str, *, json_progress: bool) -> "JobOut":
    """The job when it has ended; meanwhile its progress is shown."""
    from api.client.pages import progress_of

    job = client.job(id)
    with shown_progress(as_json=json_progress) as show:
        for job in client.follow_job(id):
            show(progress_of(job))
    return job


def _report(job: "JobOut") -> "IndexReport":
    """What the job did; leaves as `vitrine index` does where it was stopped."""
    from api.client.pages import report_of
    from api.client.sending import error_of

    if job.state in ("cancelled", "interrupted", "running"):
        warn(
            f"The job was {job.state if job.state != 'running' else 'left running'}. What was "
            "embedded is stored; the same command goes on from there."
        )
        raise typer.Exit(INTERRUPTED)
    if job.error is not None:
        raise error_of(job.error.code, job.error.message, dict(job.error.details))
    return report_of(job)


def _weighted(client: "Client", given: str) -> tuple[str, float]:
    """The item and its weight; an item of exactly the given id comes first."""
    id, colon, weight = given.rpartition(":")
    if not colon or not id:
        return given, 1.0
    try:
        return client.item(given).id, 1.0
    except ItemNotFoundError:
        with suppress(ValueError):
            return id, float(weight)
        return given, 1.0


def _part(part: "QueryPart") -> "PartBody":
    import base64

    from api.requests import PartBody
    from search.types import ImagePart, ItemPart

    if isinstance(part, ImagePart):
        data = part.image.read_bytes() if isinstance(part.image, Path) else part.image
        crop = None if part.crop is None else list(part.crop.edges)
        image = base64.b64encode(data).decode("ascii")
        return PartBody(image=image, weight=part.weight, crop=crop)
    if isinstance(part, ItemPart):
        return PartBody(item=part.id, weight=part.weight)
    return PartBody(text=part.text, weight=part.weight)


def _arranged(query: "Query") -> "Arranged":
    return {
        "limit": query.limit,
        "offset": query.offset,
        "by": query.by,
        "sort": [f"-{each.field}" if each.descending else each.field for each in query.sort],
        "boosts": [f"{each.field}:{each.weight!r}" for each in query.boosts],
        "diversity": query.diversity,
        "collapse_duplicates": query.collapse_duplicates,
        "relevant": query.relevant,
        "facets": list(query.facets),
        "facets_over": query.facets_over,
        "facets_ignore_own": query.facets_ignore_own,
        "total": query.total,
        "without": list(query.without),
        "literal": query.literal,
        "relevance": query.relevance,
        "min_relevance": query.min_relevance,
        "mode": query.mode,
        "rerank": query.rerank,
        "rerank_depth": query.rerank_depth,
    }
