"""Complete the look: of each kind that goes with an item, those of its style.

Which kinds go together is a matter of rules (`LookRules`); no model knows. Within a slot, the
`CANDIDATES` products nearest to the item are put into order of style (`Likeness`).
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from search.encoders.base import Encoder
from search.encoders.batching import unbatched
from search.engine import SearchEngine
from search.errors import InvalidQueryError, UnknownFieldError
from search.filters.ast import And, Comparison, Filter, Op
from search.recommending.kinds import KIND_FIELDS, Kinds, kinds_of
from search.recommending.likeness import Likeness
from search.recommending.rules import LookRules, read_rules
from search.recommending.similar import limited
from search.store.base import CollectionSpec
from search.types import Field, FieldType, Hit, Item, ItemPart, Query, QueryPart, TextPart

CANDIDATES = 200
MOST_HITS = 100

_WORD_WEIGHT = 2.3
"""Of a slot's word beside the item, where no column says kinds: as free text beside a picture."""


@dataclass(frozen=True, slots=True)
class LookSlot:
    """What fills one slot, best first, ties by id; `score` of a hit is its style, 0 to 1."""

    name: str
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """An item, and what goes with it.

    `slot` is the item's own. `kind_field` is the column that said kinds; None if the model did.
    """

    item: Item
    slot: str
    kind_field: str | None
    slots: tuple[LookSlot, ...]
    collection: str
    model: str


@dataclass(frozen=True, slots=True)
class LookQuery:
    """What goes with which item: `limit` of each slot, all of which satisfy the filter.

    `slots` are those to fill, all that go with the item if empty. Hits that have the item's own
    value in more of the columns `agree` come first; columns in which it has none count for nothing.

    Raises InvalidQueryError: a limit out of range.
    """

    id: str
    limit: int = 3
    slots: tuple[str, ...] = ()
    kind_field: str | None = None
    agree: tuple[str, ...] = ()
    filter: Filter | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MOST_HITS:
            raise InvalidQueryError(
                f"A limit of {self.limit} for each slot is out of range.",
                hint=f"It lies between 1 and {MOST_HITS}.",
                details={"limit": self.limit},
            )


class Stylist:
    """Completes looks in the collection of an engine. Safe to call from several threads."""

    def __init__(self, engine: SearchEngine, rules: LookRules | None = None) -> None:
        """Rules that are not given are those that come with vitrine."""
        self._engine = engine
        self._rules = rules or read_rules()
        self._lock = threading.Lock()
        self._likeness: tuple[str, Likeness] | None = None

    def look(self, asked: LookQuery, rules: LookRules | None = None) -> Look:
        """What goes with the item, by slot; slots that nothing fills are empty.

        `rules` are those of this look alone, in place of the stylist's. Nothing of them is kept.

        Raises:
            ItemNotFoundError, UnknownFieldError: as `SearchEngine.search`.
            InvalidQueryError: nothing goes with the item's slot, a slot that is not there, or a
                column that has no kind of the rules.
        """
        serving = self._engine.serving()
        collection = serving.collection
        _check_columns(asked.agree, collection.fields)
        likeness = self._likeness_of(serving.encoder)
        styling = _Styling(
            self._engine,
            rules or self._rules,
            asked,
            self._engine.item(asked.id),
            kinds_of(self._engine.store, collection, rules or self._rules, asked.kind_field),
            likeness,
            likeness if rules is None else Likeness(unbatched(serving.encoder)),
            collection,
        )
        own = styling.own_slot()
        found = tuple(LookSlot(slot, styling.hits(slot)) for slot in styling.wanted(own))
        field = styling.kinds.field if styling.kinds else None
        return Look(styling.item, own, field, found, collection.name, collection.model.name)

    def prepare(self) -> Iterator[None]:
        """Embed the texts of the rules, a few with every step, so that no look has to.

        Nothing is embedded for a collection without a column that may say kinds: those who ask
        for its looks are few, and wait for the first. Raises as `SearchEngine.serving`.
        """
        serving = self._engine.serving()
        names = {field.name for field in serving.collection.fields}
        if not names.isdisjoint(KIND_FIELDS):
            yield from self._likeness_of(serving.encoder).prepare(self._rules)

    def _likeness_of(self, encoder: Encoder) -> Likeness:
        with self._lock:
            model = encoder.identity.fingerprint
            if self._likeness is None or self._likeness[0] != model:
                # Texts of rules are kept here, and take nothing of what queries have.
                self._likeness = (model, Likeness(unbatched(encoder)))
            return self._likeness[1]


@dataclass(frozen=True, slots=True)
class _Styling:
    """One look in the making; `shown` says slots by pictures, where no column says kinds."""

    engine: SearchEngine
    rules: LookRules
    asked: LookQuery
    item: Item
    kinds: Kinds | None
    likeness: Likeness
    shown: Likeness
    collection: CollectionSpec

    def own_slot(self) -> str:
        """The item's slot: by its column, else by what its picture shows."""
        said = self.item.fields.get(self.kinds.field) if self.kinds else None
        slot = self.rules.slot_of(said) if isinstance(said, str) else None
        if slot is not None:
            return slot
        _, embeddings = self.engine.store.embeddings(self.collection.name, [self.item.id])
        return self.shown.slots(self.rules, embeddings)[0]

    def wanted(self, own: str) -> Sequence[str]:
        """The slots to fill, in order."""
        if unknown := [slot for slot in self.asked.slots if slot not in self.rules.slots]:
            raise InvalidQueryError(
                f"There is no slot {unknown[0]!r}.",
                hint=f"There are {', '.join(self.rules.slots)}.",
                details={"slot": unknown[0]},
            )
        wanted = tuple(dict.fromkeys(self.asked.slots)) or self.rules.slots_with(own)
        if not wanted:
            raise InvalidQueryError(
                f"The rules say of nothing that it goes with {own}.",
                hint="Name the slots, or give rules of your own.",
                details={"slot": own},
            )
        return wanted

    def hits(self, slot: str) -> tuple[Hit, ...]:
        """The best hits of a slot, in order."""
        if self.kinds and slot not in self.kinds.values:
            return ()
        found: dict[str, Hit] = {}
        # Those that agree in everything may not be among the nearest of all.
        for agreeing in (self._agreed(), ()):
            if len(found) < self.asked.limit:
                for hit in self.engine.search(self._query(slot, agreeing)).hits:
                    found.setdefault(hit.id, hit)
        return self._ranked(slot, found)

    def _query(self, slot: str, agreeing: Sequence[Comparison]) -> Query:
        conditions: list[Filter] = [*agreeing]
        conditions += [self.asked.filter] if self.asked.filter else []
        parts: list[QueryPart] = [ItemPart(self.item.id)]
        if self.kinds:
            values = tuple(self.kinds.values[slot])
            conditions.append(Comparison(self.kinds.field, Op.IN, values))
        else:
            parts.append(TextPart(self.rules.slots[slot][0], _WORD_WEIGHT))
        query = Query(tuple(parts), limit=CANDIDATES, by="product", literal=True)
        return limited(replace(query, filter=And(tuple(conditions))), (), [self.item], ())

    def _ranked(self, slot: str, found: dict[str, Hit]) -> tuple[Hit, ...]:
        name = self.collection.name
        ids, embeddings = self.engine.store.embeddings(name, [self.item.id, *found])
        if ids[:1] != [self.item.id]:
            return ()
        ids, own, others = ids[1:], embeddings[0], embeddings[1:]
        if self.kinds is None:
            shown = self.shown.slots(self.rules, others)
            fits = np.flatnonzero([each == slot for each in shown])
            ids, others = [ids[place] for place in fits], others[fits]
        hits = [
            replace(found[id], score=round(float(style), 6), variants=(), variant_count=0)
            for id, style in zip(ids, self.likeness.styles(own, others))
        ]
        hits.sort(key=lambda hit: (-self._agreeing(hit.item), -hit.score, hit.id))
        return tuple(hits[: self.asked.limit])

    def _agreed(self) -> tuple[Comparison, ...]:
        """The item's own values in the columns that should agree, as far as it has any."""
        said = ((name, self.item.fields.get(name)) for name in self.asked.agree)
        return tuple(
            Comparison(name, Op.EQ, value)
            for name, value in said
            if value is not None and not isinstance(value, list)
        )

    def _agreeing(self, item: Item) -> int:
        return sum(item.fields.get(each.field) == each.value for each in self._agreed())


def _check_columns(agree: Sequence[str], fields: Sequence[Field]) -> None:
    single = [field.name for field in fields if field.type is not FieldType.STRINGS]
    for name in agree:
        if name not in single:
            raise UnknownFieldError(
                f"There is no column {name!r} of single values to agree in.",
                hint=f"There are {', '.join(single) or 'none'}.",
                details={"field": name},
            )
