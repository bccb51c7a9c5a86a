"""The counts and clocks of a run, shared by its threads."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from indexer.report import Failure, StageSeconds


class Count(StrEnum):
    """What became of a row that did not fail."""

    INDEXED = "indexed"
    UPDATED = "updated"
    COLUMNS_UPDATED = "columns_updated"
    UNCHANGED = "unchanged"


class Tally:
    """Counts rows and clocks stages. Safe to use from several threads."""

    SAMPLE = 5

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[Count] = Counter()
        self._failed: Counter[str] = Counter()
        self._sample: list[Failure] = []
        self._busy: defaultdict[str, float] = defaultdict(float)
        self._seen = 0
        self._started = time.perf_counter()

    def add(self, count: Count, rows: int = 1) -> None:
        """Count rows that are done: call it when they are in the store, not before."""
        with self._lock:
            self._counts[count] += rows

    def see(self) -> None:
        """Count a row that has come through decoding; it may be on its way to the store."""
        with self._lock:
            self._seen += 1

    def fail(self, failure: Failure) -> None:
        """Count a row that was left out."""
        with self._lock:
            self._failed[failure.code] += 1
            if len(self._sample) < self.SAMPLE:
                self._sample.append(failure)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time that the block takes to the stage: read, decode, encode or store."""
        started = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self._busy[stage] += time.perf_counter() - started

    @property
    def counts(self) -> dict[Count, int]:
        """Rows by what became of them."""
        with self._lock:
            return {count: self._counts[count] for count in Count}

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
    def failed_by_code(self) -> dict[str, int]:
        """Rows that were left out, by code, the commonest first."""
        with self._lock:
            return dict(self._failed.most_common())

    @property
    def sample(self) -> tuple[Failure, ...]:
        """The first few failures."""
        with self._lock:
            return tuple(self._sample)

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
