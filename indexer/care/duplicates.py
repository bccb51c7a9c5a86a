"""Near-duplicate products: the same picture under several ids.

Two items are duplicates when their embeddings' cosine reaches the threshold AND a perceptual hash
of their pictures differs in few bits AND little differs anywhere once one picture is laid over the
other. The first is compared between all pairs of items, exactly; each of the others only where what
comes before holds. Items whose image files are the same to the byte are duplicates without a look.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from indexer.care.grouping import UnionFind, exact_copies, product_codes, split_by_keeper
from indexer.care.looks import Look, difference, hash_bits, look_of
from indexer.care.neighbours import Pairs, pair_count, similar_pairs
from indexer.care.pictures import Broken, PictureReader
from indexer.care.progress import OnStep, Stage, unheard
from indexer.care.snapshot import Entry, Snapshot
from search.errors import ConfigError

MOST_RELATIVE = 0.2
"""Largest difference over the contrast of a picture: a white thing on white has little of either,
and would be like any other white thing."""


@dataclass(frozen=True, slots=True)
class DuplicateOptions:
    """When two items are duplicates.

    Args:
        threshold: least cosine of their embeddings, above 0 and at most 1.
        max_hash_bits: most bits in which their perceptual hashes differ, of 64.
        max_difference: largest difference of their pictures once they are aligned, where it is
            worst (`Residual.worst`), 0 to 1.
        within_products: whether items of one product can be duplicates; else they are variants.

    Raises ConfigError for a value out of range.
    """

    threshold: float = 0.96
    max_hash_bits: int = 12
    max_difference: float = 0.042
    within_products: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ConfigError("The threshold is out of range.", hint="Give a cosine in (0, 1].")
        if not 0 <= self.max_hash_bits <= 64:
            raise ConfigError("max_hash_bits is out of range.", hint="Give 0 to 64 bits.")
        if not 0 <= self.max_difference <= 1:
            raise ConfigError("max_difference is out of range.", hint="Give a number of 0 to 1.")


@dataclass(frozen=True, slots=True)
class Member:
    """An item of a group; score, bits and difference compare it with the group's keeper.

    `keep` is true for the keeper, and for other items of the keeper's product that are in the
    group, unless items of one product were to count as duplicates. `width` and `height` are None
    if the picture can no longer be read.
    """

    entry: Entry
    keep: bool
    score: float
    hash_bits: int
    difference: float
    width: int | None
    height: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Group:
    """Items that show the same picture, the keeper first, then by score."""

    number: int
    members: tuple[Member, ...]

    @property
    def keeper(self) -> Member:
        """The item to keep."""
        return self.members[0]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What was found: groups, the largest first, and what could not be compared.

    `candidates` is the number of pairs that reached the threshold; `unread` are candidates whose
    pictures could not be read, with the reason: they are not in a group unless by the same file.
    """

    collection: str
    options: DuplicateOptions
    items: int
    candidates: int
    groups: tuple[Group, ...]
    unread: tuple[tuple[Entry, Broken], ...] = field(default=())
    seconds: float = 0.0

    @property
    def superfluous(self) -> int:
        """How many items could go."""
        return sum(not member.keep for group in self.groups for member in group.members)


def find_duplicates(
    snapshot: Snapshot,
    pictures: PictureReader,
    options: DuplicateOptions | None = None,
    *,
    on_step: OnStep = unheard,
) -> Duplicates:
    """Find the groups of near-duplicates.

    Takes n^2 x dim operations for n different image files, and reads the pictures of those items
    that have a candidate. Memory: the snapshot, 24 bytes a file, and 25 kB a picture that was read.
    Each pair that reaches the threshold and has close hashes takes about 3 ms.
    """
    started = time.monotonic()
    search = _Search(snapshot, pictures, options or DuplicateOptions())
    stage = Stage("Comparing", len(search.classes), on_step)
    total = max(pair_count(len(search.classes)), 1)
    for pairs in similar_pairs(search.embeddings, search.options.threshold):
        search.add(pairs)
        stage.at(round(len(search.classes) * pairs.compared / total))
    groups = search.groups()
    return Duplicates(
        collection=snapshot.collection,
        options=search.options,
        items=len(snapshot.entries),
        candidates=search.candidates,
        groups=tuple(groups),
        unread=search.unread(),
        seconds=time.monotonic() - started,
    )


class _Search:
    """The state of one search. Works on classes: all entries with the same image file are one."""

    def __init__(
        self, snapshot: Snapshot, pictures: PictureReader, options: DuplicateOptions
    ) -> None:
        self.options = options
        self._entries = snapshot.entries
        self._pictures = pictures
        self.classes = exact_copies(snapshot.entries)
        first = np.array([members[0] for members in self.classes], np.int64)
        whole = len(first) == len(snapshot.entries)
        self.embeddings = snapshot.embeddings if whole else snapshot.embeddings[first]
        self._products = product_codes(
            self.classes, snapshot.entries, within_products=options.within_products
        )
        self._looks: dict[int, Look | Broken] = {}
        self._same_looks: dict[tuple[int, int], float] = {}
        self._joined = UnionFind(len(self.classes))
        self._touched: set[int] = set()
        self.candidates = 0

    def add(self, pairs: Pairs) -> None:
        """Join the classes of those pairs that look the same."""
        products = self._products[pairs.first]
        other = (products < 0) | (products != self._products[pairs.second])
        first, second = pairs.first[other], pairs.second[other]
        self.candidates += len(first)
        self._read(np.unique(np.concatenate([first, second])))
        for one, two in zip(first.tolist(), second.tolist()):
            if self._joined.find(one) != self._joined.find(two) and self._look_same(one, two):
                self._joined.join(one, two)
                self._touched.update((one, two))

    def groups(self) -> list[Group]:
        """The groups, the largest first, then by the keeper's id."""
        parts = [
            part
            for joined in self._joined.groups(self._touched)
            for part in split_by_keeper(joined, self._rank, self._same)
        ]
        alone = [at for at, members in enumerate(self.classes) if len(members) > 1]
        parted = {at for part in parts for at in part}
        self._read(np.array([at for at in alone if at not in parted], np.int64))
        parts += [[at] for at in alone if at not in parted]
        found = [members for part in parts if (members := self._members(part))]
        found.sort(key=lambda members: (-len(members), _id_order(members[0].entry)))
        return [Group(number, tuple(members)) for number, members in enumerate(found, start=1)]

    def unread(self) -> tuple[tuple[Entry, Broken], ...]:
        """Candidates whose pictures could not be read."""
        return tuple(
            (self._entries[self.classes[at][0]], look)
            for at, look in sorted(self._looks.items())
            if isinstance(look, Broken)
        )

    def _read(self, classes: NDArray[np.int64]) -> None:
        wanted = [at for at in classes.tolist() if at not in self._looks]
        addresses = [self._entries[self.classes[at][0]].image for at in wanted]
        looks = self._pictures.each(addresses, lambda image, size: look_of(image))
        self._looks.update(zip(wanted, looks))

    def _look_same(self, one: int, other: int) -> bool:
        pair = min(one, other), max(one, other)
        if pair in self._same_looks:
            return True
        first, second = self._looks[pair[0]], self._looks[pair[1]]
        if isinstance(first, Broken) or isinstance(second, Broken):
            return False
        if hash_bits(first, second) > self.options.max_hash_bits:
            return False
        differs = difference(first, second)
        if differs.worst > self.options.max_difference or differs.relative > MOST_RELATIVE:
            return False
        self._same_looks[pair] = differs.worst
        return True

    def _same(self, one: int, other: int) -> bool:
        return self._score(one, other) >= self.options.threshold and self._look_same(one, other)

    def _score(self, one: int, other: int) -> float:
        return 1.0 if one == other else float(self.embeddings[one] @ self.embeddings[other])

    def _rank(self, at: int) -> tuple[object, ...]:
        return min(self._entry_rank(at, self._entries[place]) for place in self.classes[at])

    def _entry_rank(self, at: int, entry: Entry) -> tuple[int, int, tuple[float, str]]:
        look = self._looks[at]
        pixels = 0 if isinstance(look, Broken) else look.pixels
        return -pixels, -entry.filled, _id_order(entry)

    def _members(self, part: Sequence[int]) -> list[Member]:
        """The part's entries, keeper first; none if all of them are variants of one product."""
        places = [(at, place) for at in part for place in self.classes[at]]
        if len(places) < 2 or (len(set(self._products[list(part)])) == 1 and self._all_one(part)):
            return []
        ranks = {place: self._entry_rank(at, self._entries[place]) for at, place in places}
        places.sort(key=lambda pair: ranks[pair[1]])
        of, keeper = places[0]
        why = _why_kept([ranks[place] for _, place in places])
        members = [self._member(at, place, of, keeper, why) for at, place in places]
        rest = sorted(members[1:], key=lambda m: (-m.score, _id_order(m.entry)))
        return [members[0], *rest]

    def _all_one(self, part: Sequence[int]) -> bool:
        return int(self._products[part[0]]) >= 0

    def _member(self, at: int, place: int, of: int, keeper: int, why: str) -> Member:
        entry, kept = self._entries[place], self._entries[keeper]
        look, best = self._looks[at], self._looks[of]
        bits = 0
        if at != of and not isinstance(look, Broken) and not isinstance(best, Broken):
            bits = hash_bits(look, best)
        variant = not self.options.within_products and entry.product_id is not None
        variant = variant and entry.product_id == kept.product_id
        reason = "same file as the keeper" if at == of else "same picture as the keeper"
        if place == keeper:
            reason = why
        elif variant:
            reason = "of the keeper's product"
        return Member(
            entry=entry,
            keep=place == keeper or variant,
            score=self._score(at, of),
            hash_bits=bits,
            difference=self._same_looks.get((min(at, of), max(at, of)), 0.0),
            width=None if isinstance(look, Broken) else look.width,
            height=None if isinstance(look, Broken) else look.height,
            reason=reason,
        )


def _why_kept(ranks: Sequence[tuple[int, int, tuple[float, str]]]) -> str:
    """By which part of the rule the first of these, the best, was chosen."""
    best, second = ranks[0], ranks[1]
    if best[0] != second[0]:
        return "largest image"
    return "most columns filled" if best[1] != second[1] else "lowest id"


def _id_order(entry: Entry) -> tuple[float, str]:
    """Numbers by value, before all else by text."""
    return (float(entry.id) if entry.id.isdecimal() else float("inf"), entry.id)
