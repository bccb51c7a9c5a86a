"""From candidates to hits: boosting, grouping, collapsing, diversity, sorting, facets.

Everything here is made of the store's candidates and gives an order that is the same for every
page: see `search.types.Query` for what is promised.
"""
