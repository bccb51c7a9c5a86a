"""How far an export or import is, told at a pace that a terminal can show."""

import time
from collections.abc import Callable
from dataclasses import dataclass

EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Moved:
    """Rows done (failed ones among them) of about `total`, and the seconds since the start."""

    done: int
    total: int
    failed: int
    seconds: float

    @property
    def rows_per_s(self) -> float:
        """Rows done per second so far."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def eta_s(self) -> float | None:
        """Seconds that the rest will take at this rate; None as long as nothing is done."""
        return max(self.total - self.done, 0) / self.rows_per_s if self.done else None


class Meter:
    """Counts rows and tells `on_progress`, at most ten times a second and once at the end."""

    def __init__(self, total: int, on_progress: Callable[[Moved], None] | None) -> None:
        self._total = total
        self._tell = on_progress
        self._started = time.perf_counter()
        self._told = 0.0
        self._done = 0
        self._failed = 0

    @property
    def done(self) -> int:
        """Rows that need nothing more."""
        return self._done

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._started

    def add(self, rows: int, failed: int = 0) -> None:
        """Count rows that are done, `failed` of them left out."""
        self._done += rows
        self._failed += failed
        now = time.perf_counter()
        if self._tell is not None and now - self._told >= EVERY_S:
            self._told = now
            self._tell(self._now(max(self._total, self._done)))

    def finish(self) -> None:
        """Tell once more that everything is done."""
        if self._tell is not None:
            self._tell(self._now(self._done))

    def _now(self, total: int) -> Moved:
        return Moved(self._done, total, self._failed, self.seconds)
