"""What a caller can choose about a run."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from indexer.columns import ColumnNames
from indexer.fetching import FetchOptions
from indexer.regions import Regions
from indexer.staged_images import StagedImages
from search.config import Settings
from search.images import ImageLimits
from search.types import FieldType

MOST_BY_DEFAULT = 64
"""Images that the encoder gets at once, unless somebody wants more: a kill loses what it has."""

LEAST_TO_IMPORT = 300_000
"""Rows below which upserts are quicker than a bulk import (docs/milvus.md)."""


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """How to index a catalogue.

    `types` overrides the inferred types by column. `decode_workers` 0 means one per core. Above
    `max_failed_share` (0..1) of failed rows a run stops.

    Embeddings are written to the job's folder in shards of `shard_rows`, or of what there is
    every `shard_s` seconds: that much work is lost when a run is killed. Those in the job folders
    `reuse` are taken instead of embedding the same image again with the same model.

    `shards_dir` is a folder or an address (`s3://bucket/folder`) to keep the shards of all jobs in,
    each job's in a folder of its name; None: in the job's folder.

    `staged_images` is a folder that keeps a copy of every image that is fetched from elsewhere. A
    copy spares downloading it for another model; with `trust_staged_images` its host is not even
    asked whether it changed.

    `batch_size` is how many images the encoder gets at once; None: as many as go through its model
    at once, at most `MOST_BY_DEFAULT`.

    `regions` are indexed of each picture beside the whole; None: nobody said which, so there are
    none, and a collection that holds some is refused.

    `delete_missing` removes items that the catalogue does not have any more; above
    `max_deleted_share` (0..1) of the collection only when `confirmed`.

    `bulk_import` is a folder or an address (`s3://bucket/folder`) in the storage of a Milvus
    server: a collection that is made for a catalogue of `bulk_import_rows` or more is filled by
    the server's bulk import from there. None: everything is upserted.

    `label` stays in the job's manifest: by it whoever asked for the run finds its folder.
    """

    columns: ColumnNames = field(default_factory=ColumnNames)
    types: Mapping[str, FieldType] = field(default_factory=dict)
    batch_size: int | None = None
    decode_workers: int = 0
    limits: ImageLimits = field(default_factory=ImageLimits)
    fetch: FetchOptions = field(default_factory=FetchOptions)
    job_dir: Path = Path(".vitrine/jobs")
    max_failed_share: float = 0.5
    shard_rows: int = 1_000
    shard_s: float = 60.0
    reuse: tuple[Path, ...] = ()
    shards_dir: str | None = None
    staged_images: Path | None = None
    trust_staged_images: bool = False
    regions: Regions | None = None
    delete_missing: bool = False
    max_deleted_share: float = 0.2
    confirmed: bool = False
    bulk_import: str | None = None
    bulk_import_rows: int = LEAST_TO_IMPORT
    label: str | None = None

    @property
    def rows_at_once(self) -> int:
        """How many rows are handed on together where no encoder is at hand to ask."""
        return self.batch_size or MOST_BY_DEFAULT

    @classmethod
    def of(
        cls, settings: Settings, columns: ColumnNames, types: Mapping[str, FieldType]
    ) -> "IndexOptions":
        """The options that the settings stand for."""
        return cls(
            columns=columns,
            types=types,
            batch_size=settings.batch_size,
            decode_workers=settings.decode_workers,
            limits=ImageLimits(settings.max_image_bytes, settings.max_image_pixels),
            fetch=FetchOptions(
                per_host=settings.fetch_per_host, timeout_s=settings.fetch_timeout_s
            ),
            job_dir=settings.jobs,
            max_failed_share=settings.max_failed_share,
            shards_dir=settings.shards_dir,
            bulk_import=settings.bulk_import,
            staged_images=settings.staged_images,
        )

    @property
    def images(self) -> StagedImages | None:
        """The copies of images, if there is to be a folder of them."""
        if self.staged_images is None:
            return None
        return StagedImages(self.staged_images.absolute(), self.trust_staged_images)

    @property
    def workers(self) -> int:
        """Threads that decode images."""
        return self.decode_workers or os.cpu_count() or 1
