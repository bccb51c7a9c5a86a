"""How long each stage of an answer took."""

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class StageClock:
    """Milliseconds by stage, from when it is made."""

    _started: float = field(default_factory=time.perf_counter)
    _stages: dict[str, float] = field(default_factory=dict)

    def lap(self, stage: str) -> None:
        """A stage ends now; it began when the one before ended."""
        total = (time.perf_counter() - self._started) * 1000
        self._stages[stage] = total - sum(self._stages.values())

    def split(self, stage: str, part: str, ms: float) -> None:
        """Take a part that was measured by itself out of a stage."""
        self._stages[stage] -= ms
        self._stages[part] = ms

    def took_ms(self) -> dict[str, float]:
        """Milliseconds of each stage, in order, and of all together as `total`."""
        total = (time.perf_counter() - self._started) * 1000
        return {name: round(ms, 3) for name, ms in {**self._stages, "total": total}.items()}
