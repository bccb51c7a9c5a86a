"""What to show beside an item: what is like it, within limits that it sets; what goes with it."""

from search.recommending.looks import Look, LookQuery, LookSlot, Stylist
from search.recommending.relative import Relation, Relative, relative_filter, relative_from_text
from search.recommending.rules import LookRules, read_rules, rules_from_text
from search.recommending.similar import search_similar

__all__ = [
    "Look",
    "LookQuery",
    "LookRules",
    "LookSlot",
    "Relation",
    "Relative",
    "Stylist",
    "read_rules",
    "relative_filter",
    "relative_from_text",
    "rules_from_text",
    "search_similar",
]
