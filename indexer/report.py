"""What a run says of itself: while it goes on, and when it has ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Failure:
    """A row that was not indexed: `row` is where people find it, `code` is stable."""

    row: int
    id: str | None
    image: str | None
    code: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class StageSeconds:
    """Busy seconds by stage. The stages run beside each other, so they may exceed the total.

    `decode` is the sum over all workers and holds reading, hashing, decoding and preprocessing;
    `read` holds the catalogue and the lookup of what is stored; `encode` is the model alone.
    """

    read: float = 0.0
    decode: float = 0.0
    encode: float = 0.0
    store: float = 0.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: rows done (failed ones among them) of about `total`, and since when."""

    done: int
    total: int
    embedded: int
    failed: int
    seconds: float

    @property
    def rows_per_s(self) -> float:
        """Rows done per second, over the whole run so far."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def eta_s(self) -> float | None:
        """Seconds that the rest will take at this rate; None as long as nothing is done."""
        return max(self.total - self.done, 0) / self.rows_per_s if self.done else None


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What a run did. Every row of the catalogue is in exactly one of the five counts.

    `indexed`: new items. `updated`: items whose image changed, embedded anew. `columns_updated`:
    items of which only other columns changed, not embedded. `failed`: rows that were left out,
    all of them in `errors_file`, the first few in `failures`.
    """

    job: Path
    collection: str
    alias: str
    model: str
    indexed: int
    updated: int
    columns_updated: int
    unchanged: int
    failed: int
    failed_by_code: Mapping[str, int]
    seconds: float
    stages: StageSeconds
    failures: tuple[Failure, ...] = ()
    notices: tuple[str, ...] = field(default=())

    @property
    def rows(self) -> int:
        """Rows that were read."""
        return self.embedded + self.columns_updated + self.unchanged + self.failed

    @property
    def embedded(self) -> int:
        """Images that went through the model and into the collection."""
        return self.indexed + self.updated

    @property
    def images_per_s(self) -> float:
        """Embedded images per second of the whole run."""
        return self.embedded / self.seconds if self.seconds > 0 else 0.0

    @property
    def outside_model_share(self) -> float:
        """Share of the run's time (0..1) in which the model was not at work."""
        return max(0.0, 1.0 - self.stages.encode / self.seconds) if self.seconds > 0 else 0.0

    @property
    def errors_file(self) -> Path:
        """One JSON object a line for every row that was left out."""
        return self.job / "errors.jsonl"
