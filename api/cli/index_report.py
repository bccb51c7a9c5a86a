"""How the outcome of an index run, or of a dry run, is shown."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from api.cli.console import counted, note, stderr, stdout, warn

if TYPE_CHECKING:
    from rich.table import Table

    from indexer import ChangePlan, Failure, IndexReport, PlannedColumn


def show_report(report: "IndexReport") -> None:
    """Print the summary, and on stderr what was left out and why."""
    title = f"{report.collection} ({report.model})"
    items = {"gone": report.missing, "removed": report.deleted}
    stdout.print(_counts(counts_of(report), items, title=title))
    if report.resumed:
        note(f"Took over the work of {counted(len(report.resumed), 'unfinished run')}.")
    seconds = f"{counted(report.rows, 'row')} in {report.seconds:.1f} s"
    if report.embedded:
        seconds += f": {report.images_per_s:.1f} images/s, {report.outside_model_share:.0%} of it"
        seconds += f" outside the model ({stages_of(report)})"
    stdout.print(seconds, highlight=False, soft_wrap=True)
    if report.reused:
        note(f"Embeddings that were made before, and not again: {report.reused:,}.")
    for notice in report.notices:
        note(notice)
    if report.missing > report.deleted:
        note(f"Items that are gone from the catalogue stay: {report.missing_file}")
        note("  --delete-missing removes them.")
    if report.failed:
        warn(f"{counted(report.failed, 'row')} left out. All of them, with the reasons:")
        stderr.print(f"  {report.errors_file}", highlight=False, markup=False, soft_wrap=True)
        _show_failures(report.failures, report.failed, report.failed_by_code)


def report_object(report: "IndexReport") -> dict[str, object]:
    """The report for programs. Where nothing was embedded, no share of the time is the model's."""
    share = round(report.outside_model_share, 4) if report.embedded else None
    return asdict(report) | {
        "rows": report.rows,
        "images_per_s": round(report.images_per_s, 2),
        "outside_model_share": share,
        "errors_file": str(report.errors_file),
    }


def counts_of(report: "IndexReport") -> dict[str, int]:
    """Rows by what became of them, in words."""
    return {
        "new": report.indexed,
        "changed": report.updated,
        "columns only": report.columns_updated,
        "unchanged": report.unchanged,
        "failed": report.failed,
    }


def stages_of(report: "IndexReport") -> str:
    """Busy seconds by stage, on one line."""
    return ", ".join(f"{name} {spent:.1f} s" for name, spent in asdict(report.stages).items())


def show_plan(plan: "ChangePlan") -> None:
    """Print what a run would do, in the words of `show_report`."""
    title = plan.collection or "a new collection"
    stdout.print(f"{plan.catalog} into {title}:", soft_wrap=True)
    show_columns(plan.columns)
    rows = {
        "new": plan.new,
        "changed": plan.changed,
        "columns only": plan.columns_only,
        "unchanged": plan.unchanged,
        "failed": plan.failed,
    }
    stdout.print(_counts(rows, {"gone": plan.missing}))
    stdout.print(f"Nothing was changed. Compared in {plan.seconds:.1f} s.")
    for notice in plan.notices:
        note(notice)
    if plan.failed:
        warn(f"{counted(plan.failed, 'row')} would be left out.")
        _show_failures(plan.failures, plan.failed, plan.failed_by_code)


def _counts(
    rows: Mapping[str, int], items: Mapping[str, int], *, title: str | None = None
) -> "Table":
    """Rows of the catalogue by what becomes of them; below a line, items that it does not have."""
    from rich.table import Table

    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column("")
    table.add_column("", justify="right")
    for name, count in rows.items():
        table.add_row(name, f"{count:,}", style="red" if name == "failed" and count else None)
    table.add_section()
    for name, count in items.items():
        table.add_row(name, f"{count:,}", style="yellow" if name == "gone" and count else None)
    return table


def show_columns(columns: Sequence["PlannedColumn"]) -> None:
    """Print on stderr what becomes of each column."""
    from rich.table import Table

    table = Table(title="Columns", title_justify="left")
    for name in ("column", "becomes", "example"):
        table.add_column(name, overflow="ellipsis", no_wrap=True)
    table.add_column("filled", justify="right")
    for column in columns:
        table.add_row(column.column, column.becomes, column.example, f"{column.filled:.0%}")
    stderr.print(table)


def plan_object(plan: "ChangePlan") -> dict[str, object]:
    """The plan for programs."""
    return asdict(plan)


def _show_failures(
    failures: Sequence["Failure"], failed: int, failed_by_code: Mapping[str, int]
) -> None:
    for failure in failures:
        name = f" ({failure.id})" if failure.id else ""
        note(f"  row {failure.row}{name}: {failure.reason}")
    if failed > len(failures):
        by_code = ", ".join(f"{code} {count:,}" for code, count in failed_by_code.items())
        note(f"  ... in all: {by_code}")
