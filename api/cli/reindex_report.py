"""How a new version, its verification and the switch are shown."""

from typing import TYPE_CHECKING

from api.cli.console import note, stdout, warn
from api.cli.index_report import report_object, show_report
from indexer.rollout.versions import alias_and_number

if TYPE_CHECKING:
    from rich.table import Table

    from indexer.rollout.reindexing import ReindexReport
    from indexer.rollout.verification import Check, Verification
    from search.store.base import CollectionInfo


def reindex_object(report: "ReindexReport") -> dict[str, object]:
    """The report for programs."""
    return {
        "alias": report.alias,
        "live_before": report.live.name,
        "new": report.new.name,
        "model": report.new.model.name,
        "resumed": report.resumed,
        "switched": report.switched,
        "switch_ms": round(report.switch_seconds * 1000, 3),
        "dropped": list(report.dropped),
        "verification": report.verification.to_json(),
        "index": report_object(report.index),
    }


def show_reindex(report: "ReindexReport") -> None:
    """Print what was built, both sides of the verification, and what is live now."""
    show_report(report.index)
    # Beside the table and not in it: there a long name would leave no room for the numbers.
    for side, info in (("live", report.live), ("new", report.new)):
        stdout.print(_side(side, info), markup=False, highlight=False, soft_wrap=True)
    stdout.print(_table(report.verification))
    for check in report.verification.checks:
        if check.reason:
            warn(f"{check.name}: {check.reason}.")
    if report.switched:
        _show_switch(report)
        return
    stdout.print(f"{report.alias} still leads to {report.live.name}.", soft_wrap=True)
    name = report.new.name
    if report.verification.passed:
        note(f"{name} is ready: run the same command without --no-switch to switch to it.")
    else:
        note(f"{name} is kept to be looked at: vitrine search QUERY -c {name}")
        note("The same command brings it up to date and verifies again; with --force it switches")
        note(
            f"regardless, with --fresh it begins anew. vitrine collections --drop {name} drops it."
        )


def _show_switch(report: "ReindexReport") -> None:
    took = f"{report.switch_seconds * 1000:.0f} ms"
    now = f"{report.alias} leads to {report.new.name} now (switched in {took})."
    stdout.print(now, soft_wrap=True)
    if report.dropped:
        note(f"Dropped: {', '.join(report.dropped)}.")
    parts = alias_and_number(report.live.name)
    # What is no version of the alias is not what a roll back leads to.
    if report.live.name not in report.dropped and parts and parts[0] == report.alias:
        note(f"To go back to {report.live.name}: vitrine rollback")


def _side(side: str, info: "CollectionInfo") -> str:
    return f"{side}: {info.name}, model {info.model.name}"


def _table(verification: "Verification") -> "Table":
    from rich.table import Table

    table = Table(title="Verification", title_justify="left")
    table.add_column("check")
    for name in ("live", "new", "wanted"):
        table.add_column(name, justify="right", overflow="fold")
    table.add_column("passed")
    for row in map(_row, verification.checks):
        table.add_row(*row, style="red" if row[-1] == "no" else None)
    return table


def _row(check: "Check") -> tuple[str, str, str, str, str]:
    passed = "yes" if check.passed else "no"
    return check.name, _number(check.live), _number(check.new), check.wanted, passed


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
