"""What `vitrine eval` prints, and the words that its page says too."""

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table

from api.cli.console import counted, note, stdout, warn

if TYPE_CHECKING:
    from api.cli.evaluate import Findings, Side
    from search.evaluation import Comparison, Evaluation, Metrics, SliceDifference, SliceScore

HEADINGS = {
    "queries": "n",
    "recall_1": "R@1",
    "recall_5": "R@5",
    "recall_10": "R@10",
    "precision_5": "P@5",
    "precision_10": "P@10",
    "ndcg_10": "nDCG@10",
    "mrr": "MRR",
    "map": "mAP",
}


def show(found: "Findings") -> None:
    """Print the measures of one side, or the comparison of two; then slices."""
    if found.second is None or found.comparison is None:
        stdout.print(_measures(found.first.evaluation))
        _note_unanswered(found.first.evaluation)
    else:
        for name, side in (("A", found.first), ("B", found.second)):
            stdout.print(f"{name}: {title_of(side)}", soft_wrap=True)
        stdout.print(_differences(found.comparison))
        stdout.print(conclusion(found.comparison), soft_wrap=True)
    if found.scores:
        stdout.print(_slices(found.scores))
    if found.differences:
        stdout.print(_compared_slices(found.differences))
    for line in slice_notes(found):
        note(line)
    for line in lagging(found):
        warn(line)


def title_of(side: "Side") -> str:
    """The collection, its model and the settings of its queries."""
    settings = ", ".join(f"{name}={value}" for name, value in side.settings.items())
    return f"{side.collection}, model {side.model}" + (f", {settings}" if settings else "")


def conclusion(comparison: "Comparison") -> str:
    """What the comparison says, in a sentence."""
    gap = comparison.of("ndcg_10")
    queries = counted(comparison.queries, "query", "queries")
    numbers = (
        f"nDCG@10 differs by {gap.difference:+.3f} (95 % interval {interval(gap.low, gap.high)}, "
        f"p = {gap.p_value:.4f}), {gap.verdict}, over {queries}"
    )
    if gap.verdict != "significant":
        return f"Neither is shown to be better: {numbers}."
    return f"{'A' if gap.difference > 0 else 'B'} is better: {numbers}."


def interval(low: float, high: float) -> str:
    """An interval of a difference."""
    return f"{low:+.3f} to {high:+.3f}"


def slice_notes(found: "Findings") -> list[str]:
    """The rule by which slices are judged, and what was left out."""
    from search.evaluation import FEWEST_OF_SLICE

    if not found.first.slices:
        return []
    total = len(found.first.evaluation.queries)
    lines = [
        "A slice lags when its nDCG@10 is below that of all other queries (permutation test, one-"
        f"sided, p < 0.05 after Holm over {counted(_judged(found), 'slice')})."
    ]
    for column in dict.fromkeys(each.column for each in found.first.slices):
        slices = [each for each in found.first.slices if each.column == column]
        small = sum(len(each.queries) < FEWEST_OF_SLICE for each in slices)
        without = total - len({id for each in slices for id in each.queries})
        if small or without:
            lines.append(
                f"{column}: {counted(small, 'value')} with fewer than {FEWEST_OF_SLICE} queries "
                f"not judged, {counted(without, 'query', 'queries')} without a value."
            )
    return lines


def lagging(found: "Findings") -> list[str]:
    """A line for each slice that lags behind, on either side."""
    if found.second is None:
        return [_lag(score) for score in found.scores if score.lags]
    return [
        f"{name}: {_lag(score)}"
        for each in found.differences
        for name, score in (("A", each.first), ("B", each.second))
        if score.lags
    ]


def _judged(found: "Findings") -> int:
    return len(found.scores) + len(found.differences)


def _lag(score: "SliceScore") -> str:
    return (
        f"{score.column} {score.value} lags behind: nDCG@10 {score.ndcg_10:.3f}, all other queries "
        f"{score.rest:.3f} (p = {score.p_value:.4f}, {counted(score.queries, 'query', 'queries')})"
    )


def _note_unanswered(result: "Evaluation") -> None:
    unanswered = [score.id for score in result.queries if score.first_right is None]
    if unanswered:
        queries_without = counted(len(unanswered), "query", "queries")
        first = ", ".join(unanswered[:10])
        note(f"{queries_without} without a right answer in the first {result.depth}: {first}")


def _measures(result: "Evaluation") -> Table:
    table = _table("queries", *HEADINGS.values(), texts=1)
    table.add_row("all", *_cells(result.overall), end_section=True)
    for parts in (result.by_kind, result.by_held_out, result.by_group):
        for name, metrics in parts.items():
            table.add_row(name, *_cells(metrics))
    return table


def _cells(metrics: "Metrics") -> list[str]:
    values = {field.name: getattr(metrics, field.name) for field in fields(metrics)}
    return [str(values[name]) if name == "queries" else f"{values[name]:.3f}" for name in HEADINGS]


def _differences(comparison: "Comparison") -> Table:
    table = _table("measure", "A", "B", "A - B", "95 % interval", "p", "", texts=1)
    for gap in comparison.differences:
        table.add_row(
            HEADINGS[gap.measure],
            f"{gap.first:.3f}",
            f"{gap.second:.3f}",
            f"{gap.difference:+.3f}",
            interval(gap.low, gap.high),
            f"{gap.p_value:.4f}",
            gap.verdict,
        )
    return table


def _slices(scores: "Sequence[SliceScore]") -> Table:
    table = _table("slice", "value", "n", "nDCG@10", "95 % interval", "rest", "p", "", texts=2)
    for score in scores:
        table.add_row(
            score.column,
            score.value,
            str(score.queries),
            f"{score.ndcg_10:.3f}",
            f"{score.low:.3f} to {score.high:.3f}",
            "" if score.rest is None else f"{score.rest:.3f}",
            f"{score.p_value:.4f}",
            "lags" if score.lags else "",
        )
    return table


def _compared_slices(differences: "Sequence[SliceDifference]") -> Table:
    table = _table("slice", "value", "n", "A", "B", "A - B", "95 % interval", "p", "sure", texts=2)
    for each in differences:
        table.add_row(
            each.first.column,
            each.first.value,
            str(each.first.queries),
            f"{each.first.ndcg_10:.3f}",
            f"{each.second.ndcg_10:.3f}",
            f"{each.difference:+.3f}",
            interval(each.low, each.high),
            f"{each.p_value:.4f}",
            "yes" if each.verdict == "significant" else "no",
        )
    return table


def _table(*headings: str, texts: int) -> Table:
    """A table whose first columns are texts and whose others are numbers."""
    table = Table(header_style="bold", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for place, heading in enumerate(headings):
        is_text = place < texts or not heading
        table.add_column(heading, justify="left" if is_text else "right", no_wrap=not is_text)
    return table
