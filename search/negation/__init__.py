"""Negation: what a text excludes, and which items show it.

spoken = read_negation("dress, not floral")
exclusion = Excluder(encoder).exclusion(spoken.wanted, spoken.without)
query = exclusion.away(encoder.encode_texts([spoken.wanted or NEUTRAL])[0])
shown = exclusion.violates(embeddings_of_the_items_nearest_to(query))
"""

from search.negation.excluding import Excluder, Exclusion, Strictness
from search.negation.reading import NEUTRAL, Spoken, read_negation

__all__ = [
    "NEUTRAL",
    "Excluder",
    "Exclusion",
    "Spoken",
    "Strictness",
    "read_negation",
]
