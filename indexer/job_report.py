"""A run's report for people, in Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from indexer.plan import Plan
from indexer.report import IndexReport

_HOSTS_SHOWN = 10


def report_text(report: IndexReport, ended: Mapping[str, object], plan: Plan) -> str:
    """`report.md`: counts, rates, hosts, a sample of failures with reasons, types of columns."""
    return "\n".join(_lines(report, ended, plan)) + "\n"


def _lines(report: IndexReport, ended: Mapping[str, object], plan: Plan) -> Iterator[str]:
    yield f"# Index run {report.job.name}"
    yield ""
    yield f"{ended['status']} at {ended['finished']}, into `{report.collection}`"
    yield f"(alias `{report.alias}`), with model `{report.model}`."
    if ended["error"]:
        yield ""
        yield f"It ended early: {_plain(ended['error'])}"
    yield from _counts(report)
    yield from _stages(report)
    yield from _hosts(report)
    yield from _failures(report)
    yield from _columns(plan, report.notices)


def _counts(report: IndexReport) -> Iterator[str]:
    yield from ("", "## Rows", "", "| what became of them | rows |", "|---|---:|")
    counts = {
        "new": report.indexed,
        "changed": report.updated,
        "columns only": report.columns_updated,
        "unchanged": report.unchanged,
        "failed": report.failed,
        "**all**": report.rows,
    }
    for name, count in counts.items():
        yield f"| {name} | {count:,} |"
    yield from ("", "| items that the catalogue does not have | items |", "|---|---:|")
    yield f"| gone | {report.missing:,} |"
    yield f"| removed | {report.deleted:,} |"
    yield ""
    yield f"Images that went through the model: {report.embedded:,}. Embeddings that were taken"
    yield f"from earlier work or from another row with the same image: {report.reused:,}."
    if report.missing:
        yield "The items that are gone are listed in `missing.jsonl`."
    if report.resumed:
        yield ""
        yield "Took over the work of " + ", ".join(f"`{job}`" for job in report.resumed) + "."


def _stages(report: IndexReport) -> Iterator[str]:
    yield from ("", "## Time", "")
    said = f"{report.seconds:.1f} s in all"
    if report.embedded:
        said += f", {report.images_per_s:.1f} embedded images/s;"
        said += f" {report.outside_model_share:.0%} of the time the model was not at work"
    yield f"{said}."
    yield "The stages run beside each other."
    yield from ("", "| stage | rows | busy seconds |", "|---|---:|---:|")
    rows = asdict(report.stage_rows)
    for stage, seconds in asdict(report.stages).items():
        yield f"| {stage} | {rows[stage]:,} | {seconds:.2f} |"


def _hosts(report: IndexReport) -> Iterator[str]:
    if not report.hosts:
        return
    yield from ("", "## Slowest hosts", "")
    yield "| host | requests | MB | retries | failures | mean ms |"
    yield "|---|---:|---:|---:|---:|---:|"
    slowest = sorted(report.hosts, key=lambda host: -host.seconds)
    for host in slowest[:_HOSTS_SHOWN]:
        mean_ms = 1000 * host.seconds / max(host.requests, 1)
        yield (
            f"| {_plain(host.host)} | {host.requests:,} | {host.bytes / 1e6:.1f} | "
            f"{host.retries:,} | {host.failures:,} | {mean_ms:.0f} |"
        )


def _failures(report: IndexReport) -> Iterator[str]:
    if not report.failed:
        return
    yield from ("", "## Failed", "", "| reason | rows |", "|---|---:|")
    for code, count in report.failed_by_code.items():
        yield f"| {code} | {count:,} |"
    yield ""
    yield "All are in `errors.jsonl`. The first:"
    yield ""
    for failure in report.failures:
        name = f" ({_plain(failure.id)})" if failure.id else ""
        yield f"- row {failure.row}{name}: {_plain(failure.reason)} {_plain(failure.hint)}".rstrip()


def _columns(plan: Plan, notices: Sequence[str]) -> Iterator[str]:
    yield from ("", "## Columns", "", "| column | becomes |", "|---|---|")
    for role, column in asdict(plan.roles).items():
        if column:
            shown = ", ".join(column) if isinstance(column, (list, tuple)) else column
            yield f"| {_plain(shown)} | the item's {role} |"
    for column, field in plan.fields.items():
        yield f"| {_plain(column)} | field `{field.name}`, {field.type} |"
    for notice in notices:
        yield ""
        yield _plain(notice)


def _plain(text: object) -> str:
    """Text of a catalogue on one line, none of it read as markup."""
    flat = " ".join(str(text).split())
    return "".join("\\" + letter if letter in "\\`*_[]<>|#" else letter for letter in flat)
