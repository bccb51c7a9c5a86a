"""Filling a new collection of a Milvus server through the server's own bulk import."""

from indexer.bulk.choosing import choose_place
from indexer.bulk.loading import BulkLoad, Held
from indexer.bulk.place import ImportFiles, clear_left_behind

__all__ = ["BulkLoad", "Held", "ImportFiles", "choose_place", "clear_left_behind"]
