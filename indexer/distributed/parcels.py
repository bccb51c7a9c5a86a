"""What the stages on a cluster hand to each other: rows in parcels of one batch, as bytes.

A parcel is the same rows from its first stage to its last, so what is lost with a machine is made
again from the same rows, and each row is counted once: when its last stage has come to the driver.
"""

import pickle
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from indexer.fetching import HostStats
from indexer.memory import Known
from indexer.preparing import ColumnsChanged, Outcome, Task
from indexer.report import Failure
from indexer.tally import Count, Stage, Tally
from indexer.writing import Write
from search.errors import VitrineError

if TYPE_CHECKING:
    import pyarrow as pa

COLUMN = "parcel"


@dataclass(frozen=True, slots=True)
class Costs:
    """Busy seconds and rows by stage."""

    seconds: Counter[Stage] = field(default_factory=Counter)
    rows: Counter[Stage] = field(default_factory=Counter)

    @classmethod
    def of(cls, tally: Tally) -> "Costs":
        """What a tally measured."""
        seconds, rows = tally.stages, tally.stage_rows
        return cls(
            Counter({stage: getattr(seconds, stage) for stage in Stage}),
            Counter({stage: getattr(rows, stage) for stage in Stage}),
        )

    def __add__(self, other: "Costs") -> "Costs":
        return Costs(self.seconds + other.seconds, self.rows + other.rows)


@dataclass(frozen=True, slots=True)
class Tasks:
    """Rows that were read, with those that are none."""

    first_row: int
    rows: tuple[Task | Failure, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows as workers have prepared them. `hosts`: all that `worker` has fetched from so far."""

    first_row: int
    outcomes: tuple[Outcome, ...]
    costs: Costs
    worker: str
    hosts: tuple[HostStats, ...]


@dataclass(frozen=True, slots=True)
class Embedded:
    """Rows with their embeddings, and those that need none."""

    first_row: int
    writes: tuple[Write, ...]
    changed: tuple[ColumnsChanged, ...]
    unchanged: int
    failures: tuple[Failure, ...]
    known: dict[str, Known]
    costs: Costs
    worker: str
    hosts: tuple[HostStats, ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of rows: they are in the store, or failed. Its parts add up to `seen`."""

    counts: Counter[Count]
    reused: int
    failures: tuple[Failure, ...]
    known: dict[str, Known]
    costs: Costs
    hosts: dict[str, tuple[HostStats, ...]]

    @property
    def seen(self) -> int:
        """How many rows these are."""
        return self.counts.total() + sum(failure.times for failure in self.failures)


@dataclass(frozen=True, slots=True)
class Staged:
    """Rows of which the embeddings are on disk, for the driver to store."""

    parcels: tuple[Embedded, ...]
    costs: Costs


@dataclass(frozen=True, slots=True)
class Broken:
    """A stage could not go on, for a reason that is no row's."""

    error: VitrineError


Parcel = Tasks | Prepared | Embedded | Stored | Staged | Broken


def pack(parcels: Sequence[Parcel]) -> "pa.Table":
    """Parcels as a table that travels between machines, a row each."""
    import pyarrow as pa

    packed = [pickle.dumps(parcel, protocol=5) for parcel in parcels]
    return pa.table({COLUMN: pa.array(packed, pa.large_binary())})


def unpack(table: "pa.Table") -> list[Parcel]:
    """The parcels of a table that `pack` made."""
    return [pickle.loads(packed.as_buffer()) for packed in table.column(COLUMN)]
