"""How the outcome of an index run, or of a dry run, is shown."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from api.cli.console import note, stderr, stdout, warn

if TYPE_CHECKING:
    from indexer import ChangePlan, Failure, IndexReport, PlannedColumn


def show_report(report: "IndexReport") -> None:
    """Print the summary, and on stderr what was left out and why."""
    from rich.table import Table

    table = Table(title=f"{report.collection} ({report.model})", title_justify="left")
    table.add_column("Rows")
    table.add_column("", justify="right")
    for name, count in counts_of(report).items():
        table.add_row(name, f"{count:,}", style="red" if name == "failed" and count else None)
    stdout.print(table)
    if report.resumed:
        note(f"Took over the work of {len(report.resumed)} unfinished runs.")
    seconds = f"{report.rows:,} rows in {report.seconds:.1f} s"
    if report.embedded:
        seconds += f": {report.images_per_s:.1f} images/s, {report.outside_model_share:.0%} of it"
        seconds += f" outside the model ({stages_of(report)})"
    stdout.print(seconds, highlight=False, soft_wrap=True)
    if report.reused:
        note(f"{report.reused:,} embeddings were made before and not made again.")
    for notice in report.notices:
        note(notice)
    if report.deleted:
        note(f"Removed {report.deleted:,} items that are not in the catalogue any more.")
    elif report.missing:
        note(
            f"{report.missing:,} items are not in the catalogue any more, and stay "
            f"(--delete-missing removes them): {report.missing_file}"
        )
    if report.failed:
        warn(f"{report.failed:,} rows were left out. All of them, with the reasons:")
        stderr.print(f"  {report.errors_file}", highlight=False, markup=False, soft_wrap=True)
        _show_failures(report.failures, report.failed, report.failed_by_code)


def report_object(report: "IndexReport") -> dict[str, object]:
    """The report for programs."""
    return asdict(report) | {
        "rows": report.rows,
        "images_per_s": round(report.images_per_s, 2),
        "outside_model_share": round(report.outside_model_share, 4),
        "errors_file": str(report.errors_file),
    }


def counts_of(report: "IndexReport") -> dict[str, int]:
    """Rows by what became of them, in words."""
    return {
        "indexed": report.indexed,
        "updated": report.updated,
        "columns only": report.columns_updated,
        "unchanged": report.unchanged,
        "failed": report.failed,
    }


def stages_of(report: "IndexReport") -> str:
    """Busy seconds by stage, on one line."""
    return ", ".join(f"{name} {spent:.1f} s" for name, spent in asdict(report.stages).items())


def show_plan(plan: "ChangePlan") -> None:
    """Print what a run would do."""
    from rich.table import Table

    title = plan.collection or "a new collection"
    stdout.print(f"{plan.catalog} into {title}:", soft_wrap=True)
    table = Table()
    table.add_column("Rows")
    table.add_column("", justify="right")
    for name in ("new", "changed", "columns_only", "unchanged", "failed", "missing"):
        count = getattr(plan, name)
        style = "red" if name in ("failed", "missing") and count else None
        table.add_row(name.replace("_", " "), f"{count:,}", style=style)
    show_columns(plan.columns)
    stdout.print(table)
    stdout.print(f"Nothing was changed. Compared in {plan.seconds:.1f} s.")
    for notice in plan.notices:
        note(notice)
    if plan.failed:
        warn(f"{plan.failed:,} rows would be left out.")
        _show_failures(plan.failures, plan.failed, plan.failed_by_code)


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
