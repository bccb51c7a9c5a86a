"""How far a long look through a collection is."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One stage at one moment: `done` of `total` items, `seconds` after the stage began."""

    name: str
    done: int
    total: int
    seconds: float

    @property
    def per_s(self) -> float:
        """Items per second, over the whole stage so far."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def eta_s(self) -> float | None:
        """Seconds that the rest will take at this rate; None as long as nothing is done."""
        return max(self.total - self.done, 0) / self.per_s if self.per_s > 0 else None


OnStep = Callable[[Step], None]


def unheard(step: Step) -> None:
    """Progress that nobody wants to hear of."""


class Stage:
    """Tells a listener how far one stage is."""

    def __init__(self, name: str, total: int, on_step: OnStep) -> None:
        self._name = name
        self._total = total
        self._on_step = on_step
        self._started = time.monotonic()

    def at(self, done: int) -> None:
        """So many items are done."""
        seconds = time.monotonic() - self._started
        self._on_step(Step(self._name, done, self._total, seconds))
