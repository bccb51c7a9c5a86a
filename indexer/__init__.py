"""Writes collections: a catalogue in, embeddings and columns in the store out."""

from indexer.columns import ColumnNames
from indexer.indexing import check_catalog, index_catalog
from indexer.options import IndexOptions
from indexer.report import Failure, IndexReport, Progress, StageSeconds

__all__ = [
    "ColumnNames",
    "Failure",
    "IndexOptions",
    "IndexReport",
    "Progress",
    "StageSeconds",
    "check_catalog",
    "index_catalog",
]
