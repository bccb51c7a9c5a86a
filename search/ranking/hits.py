"""The groups of a page as hits: whole items, with the other images of their products."""

from collections.abc import Mapping, Sequence

from search.filters.ast import Comparison, Op
from search.ranking.asked import Asked
from search.ranking.groups import Group, Key, key_of
from search.ranking.window import Ranking, rank
from search.regions import named_hit
from search.store.base import Candidate
from search.types import MAX_LIMIT, MAX_VARIANTS, By, Hit

_FIRST_LOOK = 128

Images = Mapping[Key, Sequence[Candidate]]


def hits_of(asked: Asked) -> tuple[tuple[Hit, ...], Ranking | None]:
    """The hits of the query's page; and their ranking, where more than one search was needed."""
    if asked.plain:
        return tuple(asked.store.search(asked.collection.name, asked.request)), None
    ranking = rank(asked)
    hits = _hits(asked, ranking.page)
    return tuple(map(named_hit, hits)) if asked.has_regions else hits, ranking


def _hits(asked: Asked, groups: Sequence[Group]) -> tuple[Hit, ...]:
    """Items that were deleted since they were found are left out."""
    by = asked.query.by
    images = _images(asked, sorted({key for group in groups for key in _products(group, by)}))
    behind = [_behind(group, by, images) for group in groups]
    shown = [each[:MAX_VARIANTS] for each in behind]
    ids = [each.id for group, some in zip(groups, shown) for each in (group.best, *some)]
    items = asked.store.get(asked.collection.name, ids)
    return tuple(
        Hit(
            items[group.best.id],
            group.best.score,
            group.boost,
            tuple(Hit(items[each.id], each.score) for each in some if each.id in items),
            len(others),
            fused=group.best.fused,
            rerank=group.best.rerank,
            lift=group.best.lift,
        )
        for group, some, others in zip(groups, shown, behind)
        if group.best.id in items
    )


def _behind(group: Group, by: By, images: Images) -> list[Candidate]:
    """Everything that the group's best stands for, best first."""
    found = {each.id: each for each in group.members}
    for key in _products(group, by):
        found |= {each.id: each for each in images.get(key, ())}
    others = [each for each in found.values() if each.id != group.best.id]
    return sorted(others, key=lambda each: (-each.score, each.id))


def _products(group: Group, by: By) -> list[Key]:
    """The products among the group's members; items that belong to none have no other images."""
    keys = (key_of(member, by) for member in group.members)
    return [key for key in dict.fromkeys(keys) if key[0] == "product"]


def _images(asked: Asked, products: Sequence[Key]) -> Images:
    """All images of these products that satisfy the query's filter, by product."""
    if not products:
        return {}
    chosen = Comparison("product_id", Op.IN, tuple(product for _, product in products))
    limit = _FIRST_LOOK
    found = asked.candidates(limit, ["product_id"], also=chosen)
    while not (found.ended or found.cut):
        limit = min(8 * limit, MAX_LIMIT)
        found = asked.candidates(limit, ["product_id"], also=chosen)
    images: dict[Key, list[Candidate]] = {}
    for each in found.candidates:
        images.setdefault(key_of(each, "product"), []).append(each)
    return images
