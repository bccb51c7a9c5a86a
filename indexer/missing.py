"""Items that the catalogue does not have any more: listed always, removed on request."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice

from indexer.job import Job
from indexer.options import IndexOptions
from indexer.patience import PatientStore
from indexer.seen import SeenIds
from indexer.tally import Tally
from search.errors import ConflictError, VitrineError
from search.filters.ast import Comparison, Op

_AT_ONCE = 500


def find_missing(store: PatientStore, seen: SeenIds) -> Iterator[str]:
    """Ids of the collection that no row of the catalogue had; all rows must have been read."""
    return seen.missing(store.store.scan_ids(store.collection))


def check_deletion(
    job: Job, missing: int, before: int, tally: Tally, options: IndexOptions
) -> None:
    """Whether the items that the job lists as missing may be removed.

    `before`: items of the collection when the run began, of which a share may go. Those that the
    run added do not make a large share small.

    Raises:
        ConflictError: they are too large a share of the collection, or rows whose id could not
            be read may be theirs, and nobody has confirmed.
    """
    doubt = doubt_of_deletion(missing, before, tally, options)
    if doubt:
        raise ConflictError(
            f"{missing:,} of {before:,} items are not in the catalogue, and were not removed: "
            f"{doubt}. Everything else is indexed.",
            hint=f"Look at {job.folder / 'missing.jsonl'}; to remove them, add --yes.",
            details={"missing": missing, "items": before},
        )


def delete_missing(store: PatientStore, job: Job, on_deleted: Callable[[int], None]) -> None:
    """Remove the items that the job lists as missing; `on_deleted` is told how many, step by step.

    It is told of what a step has removed that failed or was interrupted, too, if the store can say.
    """
    ids = job.missing()
    while chunk := list(islice(ids, _AT_ONCE)):
        try:
            deleted = store.delete(chunk)
        except BaseException:
            with suppress(VitrineError):
                there = Comparison("id", Op.IN, tuple(chunk))
                on_deleted(len(chunk) - store.store.count(store.collection, there))
            raise
        on_deleted(deleted)
    store.flush()


def doubt_of_deletion(missing: int, before: int, tally: Tally, options: IndexOptions) -> str | None:
    """Why it may be a mistake to remove them; None if nothing speaks against it."""
    if not missing or options.confirmed:
        return None
    if tally.without_id:
        return f"{tally.without_id:,} rows have no id that can be read, and may be theirs"
    if missing > options.max_deleted_share * before:
        return f"that is more than {options.max_deleted_share:.0%}, as after a broken export"
    return None
