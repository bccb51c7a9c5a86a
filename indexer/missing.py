"""Items that the catalogue does not have any more: listed always, removed on request."""

from collections.abc import Iterator
from itertools import islice

from indexer.job import Job
from indexer.options import IndexOptions
from indexer.patience import PatientStore
from indexer.seen import SeenIds
from indexer.tally import Tally
from search.errors import ConflictError

_AT_ONCE = 500


def find_missing(store: PatientStore, seen: SeenIds) -> Iterator[str]:
    """Ids of the collection that no row of the catalogue had; all rows must have been read."""
    return seen.missing(store.store.scan_ids(store.collection))


def delete_missing(
    store: PatientStore, job: Job, missing: int, before: int, tally: Tally, options: IndexOptions
) -> int:
    """Remove the items that the job lists as missing; how many there were.

    `before`: items of the collection when the run began, of which a share may go. Those that the
    run added do not make a large share small.

    Raises:
        ConflictError: they are too large a share of the collection, or rows whose id could not
            be read may be theirs, and nobody has confirmed. Nothing was removed then.
    """
    if not missing:
        return 0
    doubt = _doubt(missing, before, tally, options)
    if doubt and not options.confirmed:
        raise ConflictError(
            f"{missing:,} of {before:,} items are not in the catalogue, and were not removed: "
            f"{doubt}. Everything else is indexed.",
            hint=f"Look at {job.folder / 'missing.jsonl'}; to remove them, add --yes.",
            details={"missing": missing, "items": before},
        )
    ids = job.missing()
    deleted = 0
    while chunk := list(islice(ids, _AT_ONCE)):
        deleted += store.delete(chunk)
    store.flush()
    return deleted


def _doubt(missing: int, before: int, tally: Tally, options: IndexOptions) -> str | None:
    """Why it may be a mistake to remove them."""
    if tally.without_id:
        return f"{tally.without_id:,} rows have no id that can be read, and may be theirs"
    if missing > options.max_deleted_share * before:
        return f"that is more than {options.max_deleted_share:.0%}, as after a broken export"
    return None
