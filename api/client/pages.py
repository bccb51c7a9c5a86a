"""What a service answers as the types of `search` and `indexer`, which the command line shows."""

from pathlib import Path
from typing import Any

from api.jobs.schemas import JobOut
from api.schemas import CollectionOut, FacetOut, HitOut, ItemOut, PageOut, VariantOut
from indexer.report import Failure, IndexReport, Progress, StageRows, StageSeconds
from search.encoders.base import ModelIdentity
from search.filters.names import ITEM_FIELDS
from search.store.base import CollectionInfo
from search.types import (
    Box,
    Contribution,
    Facet,
    FacetRange,
    FacetValue,
    Field,
    Hit,
    Item,
    Page,
)


def page_of(page: PageOut, url: str) -> Page:
    """The page; the image of an item is the address of its picture in the service at `url`."""
    return Page(
        hits=tuple(_hit(hit, url) for hit in page.hits),
        limit=page.limit,
        offset=page.offset,
        collection=page.collection,
        model=page.model,
        warnings=tuple(page.warnings),
        took_ms=page.took_ms,
        total=page.total,
        total_is_exact=page.total_is_exact,
        facets=tuple(map(_facet, page.facets)),
        relevance=page.relevance,
    )


def collection_of(found: CollectionOut) -> CollectionInfo:
    """The collection, with the fields that are its own."""
    fields = tuple(
        Field(field.name, field.type) for field in found.fields if field.name not in ITEM_FIELDS
    )
    model = ModelIdentity(found.model.name, found.model.fingerprint, found.model.dim)
    return CollectionInfo(found.name, model, fields, found.items, tuple(found.aliases))


def progress_of(job: JobOut) -> Progress:
    """How far a job is."""
    now = job.progress
    return Progress(
        done=now.done,
        total=now.total,
        embedded=now.embedded,
        failed=now.failed,
        seconds=now.seconds,
        stages=StageRows(**now.stages.model_dump()),
        ended=job.state != "running",
    )


def report_of(job: JobOut) -> IndexReport:
    """What a job that is done has done; its folder is one of the service's machine."""
    assert job.report is not None
    said: dict[str, Any] = job.report.model_dump(exclude={"folder", "rollout", "stage_seconds"})
    return IndexReport(
        **{
            **said,
            "job": Path(job.report.folder),
            "alias": job.collection,
            "stages": StageSeconds(**job.report.stage_seconds),
            "failures": tuple(Failure(**each) for each in said["failures"]),
            "notices": tuple(said["notices"]),
            "resumed": tuple(said["resumed"]),
            "stage_rows": StageRows(**job.progress.stages.model_dump()),
        }
    )


def _hit(hit: HitOut, url: str) -> Hit:
    return Hit(
        item=_item(hit, url),
        score=hit.score,
        boost=hit.boost,
        variants=tuple(_variant(each, url) for each in hit.variants),
        variant_count=hit.variant_count,
        relevance=hit.relevance,
        region=None if hit.region is None else Box(*hit.region),
        fused=hit.fused,
        rerank=hit.rerank,
        lift=hit.lift,
        contributions=tuple(
            Contribution(each.kind, each.said, each.value) for each in hit.contributions
        ),
    )


def _variant(found: VariantOut, url: str) -> Hit:
    region = None if found.region is None else Box(*found.region)
    return Hit(_item(found, url), found.score, relevance=found.relevance, region=region)


def _item(item: ItemOut, url: str) -> Item:
    picture = f"{url.rstrip('/')}{item.thumbnail_url}"
    return Item(item.id, picture, item.title, item.product_id, item.fields, item.extra)


def _facet(facet: FacetOut) -> Facet:
    return Facet(
        field=facet.field,
        values=tuple(FacetValue(each.value, each.count) for each in facet.values),
        ranges=tuple(FacetRange(each.start, each.end, each.count) for each in facet.ranges),
        distinct=facet.distinct,
        missing=facet.missing,
    )
