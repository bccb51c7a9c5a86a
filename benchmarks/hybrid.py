"""`python -m benchmarks.hybrid ../shared/catalog`: pictures, words, and both, on six tasks.

Candidates are the items of one split; what is tuned is tuned on `train` (`--split train`). Right
answers: the item itself (and those of the same title) for its title, half of the words of its
title, and a model number in it; for colour and article type, all items with both in their columns;
for a brand (the first word of three titles or more), and a brand with an article type, all items
whose title begins with it. The words looked up are those of the titles alone; since these name
colour and type, attribute queries are easier here than in a catalogue whose titles do not.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.hybrid_cost import cost_lines
from benchmarks.hybrid_questions import (
    Asked,
    Catalogue,
    Scores,
    Values,
    first_ten,
    load,
    ndcg,
    questions,
    recall,
)
from benchmarks.relevance import load_queries
from search.encoders import load_encoder
from search.evaluation.bootstrap import estimate_means
from search.lexical import LexicalIndex, corrected
from search.lexical.words import words_of
from search.ranking.fusion import DEPTH, LEAST_SPREAD, WEIGHT, WHOLE, fused
from search.store.base import Candidate

LETTERS = "abcdefghijklmnopqrstuvwxyz"

HYBRID = "**hybrid** (weight 4, squared, 2 for all the words)"

Way = Callable[[Scores], Values]


def shipped(scores: Scores) -> Values:
    """What `search.ranking.fusion` makes of it, as values whose order is that of its ranking."""
    index = scores.ranking.index

    def candidates(places: NDArray[np.int64]) -> Iterator[Candidate]:
        for place in places.tolist():
            score = round(float(scores.visual[place]), 6)
            yield Candidate(index.ids[place], score, {}, np.zeros(0, np.float32))

    near = candidates(np.argsort(-scores.visual, kind="stable"))
    worded = candidates(scores.ranking.found[:DEPTH])
    values = np.zeros(len(scores.visual))
    for rank, each in enumerate(fused(list(near), list(worded), scores.ranking)):
        values[index.places[each.id]] = -rank
    return values


def weighed(
    visual: Values, scores: Scores, weight: float, power: float, whole: float = 0
) -> Values:
    """The shipped formula on these scores by picture, its numbers to be chosen."""
    best = np.sort(visual)[::-1][:DEPTH]
    spread = max(float(best[0] - best[-1]), LEAST_SPREAD)
    added = weight * scores.words**power + whole * scores.ranking.complete
    found: Values = visual + spread * added
    return found


def reciprocal(visual: Values, words: Values, weight: float, k: int = 60) -> Values:
    """Reciprocal rank fusion (G. Cormack et al., SIGIR 2009), k as published."""
    found = 1e-9 * visual
    for values, counts in ((visual, 1.0), (np.where(words > 0, words, -np.inf), weight)):
        order = np.argsort(-values, kind="stable")[:DEPTH]
        order = order[np.isfinite(values[order])]
        found[order] += counts / (k + 1 + np.arange(len(order)))
    return found


def mixed(scores: Scores, share: float) -> Values:
    """The shipped formula with so much of the title vector in the place of the picture."""
    visual = (1 - share) * scores.visual + share * scores.titles
    return weighed(visual, scores, WEIGHT, 2, WHOLE)


WAYS: Mapping[str, Way] = {
    "visual": lambda s: s.visual,
    "visual, prompt ensemble": lambda s: s.ensemble,
    "text": lambda s: s.words + 0.001 * s.visual,
    "title vector": lambda s: s.titles,
    "RRF, k 60": lambda s: reciprocal(s.visual, s.words, 1),
    "RRF, k 60, words twice": lambda s: reciprocal(s.visual, s.words, 2),
    "weight 2": lambda s: weighed(s.visual, s, 2, 1),
    "weight 4": lambda s: weighed(s.visual, s, 4, 1),
    "weight 4, squared": lambda s: weighed(s.visual, s, 4, 2),
    "weight 2, 2 for all the words": lambda s: weighed(s.visual, s, 2, 1, 2),
    "weight 2, squared, 2 for all the words": lambda s: weighed(s.visual, s, 2, 2, 2),
    "weight 4, squared, 1 for all the words": lambda s: weighed(s.visual, s, 4, 2, 1),
    HYBRID: shipped,
    "weight 4, squared, 4 for all the words": lambda s: weighed(s.visual, s, 4, 2, 4),
    "hybrid, prompt ensemble": lambda s: weighed(s.ensemble, s, WEIGHT, 2, WHOLE),
    "hybrid, 0.2 title vector": lambda s: mixed(s, 0.2),
    "hybrid, 0.4 title vector": lambda s: mixed(s, 0.4),
}
"""The ways that are compared."""


Answers = Mapping[str, Mapping[str, Sequence[tuple[list[int], Asked]]]]
"""The first ten of each question, by way and task."""


def answers(catalogue: Catalogue) -> Answers:
    """What each way finds for the questions of each task."""
    tasks = questions(catalogue)
    catalogue.embed(q.text for asked in tasks.values() for q in asked)
    scored = {name: [(catalogue.scores(q.text), q) for q in asked] for name, asked in tasks.items()}
    return {
        way: {name: [(first_ten(value(s)), q) for s, q in some] for name, some in scored.items()}
        for way, value in WAYS.items()
    }


def task_lines(found: Answers) -> list[str]:
    """A Markdown table: each way on each task, nDCG@10 / recall@10."""
    tasks = found[HYBRID]
    heads = " | ".join(f"{name} ({len(asked)})" for name, asked in tasks.items())
    lines = [f"\n| nDCG@10 / recall@10 | {heads} |\n|---|" + "---|" * len(tasks)]
    for way, of_task in found.items():
        cells = [
            f"{np.mean([ndcg(ranked, q.right) for ranked, q in some]):.3f} / "
            f"{np.mean([recall(ranked, q.right) for ranked, q in some]):.3f}"
            for some in of_task.values()
        ]
        lines.append(f"| {way} | " + " | ".join(cells) + " |")
    return lines


def compared_lines(found: Answers) -> list[str]:
    """A Markdown table: hybrid against the better of the two alone, by paired bootstrap.

    The better one is that of the higher mean over the task; `search.evaluation.bootstrap`.
    """
    lines = [
        "\n| nDCG@10 | better alone | hybrid | difference, 95 % interval | better / worse in |\n"
        "|---|---|---|---|---|"
    ]
    for task, asked in found[HYBRID].items():
        gains = {
            way: np.array([ndcg(ranked, q.right) for ranked, q in found[way][task]])
            for way in ("visual", "text", HYBRID)
        }
        alone = max(("visual", "text"), key=lambda way: gains[way].mean())
        gained = gains[HYBRID] - gains[alone]
        known = estimate_means(gained[:, None])
        lines.append(
            f"| {task} ({len(asked)}) | {alone} {gains[alone].mean():.4f} "
            f"| {gains[HYBRID].mean():.4f} | {known.means[0]:+.4f}, {known.low[0]:+.4f} to "
            f"{known.high[0]:+.4f} | {np.sum(gained > 1e-9)} / {np.sum(gained < -1e-9)} |"
        )
    return lines


def with_typos(text: str, rng: np.random.Generator, share: float = 0.3) -> str:
    """A letter swapped, dropped, inserted or replaced in one word or more, `share` of them."""
    words = text.split()
    plain = [n for n, word in enumerate(words) if len(word) >= 4 and word.isalpha()]
    if not plain:
        return text
    chosen = {n for n in plain if rng.random() < share} or {int(rng.choice(plain))}
    return " ".join(_misspelt(word, rng) if n in chosen else word for n, word in enumerate(words))


def _misspelt(word: str, rng: np.random.Generator) -> str:
    place, letter = int(rng.integers(0, len(word) - 1)), str(rng.choice(list(LETTERS)))
    match int(rng.integers(0, 4)):
        case 0:
            return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
        case 1:
            return word[:place] + word[place + 1 :]
        case 2:
            return word[:place] + letter + word[place:]
    return word[:place] + letter + word[place + 1 :]


def typo_lines(catalogue: Catalogue, seed: int = 0) -> list[str]:
    """A Markdown table: titles with typos, their spelling corrected or not."""
    rng = np.random.default_rng(seed)
    tasks = questions(catalogue)
    lines = ["\n| recall@10 with typos | text | hybrid | visual |\n|---|---|---|---|"]
    for name in ("title", "half a title"):
        asked = [(with_typos(q.text, rng), q) for q in tasks[name]]
        catalogue.embed(t for text, _ in asked for t in (text, _read(text, catalogue.index)))
        plain = {"as written": False, "corrected": True}
        for how, correct in plain.items():
            written = [(catalogue.scores(t, correct=correct), q) for t, q in asked]
            lines.append(_typo_line(f"{name}, {how}", written))
        read = [(_read(t, catalogue.index), q) for t, q in asked]
        seen = [(catalogue.scores(t, see=see), q) for (t, q), (see, _) in zip(asked, read)]
        lines.append(_typo_line(f"{name}, corrected for the model too", seen))
        right = [(catalogue.scores(q.text), q) for q in tasks[name]]
        lines.append(_typo_line(f"{name}, without typos", right))
    return lines


def _read(text: str, index: LexicalIndex) -> str:
    return " ".join(corrected(words_of(text), index).words)


def _typo_line(name: str, scored: list[tuple[Scores, Asked]]) -> str:
    cells = []
    for way in ("text", HYBRID, "visual"):
        found = [recall(first_ten(WAYS[way](scores)), asked.right) for scores, asked in scored]
        cells.append(f"{np.mean(found):.3f}")
    return f"| {name} | " + " | ".join(cells) + " |"


def misread_lines(index: LexicalIndex) -> list[str]:
    """How many well-spelt queries have a word read as another."""
    counts: Counter[str] = Counter()
    changed: dict[str, list[str]] = {"answered": [], "not answered": []}
    for query in load_queries():
        kind = "answered" if query.answered_by in ("both", "catalog") else "not answered"
        counts[kind] += 1
        pairs = corrected(words_of(query.text), index).changes
        changed[kind] += [f"{word} as {near}" for word, near in pairs[:1]]
    return [
        f"\nWell-spelt queries of relevance_queries.toml with a word read as another: {kind}: "
        f"{len(changed[kind])} of {counts[kind]} ({', '.join(changed[kind][:12])})"
        for kind in changed
    ]


def main(
    folder: Annotated[Path, typer.Argument(help="The folder of the catalogue.")],
    split: Annotated[str, typer.Option(help="The split: test, or train to choose by.")] = "test",
    keep: Annotated[Path | None, typer.Option(help="Keep embeddings in this folder.")] = None,
    cost: Annotated[list[int] | None, typer.Option(help="Time collections of so many.")] = None,
) -> None:
    """Print the tables."""
    encoder = load_encoder("mini", device="cpu")
    catalogue = load(folder, split, encoder, keep)
    lines = [f"{len(catalogue.titles):,} items of split {split}"]
    found = answers(catalogue)
    lines += [*task_lines(found), *compared_lines(found)]
    lines += [*typo_lines(catalogue), *misread_lines(catalogue.index)]
    for items in cost or ():
        lines += cost_lines(catalogue.titles, catalogue.images, encoder, items)
    typer.echo("\n".join(lines))


if __name__ == "__main__":
    typer.run(main)
