"""Indexes of suggestions of the collections that are served, made from the store, in memory.

One is made beside the queries when suggestions are first asked for; until then there are none. It
is made anew, a few seconds after the number of items has changed or after REFRESH_S, while the one
before answers.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

from search.beside import begin_beside
from search.errors import VitrineError
from search.regions import REGION, each_item_once
from search.store.base import CollectionSpec, Store
from search.suggesting.index import Suggestion, SuggestionIndex
from search.types import FieldType, FieldValue

MOST_TITLES = 100_000
"""Different titles that are suggested: those that come first, where there are more."""

MOST_VALUES = 20_000
"""Different values that are counted, of all text fields together."""

MOST_CHARACTERS = 120
"""Longer titles are nothing that anybody types; longer values than half of that are no values."""

FREQUENT = 2
"""Items that must have a value."""

CHECK_AFTER_S = 5.0
REFRESH_S = 300.0
_MOST_HELD = 2

_TEXTS = (FieldType.STRING, FieldType.STRINGS)
_Key = tuple[str, str]
_log = logging.getLogger("vitrine.engine")


@dataclass(frozen=True, slots=True)
class Suggested:
    """Suggestions, the best first. Not `ready`: their index is still being made."""

    suggestions: tuple[Suggestion, ...]
    ready: bool


@dataclass(frozen=True, slots=True)
class _Held:
    index: SuggestionIndex
    count: int
    made_s: float
    checked_s: float


class Suggester:
    """Suggests texts of the collections of one store. Safe for several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._making = threading.Lock()
        self._held: dict[_Key, _Held] = {}

    def suggest(self, collection: CollectionSpec, prefix: str, limit: int) -> Suggested:
        """What begins so, from the index that there is; see `SuggestionIndex.find`. Never waits."""
        held = self._held.get(_key(collection))
        if held is None or time.monotonic() - held.checked_s > CHECK_AFTER_S:
            self._start(collection)
        if held is None:
            return Suggested((), ready=False)
        return Suggested(tuple(held.index.find(prefix, limit)), ready=True)

    def _start(self, collection: CollectionSpec) -> None:
        """See in another thread that the index is up to date, unless one is at it."""
        begin_beside(self._making, partial(self._renew, collection), name="suggest")

    def _renew(self, collection: CollectionSpec) -> None:
        try:
            held, now = self._held.get(_key(collection)), time.monotonic()
            count = self._store.count(collection.name, each_item_once(collection.fields))
            if held is None or now - held.made_s > REFRESH_S or count != held.count:
                counts = _counts(self._store, collection)
                held = _Held(SuggestionIndex(counts), count, now, time.monotonic())
            self._hold(_key(collection), replace(held, checked_s=time.monotonic()))
        except VitrineError as error:
            # Whoever asks next tries again, and has the old one meanwhile.
            _log.warning("Gathering suggestions of %s failed: %s", collection.name, error)

    def _hold(self, key: _Key, held: _Held) -> None:
        others = {other: one for other, one in self._held.items() if other != key}
        newest = sorted(others, key=lambda other: others[other].checked_s)[-(_MOST_HELD - 1) :]
        self._held = {other: others[other] for other in newest} | {key: held}


def _counts(store: Store, collection: CollectionSpec) -> Counter[str]:
    """How many items have each title and each frequent value, in bounded memory."""
    fields = [each.name for each in collection.fields if each.type in _TEXTS and each != REGION]
    titles, values = Counter[str](), Counter[str]()
    scope = each_item_once(collection.fields)
    for columns in store.values(collection.name, ["title", *fields], scope):
        _count(columns["title"], titles, MOST_TITLES, MOST_CHARACTERS)
        for name in fields:
            _count(columns[name], values, MOST_VALUES, MOST_CHARACTERS // 2)
    frequent = Counter({text: count for text, count in values.items() if count >= FREQUENT})
    return titles + frequent


def _count(column: Iterable[FieldValue], counts: Counter[str], most: int, longest: int) -> None:
    for value in column:
        for text in value if isinstance(value, list) else (value,):
            if not isinstance(text, str) or not text or len(text) > longest:
                continue
            if text in counts or len(counts) < most:
                counts[text] += 1


def _key(collection: CollectionSpec) -> _Key:
    return collection.name, collection.model.fingerprint
