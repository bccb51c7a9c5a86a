"""From a query to the groups of its page, looking at no more candidates than that takes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from search.ranking.asked import GROWTH, Asked, Found
from search.ranking.boosting import boosted
from search.ranking.diversity import diversified
from search.ranking.duplicates import collapsed
from search.ranking.fusion import WORDS_DEPTH
from search.ranking.groups import Group, grouped, joined, keys_of
from search.ranking.sorting import in_order
from search.store.base import Candidate
from search.types import MAX_LIMIT, Query

IMAGES_PER_PRODUCT = 4
"""How many candidates are looked at for each product that is wanted, before looking again."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """The groups of a page, and what is known of the whole ranking.

    `found` is how many groups were seen, which are all of them if `ended`. `folded` is how many
    products (or items) stand behind the picture of another one. `cut` says that the page lacks
    groups, because they lie beyond what one query can look at. `relevant` is the relevant set,
    empty where none was needed.
    """

    page: tuple[Group, ...]
    found: int
    ended: bool
    folded: int
    cut: bool
    relevant: tuple[Candidate, ...]


def rank(asked: Asked) -> Ranking:
    """The groups of the query's page, in the order that `Query` promises.

    Pages of one query fit together: the relevant set is the same for all of them, and what
    follows it is in order of score, each product (or item) where its best candidate is.
    """
    query = asked.query
    relevant = _reranked(asked, _relevant_set(asked))
    opening = arranged(query, relevant.candidates)
    groups = opening
    looked_at = len(relevant.candidates)
    cut = relevant.cut
    ended = relevant.ended or (bool(query.sort) and not cut)
    wanted = query.offset + query.limit
    while not (ended or cut) and len(groups) < wanted:
        looked_at = _enough(query, looked_at, wanted - len(groups))
        found = asked.candidates(looked_at, _identity(query))
        ended = found.ended
        cut = found.cut or (looked_at == MAX_LIMIT and not ended)
        groups = joined(opening, found.candidates, query.by)
    return Ranking(
        page=tuple(groups[query.offset : wanted]),
        found=len(groups),
        ended=ended,
        folded=len(keys_of(opening, query.by)) - len(opening),
        cut=cut and len(groups) < wanted,
        relevant=tuple(relevant.candidates),
    )


def arranged(query: Query, relevant: Sequence[Candidate]) -> list[Group]:
    """The relevant set as groups, boosted, collapsed, and sorted or made diverse."""
    groups = grouped(boosted(relevant, query.boosts), query.by)
    if query.collapse_duplicates:
        groups = collapsed(groups)
    if query.sort:
        groups = in_order(groups, query.sort)
    if query.diversity:
        groups = diversified(groups, query.diversity)
    return groups


def _relevant_set(asked: Asked) -> Found:
    """The first candidates with all that arranging them takes; none where it takes nothing."""
    query = asked.query
    counted = query.facets if query.facets_over == "relevant" else ()
    if not query.arranges and not counted:
        # A ranking by words is short, and all of it is needed for the total.
        if query.mode == "text":
            return asked.candidates(WORDS_DEPTH, _identity(query))
        return Found([], ended=False)
    fields = [*_identity(query), *counted]
    fields += [sort.field for sort in query.sort] + [boost.field for boost in query.boosts]
    pictures = query.collapse_duplicates or query.diversity > 0
    return asked.candidates(query.relevant, list(dict.fromkeys(fields)), embeddings=pictures)


def _reranked(asked: Asked, found: Found) -> Found:
    if asked.second_stage is None:
        return found
    return replace(found, candidates=asked.second_stage(found.candidates))


def _identity(query: Query) -> list[str]:
    """The fields by which candidates are grouped."""
    return ["product_id"] if query.by == "product" else []


def _enough(query: Query, looked_at: int, missing: int) -> int:
    """How many candidates to look at so that the missing groups are likely among them."""
    if query.by == "item":
        return min(looked_at + missing, MAX_LIMIT)
    first = looked_at + IMAGES_PER_PRODUCT * missing
    return min(max(first, GROWTH * looked_at), MAX_LIMIT)
