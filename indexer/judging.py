"""Stopping a run of which too much fails."""

from pathlib import Path

from indexer.tally import Tally
from search.errors import CatalogError

MIN_ROWS_TO_JUDGE = 100
"""Rows that a run goes on for, however many of them fail, before it may stop for that."""


def judge(tally: Tally, max_failed_share: float, errors: Path, *, at_end: bool = False) -> None:
    """Raise CatalogError if too much fails: most likely the run is set up wrongly as a whole.

    `errors` is the file that lists all failures.
    """
    seen, failed = tally.seen, tally.failed
    if seen < MIN_ROWS_TO_JUDGE and not at_end:
        return
    if failed > max_failed_share * seen:
        first = tally.sample[0]
        raise CatalogError(
            f"{failed} of {seen} rows failed; the first is row {first.row}: {first.reason}",
            hint=f"All are listed in {errors}. To go on regardless, raise --max-failed-share.",
            details={"failed": failed, "rows": seen, "by_code": tally.failed_by_code},
        )
