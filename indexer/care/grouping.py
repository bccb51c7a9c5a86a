"""From pairs to groups, and from a group to the item that is kept."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.care.snapshot import Entry


class UnionFind:
    """Which of n things are connected. Takes 8 bytes a thing."""

    def __init__(self, n: int) -> None:
        self._parent: NDArray[np.int64] = np.arange(n, dtype=np.int64)

    def find(self, one: int) -> int:
        """The thing that stands for the group of this one."""
        parent = self._parent
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = int(parent[one])
        return one

    def join(self, one: int, other: int) -> None:
        """Make one group of two; the lower number stands for it."""
        low, high = sorted((self.find(one), self.find(other)))
        self._parent[high] = low

    def groups(self, of: Iterable[int]) -> list[list[int]]:
        """The groups among these things that have at least two of them, by their first."""
        found: dict[int, list[int]] = {}
        for one in sorted(of):
            found.setdefault(self.find(one), []).append(one)
        return [group for group in found.values() if len(group) > 1]


def exact_copies(entries: Sequence[Entry]) -> list[list[int]]:
    """The places of the entries, those with the very same image file together, in order.

    An entry without an image hash is by itself.
    """
    copies: dict[str, list[int]] = {}
    for place, entry in enumerate(entries):
        copies.setdefault(entry.image_hash or f"none {place}", []).append(place)
    return list(copies.values())


def product_codes(
    classes: Sequence[Sequence[int]], entries: Sequence[Entry], *, within_products: bool
) -> NDArray[np.int64]:
    """A number for each class whose entries are all of one product, else -1: `(m,) int64`.

    Two classes of the same number hold variants of one product. With `within_products` all are -1.
    """
    codes = np.full(len(classes), -1, np.int64)
    if within_products:
        return codes
    numbers: dict[str, int] = {}
    for at, members in enumerate(classes):
        products = {entries[place].product_id for place in members}
        product = products.pop()
        if not products and product is not None:
            codes[at] = numbers.setdefault(product, len(numbers))
    return codes


def split_by_keeper(
    group: Sequence[int],
    rank: Callable[[int], tuple[object, ...]],
    same: Callable[[int, int], bool],
) -> list[list[int]]:
    """Parts of a connected group in which each is the same as the part's first, its keeper.

    Pairs may form a chain whose ends have little in common. So the best by `rank` (lowest) gathers
    those that are the same as itself; what is left over is grouped again in the same way. A part
    may be a single one, that nothing is left to be the same as.
    """
    left = sorted(group, key=rank)
    parts = []
    while left:
        keeper, others = left[0], left[1:]
        alike = [same(keeper, other) for other in others]
        parts.append([keeper, *(other for other, is_same in zip(others, alike) if is_same)])
        left = [other for other, is_same in zip(others, alike) if not is_same]
    return parts
