"""What the picture says and what the words say, put into one ranking.

    fused = score + spread * (WEIGHT * share ** 2 + WHOLE * has_all)

`score` is the cosine similarity, `share` the item's BM25 score over the best one's
(`search.lexical.WordRanking`), `has_all` 1 for an item that has all the words and 0 for others,
`spread` how far the scores of the first DEPTH pictures lie apart: cosines lie within a narrow band,
another one for each model and query. The square keeps items that lack a rare word well behind, and
WHOLE those that lack a common one, for which BM25 takes hardly anything off: the women's shirt
whose picture is better is not what "men printed black shirt" asks for. A convex combination of
normalised scores is what S. Bruch et al. recommend ("An analysis of fusion functions for hybrid
retrieval", ACM TOIS 42(1), 2023); docs/hybrid.md compares it with reciprocal rank fusion.
"""

from collections.abc import Sequence
from dataclasses import replace

from search.lexical import WordRanking
from search.store.base import Candidate

WEIGHT = 4.0
"""What the words count, in spreads."""

WHOLE = 2.0
"""What having all of them counts beside that, in spreads."""

DEPTH = 200
"""How many items by picture, and how many by words, can have a share of the words added."""

WORDS_DEPTH = 1_000
"""How many items a query by words alone ranks."""

LEAST_SPREAD = 0.01
"""Where all pictures score alike, the words decide."""

TIES = 0.001
"""What the score counts where words alone are asked for."""

DECIMALS = 6


def fused(
    by_score: Sequence[Candidate], by_words: Sequence[Candidate], words: WordRanking
) -> list[Candidate]:
    """Candidates by picture, best first, and those by words as one ranking, ties by id.

    The first DEPTH of `by_score` and all of `by_words` have their words counted; what follows has
    its score alone. So more candidates by picture only lengthen the ranking.
    """
    spread = LEAST_SPREAD
    if by_score:
        spread = max(by_score[0].score - by_score[:DEPTH][-1].score, LEAST_SPREAD)
    counted = {each.id: each for each in (*by_score[:DEPTH], *by_words)}
    rest = (each for each in by_score[DEPTH:] if each.id not in counted)
    valued = [_valued(each, words, spread) for each in counted.values()]
    valued += [replace(each, fused=each.score) for each in rest]
    return sorted(valued, key=lambda each: (-each.ranked_by, each.id))


def _valued(candidate: Candidate, words: WordRanking, spread: float) -> Candidate:
    added = WEIGHT * words.share(candidate.id) ** 2 + WHOLE * words.has_all(candidate.id)
    return replace(candidate, fused=round(candidate.score + spread * added, DECIMALS))


def by_share(candidates: Sequence[Candidate], words: WordRanking) -> list[Candidate]:
    """Candidates by what they have of the words, ties by id.

    What they are ranked by is their share and TIES times their score: of those that have the same
    words, the picture decides.
    """
    valued = [
        replace(each, fused=round(words.share(each.id) + TIES * each.score, DECIMALS))
        for each in candidates
    ]
    return sorted(valued, key=lambda each: (-each.ranked_by, each.id))
