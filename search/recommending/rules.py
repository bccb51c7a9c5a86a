"""What goes with what: slots, the kinds that fill them, and which slots complete which."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType

from search.errors import ConfigError, InvalidQueryError

_SHIPPED = Path(__file__).with_name("looks.toml")
_FORM = (
    'Write [slots] and below it shoes = ["sneakers", "boots"], then [with] and below it '
    'dress = ["shoes"]; docs/similar.md has an example.'
)


@dataclass(frozen=True, slots=True)
class LookRules:
    """The kinds of each slot, and the slots that complete each, in the order to show them.

    Raises InvalidQueryError: a kind in two slots or without a letter or digit, a slot without
    kinds, or one that is not there.
    """

    slots: Mapping[str, tuple[str, ...]]
    goes_with: Mapping[str, tuple[str, ...]]
    _slot_by_form: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.slots) < 2 or not all(self.slots.values()):
            raise InvalidQueryError("A look needs at least two slots with kinds.", hint=_FORM)
        named = {*self.goes_with, *(slot for some in self.goes_with.values() for slot in some)}
        if unknown := sorted(named - set(self.slots)):
            raise InvalidQueryError(
                f"There is no slot {unknown[0]!r}.",
                hint=f"There are {', '.join(self.slots)}.",
                details={"slot": unknown[0]},
            )
        _check_kinds(self.slots)
        known = {form: slot for slot, kinds in self.slots.items() for form in _all_forms(kinds)}
        object.__setattr__(self, "_slot_by_form", MappingProxyType(known))

    def slot_of(self, kind: str) -> str | None:
        """The slot of a kind, whatever its capitals, hyphens and plural; None if it has none."""
        known = self._slot_by_form
        return next((known[form] for form in _forms(kind) if form in known), None)

    def slots_with(self, slot: str) -> tuple[str, ...]:
        """The slots that complete one, in the order to show them."""
        return self.goes_with.get(slot, ())


def read_rules(path: Path | None = None) -> LookRules:
    """The rules of a TOML file, or those that come with vitrine.

    Raises ConfigError: the file cannot be read, or says something else.
    """
    if path is None:
        return _shipped()
    try:
        return rules_from_text(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"Cannot read {path}: {reason}.", hint=_FORM) from error
    except InvalidQueryError as error:
        raise ConfigError(
            f"{path}: {error.message}", hint=error.hint, details=error.details
        ) from error


def rules_from_text(text: str) -> LookRules:
    """The rules that a text in TOML says; InvalidQueryError if it says something else."""
    try:
        read = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # Of brackets in brackets there is no end.
        reason = error if isinstance(error, ValueError) else "it is nested too deep"
        raise InvalidQueryError(f"The rules are no TOML: {reason}.", hint=_FORM) from error
    if set(read) != {"slots", "with"} or not all(map(_is_table, read.values())):
        raise InvalidQueryError(
            "The rules do not say which slots there are and what goes with what.", hint=_FORM
        )
    return LookRules(frozen_table(read["slots"]), frozen_table(read["with"]))


def _check_kinds(slots: Mapping[str, Sequence[str]]) -> None:
    """InvalidQueryError for a kind in two slots, or one that no value of a column can be."""
    owners: dict[str, str] = {}
    for slot, kinds in slots.items():
        for kind in kinds:
            form = _forms(kind)[0]
            if not form:
                raise InvalidQueryError(f"A kind of {slot!r} has no letter or digit.", hint=_FORM)
            if owners.setdefault(form, slot) != slot:
                raise InvalidQueryError(
                    f"{kind!r} is in the slots {owners[form]!r} and {slot!r}.",
                    hint="Take it out of one of them.",
                    details={"kind": kind},
                )


@cache
def _shipped() -> LookRules:
    return read_rules(_SHIPPED)


def _is_table(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(some, list) and all(isinstance(each, str) for each in some)
        for some in value.values()
    )


def frozen_table(table: Mapping[str, Sequence[str]]) -> Mapping[str, tuple[str, ...]]:
    """Lists by name that nobody changes any more."""
    return MappingProxyType({name: tuple(some) for name, some in table.items()})


def _all_forms(kinds: Iterable[str]) -> list[str]:
    return [form for kind in kinds for form in _forms(kind)]


def _forms(kind: str) -> tuple[str, ...]:
    """A kind as it is compared: "Tshirts", "t-shirt" and "T Shirt" have a form in common."""
    plain = "".join(character for character in kind.casefold() if character.isalnum())
    endings = [plain]
    if plain.endswith("s") and not plain.endswith("ss"):
        endings.append(plain[:-1])
        endings += [plain[:-2]] if plain.endswith("es") else []
    return tuple(endings)
