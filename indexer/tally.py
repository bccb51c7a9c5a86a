"""The counts and clocks of a run, shared by its threads."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum

from indexer.report import Failure, StageRows, StageSeconds


class Count(StrEnum):
    """What became of a row that did not fail."""

    INDEXED = "indexed"
    UPDATED = "updated"
    COLUMNS_UPDATED = "columns_updated"
    UNCHANGED = "unchanged"


class Stage(StrEnum):
    """The stages of the pipeline, in the order in which a row goes through them."""

    READ = "read"
    FETCH = "fetch"
    DECODE = "decode"
    ENCODE = "encode"
    STAGE = "stage"
    STORE = "store"


class Tally:
    """Counts rows and clocks stages. Safe to use from several threads."""

    SAMPLE = 5

    def __init__(self) -> None:
        self.lanes = 1
        """How many batches are embedded at once."""
        self._lock = threading.Lock()
        self._counts: Counter[Count] = Counter()
        self._passed: Counter[Stage] = Counter()
        self._failed: Counter[str] = Counter()
        self._sample: list[Failure] = []
        self._busy: defaultdict[str, float] = defaultdict(float)
        self._seen = self._reused = self._without_id = 0
        self._started = time.perf_counter()

    def add(self, count: Count, rows: int = 1) -> None:
        """Count rows that are done: call it when they are in the store, not before."""
        with self._lock:
            self._counts[count] += rows

    def stored(self, counts: Mapping[Count, int], reused: int) -> None:
        """Count rows that are in the store, `reused` of them with embeddings made before."""
        with self._lock:
            self._counts.update(counts)
            self._reused += reused

    def reuse(self, rows: int = 1) -> None:
        """Count rows of those that are done whose embedding was made before."""
        with self._lock:
            self._reused += rows

    def see(self, rows: int = 1) -> None:
        """Count rows that have come through decoding; they may be on their way to the store."""
        with self._lock:
            self._seen += rows

    def passed(self, stage: Stage, rows: int = 1) -> None:
        """Count rows that have come through a stage."""
        with self._lock:
            self._passed[stage] += rows

    def fail(self, failure: Failure) -> None:
        """Count a row that was left out."""
        with self._lock:
            self._failed[failure.code] += failure.times
            self._without_id += failure.id is None
            if len(self._sample) < self.SAMPLE:
                self._sample.append(failure)

    @contextmanager
    def timed(self, stage: Stage) -> Iterator[None]:
        """Add the time that the block takes to the stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self._busy[stage] += time.perf_counter() - started

    def spend(self, stage: Stage, seconds: float) -> None:
        """Add busy seconds that were measured elsewhere to a stage."""
        with self._lock:
            self._busy[stage] += seconds

    @property
    def counts(self) -> dict[Count, int]:
        """Rows by what became of them."""
        with self._lock:
            return {count: self._counts[count] for count in Count}

    @property
    def reused(self) -> int:
        """Rows in the store whose embedding was made before."""
        with self._lock:
            return self._reused

    @property
    def seen(self) -> int:
        """Rows that have come through decoding, or failed before."""
        with self._lock:
            return self._seen

    @property
    def failed(self) -> int:
        """Rows that were left out."""
        with self._lock:
            return self._failed.total()

    @property
    def without_id(self) -> int:
        """Rows that were left out and of which not even the id is known."""
        with self._lock:
            return self._without_id

    @property
    def failed_by_code(self) -> dict[str, int]:
        """Rows that were left out, by code, the commonest first."""
        with self._lock:
            return dict(self._failed.most_common())

    @property
    def sample(self) -> tuple[Failure, ...]:
        """The first few failures, by row."""
        with self._lock:
            return tuple(sorted(self._sample, key=lambda failure: failure.row))

    @property
    def done(self) -> int:
        """Rows that need nothing more, failed ones among them."""
        with self._lock:
            return self._counts.total() + self._failed.total()

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self._started

    @property
    def stages(self) -> StageSeconds:
        """Busy seconds by stage."""
        with self._lock:
            return StageSeconds(**self._busy)

    @property
    def stage_rows(self) -> StageRows:
        """Rows that have come through each stage."""
        with self._lock:
            return StageRows(**{stage.value: rows for stage, rows in self._passed.items()})
