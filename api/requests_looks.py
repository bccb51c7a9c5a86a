"""What goes with an item, as clients ask for it. Unknown keys are refused."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from api.requests import FieldNames, FilterString, ItemId, refuse_too_much
from search.errors import InvalidQueryError
from search.filters.ast import Filter
from search.recommending import LookQuery, LookRules, rules_from_text
from search.recommending.looks import MOST_HITS
from search.recommending.rules import frozen_table

MOST_KINDS = 500
"""Kinds that rules may have in all: where no column says kinds, a model is asked about each."""

_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Names = dict[_Name, list[_Name]]


class LookArrangement(BaseModel):
    """Which slots are filled, with how many, and what should agree."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(3, ge=1, le=MOST_HITS, description="How many hits of each slot.")
    slots: FieldNames = Field(
        [], description="Slots to fill; default: all that go with the item's own."
    )
    agree: FieldNames = Field(
        [], description="Columns in which hits should agree with the item: what does comes first."
    )
    kind_field: str | None = Field(
        None, max_length=1_000, description="Column of the kind; default: a usual one."
    )

    def query(self, id: str, filter: Filter | None) -> LookQuery:
        """The question as the engine wants it."""
        return LookQuery(
            id,
            self.limit,
            slots=tuple(self.slots),
            kind_field=self.kind_field,
            agree=tuple(self.agree),
            filter=filter,
        )


class LookParameters(LookArrangement):
    """What a look is asked for, as an address says it."""

    filter: FilterString | None = Field(
        None,
        description="The short text form of a filter.",
        examples=["price<80 in_stock=true"],
    )


class LookRulesBody(BaseModel):
    """Which kinds fill which slot, and which slots complete which, in the order to show them."""

    model_config = ConfigDict(extra="forbid")

    slots: _Names
    goes_with: _Names = Field(alias="with")

    def rules(self) -> LookRules:
        """The rules as the engine wants them; InvalidQueryError if they make no sense."""
        return LookRules(frozen_table(self.slots), frozen_table(self.goes_with))


class LookBody(LookArrangement):
    """What a look is asked for, with rules of one's own."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "item": "v0001",
                    "limit": 2,
                    "filter": {"price": {"lt": 80}},
                    "rules": {
                        "slots": {"dress": ["dress"], "shoes": ["boots", "sandals"]},
                        "with": {"dress": ["shoes"], "shoes": ["dress"]},
                    },
                },
                {
                    "item": "v0001",
                    "rules": '[slots]\ndress = ["dress"]\nbag = ["bag"]\n[with]\ndress = ["bag"]\n',
                },
            ]
        },
    )

    item: ItemId
    filter: dict[str, JsonValue] | FilterString | None = Field(
        None, description="The JSON form, or the short text form: `colour=red price<50`."
    )
    rules: LookRulesBody | Annotated[str, Field(max_length=100_000)] | None = Field(
        None,
        description="As JSON, or as the text of a TOML file; default: those of `vitrine look`.",
    )

    @model_validator(mode="before")
    @classmethod
    def _not_too_much(cls, body: object) -> object:
        return refuse_too_much(body)

    def look_rules(self) -> LookRules | None:
        """The rules that were given; InvalidQueryError if they make no sense, or are too many."""
        if self.rules is None:
            return None
        given = self.rules
        rules = rules_from_text(given) if isinstance(given, str) else given.rules()
        _check_size(rules.slots)
        return rules


def _check_size(slots: Mapping[str, Sequence[str]]) -> None:
    if (count := sum(map(len, slots.values()))) > MOST_KINDS:
        raise InvalidQueryError(
            f"The rules have {count:,} kinds.",
            hint=f"Name at most {MOST_KINDS}.",
            details={"kinds": count},
        )
