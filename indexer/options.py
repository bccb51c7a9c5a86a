"""What a caller can choose about a run."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from indexer.columns import ColumnNames
from search.config import Settings
from search.images import ImageLimits
from search.types import FieldType


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """How to index a catalogue.

    `types` overrides the inferred types by column. `decode_workers` 0 means one per core. Above
    `max_failed_share` (0..1) of failed rows a run stops.
    """

    columns: ColumnNames = field(default_factory=ColumnNames)
    types: Mapping[str, FieldType] = field(default_factory=dict)
    batch_size: int = 64
    decode_workers: int = 0
    limits: ImageLimits = field(default_factory=ImageLimits)
    job_dir: Path = Path(".vitrine/jobs")
    max_failed_share: float = 0.5

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
            job_dir=settings.job_dir,
            max_failed_share=settings.max_failed_share,
        )

    @property
    def workers(self) -> int:
        """Threads that decode images."""
        return self.decode_workers or os.cpu_count() or 1
