"""How people and shops put a product into words."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from training.drawing.spec import ProductSpec

PAIRS = frozenset({"trousers", "jeans", "shorts", "sneakers", "boots", "heels", "sunglasses"})

_COLOUR_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"purple": ("purple", "purple", "violet"), "grey": ("grey", "grey", "gray")}
)
_PATTERN_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "plain": ("plain", "solid"),
        "striped": ("striped", "striped", "stripy"),
        "checked": ("checked", "checked", "plaid", "checkered"),
        "polka dot": ("polka dot", "polka dot", "dotted", "spotted", "polka-dot"),
        "floral": ("floral", "floral", "flowery", "flower print"),
        "leaf": ("leaf", "leaf print", "leafy"),
        "zigzag": ("zigzag", "zigzag", "chevron"),
    }
)
_PATTERN_TAILS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "striped": ("with stripes", "with a striped pattern"),
        "checked": ("with checks", "with a checked pattern"),
        "polka dot": ("with polka dots", "with dots"),
        "floral": ("with flowers", "with a floral print"),
        "leaf": ("with leaves", "with a leaf print"),
        "zigzag": ("with zigzags", "with a zigzag pattern"),
    }
)
_MOTIFS: Mapping[str, str] = MappingProxyType(
    {
        "striped": "stripes",
        "checked": "checks",
        "polka dot": "dots",
        "floral": "flowers",
        "leaf": "leaves",
        "zigzag": "zigzags",
    }
)
_KIND_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "t-shirt": ("t-shirt", "t-shirt", "tee", "tshirt"),
        "shirt": ("shirt", "shirt", "shirt", "button-up shirt"),
        "trousers": ("trousers", "trousers", "pants"),
        "sweater": ("sweater", "sweater", "jumper", "pullover"),
        "sneakers": ("sneakers", "sneakers", "trainers"),
        "heels": ("heels", "heels", "heeled shoes"),
        "handbag": ("handbag", "handbag", "bag", "purse"),
        "backpack": ("backpack", "backpack", "rucksack"),
        "cap": ("cap", "baseball cap"),
        "watch": ("watch", "watch", "wristwatch"),
        "sunglasses": ("sunglasses", "sunglasses", "shades"),
    }
)
# (kind, variant, value) -> what may stand before the noun.
_BEFORE: Mapping[tuple[str, str], tuple[str, ...]] = MappingProxyType(
    {
        ("sleeve", "long"): ("long-sleeved", "long-sleeve", "long sleeve"),
        ("sleeve", "short"): ("short-sleeved", "short-sleeve", "short sleeve"),
        ("sleeve", "sleeveless"): ("sleeveless",),
        ("sleeve", "straps"): ("strappy", "sleeveless"),
        ("sleeve", "puff"): ("puff-sleeve",),
        ("sleeve", "bell"): ("bell-sleeve",),
        ("length", "mini"): ("mini", "short"),
        ("length", "midi"): ("midi",),
        ("length", "maxi"): ("maxi", "long"),
        ("length", "long"): ("long",),
        ("length", "knee"): ("knee-length",),
        ("neckline", "v-neck"): ("v-neck",),
        ("neckline", "turtleneck"): ("turtleneck", "roll-neck"),
        ("front", "v-neck"): ("v-neck",),
        ("cut", "a-line"): ("a-line",),
        ("cut", "fitted"): ("fitted",),
        ("cut", "flared"): ("flared",),
        ("cut", "pencil"): ("pencil",),
        ("cut", "pleated"): ("pleated",),
        ("leg", "wide"): ("wide-leg",),
        ("leg", "slim"): ("slim",),
        ("leg", "skinny"): ("skinny",),
        ("leg", "flared"): ("flared",),
        ("leg", "straight"): ("straight-leg",),
        ("leg", "knee"): ("knee-length", "long"),
        ("knit", "chunky"): ("chunky", "chunky knit"),
        ("top", "high"): ("high-top",),
        ("top", "low"): ("low-top",),
        ("height", "ankle"): ("ankle",),
        ("height", "knee"): ("knee-high", "tall"),
        ("height", "mid"): ("mid-calf",),
        ("style", "lace-up"): ("lace-up",),
        ("style", "chelsea"): ("chelsea",),
        ("style", "heeled"): ("heeled",),
        ("heel", "high"): ("high",),
        ("heel", "low"): ("low",),
        ("style", "strap"): ("ankle-strap",),
        ("style", "tote"): ("tote-style",),
        ("style", "satchel"): ("satchel-style",),
        ("style", "trench"): ("trench",),
        ("style", "wool"): ("wool",),
        ("style", "hooded"): ("hooded",),
        ("style", "bomber"): ("bomber",),
        ("style", "puffer"): ("puffer", "quilted"),
        ("style", "fedora"): ("fedora",),
        ("style", "sun hat"): ("wide-brimmed", "sun"),
        ("style", "bucket"): ("bucket",),
        ("style", "beanie"): ("knitted",),
        ("dial", "square"): ("square",),
        ("dial", "round"): ("round",),
        ("frame", "round"): ("round",),
        ("frame", "square"): ("square",),
        ("frame", "aviator"): ("aviator",),
        ("frame", "cat-eye"): ("cat-eye",),
    }
)
_AFTER: Mapping[tuple[str, str], tuple[str, ...]] = MappingProxyType(
    {
        ("sleeve", "long"): ("with long sleeves",),
        ("sleeve", "short"): ("with short sleeves",),
        ("sleeve", "sleeveless"): ("without sleeves",),
        ("sleeve", "straps"): ("with straps", "with thin straps"),
        ("sleeve", "puff"): ("with puff sleeves",),
        ("sleeve", "bell"): ("with bell sleeves",),
        ("neckline", "v-neck"): ("with a v-neck",),
        ("neckline", "round"): ("with a round neck",),
        ("neckline", "turtleneck"): ("with a turtleneck",),
        ("front", "bow"): ("with a bow",),
        ("front", "ruffle"): ("with ruffles",),
        ("pocket", "yes"): ("with a pocket",),
        ("belt", "yes"): ("with a belt",),
        ("hem", "rolled"): ("with rolled hems",),
        ("heel", "high"): ("with a high heel",),
        ("style", "strap"): ("with an ankle strap",),
        ("style", "tote"): ("with two handles",),
        ("style", "shoulder"): ("with a shoulder strap",),
        ("style", "hooded"): ("with a hood",),
        ("waist", "drawstring"): ("with a drawstring",),
        ("sole", "gum"): ("with a gum sole",),
    }
)
# A style that is itself a noun people use.
_STYLE_NOUNS: Mapping[tuple[str, str], tuple[str, ...]] = MappingProxyType(
    {
        ("jacket", "blazer"): ("blazer", "blazer", "jacket"),
        ("hat", "fedora"): ("fedora", "hat", "hat"),
        ("hat", "beanie"): ("beanie", "hat", "hat"),
        ("handbag", "tote"): ("tote bag", "handbag", "handbag"),
        ("coat", "trench"): ("trench coat", "coat", "coat"),
    }
)
_WOMEN = frozenset({"dress", "blouse", "skirt", "heels", "handbag"})
_SHOPS_SAY = ("Classic", "Everyday", "Relaxed", "Essential", "Modern", "Weekend", "Signature")


def captions(spec: ProductSpec, rng: np.random.Generator) -> str:
    """Return one of many natural English captions; attributes are sometimes left out."""
    noun = _noun(spec, rng)
    before, after = _shape_words(spec, rng, noun)
    colour, motif_tail = _colour_words(spec, rng)
    pattern, pattern_tail = _pattern_words(spec, rng, said=bool(motif_tail))
    adjectives = [word for word in (before, colour, pattern) if word]
    if len(adjectives) > 1 and float(rng.random()) < 0.3:
        order = rng.permutation(len(adjectives))
        adjectives = [adjectives[int(place)] for place in order]
    phrase = " ".join([*adjectives, noun])
    for tail in (motif_tail or pattern_tail, after):
        if tail:
            phrase = f"{phrase} and {tail[5:]}" if _joins(phrase, tail) else f"{phrase} {tail}"
    return _opened(spec, phrase, rng)


def title(spec: ProductSpec, brand: str, rng: np.random.Generator) -> str:
    """Name the product as a shop writes it: brand, a word of praise, attributes, noun."""
    noun = _noun(spec, rng)
    before, _ = _shape_words(spec, rng, noun, always=True)
    pattern = "" if spec.pattern == "plain" else _PATTERN_WORDS[spec.pattern][0]
    praise = _one(rng, _SHOPS_SAY) if float(rng.random()) < 0.4 else ""
    words = " ".join(word for word in (praise, before, pattern, noun) if word)
    named = " ".join(word[:1].upper() + word[1:] for word in words.split())
    colour = spec.colour.capitalize()
    return (
        f"{brand} {named}, {colour}" if float(rng.random()) < 0.5 else f"{brand} {colour} {named}"
    )


def _one(rng: np.random.Generator, values: tuple[str, ...]) -> str:
    return values[int(rng.integers(len(values)))]


def _joins(phrase: str, tail: str) -> bool:
    return " with " in phrase and tail.startswith("with ")


def _noun(spec: ProductSpec, rng: np.random.Generator) -> str:
    styled = _STYLE_NOUNS.get((spec.kind, spec.variant("style")))
    if styled is not None:
        return _one(rng, styled)
    return _one(rng, _KIND_WORDS.get(spec.kind, (spec.kind,)))


def _shape_words(
    spec: ProductSpec, rng: np.random.Generator, noun: str, *, always: bool = False
) -> tuple[str, str]:
    """Choose at most one shape word before the noun and one phrase after it."""
    before = [words for pair in spec.shape if (words := _BEFORE.get(pair)) and _fits(words, noun)]
    after = [words for pair in spec.shape if (words := _AFTER.get(pair))]
    first, second = "", ""
    if before and (always or float(rng.random()) < 0.38):
        first = _one(rng, before[int(rng.integers(len(before)))])
    if not first and after and float(rng.random()) < 0.3:
        second = _one(rng, after[int(rng.integers(len(after)))])
    return first, second


def _fits(words: tuple[str, ...], noun: str) -> bool:
    if noun in {"heeled shoes", "fedora", "trench coat", "tote bag"}:
        return not any(word.split("-")[0] in noun or word in {"high", "low"} for word in words)
    return True


def _colour_words(spec: ProductSpec, rng: np.random.Generator) -> tuple[str, str]:
    lot = float(rng.random())
    if lot < 0.1:
        return "", ""
    word = _one(rng, _COLOUR_WORDS.get(spec.colour, (spec.colour,)))
    if spec.second_colour is None or lot < 0.75:
        return word, ""
    if lot < 0.88:
        return f"{word} and {spec.second_colour}", ""
    return word, f"with {spec.second_colour} {_MOTIFS[spec.pattern]}"


def _pattern_words(spec: ProductSpec, rng: np.random.Generator, *, said: bool) -> tuple[str, str]:
    lot = float(rng.random())
    if spec.pattern == "plain":
        return (_one(rng, _PATTERN_WORDS["plain"]), "") if lot < 0.12 else ("", "")
    if said or lot < 0.1:
        return "", ""
    if lot < 0.25:
        return "", _one(rng, _PATTERN_TAILS[spec.pattern])
    return _one(rng, _PATTERN_WORDS[spec.pattern]), ""


def _opened(spec: ProductSpec, phrase: str, rng: np.random.Generator) -> str:
    lot = float(rng.random())
    if lot < 0.6:
        return phrase
    if lot < 0.8:
        if spec.kind in PAIRS:
            return f"a pair of {phrase}"
        return _with_article(phrase)
    if lot < 0.88:
        return f"a photo of {phrase if spec.kind in PAIRS else _with_article(phrase)}"
    if lot < 0.94:
        return f"women's {phrase}" if spec.kind in _WOMEN or lot < 0.91 else f"men's {phrase}"
    return f"{phrase} on a plain background"


def _with_article(phrase: str) -> str:
    return f"an {phrase}" if phrase[0] in "aeio" else f"a {phrase}"
