"""What goes with what: slots, the kinds that fill them, and which slots complete which."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from search.errors import ConfigError

_SHIPPED = Path(__file__).with_name("looks.toml")
_FORM = (
    'Write [slots] and below it shoes = ["sneakers", "boots"], then [with] and below it '
    'dress = ["shoes"]; docs/similar.md has an example.'
)


@dataclass(frozen=True, slots=True)
class LookRules:
    """The kinds of each slot, and the slots that complete each, in the order to show them.

    Raises ConfigError: a kind in two slots, a slot without kinds, or one that is not there.
    """

    slots: Mapping[str, tuple[str, ...]]
    goes_with: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        if len(self.slots) < 2 or not all(self.slots.values()):
            raise ConfigError("A look needs at least two slots with kinds.", hint=_FORM)
        named = {*self.goes_with, *(slot for some in self.goes_with.values() for slot in some)}
        if unknown := sorted(named - set(self.slots)):
            raise ConfigError(
                f"There is no slot {unknown[0]!r}.",
                hint=f"There are {', '.join(self.slots)}.",
                details={"slot": unknown[0]},
            )
        owners: dict[str, str] = {}
        for slot, kinds in self.slots.items():
            for kind in kinds:
                if owners.setdefault(_forms(kind)[0], slot) != slot:
                    raise ConfigError(
                        f"{kind!r} is in the slots {owners[_forms(kind)[0]]!r} and {slot!r}.",
                        hint="Take it out of one of them.",
                        details={"kind": kind},
                    )

    def slot_of(self, kind: str) -> str | None:
        """The slot of a kind, whatever its capitals, hyphens and plural; None if it has none."""
        known = {form: slot for slot, kinds in self.slots.items() for form in _all_forms(kinds)}
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
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"Cannot read {path}: {reason}.", hint=_FORM) from error
    if set(read) != {"slots", "with"} or not all(map(_is_table, read.values())):
        raise ConfigError(f"{path} does not say which slots there are and what goes with what.",
                          hint=_FORM)  # fmt: skip
    return LookRules(_frozen(read["slots"]), _frozen(read["with"]))


@cache
def _shipped() -> LookRules:
    return read_rules(_SHIPPED)


def _is_table(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(some, list) and all(isinstance(each, str) and each.strip() for each in some)
        for some in value.values()
    )


def _frozen(table: Mapping[str, list[str]]) -> Mapping[str, tuple[str, ...]]:
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
