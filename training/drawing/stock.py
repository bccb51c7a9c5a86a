"""The sample catalogue's stock: products, their colour variants, prices, dates and tags."""

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from training.drawing.palette import COLOURS
from training.drawing.queries import FULL, TEXT_QUERIES, TextQuery
from training.drawing.spec import (
    KINDS,
    ProductSpec,
    patterns_for,
    random_spec,
    second_colour_for,
)
from training.drawing.words import title

ITEMS = 400
COLUMNS = (
    "id", "image", "product_id", "title", "brand", "kind", "colour", "pattern", "price",
    "currency", "in_stock", "added_on", "tags",
)  # fmt: skip
BRANDS = (
    "Aldmoor", "Brightwell", "Casa Lino", "Fjordline", "Harrow & Finch", "Juniper Lane",
    "Maison Orée", "Northpeak", "Sollune", "Tidewater", "Velta",
)  # fmt: skip

# The lowest and highest price of a kind, in euros.
_PRICES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "dress": (29, 129), "t-shirt": (12, 39), "shirt": (24, 79), "blouse": (25, 85),
        "skirt": (22, 75), "trousers": (32, 99), "jeans": (39, 119), "shorts": (18, 55),
        "jacket": (59, 199), "coat": (89, 279), "sweater": (29, 109), "sneakers": (39, 139),
        "boots": (69, 219), "heels": (45, 159), "handbag": (39, 249), "backpack": (35, 129),
        "hat": (15, 59), "cap": (12, 35), "scarf": (15, 69), "watch": (49, 299),
        "sunglasses": (19, 149),
    }
)  # fmt: skip
_SEASONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "dress": ("summer", "spring"), "t-shirt": ("summer", "spring"), "shorts": ("summer",),
        "skirt": ("summer", "spring", "autumn"), "sunglasses": ("summer",),
        "sweater": ("winter", "autumn"), "coat": ("winter", "autumn"), "scarf": ("winter",),
        "boots": ("winter", "autumn"), "jacket": ("autumn", "spring"),
    }
)  # fmt: skip
_OCCASIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "dress": ("party", "casual", "holiday"), "heels": ("party", "office"),
        "shirt": ("office", "casual"), "blouse": ("office", "party"),
        "trousers": ("office", "casual"), "coat": ("office", "outdoor"),
        "sneakers": ("sport", "casual"), "cap": ("sport", "casual"),
        "backpack": ("travel", "school"), "handbag": ("office", "party", "casual"),
        "watch": ("office", "gift"), "scarf": ("outdoor", "gift"), "boots": ("outdoor", "casual"),
    }
)  # fmt: skip
# (variant, value) -> the tag it earns; what is not listed earns none.
_SHAPE_TAGS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("sleeve", "long"): "long-sleeve", ("sleeve", "short"): "short-sleeve",
        ("sleeve", "sleeveless"): "sleeveless", ("sleeve", "straps"): "strappy",
        ("sleeve", "puff"): "puff-sleeve", ("sleeve", "bell"): "bell-sleeve",
        ("heel", "high"): "high-heel", ("heel", "low"): "low-heel",
        ("height", "ankle"): "ankle", ("height", "mid"): "mid-calf",
        ("height", "knee"): "knee-high", ("top", "high"): "high-top", ("top", "low"): "low-top",
        ("neckline", "v-neck"): "v-neck", ("neckline", "round"): "round-neck",
        ("neckline", "turtleneck"): "turtleneck", ("front", "v-neck"): "v-neck",
        ("front", "bow"): "bow", ("front", "ruffle"): "ruffle", ("style", "sun hat"): "sun-hat",
        ("style", "strap"): "ankle-strap", ("leg", "short"): "short-leg",
        ("leg", "knee"): "knee-length", ("length", "knee"): "knee-length",
    }
)  # fmt: skip
_NAMED_BY_VALUE = frozenset({"length", "cut", "style", "frame", "leg", "knit"})
_FIRST_DAY = datetime.date(2024, 1, 8)
_DAYS = 640


@dataclass(frozen=True)
class StockItem:
    """One catalogue row and the specification that its picture is drawn from."""

    spec: ProductSpec
    row: Mapping[str, str]


def stock(rng: np.random.Generator) -> list[StockItem]:
    """Return the whole stock, in the order in which the catalogue lists it."""
    items: list[StockItem] = []
    for number, variants in enumerate(_products(rng), start=1):
        brand = BRANDS[int(rng.integers(len(BRANDS)))]
        shared = _shared_columns(f"p{number:03d}", brand, variants[0].kind, rng)
        state = rng.bit_generator.state
        for spec in variants:
            rng.bit_generator.state = state  # one product, one title: only the colour changes
            row = shared | {"title": title(spec, brand, rng)} | _look(spec)
            items.append(StockItem(spec, row))
        if len(items) >= ITEMS:
            break
    return _listed(items[:ITEMS], rng)


def _products(rng: np.random.Generator) -> Iterator[list[ProductSpec]]:
    """Yield products as lists of colour variants: first what the queries ask for, then the rest."""
    for query in TEXT_QUERIES:
        for _ in range(3 if query in FULL else 2):
            yield _variants(_asked_for(query, rng), int(rng.integers(1, 3)), rng)
    while True:
        for place in rng.permutation(len(KINDS)):
            kind = KINDS[int(place)]
            yield _variants(random_spec(rng, kind=kind), int(rng.integers(1, 4)), rng)


def _asked_for(query: TextQuery, rng: np.random.Generator) -> ProductSpec:
    """Draw products by lot until one has the shape that the query names."""
    colour = query.colour or str(query.filter.get("colour", ""))
    while True:
        spec = random_spec(rng, kind=query.kind or None, colour=colour or None, pattern=None)
        if query.pattern in patterns_for(spec.kind):
            spec = random_spec(rng, kind=spec.kind, colour=spec.colour, pattern=query.pattern)
        elif query.pattern:
            continue
        if not query.tag or query.tag in shape_tags(spec):
            return spec


def _variants(first: ProductSpec, count: int, rng: np.random.Generator) -> list[ProductSpec]:
    others = [colour for colour in COLOURS if colour != first.colour]
    chosen = [others[int(place)] for place in rng.permutation(len(others))[: count - 1]]
    return [first] + [
        replace(first, colour=colour, second_colour=second_colour_for(rng, colour, first.pattern))
        for colour in chosen
    ]


def _shared_columns(
    product_id: str, brand: str, kind: str, rng: np.random.Generator
) -> dict[str, str]:
    low, high = _PRICES[kind]
    price = low + float(rng.random()) ** 1.6 * (high - low)
    season = _one(_SEASONS.get(kind, ("all-season",)), rng)
    occasion = _one(_OCCASIONS.get(kind, ("casual",)), rng)
    day = _FIRST_DAY + datetime.timedelta(days=int(rng.integers(_DAYS)))
    return {
        "product_id": product_id,
        "brand": brand,
        "price": f"{int(price)}.{_one(('00', '50', '90', '95'), rng)}",
        "currency": "EUR",
        "added_on": day.isoformat(),
        "tags": f"{season}|{occasion}",
    }


def _one(values: tuple[str, ...], rng: np.random.Generator) -> str:
    return values[int(rng.integers(len(values)))]


def _look(spec: ProductSpec) -> dict[str, str]:
    return {"kind": spec.kind, "colour": spec.colour, "pattern": spec.pattern}


def shape_tags(spec: ProductSpec) -> list[str]:
    """Return the tags that a product's shape earns."""
    tags = []
    for name, value in spec.shape:
        if (name, value) in _SHAPE_TAGS:
            tags.append(_SHAPE_TAGS[name, value])
        elif name == "leg":
            tags.append(f"{value}-leg")
        elif name in _NAMED_BY_VALUE:
            tags.append(value)
    return tags


def _listed(items: list[StockItem], rng: np.random.Generator) -> list[StockItem]:
    """Shuffle the items and number them, so that an id says nothing about its product."""
    listed = []
    for number, place in enumerate(rng.permutation(len(items)), start=1):
        item = items[int(place)]
        tags = [item.row["tags"], *shape_tags(item.spec)]
        own = {
            "id": f"v{number:04d}",
            "image": f"images/v{number:04d}.jpg",
            "in_stock": "true" if float(rng.random()) < 0.86 else "false",
            "tags": "|".join(dict.fromkeys(tags)),
        }
        row = dict(item.row) | own
        listed.append(StockItem(item.spec, {column: row[column] for column in COLUMNS}))
    return listed
