"""How complete a catalogue's columns are, and how good its pictures."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

from indexer.care.pictures import Broken, PictureReader
from indexer.care.progress import OnStep, Stage, unheard
from indexer.care.snapshot import Entry, is_filled
from search.types import Item

TINY_PX = 200
"""Pictures whose shorter side has fewer pixels are listed as tiny."""

EXTREME_RATIO = 3.0
"""Pictures that are so many times as long as wide, or more, are listed."""

TOP_VALUES = 8
MOST_DISTINCT = 10_000
"""Different values that are counted for each column; of what comes later only the fill rate is."""

SIDES = (100, 200, 400, 600, 800, 1000, 1500, 2000)
"""Where the bars of the histogram of shorter sides begin."""

_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Column:
    """What a column holds: `low` and `high` are of numbers and dates, `top` of anything else.

    `distinct` is None if there are more than 10,000 different values.
    """

    name: str
    items: int
    filled: int
    distinct: int | None
    top: tuple[tuple[str, int], ...]
    low: str | None
    high: str | None

    @property
    def share(self) -> float:
        """Share of items that have a value, 0 to 1."""
        return self.filled / self.items if self.items else 0.0


@dataclass
class _Tally:
    filled: int = 0
    counts: "Counter[str]" = field(default_factory=Counter)
    full: bool = False
    low: int | float | date | None = None
    high: int | float | date | None = None


class ColumnTally:
    """Counts what columns hold, item by item, in bounded memory."""

    def __init__(self) -> None:
        self._items = 0
        self._columns: dict[str, _Tally] = {}

    def add(self, item: Item) -> None:
        """Count one item."""
        self._items += 1
        own = {"title": item.title, "product_id": item.product_id}
        for name, value in [*own.items(), *item.fields.items(), *item.extra.items()]:
            column = self._columns.setdefault(name, _Tally())
            if is_filled(value):
                _count(column, value)

    def columns(self) -> list[Column]:
        """The columns, in the order in which they were first seen."""
        return [
            Column(
                name=name,
                items=self._items,
                filled=tally.filled,
                distinct=None if tally.full else len(tally.counts),
                top=() if tally.low is not None else tuple(tally.counts.most_common(TOP_VALUES)),
                low=None if tally.low is None else str(tally.low),
                high=None if tally.high is None else str(tally.high),
            )
            for name, tally in self._columns.items()
        ]


def _count(column: _Tally, value: object) -> None:
    column.filled += 1
    if isinstance(value, int | float | date) and not isinstance(value, bool):
        _widen(column, value)
    for one in value if isinstance(value, list) else [value]:
        text = str(one)[:_SHOWN]
        if text in column.counts or len(column.counts) < MOST_DISTINCT:
            column.counts[text] += 1
        else:
            column.full = True


def _widen(column: _Tally, value: int | float | date) -> None:
    """Take the value into the range, unless the column mixes numbers and dates."""
    low, high = column.low, column.high
    if low is None or high is None:
        column.low = column.high = value
    elif len({isinstance(one, date) for one in (value, low, high)}) == 1:
        column.low, column.high = min(low, value), max(high, value)


@dataclass(frozen=True, slots=True)
class Sized:
    """An item with its picture's size in pixels."""

    entry: Entry
    width: int
    height: int

    @property
    def ratio(self) -> float:
        """The longer side over the shorter."""
        return max(self.width, self.height) / min(self.width, self.height)


@dataclass(frozen=True, slots=True)
class ImageHealth:
    """What became of reading the pictures. `histogram` counts them by their shorter side.

    `largest_bytes` is the size of the largest file.
    """

    read: int
    bytes: int
    largest_bytes: int
    histogram: tuple[tuple[str, int], ...]
    tiny: tuple[Sized, ...]
    extreme: tuple[Sized, ...]
    broken: tuple[tuple[Entry, Broken], ...]


def check_images(
    entries: Sequence[Entry], pictures: PictureReader, *, on_step: OnStep = unheard
) -> ImageHealth:
    """Read every picture once. What is kept of each is its size, if that is worth a mention."""
    stage = Stage("Reading pictures", len(entries), on_step)
    bars = [0] * (len(SIDES) + 1)
    tiny: list[Sized] = []
    extreme: list[Sized] = []
    broken: list[tuple[Entry, Broken]] = []
    read = total = largest = 0
    sizes = pictures.each([entry.image for entry in entries], lambda i, n: (*i.size, n))
    for done, (entry, size) in enumerate(zip(entries, sizes), start=1):
        if isinstance(size, Broken):
            broken.append((entry, size))
        else:
            sized = Sized(entry, size[0], size[1])
            shorter = min(size[0], size[1])
            bars[sum(shorter >= side for side in SIDES)] += 1
            read, total, largest = read + 1, total + size[2], max(largest, size[2])
            tiny += [sized] if shorter < TINY_PX else []
            extreme += [sized] if sized.ratio >= EXTREME_RATIO else []
        if done % 16 == 0 or done == len(entries):
            stage.at(done)
    tiny.sort(key=lambda one: min(one.width, one.height))
    extreme.sort(key=lambda one: -one.ratio)
    histogram = tuple(zip(_names_of_bars(), bars))
    return ImageHealth(read, total, largest, histogram, tuple(tiny), tuple(extreme), tuple(broken))


def _names_of_bars() -> list[str]:
    between = [f"{low} to {high - 1} px" for low, high in pairwise(SIDES)]
    return [f"below {SIDES[0]} px", *between, f"{SIDES[-1]} px and more"]
