"""Why a hit is a hit: what each part of the query gave to it, and where its picture shows that.

`contributions` takes a score apart; `heatmaps` finds words in pictures and `overlays` draws that.
"""

from search.explaining.contributions import Share, explained, shares_of
from search.explaining.heatmaps import HeatMap, heat_maps
from search.explaining.overlays import overlay, span_of
from search.explaining.words import content_words, words_of

__all__ = [
    "HeatMap",
    "Share",
    "content_words",
    "explained",
    "heat_maps",
    "overlay",
    "shares_of",
    "span_of",
    "words_of",
]
