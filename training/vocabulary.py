"""The words of fashion: names of article types, the broad words above them, colours, patterns."""

import re
from collections.abc import Mapping
from types import MappingProxyType

# The catalogue's article type -> what people call it.
TYPE_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Tshirts": ("t-shirt", "tshirt", "tee", "t shirt", "t-shirts"),
        "Shirts": ("shirt", "button-up shirt", "dress shirt"),
        "Casual Shoes": ("casual shoes", "casual shoe", "sneakers", "casual sneakers"),
        "Sports Shoes": ("sports shoes", "sport shoes", "running shoes", "trainers"),
        "Formal Shoes": ("formal shoes", "dress shoes", "oxfords", "leather shoes"),
        "Tops": ("top", "blouse", "women's top"),
        "Kurtas": ("kurta", "long tunic"),
        "Kurtis": ("kurti", "tunic top"),
        "Watches": ("watch", "wristwatch", "wrist watch"),
        "Handbags": ("handbag", "bag", "purse", "hand bag"),
        "Heels": ("heels", "high heels", "heeled shoes", "heeled sandals"),
        "Sunglasses": ("sunglasses", "shades", "sun glasses"),
        "Sweaters": ("sweater", "jumper", "pullover", "knitwear"),
        "Sandals": ("sandals", "sandal", "open shoes"),
        "Flip Flops": ("flip flops", "flip-flops", "slippers", "thongs"),
        "Wallets": ("wallet", "purse", "billfold"),
        "Sweatshirts": ("sweatshirt", "hoodie", "sweat shirt"),
        "Belts": ("belt", "leather belt"),
        "Trousers": ("trousers", "pants", "chinos", "slacks"),
        "Socks": ("socks", "pair of socks"),
        "Jeans": ("jeans", "denim pants", "denims"),
        "Jackets": ("jacket", "coat", "windbreaker"),
        "Backpacks": ("backpack", "rucksack", "school bag"),
        "Flats": ("flats", "ballerinas", "flat shoes", "ballet flats"),
        "Briefs": ("briefs", "underpants", "underwear"),
        "Shorts": ("shorts", "short pants", "bermudas"),
        "Innerwear Vests": ("vest", "undershirt", "tank top", "innerwear vest"),
        "Caps": ("cap", "baseball cap", "hat"),
        "Track Pants": ("track pants", "sweatpants", "joggers", "sports pants"),
        "Ties": ("tie", "necktie"),
        "Mufflers": ("muffler", "scarf", "woollen scarf"),
        "Dresses": ("dress", "frock", "gown"),
        "Clutches": ("clutch", "clutch bag"),
        "Scarves": ("scarf", "shawl"),
        "Skirts": ("skirt", "skirts"),
        "Trunk": ("trunks", "boxer briefs"),
        "Perfume and Body Mist": ("perfume", "body mist", "fragrance"),
        "Stockings": ("stockings", "tights"),
        "Duffel Bag": ("duffel bag", "gym bag"),
        "Laptop Bag": ("laptop bag", "office bag"),
        "Hat": ("hat", "fedora"),
        "Leggings": ("leggings", "tights"),
        "coat": ("coat", "overcoat", "long jacket"),
        "boots": ("boots", "ankle boots"),
        "longsleeve": ("long sleeve t-shirt", "longsleeve", "long-sleeved t-shirt"),
    }
)
_FOOTWEAR = frozenset({"Casual Shoes", "Sports Shoes", "Formal Shoes", "Heels", "Flats", "boots"})
_TROUSERS = frozenset({"Trousers", "Jeans", "Track Pants", "Capris", "Leggings", "Lounge Pants"})
_BAGS = frozenset(
    {"Handbags", "Backpacks", "Clutches", "Duffel Bag", "Laptop Bag", "Messenger Bag", "Rucksacks"}
)
_WARM = frozenset({"Jackets", "coat", "Sweaters", "Sweatshirts"})

# A broad word -> the article types it covers. Every type has also a concept of its own.
BROAD_WORDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "shoes": _FOOTWEAR,
        "footwear": _FOOTWEAR | {"Sandals", "Flip Flops", "Sports Sandals"},
        "sneakers": frozenset({"Casual Shoes", "Sports Shoes"}),
        "pants": _TROUSERS,
        "trousers": frozenset({"Trousers", "Track Pants"}),
        "bag": _BAGS,
        "outerwear": frozenset({"Jackets", "coat"}) | _WARM,
        "outwear": frozenset({"Jackets", "coat"}),
        "hat": frozenset({"Caps", "Hat"}),
        "headwear": frozenset({"Caps", "Hat", "Headband"}),
        "longsleeve": frozenset({"longsleeve", "Sweatshirts", "Sweaters"}),
        "long sleeve top": frozenset({"longsleeve", "Sweatshirts", "Sweaters"}),
        "t-shirt": frozenset({"Tshirts", "longsleeve"}),
        "scarf": frozenset({"Scarves", "Mufflers", "Stoles"}),
        "underwear": frozenset({"Briefs", "Innerwear Vests", "Trunk", "Boxers", "Bra"}),
        "top": frozenset({"Tops", "Tshirts", "Shirts", "Tunics", "Kurtis", "longsleeve"}),
    }
)
# The drawings' kinds -> the catalogue's article types.
DRAWN_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "dress": "Dresses",
        "t-shirt": "Tshirts",
        "shirt": "Shirts",
        "blouse": "Tops",
        "skirt": "Skirts",
        "trousers": "Trousers",
        "jeans": "Jeans",
        "shorts": "Shorts",
        "jacket": "Jackets",
        "sweater": "Sweaters",
        "sneakers": "Casual Shoes",
        "heels": "Heels",
        "handbag": "Handbags",
        "backpack": "Backpacks",
        "hat": "Hat",
        "cap": "Caps",
        "scarf": "Scarves",
        "watch": "Watches",
        "sunglasses": "Sunglasses",
    }
)
COLOUR_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "navy blue": ("navy", "dark blue"),
        "grey": ("gray",),
        "purple": ("violet",),
        "off white": ("ivory",),
        "beige": ("sand",),
        "maroon": ("dark red", "wine red"),
        "multi": ("multicoloured", "colourful"),
    }
)
_PATTERNS: tuple[tuple[str, str], ...] = (
    (r"\bchecks?\b|\bcheckered\b|\bplaid\b", "checked"),
    (r"\bstrip(e|es|ed)\b", "striped"),
    (r"\bpolka\b", "polka dot"),
    (r"\b(floral|flower)\b", "floral"),
    (r"\b(print|prints|printed|graphic)\b", "printed"),
    (r"\bsolids?\b", "plain"),
)


def type_words(article_type: str) -> tuple[str, ...]:
    """Return what an article type is called; those unknown here go by their own name."""
    known = TYPE_WORDS.get(article_type)
    if known is not None:
        return known
    name = article_type.lower()
    return (name, name[:-1]) if name.endswith("s") else (name,)


def pattern_of(title: str) -> str:
    """Read the pattern from a title; empty where it names none."""
    lowered = title.lower()
    return next((name for rule, name in _PATTERNS if re.search(rule, lowered)), "")
