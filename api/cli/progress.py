"""Progress of a long run on stderr: bars in a terminal, lines elsewhere, JSON for programs."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, TypeVar

from api.cli.console import counted, stderr

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

    from indexer import Progress

LINE_EVERY_S = 10.0
"""Seconds between two lines of progress where no terminal shows a bar."""
JSON_EVERY_S = 1.0
T = TypeVar("T")

STAGES = {
    "read": "Read",
    "fetch": "Fetched",
    "decode": "Decoded",
    "encode": "Encoded",
    "store": "Stored",
}
"""The stages that a person sees, and their names."""


@contextmanager
def shown_progress(*, as_json: bool = False) -> Iterator[Callable[["Progress"], None]]:
    """Show progress on stderr: bars in a terminal, else a line every ten seconds.

    `as_json`: a JSON object a line instead, once a second and at the end.
    """
    if as_json:
        yield lines(
            lambda now: json.dumps(progress_object(now)),
            every_s=JSON_EVERY_S,
            ended=lambda now: now.ended,
        )
    elif not stderr.is_terminal:
        yield lines(_line, ended=lambda now: now.ended)
    else:
        with _bars() as bars:
            rows = bars.add_task("Rows", total=None, said="")
            tasks = {stage: bars.add_task("", total=None, said="") for stage in STAGES}

            def show(now: "Progress") -> None:
                bars.update(rows, completed=now.done, total=now.total, said=_said(now))
                for stage, name in STAGES.items():
                    done = asdict(now.stages)[stage]
                    rate = f"{done / now.seconds:.1f}/s" if now.seconds else ""
                    bars.update(
                        tasks[stage],
                        description=f"  {name}",
                        completed=done,
                        total=now.total,
                        said=rate,
                    )

            yield show


def progress_object(now: "Progress") -> dict[str, object]:
    """The progress for programs."""
    return asdict(now) | {
        "event": "progress",
        "rows_per_s": round(now.rows_per_s, 2),
        "eta_s": None if now.eta_s is None else round(now.eta_s, 1),
        "seconds": round(now.seconds, 3),
    }


def _bars() -> "Bars":
    from rich import progress

    return progress.Progress(
        progress.TextColumn("{task.description:10}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[said]}"),
        console=stderr,
        transient=True,
    )


def lines(
    text: Callable[[T], str],
    *,
    every_s: float = LINE_EVERY_S,
    ended: Callable[[T], bool] = lambda now: False,
) -> Callable[[T], None]:
    """What says how far something is, as a line on stderr, every few seconds and when it ended."""
    last = time.monotonic()

    def say(now: T) -> None:
        nonlocal last
        if ended(now) or time.monotonic() - last >= every_s:
            last = time.monotonic()
            sys.stderr.write(text(now) + "\n")
            sys.stderr.flush()

    return say


def _line(now: "Progress") -> str:
    return f"Indexed {now.done:,} of {counted(now.total, 'row')}, {_said(now)}"


def _said(now: "Progress") -> str:
    return said(f"{now.rows_per_s:.1f} rows/s", now.eta_s, now.failed)


def said(rate: str, eta_s: float | None, failed: int = 0) -> str:
    """Rate, time left and failures on one line, as far as there is something to say of them."""
    parts = [rate]
    if eta_s is not None and round(eta_s):
        minutes, seconds = divmod(round(eta_s), 60)
        parts.append(f"{minutes // 60}:{minutes % 60:02}:{seconds:02} left")
    if failed:
        parts.append(f"{failed:,} failed")
    return ", ".join(parts)
