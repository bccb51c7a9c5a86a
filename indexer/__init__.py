"""Writes collections: a catalogue in, embeddings and columns in the store out."""

from indexer.columns import ColumnNames
from indexer.dry_run import plan_index
from indexer.indexing import check_catalog, index_catalog
from indexer.options import IndexOptions
from indexer.plan import PlannedColumn
from indexer.report import ChangePlan, Failure, IndexReport, Progress, StageRows, StageSeconds

__all__ = [
    "ChangePlan",
    "ColumnNames",
    "Failure",
    "IndexOptions",
    "IndexReport",
    "PlannedColumn",
    "Progress",
    "StageRows",
    "StageSeconds",
    "check_catalog",
    "index_catalog",
    "plan_index",
]
