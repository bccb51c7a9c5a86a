"""What a run would do, without doing it."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

from indexer.columns import find_roles
from indexer.fetching import Fetched, Fetcher
from indexer.indexing import MEMORY_FILE
from indexer.inference import inspect_rows
from indexer.intake import Intake
from indexer.memory import ImageMemory
from indexer.missing import doubt_of_deletion, find_missing
from indexer.options import IndexOptions
from indexer.patience import PatientStore
from indexer.plan import describe_plan, plan_columns
from indexer.preparing import (
    ColumnsChanged,
    Comparer,
    Comparison,
    ImageChanged,
    Task,
    decode_changed,
)
from indexer.report import ChangePlan, Failure
from indexer.rollout import find_collection
from indexer.rows import read_rows
from indexer.seen import SeenIds
from indexer.sources import open_source
from indexer.staging import StagedEmbeddings
from indexer.tally import Stage, Tally
from search.encoders.base import Encoder
from search.engine import check_model
from search.errors import ImageError
from search.images import ImageLimits
from search.store.base import Store

_WINDOW = 256


def plan_index(
    catalog: str | Path,
    *,
    store: Store | None,
    alias: str,
    options: IndexOptions | None = None,
    encoder: Encoder | None = None,
) -> ChangePlan:
    """Compare a catalogue with the collection behind `alias`; nothing is written anywhere.

    Images that are new or changed are decoded, so that broken ones count as failed, as in a run.
    `store` None stands for a database that is not there yet. `encoder` is the one that the run
    would be given; None: that of the collection's own model.

    Raises:
        ModelMismatchError: the collection was made with another model than the encoder's.
        CatalogError: the catalogue cannot be read, has no row or lacks a column.
        SchemaMismatchError: a type that was asked for contradicts the collection.
        StoreUnavailableError, StoreError: from the store.
    """
    options = options or IndexOptions()
    found = find_collection(store, alias) if store is not None else None
    if found is not None and encoder is not None:
        check_model(found, encoder)
    source = open_source(catalog)
    existing = found.fields if found is not None else None
    roles = find_roles(source.columns, options.columns)
    inspected = inspect_rows(source)
    plan = plan_columns(inspected.types, roles, options.types, existing, options.regions)
    patient = PatientStore(store, found.name) if store is not None and found is not None else None
    tally, counts, missing, notices = Tally(), Counter[str](), 0, plan.notices
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vitrine-")))
        seen = stack.enter_context(SeenIds(folder / "seen.sqlite"))
        fetcher = stack.enter_context(Fetcher(options.limits, options.fetch))
        memory = None
        if (options.job_dir / MEMORY_FILE).exists():
            memory = stack.enter_context(
                closing(ImageMemory(options.job_dir / MEMORY_FILE, read_only=True))
            )
        comparer = Comparer(fetcher, StagedEmbeddings(), tally)
        intake: Intake[tuple[Comparison, ...]] = Intake(
            look_up=patient.hashes if patient is not None else lambda ids: {},
            memory=memory,
            fetch=comparer.fetch,
            work=_Checker(comparer, options.limits, encoder).compare,
            tally=tally,
            workers=options.workers,
            window=_WINDOW,
        )
        for compared in _each(intake.run(read_rows(source, plan, seen))):
            match compared:
                case Failure():
                    tally.fail(compared)
                case ImageChanged(stored=stored):
                    counts["changed" if stored else "new"] += 1
                case ColumnsChanged():
                    counts["columns_only"] += 1
                case _:
                    counts["unchanged"] += 1
        if patient is not None:
            missing = sum(1 for _ in find_missing(patient, seen))
    if found is not None and (doubt := doubt_of_deletion(missing, found.count, tally, options)):
        notices = (*notices, _refusal(missing, found.count, doubt))
    return ChangePlan(
        catalog=str(catalog),
        collection=found.name if found is not None else None,
        new=counts["new"],
        changed=counts["changed"],
        columns_only=counts["columns_only"],
        unchanged=counts["unchanged"],
        failed=tally.failed,
        missing=missing,
        failed_by_code=tally.failed_by_code,
        seconds=tally.seconds,
        failures=tally.sample,
        notices=notices,
        columns=describe_plan(plan, inspected),
    )


@dataclass(frozen=True, slots=True)
class _Checker:
    """Compares rows, and looks whether new images can be decoded. Safe to use from threads."""

    comparer: Comparer
    limits: ImageLimits
    encoder: Encoder | None

    def compare(
        self, task: Task, fetching: Future[Fetched] | None = None
    ) -> tuple[Comparison, ...]:
        compared = self.comparer.compare(task, fetching)
        new = [one for one in compared if isinstance(one, ImageChanged) and one.is_to_decode]
        if not new:
            return compared
        at_least = self.encoder.decode_at_least if self.encoder is not None else None
        try:
            with self.comparer.tally.timed(Stage.DECODE):
                decode_changed(new, self.limits, at_least)
        except ImageError as error:
            others = [
                one for one in compared if not (isinstance(one, ImageChanged) and one.is_to_decode)
            ]
            return (*others, replace(new[0].row.failure(error), times=len(new)))
        return tuple(
            replace(one, data=None) if isinstance(one, ImageChanged) else one for one in compared
        )


def _each(rows: Iterator[tuple[Comparison, ...] | Failure | None]) -> Iterator[Comparison]:
    for row in rows:
        if isinstance(row, Failure):
            yield row
        elif row is not None:
            yield from row


def _refusal(missing: int, items: int, doubt: str) -> str:
    return (
        f"--delete-missing would not remove the {missing:,} of {items:,} items that are not in "
        f"the catalogue: {doubt}. To remove them, add --yes."
    )
