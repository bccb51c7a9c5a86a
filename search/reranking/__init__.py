"""A second look at the first candidates, by something slower and better than one dot product.

A `Reranker` scores a `Shortlist`; `SecondStage` mixes that with the first ranking. `Exact`,
`LateInteraction`, `CrossEncoder` and `Endpoint` are the rerankers there are.
"""

from search.reranking.base import Images, Reranker, Scores, Shortlist, unknown_reranker
from search.reranking.cross import CrossEncoder
from search.reranking.endpoint import Endpoint
from search.reranking.exact import Exact
from search.reranking.late_interaction import LateInteraction
from search.reranking.stage import SecondStage

__all__ = [
    "CrossEncoder",
    "Endpoint",
    "Exact",
    "Images",
    "LateInteraction",
    "Reranker",
    "Scores",
    "SecondStage",
    "Shortlist",
    "unknown_reranker",
]
