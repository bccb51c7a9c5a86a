"""What a job asks for, as the indexer wants it."""

from dataclasses import replace

from api.jobs.schemas import JobOptions
from indexer import ColumnNames, IndexOptions
from indexer.regions import Regions
from indexer.rollout.reindexing import ReindexOptions
from indexer.rollout.verification import VerifyOptions
from search.config import Settings
from search.images import ImageLimits


def index_options(said: JobOptions, settings: Settings, *, label: str) -> IndexOptions:
    """The options of a run; InvalidInputError for those that cannot be read."""
    columns = said.columns
    names = ColumnNames(columns.id, tuple(columns.image), columns.title, columns.product_id)
    return replace(
        IndexOptions.of(settings, names, said.types),
        regions=None if said.regions is None else Regions.from_text(said.regions),
        delete_missing=said.delete_missing,
        confirmed=said.delete_anyway,
        label=label,
    )


def reindex_options(said: JobOptions, settings: Settings, index: IndexOptions) -> ReindexOptions:
    """The same for a reindex."""
    limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels)
    return ReindexOptions(
        index=replace(index, trust_staged_images=True),
        verify=VerifyOptions(sample=said.sample, margin=said.margin, limits=limits),
        keep=said.keep,
        switch=said.switch,
        force=said.force,
        fresh=said.fresh,
    )
