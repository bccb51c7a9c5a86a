"""The page of `vitrine eval`: measures, slices, and the worst queries with their pictures."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from api.cli.care import thumbnails, write_page
from api.cli.evaluation_text import (
    HEADINGS,
    conclusion,
    interval,
    lagging,
    slice_notes,
    title_of,
)
from indexer.care.pictures import PictureReader
from indexer.fetching import FetchOptions
from search.config import Settings
from search.evaluation import MEASURES, EvalQuery, Qrels, QueryScore, losses, worst_queries
from search.filters import format_filter
from search.images import ImageLimits
from search.types import ImagePart, Item, ItemPart, TextPart

if TYPE_CHECKING:
    from api.cli.evaluate import Findings, Side

MOST_ANSWERS = 6
MOST_HITS = 6
"""Pictures of a query: of its right answers, and of what each side found."""

_FETCHING = FetchOptions(timeout_s=10.0, attempts=2, backoff_s=0.2, max_wait_s=2.0)


@dataclass(frozen=True)
class Card:
    """An item with its gain for the query; 0 is wrong."""

    entry: Item
    gain: int


@dataclass(frozen=True)
class Found:
    """What one side found, the best first. `first_right` is the rank of the first right answer."""

    name: str
    ndcg_10: float
    first_right: int | None
    cards: Sequence[Card]


@dataclass(frozen=True)
class Shown:
    """A query on the page: its words, or its picture as `entry`; its answers, what was found."""

    id: str
    text: str
    entry: Item | None
    about: str
    expected: Sequence[Card]
    answers: int
    found: Sequence[Found]


def write_evaluation(
    path: Path, found: "Findings", qrels: Qrels, most: int, settings: Settings
) -> None:
    """Write the page, with `most` queries in each of its lists.

    Raises:
        VitrineError: the file cannot be written.
    """
    lists = [
        (heading, [_shown(id, found, qrels) for id in ids])
        for heading, ids in _chosen(found, most)
        if ids
    ]
    limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels)
    with PictureReader(limits, _FETCHING) as reader:
        shown = [query for _, queries in lists for query in queries]
        pictures = thumbnails(reader, (address for query in shown for address in _images(query)))
    values = {
        "found": found,
        "sides": _sides(found),
        "titles": [title_of(side) for _, side in _sides(found)],
        "measures": {name: HEADINGS[name] for name in MEASURES},
        "overall": asdict(found.first.evaluation.overall),
        "conclusion": conclusion(found.comparison) if found.comparison else "",
        "interval": interval,
        "lagging": lagging(found),
        "notes": slice_notes(found),
        "lists": lists,
        "pictures": pictures,
    }
    write_page(path, "evaluation.html", values)


def _chosen(found: "Findings", most: int) -> list[tuple[str, list[str]]]:
    """Which queries to show, under which heading: each query once."""
    first = found.first.evaluation
    lists = [("The worst queries", [score.id for score in worst_queries(first, most)])]
    if found.second is not None:
        second = found.second.evaluation
        lists = [
            ("Where B loses most", [one.id for one, _ in losses(first, second, most)]),
            ("Where A loses most", [one.id for one, _ in losses(second, first, most)]),
            ("The worst queries of A", [score.id for score in worst_queries(first, most)]),
        ]
    seen: set[str] = set()
    chosen = []
    for heading, ids in lists:
        chosen.append((heading, [id for id in ids if id not in seen]))
        seen.update(ids)
    return chosen


def _shown(id: str, found: "Findings", qrels: Qrels) -> Shown:
    query = next(one for one in found.first.queries if one.id == id)
    gains = {item: gain for item, gain in qrels[id].items() if gain > 0}
    best = sorted(gains, key=lambda item: -gains[item])[:MOST_ANSWERS]
    items = dict(found.second.items if found.second else {}) | dict(found.first.items)
    about = [query.id, query.group or "", format_filter(query.filter) if query.filter else ""]
    return Shown(
        id=id,
        text=query.part.text if isinstance(query.part, TextPart) else "",
        entry=_picture(query, items),
        about=" · ".join(word for word in about if word),
        expected=[Card(items.get(item, Item(item, "")), gains[item]) for item in best],
        answers=len(gains),
        found=[_found(name, side, _score(side, id), gains, items) for name, side in _sides(found)],
    )


def _found(
    name: str,
    side: "Side",
    score: QueryScore,
    gains: Mapping[str, int],
    items: Mapping[str, Item],
) -> Found:
    cards = [
        Card(side.items.get(item, items.get(item, Item(item, ""))), gains.get(item, 0))
        for item in score.found[:MOST_HITS]
    ]
    return Found(name, score.ndcg_10, score.first_right, cards)


def _sides(found: "Findings") -> list[tuple[str, "Side"]]:
    if found.second is None:
        return [("", found.first)]
    return [("A", found.first), ("B", found.second)]


def _score(side: "Side", id: str) -> QueryScore:
    return next(score for score in side.evaluation.queries if score.id == id)


def _picture(query: EvalQuery, items: Mapping[str, Item]) -> Item | None:
    """What the query shows, as an item: its own, or one that stands for its picture."""
    match query.part:
        case ItemPart(id=id):
            return items.get(id, Item(id, ""))
        case ImagePart(image=Path() as path):
            return Item(query.id, str(path), title=path.name)
    return None


def _images(query: Shown) -> Iterable[str]:
    cards = [*query.expected, *(card for one in query.found for card in one.cards)]
    entries = [card.entry for card in cards] + ([query.entry] if query.entry else [])
    return (entry.image for entry in entries if entry.image)
