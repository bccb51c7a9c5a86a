"""Exact rescoring: the cosine of query and item in full precision."""

from search.reranking.base import Scores, Shortlist


class Exact:
    """Scores candidates by their stored embeddings, in float32.

    It mends what an index approximates. Vitrine's own indexes (FLAT, and HNSW over whole vectors)
    compute exact scores, so that it changes nothing there: it is for collections that somebody
    gave a quantised index.
    """

    weight = 1.0

    def scores(self, shortlist: Shortlist) -> Scores:
        """The cosine similarities, NaN for what was deleted since. See `Reranker`."""
        found: Scores = shortlist.embeddings() @ shortlist.meaning.embedding
        return found
