"""Showing how far an export or import is: a bar in a terminal, else a line every ten seconds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from api.cli.console import stderr
from api.cli.progress import lines

if TYPE_CHECKING:
    from indexer.exchange import Moved


@contextmanager
def shown_transfer(verb: str) -> Iterator[Callable[["Moved"], None]]:
    """Show progress on stderr; `verb` says what is done with the rows: "Exported", say."""
    if not stderr.is_terminal:
        yield lines(lambda now: f"{verb} {now.done:,} of {now.total:,} rows, {_said(now)}")
        return
    from rich import progress

    bar = progress.Progress(
        progress.TextColumn(verb),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[said]}"),
        console=stderr,
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=None, said="")
        yield lambda now: bar.update(task, completed=now.done, total=now.total, said=_said(now))


def _said(now: "Moved") -> str:
    parts = [f"{now.rows_per_s:,.0f} rows/s"]
    if now.eta_s is not None:
        minutes, seconds = divmod(round(now.eta_s), 60)
        parts.append(f"{minutes // 60}:{minutes % 60:02}:{seconds:02} left")
    if now.failed:
        parts.append(f"{now.failed:,} failed")
    return ", ".join(parts)
