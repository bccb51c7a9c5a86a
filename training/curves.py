"""A picture of a run: the losses and the figures on the photos held back."""

import json
from pathlib import Path
from typing import Any

_LOSSES = ("contrastive", "attributes", "neighbours")
_FIGURES = (
    "recall@1",
    "recall@10",
    "precision@5",
    "same_article_type",
    "same_colour",
)


def read_history(run: Path) -> list[dict[str, Any]]:
    """Read a run's history; of a step recorded twice, after a restart, the last counts."""
    lines = (run / "history.jsonl").read_text(encoding="utf-8").splitlines()
    by_step = {line["step"]: line for line in map(json.loads, lines)}
    return [by_step[step] for step in sorted(by_step)]


def plot(run: Path, to: Path) -> None:
    """Write curves.png of a run; needs matplotlib (the `train` extra)."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    history = read_history(run)
    steps = [line["step"] for line in history]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for axes, names, title in (
        (left, _LOSSES, "Loss (training)"),
        (right, _FIGURES, "Figures (500 photos held back)"),
    ):
        for name in names:
            axes.plot(steps, [line.get(name, float("nan")) for line in history], label=name)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    figure.savefig(to, dpi=110)
    plt.close(figure)
