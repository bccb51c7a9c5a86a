"""A run's rows from its shards into a new collection, by the server's bulk import.

    shards -> files in the server's storage -> a task each -> all counted -> searched

The run stages its rows as every run does. Only when all are in shards the import begins. A version
that is being filled is marked (`indexer.rollout.unfinished`), so that whatever ends the run, the
next one makes it anew. Whenever something is not as it should be, the collection is emptied by
making it again, and the same shards are upserted.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from indexer.bulk.place import ImportFiles
from indexer.exchange.incoming import Incoming
from indexer.exchange.shards import JobExchange
from indexer.patience import PatientStore
from indexer.rollout.unfinished import let_imports_end, mark, unmark
from indexer.rollout.versions import check_alias, publish
from indexer.staging import shards_of
from indexer.tally import Count, Stage, Tally
from search.errors import (
    CollectionNotFoundError,
    StoreError,
    StoreUnavailableError,
    UnavailableError,
    VitrineError,
)
from search.store.base import CollectionInfo, CollectionSpec, Entity, Store
from search.store.bulk import check, import_schema, sound, table_of

_LOG = logging.getLogger(__name__)

T = TypeVar("T")

FILE_BYTES = 256_000_000
"""About how large a file is: few enough files, and each in good time."""
_AT_ONCE = 4
"""Files that the server has at the same time."""
_POLL_S = 0.25
STUCK_S = 1_200.0
"""After how long without any progress an import is given up. Servers give up after 900 s."""
COUNTED_S = 300.0
"""How long all rows may take to be counted once the server says that it is done."""


class _ImportFailedError(Exception):
    """The import cannot be used, and why, as a clause; stays in this module."""


@dataclass(slots=True)
class Held:
    """Rows that are staged, and counted as done once they are in the store.

    In place of a store it takes what that would take, and refuses what it would refuse.
    """

    spec: CollectionSpec
    counts: Counter[Count] = field(default_factory=Counter)
    reused: int = 0

    def upsert(self, entities: Sequence[Entity]) -> None:
        """Check entities; ItemInvalidError as from `Store.upsert`. Writes nothing."""
        check(self.spec, entities)

    def stored(self, counts: Mapping[Count, int], reused: int) -> None:
        """Take rows by what became of them. To be called from one thread at a time."""
        self.counts.update(counts)
        self.reused += reused


@dataclass(slots=True)
class BulkLoad:
    """Fills one collection with what its run has staged.

    `alias` is pointed to it when it is whole; None: it stays a version that nobody searches.
    `notices` says in words what did not go as planned.
    """

    held: Held
    files: ImportFiles
    job: Path
    alias: str | None
    notices: list[str] = field(default_factory=list)

    @classmethod
    def into(cls, info: CollectionInfo, place: str, job: Path, alias: str | None) -> "BulkLoad":
        """For a collection that is empty, with files in a folder of the job's name."""
        held = Held(CollectionSpec(info.name, info.model, info.fields))
        return cls(held, ImportFiles.below(place, job.name), job, alias)

    def load(self, store: PatientStore, tally: Tally, on_wait: Callable[[], None]) -> None:
        """Bring all rows into the collection; when this returns, they are there.

        `on_wait` is called now and then.

        Raises:
            ConflictError: somebody else has pointed the alias elsewhere meanwhile.
            CatalogError: a shard of this run cannot be read.
            StoreUnavailableError, StoreError: from the store; the next run makes the collection
                anew from the shards.
            UnavailableError: shards are gone.
        """
        loading = _Loading(self, store, tally, on_wait)
        with tally.timed(Stage.STORE):
            loading.run()
        tally.stored(self.held.counts, self.held.reused)


@dataclass(frozen=True, slots=True)
class _Loading:
    """One load, while it lasts."""

    bulk: BulkLoad
    store: PatientStore
    tally: Tally
    on_wait: Callable[[], None]

    def run(self) -> None:
        if (alias := self.bulk.alias) is not None:
            self._again(lambda: check_alias(self._db, alias, None))
        try:
            if self._held.counts:
                self._import()
            self._publish()
        except _ImportFailedError as error:
            self._say(f"The bulk import failed: {error}. The rows are upserted instead.")
            self._upsert()

    def _import(self) -> None:
        self._again(lambda: mark(self._db, self._name))
        tasks: dict[int, str] = {}
        under_way: set[int] = set()
        try:
            rows = 0
            for name, written in self._written():
                rows += written
                self._wait(under_way, tasks, until=_AT_ONCE - 1)
                task = self._begin(name)
                tasks[task] = name
                under_way.add(task)
            self._expect(rows)
            self._wait(under_way, tasks, until=0)
            self._count_all(rows, len(tasks))
        except (StoreError, OSError) as error:
            raise _ImportFailedError(_said(error)) from error
        finally:
            self._remove_files()

    def _written(self) -> Iterator[tuple[str, int]]:
        """Write the files, one when it is asked for: the name of each and its rows."""
        import pyarrow.parquet as pq

        batches, number = self._batches(), 0
        while (first := next(batches, None)) is not None:
            name, rows, size = f"{number:05}.parquet", 0, 0
            with (
                self.bulk.files.writing(name) as stream,
                pq.ParquetWriter(stream, import_schema(self._held.spec)) as writer,
            ):
                batch: list[Entity] | None = first
                while batch is not None:
                    table = table_of(self._held.spec, batch)
                    writer.write_table(table)
                    rows, size = rows + table.num_rows, size + table.nbytes
                    self.on_wait()
                    batch = next(batches, None) if size < FILE_BYTES else None
            yield name, rows
            number += 1

    def _batches(self) -> Iterator[list[Entity]]:
        """What this run has staged, each id once, never nothing."""
        spec, shards = self._held.spec, tuple(shards_of(self.bulk.job))
        staged = JobExchange(str(self.bulk.job), shards, spec.model, spec.fields, rows=0)
        for batch in staged.batches():
            if entities := [one.entity for one in batch if isinstance(one, Incoming)]:
                yield entities

    def _begin(self, name: str) -> int:
        try:
            return self._db.begin_import(self._name, self.bulk.files.for_server(name))
        except StoreUnavailableError as error:
            # It may have begun, or may not: asked again, the rows could come twice.
            raise _ImportFailedError(_said(error)) from error

    def _wait(self, under_way: set[int], tasks: dict[int, str], *, until: int) -> None:
        """Wait until the server has at most so many files."""
        before, since = dict[int, str](), time.monotonic()
        while len(under_way) > until:
            now = {}
            for task in sorted(under_way):
                state = self._again(partial(self._db.import_state, task))
                if state.failure is not None:
                    shown = f"{self.bulk.files.shown}/{tasks[task]}"
                    raise _ImportFailedError(
                        f"the server could not import {shown} ({state.failure}); see that it is "
                        "in the storage that the server is configured with"
                    )
                if state.done:
                    under_way.discard(task)
                now[task] = state.progress
            if now != before:
                before, since = now, time.monotonic()
            if time.monotonic() - since > STUCK_S:
                raise _ImportFailedError(f"the server made no progress for {STUCK_S:.0f} s")
            self._pause()

    def _count_all(self, rows: int, tasks: int) -> None:
        """Have everything loaded, and see that all of it is there once."""
        asked = len(self._again(lambda: self._db.imports(self._name)))
        if asked != tasks:
            raise _ImportFailedError(f"the server was asked for {asked} imports, not for {tasks}")
        ends = time.monotonic() + COUNTED_S
        counted = -1
        while counted != rows:
            self._again(lambda: self._db.refresh(self._name))
            counted = self._again(lambda: self._db.count(self._name))
            if counted > rows or (counted < rows and time.monotonic() > ends):
                raise _ImportFailedError(f"{counted:,} of {rows:,} rows were found after it")
            if counted < rows:
                self._pause()
        self.tally.passed(Stage.STORE, rows)
        self.on_wait()

    def _upsert(self) -> None:
        """Make the collection again, so that no import finds it, and upsert what is staged."""
        self._again(lambda: let_imports_end(self._db, self._name))
        self._again(lambda: unmark(self._db, self._name))
        self._again(self._drop)
        self._again(lambda: self._db.create(self._held.spec))
        self._publish()
        rows = 0
        for staged in self._batches():
            batch = sound(self._held.spec, staged)
            self.store.upsert(batch)
            self.tally.passed(Stage.STORE, len(batch))
            rows += len(batch)
            self.on_wait()
        self._expect(rows)
        self.store.flush()

    def _drop(self) -> None:
        with suppress(CollectionNotFoundError):  # The call before was heard, but not its answer.
            self._db.drop(self._name)

    def _publish(self) -> None:
        if (alias := self.bulk.alias) is not None:
            self._again(lambda: publish(self._db, alias, self._name))
        self._again(lambda: unmark(self._db, self._name))

    def _expect(self, rows: int) -> None:
        held = self._held.counts.total()
        if rows < held:
            raise UnavailableError(
                f"{held:,} rows were staged, and the shards of {self.bulk.job} hold {rows:,}.",
                hint="See that nobody removes shards; then run the same command again.",
            )

    def _remove_files(self) -> None:
        try:
            self.bulk.files.remove()
        except OSError as error:
            self._say(
                f"Files of the bulk import are left at {self.bulk.files.shown}, to be removed by "
                f"hand: {error}."
            )

    def _pause(self) -> None:
        self.on_wait()
        self.store.stop.wait(_POLL_S)

    def _say(self, notice: str) -> None:
        _LOG.warning(notice)
        self.bulk.notices.append(notice)

    def _again(self, call: Callable[[], T]) -> T:
        return self.store.again(call)

    @property
    def _held(self) -> Held:
        return self.bulk.held

    @property
    def _db(self) -> Store:
        return self.store.store

    @property
    def _name(self) -> str:
        return self._held.spec.name


def _said(error: Exception) -> str:
    said = error.message if isinstance(error, VitrineError) else str(error)
    return said.rstrip(".")
