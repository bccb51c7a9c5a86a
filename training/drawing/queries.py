"""The sample catalogue's queries: what people type, and which attributes make an answer right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from training.drawing.spec import is_held_out

SAME_ITEM = 3
ALIKE = 1

Row = Mapping[str, str]


@dataclass(frozen=True)
class TextQuery:
    """A text, the attributes that a right answer has, and an optional filter on columns."""

    text: str
    kind: str = ""
    colour: str = ""
    pattern: str = ""
    tag: str = ""
    filter: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def answered_by(self, row: Row) -> bool:
        """Whether a catalogue row has every attribute asked for and passes the filter."""
        asked = (("kind", self.kind), ("colour", self.colour), ("pattern", self.pattern))
        if any(value and row[column] != value for column, value in asked):
            return False
        if self.tag and self.tag not in row["tags"].split("|"):
            return False
        return all(_passes(row[column], bound) for column, bound in self.filter.items())

    def held_out(self) -> bool | None:
        """Whether training never saw the combination; None where it isn't fully specified."""
        colour = self.colour or str(self.filter.get("colour", ""))
        if not (self.kind and colour and self.pattern):
            return None
        return is_held_out(self.kind, colour, self.pattern)


def _passes(value: str, bound: Any) -> bool:
    if isinstance(bound, bool):
        return value == str(bound).lower()
    if isinstance(bound, str):
        return value == bound
    number = float(value)
    return all(number < limit if name == "lt" else number > limit for name, limit in bound.items())


def _combinations(pairs: str) -> tuple[TextQuery, ...]:
    """Read lines of `kind, colour, pattern: text`, an attribute left empty where it is free."""
    queries = []
    for row in pairs.strip().splitlines():
        attributes, text = row.split(":")
        kind, colour, pattern = (part.strip() for part in attributes.split(","))
        queries.append(TextQuery(text.strip(), kind, colour, pattern))
    return tuple(queries)


# Three attributes each; the catalogue is made so that each of these has several answers.
FULL: tuple[TextQuery, ...] = _combinations(
    """
    dress, red, floral: red floral dress
    dress, black, polka dot: black polka dot dress
    dress, yellow, leaf: yellow dress with leaves
    dress, navy, striped: a navy striped dress
    dress, green, floral: green flowery dress
    t-shirt, white, striped: white striped t-shirt
    t-shirt, black, plain: plain black t-shirt
    t-shirt, green, leaf: green leaf print tee
    shirt, blue, checked: blue checked shirt
    shirt, red, checked: red plaid shirt
    shirt, pink, polka dot: pink shirt with polka dots
    blouse, white, floral: white floral blouse
    blouse, purple, polka dot: spotted purple blouse
    skirt, pink, polka dot: pink polka dot skirt
    skirt, yellow, checked: yellow checked skirt
    trousers, grey, checked: grey checked trousers
    trousers, black, striped: black striped pants
    jeans, blue, plain: plain blue jeans
    shorts, blue, leaf: blue leaf print shorts
    jacket, green, plain: plain green jacket
    coat, brown, checked: brown plaid coat
    sweater, red, zigzag: red zigzag sweater
    sweater, navy, striped: navy striped jumper
    sneakers, white, plain: plain white sneakers
    sneakers, black, checked: black checked trainers
    heels, red, polka dot: red polka dot heels
    boots, black, plain: plain black boots
    handbag, orange, zigzag: orange zigzag handbag
    handbag, pink, floral: pink floral bag
    backpack, purple, leaf: purple leaf print backpack
    backpack, yellow, polka dot: yellow polka dot rucksack
    hat, brown, plain: plain brown hat
    scarf, orange, checked: orange plaid scarf
    scarf, blue, zigzag: blue zigzag scarf
    cap, red, striped: striped red cap
    """
)
_PARTIAL: tuple[TextQuery, ...] = _combinations(
    """
    dress, black,: black dress
    shirt, white,: a white shirt
    skirt, green,: green skirt
    trousers, navy,: navy trousers
    jacket, yellow,: yellow jacket
    coat, red,: a red coat
    sneakers, pink,: pink trainers
    boots, brown,: brown boots
    handbag, red,: red handbag
    backpack, black,: black backpack
    watch, brown,: brown watch
    sunglasses, black,: black sunglasses
    scarf, purple,: violet scarf
    cap, blue,: a blue baseball cap
    dress,, floral: floral dress
    blouse,, striped: striped blouse
    t-shirt,, polka dot: spotted t-shirt
    coat,, checked: plaid coat
    sneakers,, floral: flowery sneakers
    scarf,, striped: a striped scarf
    hat,, leaf: hat with a leaf print
    skirt,, zigzag: zigzag skirt
    watch,,: wristwatch
    sunglasses,,: sunglasses
    backpack,,: a rucksack
    , orange,: something orange
    ,, zigzag: zigzag pattern
    """
)
_SHAPED: tuple[TextQuery, ...] = (
    TextQuery("high heels", "heels", tag="high-heel"),
    TextQuery("long-sleeved dress", "dress", tag="long-sleeve"),
    TextQuery("mini skirt", "skirt", tag="mini"),
    TextQuery("pleated skirt", "skirt", tag="pleated"),
    TextQuery("knee-high boots", "boots", tag="knee-high"),
    TextQuery("ankle boots", "boots", tag="ankle"),
    TextQuery("high-top sneakers", "sneakers", tag="high-top"),
    TextQuery("wide-leg trousers", "trousers", tag="wide-leg"),
    TextQuery("puffer jacket", "jacket", tag="puffer"),
    TextQuery("trench coat", "coat", tag="trench"),
    TextQuery("turtleneck sweater", "sweater", tag="turtleneck"),
    TextQuery("aviator sunglasses", "sunglasses", tag="aviator"),
    TextQuery("tote bag", "handbag", tag="tote"),
    TextQuery("beanie", "hat", tag="beanie"),
)
_FILTERED: tuple[TextQuery, ...] = (
    TextQuery("floral dress", "dress", pattern="floral", filter={"colour": "red"}),
    TextQuery("dress", "dress", filter={"price": {"lt": 50}}),
    TextQuery(
        "black shoes with high heels", "heels", "black", tag="high-heel", filter={"in_stock": True}
    ),
    TextQuery("striped t-shirt", "t-shirt", pattern="striped", filter={"price": {"lt": 30}}),
    TextQuery("warm coat", "coat", filter={"price": {"gt": 120}}),
    TextQuery("white sneakers", "sneakers", "white", filter={"in_stock": True}),
    TextQuery("polka dot", pattern="polka dot", filter={"colour": "yellow"}),
    TextQuery("backpack", "backpack", filter={"in_stock": False}),
)
TEXT_QUERIES: tuple[TextQuery, ...] = FULL + _PARTIAL + _SHAPED + _FILTERED


def text_query_lines(queries: Sequence[TextQuery]) -> list[dict[str, Any]]:
    """Return the queries as they stand in queries.jsonl."""
    lines = []
    for number, query in enumerate(queries, start=1):
        line: dict[str, Any] = {"id": f"t{number:03d}", "text": query.text}
        if query.filter:
            line["filter"] = dict(query.filter)
        if (held_out := query.held_out()) is not None:
            line["held_out"] = held_out
        lines.append(line)
    return lines


def text_answers(query: TextQuery, rows: Sequence[Row]) -> dict[str, int]:
    """Return the gains of a text query: 1 for every row that has what is asked for."""
    return {row["id"]: 1 for row in rows if query.answered_by(row)}


def image_answers(shown: Row, rows: Sequence[Row]) -> dict[str, int]:
    """Return the gains of an image query: the item itself first, then its like."""
    look = ("kind", "colour", "pattern")
    gains = {shown["id"]: SAME_ITEM}
    for row in rows:
        alike = all(row[column] == shown[column] for column in look)
        if row["id"] != shown["id"] and (alike or row["product_id"] == shown["product_id"]):
            gains[row["id"]] = ALIKE
    return gains
