"""Showing how far an export or import is: a bar in a terminal, else a line every ten seconds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from api.cli.console import counted, stderr
from api.cli.progress import lines, said

if TYPE_CHECKING:
    from indexer.exchange import Moved


@contextmanager
def shown_transfer(verb: str) -> Iterator[Callable[["Moved"], None]]:
    """Show progress on stderr; `verb` says what is done with the rows: "Exported", say."""
    if not stderr.is_terminal:
        yield lines(lambda now: f"{verb} {now.done:,} of {counted(now.total, 'row')}, {_said(now)}")
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
    return said(f"{now.rows_per_s:,.0f} rows/s", now.eta_s, now.failed)
