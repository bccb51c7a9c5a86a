"""Filters as the service's description shows them: one for each comparison, in both forms."""

JSON_FORM: list[dict[str, object]] = [
    {"colour": "red"},
    {"colour": {"ne": "red"}},
    {"colour": ["red", "blue"], "price": {"gte": 10, "lt": 50}},
    {"brand": {"in": ["Juniper Lane", "Northpeak"]}},
    {"added_on": {"gt": "2024-01-01", "lte": "2024-05-31"}},
    {"title": {"prefix": "Juniper"}},
    {"tags": {"contains": "summer"}},
    {"tags": {"contains_any": ["summer", "beach"]}},
    {"tags": {"contains_all": ["summer", "beach"]}},
    {"price": {"exists": True}, "colour": {"exists": False}},
    {"or": [{"in_stock": True}, {"not": {"price": {"gte": 50}}}]},
    {"and": [{"colour": "red"}, {"extra.maker.country": "PT"}]},
]
"""What `filter` of a JSON body may be; docs/filters.md says what each means."""

TEXT_FORM = [
    "colour=red price<50",
    "colour!=red",
    'brand=Northpeak,"Juniper Lane"',
    "price:10..50 added_on>2024-01-01",
    "title^=Juniper",
    "tags:summer,beach",
    "tags:summer tags:beach",
    "exists price not exists colour",
    "in_stock=true or not price>=50",
    "extra.maker.country=PT",
]
"""What `filter` may be everywhere."""
