"""Which versions a bulk import is filling: marked in the database itself, by an alias of their own.

An import inserts: going on with a version whose import was killed could double what the server
still adds. So the version is marked before the first file is handed over, and until its rows are
counted. A marked version that nobody fills any more is never gone on with: it is dropped, and made
again from the shards of the job that embedded it.
"""

import time
from contextlib import suppress

from search.errors import CollectionNotFoundError, StoreError
from search.store.base import CollectionInfo, Store

LET_END_S = 120.0
"""How long imports into a collection may go on before it is dropped under them."""

_MARK = "__importing"
_POLL_S = 0.25


def mark(store: Store, collection: str) -> None:
    """Say that an import fills the collection."""
    store.set_alias(f"{collection}{_MARK}", collection)


def unmark(store: Store, collection: str) -> None:
    """Say that it is whole. Nothing happens to a collection without a mark."""
    with suppress(CollectionNotFoundError):
        store.drop_alias(f"{collection}{_MARK}")


def is_marked(info: CollectionInfo) -> bool:
    """Whether the collection has a mark; one that is searched has it of a run that was killed."""
    return f"{info.name}{_MARK}" in info.aliases


def is_unfinished(info: CollectionInfo) -> bool:
    """Whether an import has filled the collection, or still does, and nobody uses it yet."""
    return is_marked(info) and len(info.aliases) == 1


def let_imports_end(store: Store, collection: str, seconds: float = LET_END_S) -> None:
    """Wait until no import goes into the collection any more, but not longer than that.

    Of a collection that is dropped under it, server 2.3.5 never ends an import, and begins none of
    another collection for 15 minutes.
    """
    ends = time.monotonic() + seconds
    with suppress(StoreError):  # A server that lists none: nothing is known to wait for.
        while time.monotonic() < ends:
            if all(each.ended for each in store.imports(collection)):
                return
            time.sleep(_POLL_S)
