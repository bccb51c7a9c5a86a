"""`vitrine make-queries --from-log`: queries and right answers from a service's query log."""

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from api.cli.console import counted, note, print_json, stdout

if TYPE_CHECKING:
    from search.evaluation import Logged


def make_from_log(
    logs: Sequence[Path], queries: Path, qrels: Path, *, least: int, force: bool, json: bool
) -> None:
    """Read the logs, write both files and say what came of it; raises as `queries_from_log`."""
    from search.evaluation import queries_from_log, write_logged

    logged = queries_from_log(logs, least=least)
    write_logged(logged, queries, qrels, replace=force)
    if json:
        print_json(logged_object(logged, queries, qrels))
        return
    _show(logged)
    note(f"Wrote {queries} and {qrels}")
    note(f"Go on: vitrine eval --queries {quote(str(queries))} --qrels {quote(str(qrels))}")


def logged_object(logged: "Logged", queries: Path, qrels: Path) -> dict[str, object]:
    """What was made, as data."""
    return {
        "queries": str(queries),
        "qrels": str(qrels),
        "count": len(logged.queries),
        "searches": logged.searches,
        "feedback": logged.feedback,
        "left_out": dict(logged.left_out),
        "unmatched": logged.unmatched,
        "median_rank": logged.median_rank,
    }


def _show(logged: "Logged") -> None:
    said = counted(len(logged.queries), "query", "queries")
    searches = counted(logged.searches, "search", "searches")
    stdout.print(f"{said} of {searches} and {logged.feedback:,} times feedback", soft_wrap=True)
    for reason, count in logged.left_out.items():
        stdout.print(f"  left out, {reason}: {count:,}", soft_wrap=True)
    if logged.unmatched:
        stdout.print(f"  feedback on searches that are not there: {logged.unmatched:,}")
    if logged.median_rank is not None:
        stdout.print(f"  half of what was chosen stood at rank {logged.median_rank:g} or above")
