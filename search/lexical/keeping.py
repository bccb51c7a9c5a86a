"""Lexical indexes of the collections that are served, made from the store and kept in memory.

One is made at the first query by words, which waits for it. From then on a thread looks beside the
queries, every CHECK_AFTER_S at most, whether the number of items has changed; if it has, or after
REFRESH_S, it makes the index anew. So new items are found by words a few seconds later, new titles
within minutes. Items that are gone are never found: the store is asked for each.
"""

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from search.beside import begin_beside
from search.errors import InvalidQueryError, VitrineError
from search.lexical.index import LexicalIndex
from search.regions import REGION, each_item_once
from search.store.base import CollectionSpec, Store
from search.types import FieldType, FieldValue

MOST_ITEMS = 500_000
"""Collections of more items are not searched by words: see docs/hybrid.md for the memory."""

CHECK_AFTER_S = 5.0
REFRESH_S = 300.0

_MOST_HELD = 4
_TEXTS = (FieldType.STRING, FieldType.STRINGS)

_log = logging.getLogger("vitrine.engine")


@dataclass(frozen=True, slots=True)
class _Held:
    """An index, how many items it was made from, when that was and when it was last checked."""

    index: LexicalIndex
    count: int
    made_s: float
    checked_s: float


class LexicalIndexes:
    """The indexes of the collections of one store. Safe for several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._making = threading.Lock()
        # By name and model: the name of a version that was dropped may be used again.
        self._held: dict[tuple[str, str], _Held] = {}

    def index(self, collection: CollectionSpec) -> LexicalIndex:
        """The index of the collection; InvalidQueryError if it has more than MOST_ITEMS items."""
        held = self._held.get(_key(collection))
        if held is None:
            with self._making:  # One at a time: queries that come at once would all make it.
                held = self._held.get(_key(collection)) or self._make(collection)
        elif time.monotonic() - held.checked_s > CHECK_AFTER_S:
            self._start(collection)
        return held.index

    def at_hand(self, collection: CollectionSpec, *, wait: bool) -> LexicalIndex | None:
        """The index; None if the collection has too many items, or if it is being made.

        It is waited for only with `wait`; else it is made beside the queries.
        """
        if not wait and _key(collection) not in self._held:
            self._start(collection)
            return None
        try:
            return self.index(collection)
        except InvalidQueryError:
            return None

    def _start(self, collection: CollectionSpec) -> None:
        """See in another thread that the index is up to date, unless one is at it."""
        begin_beside(self._making, partial(self._renew, collection), name="index-words")

    def _renew(self, collection: CollectionSpec) -> None:
        try:
            held, now = self._held.get(_key(collection)), time.monotonic()
            if (
                held is None
                or now - held.made_s > REFRESH_S
                or self._count(collection) != held.count
            ):
                self._make(collection)
            else:
                self._held = self._held | {_key(collection): replace(held, checked_s=now)}
        except InvalidQueryError as error:
            _log.debug("%s", error)  # Too many items: whoever asks by words is told.
        except VitrineError as error:
            # The next query tries again, and has the old one meanwhile.
            _log.warning("Indexing the words of %s failed: %s", collection.name, error)

    def _make(self, collection: CollectionSpec) -> _Held:
        count = self._count(collection)
        if count > MOST_ITEMS:
            raise InvalidQueryError(
                f"{collection.name} has {count:,} items, too many to search by words.",
                hint=f"That works up to {MOST_ITEMS:,} items. Leave out the mode.",
                details={"collection": collection.name, "items": count},
            )
        started = time.monotonic()
        index = LexicalIndex.of(_texts(self._store, collection))
        made = _Held(index, count, started, started)
        others = {key: held for key, held in self._held.items() if key != _key(collection)}
        newest = sorted(others, key=lambda key: others[key].checked_s)[-(_MOST_HELD - 1) :]
        self._held = {key: others[key] for key in newest} | {_key(collection): made}
        return made

    def _count(self, collection: CollectionSpec) -> int:
        return self._store.count(collection.name, each_item_once(collection.fields))


def _texts(store: Store, collection: CollectionSpec) -> Iterator[tuple[str, str]]:
    """The id of each item, and all its texts: the title and the text fields, joined."""
    named = [each.name for each in collection.fields if each.type in _TEXTS and each != REGION]
    fields = ["title", *named]
    scope = each_item_once(collection.fields)
    for columns in store.values(collection.name, ["id", *fields], scope):
        for id, *values in zip(columns["id"], *(columns[name] for name in fields)):
            yield str(id), " ".join(map(_text, values))


def _text(value: FieldValue) -> str:
    if isinstance(value, list):
        return " ".join(value)
    return "" if value is None else str(value)


def _key(collection: CollectionSpec) -> tuple[str, str]:
    return collection.name, collection.model.fingerprint
