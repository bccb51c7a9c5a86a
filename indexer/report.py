"""What a run says of itself: while it goes on, and when it has ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from indexer.fetching import HostStats
from indexer.plan import PlannedColumn


@dataclass(frozen=True, slots=True)
class Failure:
    """A row that was not indexed: `row` is where people find it, `code` is stable.

    `times` is how often it counts: as often as it would have been indexed.
    """

    row: int
    id: str | None
    image: str | None
    code: str
    reason: str
    hint: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class StageSeconds:
    """Busy seconds by stage. The stages run beside each other, so they may exceed the total.

    `read` holds the catalogue and the lookup of what is stored; `fetch` the reading and hashing
    of images, and waiting for those elsewhere not at all; `decode` is the sum over all workers
    and holds preprocessing; `encode` is the model alone, the sum over all lanes; `stage` is
    writing shards.
    """

    read: float = 0.0
    fetch: float = 0.0
    decode: float = 0.0
    encode: float = 0.0
    stage: float = 0.0
    store: float = 0.0


@dataclass(frozen=True, slots=True)
class StageRows:
    """Rows that have come through each stage so far; unchanged ones end at `fetch`."""

    read: int = 0
    fetch: int = 0
    decode: int = 0
    encode: int = 0
    stage: int = 0
    store: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: rows done (failed ones among them) of about `total`, and since when."""

    done: int
    total: int
    embedded: int
    failed: int
    seconds: float
    stages: StageRows = StageRows()
    ended: bool = False

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
    """What a run did. Every row of the catalogue is in exactly one of the first five counts.

    A row whose picture is also indexed in regions is in them as often as it has entities, failed
    ones too, so that they add up.

    `indexed`: new items. `updated`: items whose image changed. `columns_updated`: items of which
    only other columns changed, not embedded. `failed`: rows that were left out, all of them in
    `errors_file`, the first few in `failures`. `reused`: those of the new and updated items whose
    embedding was made before. `missing`: items that the catalogue does not have, listed in
    `missing_file`; `deleted` of them were removed. `resumed`: unfinished runs whose work this one
    took over.
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
    reused: int = 0
    missing: int = 0
    deleted: int = 0
    resumed: tuple[str, ...] = ()
    stage_rows: StageRows = StageRows()
    hosts: tuple[HostStats, ...] = ()
    lanes: int = 1

    @property
    def rows(self) -> int:
        """Rows that were read."""
        written = self.indexed + self.updated + self.columns_updated
        return written + self.unchanged + self.failed

    @property
    def embedded(self) -> int:
        """Images that went through the model and into the collection."""
        return self.indexed + self.updated - self.reused

    @property
    def images_per_s(self) -> float:
        """Embedded images per second of the whole run."""
        return self.embedded / self.seconds if self.seconds > 0 else 0.0

    @property
    def outside_model_share(self) -> float:
        """Share of the run's time (0..1) in which the model was not at work."""
        if self.seconds <= 0:
            return 0.0
        return max(0.0, 1.0 - self.stages.encode / (self.seconds * self.lanes))

    @property
    def errors_file(self) -> Path:
        """One JSON object a line for every row that was left out."""
        return self.job / "errors.jsonl"

    @property
    def missing_file(self) -> Path:
        """One JSON object a line for every item that the catalogue does not have."""
        return self.job / "missing.jsonl"


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """What a run would do, in rows of the catalogue; `missing` counts items of the collection."""

    catalog: str
    collection: str | None
    new: int
    changed: int
    columns_only: int
    unchanged: int
    failed: int
    missing: int
    failed_by_code: Mapping[str, int]
    seconds: float
    failures: tuple[Failure, ...] = ()
    notices: tuple[str, ...] = ()
    columns: tuple[PlannedColumn, ...] = ()
