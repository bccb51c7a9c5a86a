"""What can be said of an item: attributes, their values and how a model is asked about them."""

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeGuard

from search.errors import ConfigError
from search.vocabulary import vocabulary, words_of

ALONE = (
    "{}", "a photo of a {}", "a product photo of a {}", "{} for sale", "a picture of {}",
    "a close-up of {}", "this is {}", "an image of one {}",
)  # fmt: skip
"""Templates for values that stand alone: kinds, and whatever is not known to be anything else."""

BEFORE_A_NOUN = ("{} {noun}",)
"""Templates for colours, patterns and the like: "red dress", with the item's nearest nouns."""

KIND = "kind"
MOST_VALUES = 200

_FORM = (
    'Write [attributes.colour] and below it red = ["scarlet"], or labels = ["dress", "shirt"]; '
    "docs/labelling.md has an example."
)


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute and its values, of which one fits an item best.

    `values` are what is reported, `wordings` what the model is asked, one for each. A template
    has `{}` for the wording; where one has `{noun}` as well, the nouns nearest to each item are
    put there. `known` leads from words (lower case, no hyphens) to the value they are another
    name of: they serve to understand a catalogue, the model is not asked about them.
    """

    name: str
    values: tuple[str, ...]
    wordings: tuple[str, ...]
    templates: tuple[str, ...] = ALONE
    known: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises ConfigError for values or templates that cannot be used."""
        if not 2 <= len(self.values) <= MOST_VALUES or len(set(self.values)) < len(self.values):
            raise ConfigError(
                f"The attribute {self.name!r} has {len(self.values)} values.",
                hint=f"It needs 2 to {MOST_VALUES}, each once.",
                details={"attribute": self.name},
            )
        if not all(wording.strip() for wording in self.wordings):
            raise ConfigError(
                f"The attribute {self.name!r} has a value without a word.",
                hint="Take the blank value out.",
                details={"attribute": self.name},
            )
        if not self.templates or not all(map(_is_template, self.templates)):
            raise ConfigError(
                f"A template of {self.name!r} cannot be used.",
                hint='It has {} once, and may have {noun}: "a photo of a {} {noun}".',
                details={"attribute": self.name},
            )

    @property
    def takes_nouns(self) -> bool:
        """Whether the model is asked about values together with nouns."""
        return any("{noun}" in template for template in self.templates)

    def value_of(self, said: str) -> str | None:
        """The value that a catalogue means by these words; None if it is none of the values."""
        return self.known.get(plain(said))


def named_attribute(
    name: str,
    values: Iterable[str],
    *,
    templates: Sequence[str] | None = None,
    others: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Attribute:
    """An attribute with these values, worded as the vocabulary does where it knows them.

    Values that are mostly those of one attribute of the vocabulary (see `attribute_of`) stand
    before a noun, and are asked about by their usual name: "navy" as "navy blue". All others
    stand alone. `others` are further words for each value.

    Raises ConfigError: fewer than 2 values or more than `MOST_VALUES`, or one of them twice.
    """
    listed = tuple(values)
    like = attribute_of(listed)
    if templates is None:
        templates = ALONE if like is None or like.name == KIND else BEFORE_A_NOUN
    return Attribute(
        name, listed, _wordings(listed, like), tuple(templates), _known(listed, others, like)
    )


def attribute_of(values: Iterable[str]) -> Attribute | None:
    """The attribute of the vocabulary that knows more than half of the values, if there is one."""
    listed = tuple(values)
    for attribute in default_attributes().values():
        count = sum(attribute.value_of(value) is not None for value in listed)
        if count * 2 > len(listed):
            return attribute
    return None


@cache
def default_attributes() -> Mapping[str, Attribute]:
    """The attributes of the vocabulary of fashion that comes with vitrine, and `kind`."""
    read = vocabulary()
    before_nouns = {name: each.values for name, each in read.attributes.items() if not each.alone}
    said: dict[str, dict[str, str]] = {name: {} for name in read.attributes}
    for phrase, sense in read.phrases.items():
        if sense.own:
            said[sense.attribute.name][" ".join(phrase)] = sense.own
    found = {
        name: Attribute(name, values, values, BEFORE_A_NOUN, MappingProxyType(said[name]))
        for name, values in before_nouns.items()
    }
    nouns = read.nouns
    kinds = MappingProxyType({plain(noun): noun for noun in nouns})
    found[KIND] = Attribute(KIND, nouns, nouns, ALONE, kinds)
    return MappingProxyType(found)


def read_attributes(path: Path) -> dict[str, Attribute]:
    """The attributes of a TOML file, by name.

    Raises ConfigError: the file cannot be read, or says something else than attributes.
    """
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"Cannot read {path}: {reason}.", hint=_FORM) from error
    unknown = sorted(set(read) - {"attributes", "labels", "templates", "alone", "nouns", "fillers"})
    tables = read.get("attributes", {})
    if unknown or not isinstance(tables, dict) or not (tables or "labels" in read):
        what = f"what {', '.join(unknown)} should be" if unknown else "any attributes"
        raise ConfigError(f"{path} does not say {what}.", hint=_FORM)
    if "labels" in read:
        tables = {"label": read["labels"], **tables}
    return {name: _from_table(path, name, table, read) for name, table in tables.items()}


def _from_table(path: Path, name: str, table: object, read: Mapping[str, Any]) -> Attribute:
    if isinstance(table, list) and _is_words(table):
        table = {value: [] for value in table}
    templates = read.get("templates", {})
    own = templates.get(name) if isinstance(templates, dict) else templates
    if not _is_table(table) or not (own is None or _is_words(own)):
        raise ConfigError(f"{path}: {name!r} has values of the wrong type.", hint=_FORM)
    return named_attribute(name, table, templates=own, others=table)


def _is_table(table: object) -> TypeGuard[dict[str, list[str]]]:
    return isinstance(table, dict) and all(map(_is_words, table.values()))


def _is_words(words: object) -> bool:
    return isinstance(words, list) and all(isinstance(word, str) for word in words)


def _is_template(template: str) -> bool:
    return template.count("{}") == 1 and "{" not in template.replace("{}", "").replace("{noun}", "")


def _wordings(values: Sequence[str], like: Attribute | None) -> tuple[str, ...]:
    """The usual name of each value, unless two values of the list share it."""
    usual = {value: (like.value_of(value) if like else None) for value in values}
    shared = Counter(usual.values())
    return tuple(
        name if (name := usual[value]) is not None and shared[name] == 1 else value.lower()
        for value in values
    )


def _known(
    values: Sequence[str], others: Mapping[str, Sequence[str]], like: Attribute | None
) -> Mapping[str, str]:
    """Words to values. What a file says goes before what the vocabulary does."""
    known: dict[str, str] = {}
    if like is not None:
        usual = {like.value_of(value): value for value in reversed(values)}
        known |= {said: usual[name] for said, name in like.known.items() if name in usual}
    for value in values:
        known |= {plain(word): value for word in others.get(value, ())}
    known |= {plain(value): value for value in values}
    return MappingProxyType(known)


def plain(said: str) -> str:
    """Words without capitals, punctuation and hyphens, as values are looked up."""
    return " ".join(words_of(said)) or said.strip().casefold()
