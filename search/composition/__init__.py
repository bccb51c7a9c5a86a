"""Composition: "this item, but in red". A source's embedding and a change in words, one query.

`Composer.changed` makes the query's embedding; `read_changes` says what a text would change.
"""

from search.composition.composer import Composer
from search.composition.reading import read_changes, says_nothing
from search.composition.vocabulary import Change

__all__ = ["Change", "Composer", "read_changes", "says_nothing"]
