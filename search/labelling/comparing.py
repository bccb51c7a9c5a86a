"""Values seen against values of the catalogue: how often they agree, and where they do not."""

import heapq
from dataclasses import dataclass, field

MOST_DISAGREEMENTS = 1_000
"""Kept for each attribute, the clearest ones."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """An item of which the catalogue says `catalogue`, and its embedding `seen`.

    Both are values of the attribute. `confidence` and `own` are those of the two values, 0 to 1.
    `clearness` is the natural logarithm of their ratio: 0 means that neither is likelier.
    """

    id: str
    title: str
    image: str
    attribute: str
    catalogue: str
    seen: str
    confidence: float
    own: float
    clearness: float


@dataclass(slots=True)
class Agreement:
    """What the comparison of one attribute with one column found so far.

    `compared` items have a value that the attribute knows, `agreed` of them are seen as that;
    `empty` have no value, and `unknown` one that is none of the attribute's.
    """

    attribute: str
    column: str
    compared: int = 0
    agreed: int = 0
    empty: int = 0
    unknown: int = 0
    _clearest: list[tuple[float, int, Disagreement]] = field(default_factory=list)

    @property
    def accuracy(self) -> float | None:
        """Share of the compared items that agree; None if none was compared."""
        return self.agreed / self.compared if self.compared else None

    @property
    def disagreements(self) -> list[Disagreement]:
        """The clearest ones, clearest first, ties by id; at most `MOST_DISAGREEMENTS`."""
        kept = (each for _, _, each in self._clearest)
        return sorted(kept, key=lambda each: (-each.clearness, each.id))

    def add(self, found: Disagreement | None) -> None:
        """Count a compared item; None if what is seen is what the catalogue says."""
        self.compared += 1
        if found is None:
            self.agreed += 1
            return
        entry = (found.clearness, -self.compared, found)
        if len(self._clearest) < MOST_DISAGREEMENTS:
            heapq.heappush(self._clearest, entry)
        else:
            heapq.heappushpop(self._clearest, entry)
