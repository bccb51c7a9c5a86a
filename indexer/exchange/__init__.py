"""Embeddings as files: a collection out, and into another one, without a model.

`layout` says how an export looks, `clip_retrieval` knows the folders of that program, `reading`
recognises what a file is, `exporting` writes and `importing` loads.
"""

from indexer.exchange.exporting import ExportReport, export_collection, export_job
from indexer.exchange.importing import ImportReport, import_embeddings
from indexer.exchange.incoming import Exchange
from indexer.exchange.progress import Moved
from indexer.exchange.reading import open_exchange

__all__ = [
    "Exchange",
    "ExportReport",
    "ImportReport",
    "Moved",
    "export_collection",
    "export_job",
    "import_embeddings",
    "open_exchange",
]
