"""All pages of a query, put together, are one ranking: the one that its options describe.

The reference is written anew here, in plain Python over the whole catalogue, from what `Query`
promises. Embeddings are few and coarse, so that scores tie and pictures repeat.
"""

import math
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from search.encoders.base import ModelIdentity
from search.filters import And, Comparison, Op
from search.negation import Exclusion
from search.ranking import asked as asked_module
from search.ranking.asked import Asked
from search.ranking.duplicates import NEARLY_THE_SAME
from search.ranking.hits import hits_of
from search.ranking.totals import total_of
from search.store import CollectionSpec, Entity, SearchRequest, Store
from search.types import (
    MAX_VARIANTS,
    Boost,
    By,
    Field,
    FieldType,
    Hit,
    Item,
    Query,
    Sort,
    TextPart,
)

EXAMPLES = {"lite": 60, "server": 20}
FIELDS = (Field("price", FieldType.INTEGER), Field("new", FieldType.BOOLEAN))
ANGLES = (0.0, 0.05, 0.1, 0.6, 0.7, 1.5, 3.0)
"""Directions of pictures: the first three are nearly the same, and so are the next two."""

BY: tuple[By, ...] = ("item", "product")
AXIS = np.array([1, 0, 0, 0], dtype=np.float32)


@dataclass(frozen=True)
class Row:
    """An item of a random catalogue."""

    id: str
    angle: float
    product: str | None
    price: int | None
    new: bool | None

    @property
    def embedding(self) -> np.ndarray:  # type: ignore[type-arg]
        return np.array([math.cos(self.angle), math.sin(self.angle), 0, 0], dtype=np.float32)

    @property
    def is_tilted(self) -> bool:
        return min(math.cos(self.angle), math.sin(self.angle)) > 0.5

    @property
    def score(self) -> float:
        return round(float(self.embedding @ AXIS), 6)


class Tilted:
    """A test of what is excluded: the pictures that lie askew."""

    def shown_by(self, embeddings: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        return np.asarray((embeddings[:, 0] > 0.5) & (embeddings[:, 1] > 0.5))


NOTHING_TILTED = Exclusion(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), (Tilted(),))
LEAST_SCORES = (None, None, -0.5, 0.5, 0.998)


@pytest.fixture(scope="module")
def spec(store: Store) -> Iterator[CollectionSpec]:
    spec = CollectionSpec(
        f"paged_{uuid.uuid4().hex[:12]}__v1", ModelIdentity("mini", "f", 4), FIELDS
    )
    store.create(spec)
    yield spec
    store.drop(spec.name)


def random_catalogue(random: Random) -> list[Row]:
    products = [None, None, "p1", "p2", "p3", "p4", "00"]
    return [
        Row(
            f"{number:02}",
            random.choice(ANGLES),
            random.choice(products),
            random.choice([None, -2, 0, 1, 2, 5]),
            random.choice([None, True, False]),
        )
        for number in range(random.randint(0, 40))
    ]


def random_query(random: Random) -> Query:
    sort: tuple[Sort, ...] = ()
    boosts: tuple[Boost, ...] = ()
    diversity = 0.0
    match random.randint(0, 3):
        case 1:
            fields = random.sample(["price", "new"], 2)
            sort = tuple(Sort(field, random.random() < 0.5) for field in fields)
        case 2:
            boosts = (Boost("price", random.choice([0.3, -2.0])), Boost("new", 0.5))
        case 3:
            diversity = random.choice([0.3, 1.0])
    return Query(
        (TextPart("x"),),
        limit=random.randint(1, 12),
        by=random.choice(BY),
        sort=sort,
        boosts=boosts,
        diversity=diversity,
        collapse_duplicates=random.random() < 0.5,
        relevant=random.choice([1, 3, 8, 20, 200]),
        total=True,
    )


def test_pages_make_up_the_ranking_that_is_described(
    store: Store, spec: CollectionSpec, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Catalogues are small here: so that what is judged first is often too little.
    monkeypatch.setattr(asked_module, "JUDGED_PER_HIT", 1)
    monkeypatch.setattr(asked_module, "JUDGED_BESIDE", 0)
    run = 0

    @settings(
        derandomize=True,
        deadline=None,
        max_examples=EXAMPLES[backend],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**32))
    def check(seed: int) -> None:
        # One number for all: what is drawn piece by piece often repeats itself within a run.
        random = Random(seed)
        catalogue, query = random_catalogue(random), random_query(random)
        excluded = random.sample(range(6), random.randint(0, 2))
        filtered = random.random() < 0.5
        exclusion = random.choice([None, NOTHING_TILTED])
        least = random.choice(LEAST_SCORES)
        nonlocal run
        run += 1
        # Each catalogue has a title of its own: cheaper than a collection of its own.
        title = Comparison("title", Op.EQ, f"catalogue {run}")
        out = frozenset(f"{run}-{number:02}" for number in excluded)
        rows = [replace(row, id=f"{run}-{row.id}") for row in catalogue]
        store.upsert(spec.name, [entity(row, f"catalogue {run}") for row in rows])
        filter = And((title, Comparison("price", Op.GTE, 0))) if filtered else title
        left = [row for row in rows if row.id not in out]
        left = [row for row in left if not filtered or (row.price is not None and row.price >= 0)]
        left = [row for row in left if exclusion is None or not row.is_tilted]
        left = [row for row in left if least is None or row.score >= least]
        note(f"{query}\n{[(row.id, row.score, row.product) for row in left]}")

        def page(offset: int) -> Asked:
            asked = replace(query, filter=filter, offset=offset)
            request = SearchRequest(AXIS, query.limit, offset, filter, out)
            return Asked(asked, request, store, spec, exclusion, least)

        assert_described(page, query, left)
        store.delete(spec.name, [row.id for row in rows])

    check()


def assert_described(page: Callable[[int], Asked], query: Query, rows: Sequence[Row]) -> None:
    expected = reference(query, rows)
    walked: list[Hit] = []
    for offset in range(0, len(expected) + 2 * query.limit, query.limit):
        hits, ranking = hits_of(page(offset))
        total, is_exact = total_of(page(offset), ranking)
        assert total == len(expected) or (not is_exact and len(walked) <= total <= len(expected))
        assert is_exact or not page(offset).selects_all
        assert len(hits) <= query.limit
        walked += hits
    assert [hit.id for hit in walked] == [group[0].id for group in expected]
    for hit, group in zip(walked, expected):
        assert hit.variant_count == len(group) - 1
        assert [variant.id for variant in hit.variants] == [r.id for r in group[1:]][:MAX_VARIANTS]
        assert hit.score == pytest.approx(group[0].score, abs=2e-6)


def reference(query: Query, rows: Sequence[Row]) -> list[list[Row]]:
    """The groups of all pages, the image that stands for each first, the others best first."""
    ranked = sorted(rows, key=lambda row: (-row.score, row.id))
    relevant = ranked[: query.relevant] if query.arranges else []
    boosts = {row.id: boost_of(query, row, relevant) for row in relevant}
    relevant = sorted(relevant, key=lambda row: (-(row.score + boosts[row.id]), row.id))
    groups = groups_of(relevant, query)
    if query.collapse_duplicates:
        groups = without_duplicates(groups)
    if query.sort:
        groups = sorted_by(groups, query.sort)
    if query.diversity:
        groups = diverse(groups, query.diversity, boosts)
    seen = {key(row, query) for group in groups for row in group}
    if not query.sort:
        groups += groups_of([row for row in ranked if key(row, query) not in seen], query)
    return [whole(group, ranked, query) for group in groups]


def key(row: Row, query: Query) -> tuple[str, str]:
    by_product = query.by == "product" and row.product is not None
    return ("product", str(row.product)) if by_product else ("item", row.id)


def groups_of(rows: Sequence[Row], query: Query) -> list[list[Row]]:
    keys = list(dict.fromkeys(key(row, query) for row in rows))
    return [[row for row in rows if key(row, query) == one] for one in keys]


def whole(group: list[Row], ranked: Sequence[Row], query: Query) -> list[Row]:
    keys = {key(row, query) for row in group}
    others = [row for row in ranked if key(row, query) in keys and row.id != group[0].id]
    return [group[0], *others]


def boost_of(query: Query, row: Row, relevant: Sequence[Row]) -> float:
    added = 0.0
    for boost in query.boosts:
        values = [size(getattr(each, boost.field)) for each in relevant]
        if max(values) > 0:
            added += boost.weight * size(getattr(row, boost.field)) / max(values)
    return added


def size(value: bool | int | None) -> float:
    return float(value) if isinstance(value, bool) else math.log1p(max(value or 0, 0))


def alike(one: Sequence[Row], other: Sequence[Row]) -> float:
    return round(float(one[0].embedding @ other[0].embedding), 6)


def without_duplicates(groups: list[list[Row]]) -> list[list[Row]]:
    kept: list[list[Row]] = []
    heads: list[list[Row]] = []
    for group in groups:
        near = max(range(len(heads)), key=lambda i: alike(group, heads[i]), default=None)
        if near is not None and alike(group, heads[near]) >= NEARLY_THE_SAME:
            kept[near] = [*kept[near], *group]
        else:
            kept.append(group)
            heads.append(group)
    return kept


def sorted_by(groups: list[list[Row]], sorts: Sequence[Sort]) -> list[list[Row]]:
    def place(group: list[Row]) -> tuple[object, ...]:
        values = [(getattr(group[0], sort.field), sort.descending) for sort in sorts]
        placed = [
            (True, 0) if value is None else (False, -value if down else value)
            for value, down in values
        ]
        return (*placed, -group[0].score, group[0].id)

    return sorted(groups, key=place)


def diverse(groups: list[list[Row]], share: float, boosts: dict[str, float]) -> list[list[Row]]:
    scores = {group[0].id: group[0].score + boosts[group[0].id] for group in groups}
    low, high = min(scores.values(), default=0), max(scores.values(), default=0)
    relevance = {id: (s - low) / (high - low) if high > low else 0.0 for id, s in scores.items()}
    order: list[list[Row]] = []
    left = list(groups)
    while left:

        def gain(group: list[Row]) -> float:
            near = max((alike(group, before) for before in order), default=0.0)
            worth = relevance[group[0].id]
            return (1 - share) * worth - share * near if order else worth

        best = max(left, key=gain)
        order.append(best)
        left.remove(best)
    return order


def entity(row: Row, title: str) -> Entity:
    fields = {"price": row.price, "new": row.new}
    return Entity(Item(row.id, "a.jpg", title, row.product, fields), row.embedding, "", "")
