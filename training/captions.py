"""Captions for training: a product's title, and sentences made of its attributes.

A caption says what it claims, so that the loss can count every product that fits it as a match:
"black shirt" fits all black shirts of a batch, a title only its own product.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from training.vocabulary import BROAD_WORDS, COLOUR_WORDS, type_words

_TEMPLATES = (
    "{}",
    "{}",
    "{}",
    "a {}",
    "a photo of a {}",
    "a photo of {}",
    "a picture of a {}",
    "a product photo of a {}",
    "{} on a white background",
    "someone wearing a {}",
)
_GENDERS = {
    "Men": ("men", "men's", "mens", "for men"),
    "Women": ("women", "women's", "womens", "for women", "ladies"),
    "Boys": ("boys", "boy's", "kids", "for boys"),
    "Girls": ("girls", "girl's", "kids", "for girls"),
    "Unisex": ("unisex",),
}


@dataclass(frozen=True, slots=True)
class Product:
    """What training knows of one product. Unknown attributes are empty strings."""

    title: str
    article_type: str
    colour: str
    gender: str = ""
    pattern: str = ""
    usage: str = ""
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Caption:
    """A text and what it claims: a concept, attribute values, or one title (`same_title`)."""

    text: str
    concept: str = ""
    colour: str = ""
    gender: str = ""
    pattern: str = ""
    usage: str = ""
    same_title: bool = False


@dataclass(slots=True)
class CaptionWriter:
    """Writes captions of products; the same generator state gives the same captions."""

    broad: dict[str, tuple[str, ...]] = field(init=False)

    def __post_init__(self) -> None:
        """Look up the broad words of each article type once."""
        broad: dict[str, list[str]] = {}
        for word, covered in BROAD_WORDS.items():
            for article_type in sorted(covered):
                broad.setdefault(article_type, []).append(word)
        self.broad = {name: tuple(words) for name, words in broad.items()}

    def titled(self, product: Product, rng: np.random.Generator) -> Caption:
        """Return the title, at times with words dropped or moved."""
        text = product.title
        if product.alternatives:
            text = _pick(rng, product.alternatives)
        words = text.split()
        lot = rng.random()
        if lot < 0.3 and len(words) > 3:
            kept = [word for word in words if rng.random() > 0.2]
            words = kept if len(kept) > 1 else words
        elif lot < 0.4:
            words = [words[int(place)] for place in rng.permutation(len(words))]
        return Caption(" ".join(words), same_title=True)

    def described(self, product: Product, rng: np.random.Generator) -> Caption:
        """Return a sentence of some of the attributes, in one of several orders."""
        concept, noun = self._noun(product, rng)
        colour = product.colour if rng.random() < 0.75 else ""
        gender = product.gender if rng.random() < 0.3 else ""
        pattern = product.pattern if rng.random() < 0.4 else ""
        usage = product.usage if rng.random() < 0.15 else ""
        words = [_colour_word(colour, rng), pattern, usage.lower(), noun]
        if rng.random() < 0.15:
            words[0], words[1] = words[1], words[0]
        text = " ".join(word for word in words if word)
        if gender:
            text = _with_gender(text, gender, rng)
        elif colour and rng.random() < 0.05:
            text = f"{noun} in {colour}"
            pattern = usage = ""
        text = _pick(rng, _TEMPLATES).format(text)
        return Caption(text, concept, colour, gender, pattern, usage)

    def _noun(self, product: Product, rng: np.random.Generator) -> tuple[str, str]:
        """Return the concept claimed and the word for it."""
        lot = rng.random()
        broad = self.broad.get(product.article_type, ())
        if lot < 0.25 and broad:
            word = _pick(rng, broad)
            return f"broad:{word}", word
        if lot < 0.6:
            return product.article_type, product.article_type.lower()
        return product.article_type, _pick(rng, type_words(product.article_type))


def concepts(article_types: Sequence[str]) -> dict[str, frozenset[str]]:
    """Return each concept with the article types it covers: each type alone, and broad words."""
    found = {name: frozenset({name}) for name in article_types}
    for word, covered in BROAD_WORDS.items():
        found[f"broad:{word}"] = covered
    return found


def _colour_word(colour: str, rng: np.random.Generator) -> str:
    others = COLOUR_WORDS.get(colour, ())
    return _pick(rng, others) if others and rng.random() < 0.25 else colour


def _with_gender(text: str, gender: str, rng: np.random.Generator) -> str:
    word = _pick(rng, _GENDERS.get(gender, (gender.lower(),)))
    return f"{text} {word}" if word.startswith("for ") else f"{word} {text}"


def _pick(rng: np.random.Generator, values: Sequence[str]) -> str:
    return values[int(rng.integers(len(values)))]
