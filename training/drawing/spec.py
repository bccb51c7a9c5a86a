"""What can be drawn: kinds, patterns, shape variants, and the specification of one product."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from training.drawing.palette import COLOURS, CONTRAST

PATTERNS: tuple[str, ...] = (
    "plain",
    "striped",
    "checked",
    "polka dot",
    "floral",
    "leaf",
    "zigzag",
)

# Every kind with its shape variants: the name of each and the values it may take.
SHAPES: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "dress": {
            "sleeve": ("sleeveless", "straps", "short", "long"),
            "length": ("mini", "midi", "maxi"),
            "neckline": ("round", "v-neck"),
            "cut": ("fitted", "a-line", "flared"),
        },
        "t-shirt": {
            "sleeve": ("short", "short", "long"),
            "neckline": ("round", "v-neck"),
            "pocket": ("no", "no", "yes"),
        },
        "shirt": {"sleeve": ("long", "long", "short"), "pocket": ("no", "yes")},
        "blouse": {
            "sleeve": ("puff", "bell", "long"),
            "front": ("bow", "ruffle", "v-neck"),
        },
        "skirt": {
            "length": ("mini", "midi", "maxi"),
            "cut": ("a-line", "pencil", "pleated", "flared"),
        },
        "trousers": {"leg": ("straight", "wide", "slim"), "belt": ("no", "yes")},
        "jeans": {"leg": ("straight", "skinny", "flared"), "hem": ("plain", "rolled")},
        "shorts": {"leg": ("short", "knee"), "waist": ("drawstring", "buttoned")},
        "jacket": {"style": ("blazer", "bomber", "puffer")},
        "coat": {
            "style": ("trench", "wool", "hooded"),
            "length": ("knee", "long"),
        },
        "sweater": {"neckline": ("round", "v-neck", "turtleneck"), "knit": ("fine", "chunky")},
        "sneakers": {"top": ("low", "low", "high"), "sole": ("white", "white", "gum")},
        "boots": {"height": ("ankle", "mid", "knee"), "style": ("lace-up", "chelsea", "heeled")},
        "heels": {"heel": ("high", "high", "low"), "style": ("pump", "strap")},
        "handbag": {"style": ("tote", "satchel", "shoulder")},
        "backpack": {"style": ("zipped", "flap")},
        "hat": {"style": ("fedora", "sun hat", "bucket", "beanie")},
        "cap": {"panel": ("plain", "badge")},
        "scarf": {"style": ("wrapped", "draped")},
        "watch": {"dial": ("round", "round", "square"), "case": ("silver", "gold")},
        "sunglasses": {"frame": ("round", "square", "aviator", "cat-eye")},
    }
)
KINDS: tuple[str, ...] = tuple(SHAPES)

_FEWER_PATTERNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "jeans": ("plain", "striped", "floral"),
        "boots": ("plain", "floral", "leaf", "checked"),
        "heels": ("plain", "polka dot", "floral", "leaf", "striped"),
        "watch": ("plain", "striped"),
        "sunglasses": ("plain",),
    }
)
_PLAIN_SHARE = 0.3
_TONED_SHARE = 0.15
_HELD_OUT_PART = 5


@dataclass(frozen=True)
class ProductSpec:
    """One product; `shape` holds (variant, value) pairs, `second_colour` the motif's colour.

    `second_colour` is None for a plain product and for one patterned in two tones of `colour`.
    """

    kind: str
    colour: str
    pattern: str
    shape: tuple[tuple[str, str], ...] = ()
    second_colour: str | None = None

    def variant(self, name: str, default: str = "") -> str:
        """Return the value of one shape variant."""
        return dict(self.shape).get(name, default)


def patterns_for(kind: str) -> tuple[str, ...]:
    """Return the patterns that make sense on a kind of product."""
    return _FEWER_PATTERNS.get(kind, PATTERNS)


def is_held_out(kind: str, colour: str, pattern: str) -> bool:
    """Say whether training never sees this combination (a fixed fifth of them all)."""
    digest = hashlib.sha256(f"{kind}|{colour}|{pattern}".encode()).hexdigest()
    return int(digest, 16) % _HELD_OUT_PART == 0


def random_spec(
    rng: np.random.Generator,
    *,
    kind: str | None = None,
    colour: str | None = None,
    pattern: str | None = None,
) -> ProductSpec:
    """Draw one product by lot; what is given is kept."""
    kind = kind if kind is not None else _pick(rng, KINDS)
    colour = colour if colour is not None else _pick(rng, COLOURS)
    pattern = pattern if pattern is not None else _random_pattern(rng, kind)
    shape = tuple((name, _pick(rng, values)) for name, values in SHAPES[kind].items())
    return ProductSpec(kind, colour, pattern, shape, second_colour_for(rng, colour, pattern))


def second_colour_for(rng: np.random.Generator, colour: str, pattern: str) -> str | None:
    """Choose the motif's colour: usually a contrast, often white, sometimes a tone (None)."""
    toned = float(rng.random()) < _TONED_SHARE and colour not in {"white", "grey"}
    if pattern == "plain" or toned:
        return None
    choices = CONTRAST[colour]
    return choices[0] if float(rng.random()) < 0.5 else _pick(rng, choices)


def _random_pattern(rng: np.random.Generator, kind: str) -> str:
    patterned = patterns_for(kind)[1:]
    if not patterned or float(rng.random()) < _PLAIN_SHARE:
        return "plain"
    return _pick(rng, patterned)


def _pick(rng: np.random.Generator, values: tuple[str, ...]) -> str:
    return values[int(rng.integers(len(values)))]
