"""Whether a run writes through the server's bulk import."""

import uuid
from collections.abc import Callable

from indexer.bulk.place import ImportFiles, clear_left_behind
from indexer.fetching.addresses import host_of
from indexer.options import IndexOptions
from search.store.base import CollectionInfo, Store

_CLOUD = ("zillizcloud.com", "zilliz.com", "zilliz.com.cn")


def choose_place(
    options: IndexOptions, store: Store, rows: Callable[[], int], *, used: CollectionInfo | None
) -> tuple[str | None, tuple[str, ...]]:
    """The place for a run's files, None if it upserts; and why it does so where one was named.

    An import is for a collection that is made for it, since it inserts and does not replace, and
    for many `rows`, about as many as the catalogue has. `used`: the collection that was there
    before.

    Raises:
        ConfigError: no server's storage can be there.
        UnavailableError: files cannot be written there.
    """
    place = options.bulk_import
    if place is None:
        return None, ()
    why = _against(store, used) or _too_few(rows(), options.bulk_import_rows)
    if why is not None:
        return None, (f"Rows are upserted and not imported in bulk: {why}.",)
    ImportFiles.below(place, f"vitrine-probe-{uuid.uuid4().hex[:8]}").probe()
    clear_left_behind(options.job_dir)
    return place, ()


def _against(store: Store, used: CollectionInfo | None) -> str | None:
    if store.capabilities.embedded:
        return "an embedded database has no bulk import"
    if host_of(store.address).split(":")[0].endswith(_CLOUD):
        return "Zilliz Cloud has a service of its own for it, which vitrine does not use"
    if used is not None:
        return f"{used.name} was there before, and an import does not replace what it has"
    return None


def _too_few(rows: int, least: int) -> str | None:
    if rows >= least:
        return None
    return f"of about {rows:,} rows it takes longer (it is used from {least:,} on)"
