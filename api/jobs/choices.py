"""What a job asks for, as the indexer wants it."""

from dataclasses import replace

from api.jobs.schemas import JobOptions
from api.query_images import guard_of
from indexer import ColumnNames, IndexOptions
from indexer.regions import Regions
from indexer.rollout.reindexing import ReindexOptions
from indexer.rollout.verification import VerifyOptions
from search.config import Settings


def index_options(said: JobOptions, settings: Settings, *, label: str) -> IndexOptions:
    """The options of a run; InvalidInputError for those that cannot be read.

    Images on the web are asked for as those of queries are: only where their hosts are public, or
    the operator named them.
    """
    columns = said.columns
    names = ColumnNames(columns.id, tuple(columns.image), columns.title, columns.product_id)
    options = IndexOptions.of(settings, names, said.types)
    return replace(
        options,
        fetch=replace(options.fetch, guard=guard_of(settings)),
        regions=None if said.regions is None else Regions.from_text(said.regions),
        delete_missing=said.delete_missing,
        confirmed=said.delete_anyway,
        label=label,
    )


def reindex_options(said: JobOptions, index: IndexOptions) -> ReindexOptions:
    """The same for a reindex."""
    return ReindexOptions(
        index=index,
        verify=VerifyOptions(sample=said.sample, margin=said.margin, limits=index.limits),
        keep=said.keep,
        switch=said.switch,
        force=said.force,
        fresh=said.fresh,
    )
