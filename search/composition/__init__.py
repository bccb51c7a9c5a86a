"""Composition: "this item, but in red". A source's embedding and a change in words, one query.

`read_changes` says what a text changes; `Composer.changed` makes the query's embedding of it.
"""

from search.composition.composer import Composer
from search.composition.reading import Change, read_changes, says_nothing

__all__ = ["Change", "Composer", "read_changes", "says_nothing"]
