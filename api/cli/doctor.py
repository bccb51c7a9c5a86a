"""`vitrine doctor`."""

import typer
from rich.table import Table
from rich.text import Text

from api.cli import options
from api.cli.console import FAILED, note, print_json, stdout
from api.doctor import Finding, Status, examine

_STYLES = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "bold red"}


def doctor(
    db: options.Db = None,
    model: options.Model = None,
    device: options.Device = None,
    json: options.Json = False,
) -> None:
    """Check the installation: Python, PyTorch, the model, Milvus, disk and memory.

    Nothing is changed. The exit code is 1 if a check fails; warnings leave it at 0.
    """
    settings = options.make_settings(db=db, model=model, device=device)
    findings = []
    for finding in examine(settings):
        findings.append(finding)
        note(f"{finding.check}: {finding.status}")
    failed = any(finding.status is Status.FAIL for finding in findings)
    if json:
        print_json({"ok": not failed, "checks": [_object(finding) for finding in findings]})
    else:
        stdout.print(_table(findings))
    if failed:
        raise typer.Exit(FAILED)


def _table(findings: list[Finding]) -> Table:
    table = Table(header_style="bold")
    for name in ("check", "status", "found", "cure"):
        table.add_column(name, overflow="fold")
    for finding in findings:
        table.add_row(
            Text(finding.check),
            Text(finding.status, style=_STYLES[finding.status]),
            Text(finding.message),
            Text(finding.cure or ""),
        )
    return table


def _object(finding: Finding) -> dict[str, str | None]:
    return {
        "check": finding.check,
        "status": str(finding.status),
        "message": finding.message,
        "cure": finding.cure,
    }
