"""Reports of runs as they go over the wire."""

from dataclasses import asdict

from api.jobs.schemas import CheckOut, FailureOut, JobProgressOut, JobReportOut, RolloutOut
from indexer import IndexReport, Progress
from indexer.rollout.reindexing import ReindexReport


def index_report(done: IndexReport) -> JobReportOut:
    """What an index run did."""
    return JobReportOut(
        folder=str(done.job),
        collection=done.collection,
        model=done.model,
        indexed=done.indexed,
        updated=done.updated,
        columns_updated=done.columns_updated,
        unchanged=done.unchanged,
        failed=done.failed,
        failed_by_code=dict(done.failed_by_code),
        reused=done.reused,
        missing=done.missing,
        deleted=done.deleted,
        seconds=done.seconds,
        stage_seconds=asdict(done.stages),
        notices=list(done.notices),
        resumed=list(done.resumed),
        failures=[FailureOut.model_validate(asdict(each)) for each in done.failures],
    )


def reindex_report(done: ReindexReport) -> JobReportOut:
    """What a reindex built, and whether it is live."""
    rollout = RolloutOut(
        live_before=done.live.name,
        new=done.new.name,
        switched=done.switched,
        dropped=list(done.dropped),
        checks=[
            CheckOut(**asdict(check), passed=check.passed) for check in done.verification.checks
        ],
    )
    return index_report(done.index).model_copy(update={"rollout": rollout})


def progress_of(now: Progress) -> JobProgressOut:
    """How far a run is."""
    eta = None if now.eta_s is None else round(now.eta_s, 1)
    rate, seconds = round(now.rows_per_s, 2), round(now.seconds, 3)
    said = asdict(now) | {"eta_s": eta, "rows_per_s": rate, "seconds": seconds}
    return JobProgressOut.model_validate(said)
