"""Versions of a collection behind one alias: built beside the live one, verified, switched to.

`indexer.rollout.reindexing` builds and switches, `verification` says whether the new version may
take over, `versions` knows which there are and goes back.
"""

from indexer.rollout.versions import (
    Version,
    find_collection,
    first_version,
    prune,
    rollback,
    versions_of,
)

__all__ = [
    "Version",
    "find_collection",
    "first_version",
    "prune",
    "rollback",
    "versions_of",
]
