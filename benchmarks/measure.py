"""One line of a benchmark's table."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Measure:
    """A number of ours beside the peer's. `ratio` is ours divided by the peer's."""

    what: str
    ours: float
    unit: str
    peer: float | None = None
    peer_is: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours divided by the peer's; None without a peer."""
        return self.ours / self.peer if self.peer else None

    def cells(self) -> tuple[str, str, str, str, str]:
        """The line as text."""
        peer = f"{self.peer:.2f} {self.unit}" if self.peer is not None else ""
        ratio = f"{self.ratio:.2f}" if self.ratio is not None else ""
        return self.what, f"{self.ours:.2f} {self.unit}", peer, self.peer_is, ratio

    def to_json(self) -> dict[str, object]:
        """The line as data."""
        return asdict(self) | {"ratio": self.ratio}


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0..1) of the values lie, interpolated."""
    return float(np.quantile(np.asarray(values), share))
