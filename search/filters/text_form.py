"""The text form of filters, as people type them.

    filter      = all ("or" all)*
    all         = term (["and"] term)*                   white space is "and"
    term        = "not" term | "(" filter ")" | comparison
    comparison  = field sign value ("," value)*  |  "exists" field
    sign        = "=" | "!=" | "<" | "<=" | ">" | ">=" | ":" | "^="

`colour=red,blue` is "one of", `title^=Red` "begins with". `:` is "contains" on lists, with several
values "any of them", and "equals" elsewhere; it takes ranges of numbers and dates, ends included:
`price:10..50`, `price:10..`, `added_on:..2024-05-31`. What a row has beside the typed fields is
named by its path: `extra.maker.country=PT`. There, values are read as JSON's numbers, true and
false, and anything else, or in quotes, as a text.

Fields and values with white space, brackets, commas or quotes stand in double quotes, where `\\`
makes the next character an ordinary one; so do fields with `^`. So do values that begin with a sign
(`colour="=red"`), since `colour==red` is far more often a slip.
"""

import re
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from search.errors import FilterSyntaxError
from search.filters.ast import And, Comparison, Filter, FilterValue, Not, Op, Or
from search.filters.checking import check_filter
from search.filters.json_form import MAX_DEPTH
from search.filters.names import EXTRA, ExtraField, filter_field, known_fields
from search.filters.values import extra_from_text, is_number, is_ordered, value_from_text

if TYPE_CHECKING:
    from search.types import Field

    _AnyField = Field | ExtraField

_Word = tuple[str, bool]
"""What was written and whether it stood in quotes."""

_SPACE = re.compile(r"\s*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_NAME = re.compile(r'[^\s()=<>!:,"^]+')
_VALUE = re.compile(r'[^\s(),"=<>!][^\s(),"]*')
_SIGN = re.compile(r"[=<>!]+")
_OPERATOR = re.compile(r"!=|<=|>=|\^=|=|<|>|:")
_KEYWORD = re.compile(r"(and|or|not)(?=[\s()]|$)")
_EXISTS = re.compile(r"exists\s+(?=[^\s()=<>!:,^])")
_SIGNS = {
    "=": Op.EQ,
    "!=": Op.NE,
    "<": Op.LT,
    "<=": Op.LTE,
    ">": Op.GT,
    ">=": Op.GTE,
    "^=": Op.PREFIX,
}
_FORMATTED = {op: sign for sign, op in _SIGNS.items()} | {
    Op.IN: "=",
    Op.CONTAINS: ":",
    Op.CONTAINS_ANY: ":",
    Op.CONTAINS_ALL: ":",
}
_RANGED = ("integer", "float", "date")
_EXAMPLE = 'Write for example colour=red price<50 brand="Blue Harbour" tags:summer.'


def parse_filter(text: str, fields: "Sequence[Field]") -> Filter:
    """Read the text form; values get the types of `fields`.

    Raises:
        FilterSyntaxError: says at which character, and what would have been right there.
        UnknownFieldError, FilterTypeError: as `check_filter`.
    """
    return check_filter(_Parser(text, fields).read(), fields)


def format_filter(filter: Filter) -> str:
    """The text form of a filter, which `parse_filter` reads back to the same meaning."""
    match filter:
        case And(operands) if operands:
            return " ".join(_operand(operand) for operand in operands)
        case Or(operands) if operands:
            return " or ".join(_operand(operand) for operand in operands)
        case And() | Or():
            raise FilterSyntaxError("The text form cannot say 'all of nothing'.")
        case Not(operand):
            return f"not {_operand(operand)}"
        case Comparison(field, Op.EXISTS, value):
            return f"{'' if value else 'not '}exists {_quote(field, _NAME)}"
        case Comparison(field, op, (_, _, *_) as several) if op is Op.CONTAINS_ALL:
            return " ".join(format_filter(Comparison(field, Op.CONTAINS, v)) for v in several)
        case Comparison(field, op, value):
            return _format_comparison(field, op, value if isinstance(value, tuple) else (value,))


def _format_comparison(field: str, op: Op, values: tuple[FilterValue, ...]) -> str:
    if op is Op.CONTAINS_ALL and not values:
        return f"exists {_quote(field, _NAME)}"
    if not values:  # Text that reads well for "one of none" would be a trap elsewhere.
        raise FilterSyntaxError("The text form cannot say 'one of none'.")
    in_extra = field.startswith(f"{EXTRA}.")
    written = ",".join(_format_value(value, quoted=in_extra) for value in values)
    return _quote(field, _NAME) + _FORMATTED[op] + written


def _operand(filter: Filter) -> str:
    text = format_filter(filter)
    several = isinstance(filter, Comparison) and filter.op is Op.CONTAINS_ALL
    return f"({text})" if several or isinstance(filter, And | Or) else text


def _format_value(value: FilterValue, *, quoted: bool) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case date():
            return value.isoformat()
        case str():
            return _in_quotes(value) if quoted else _quote(value, _VALUE)
    return repr(value)


def _quote(text: str, bare: re.Pattern[str]) -> str:
    plain = bare.fullmatch(text) and not _KEYWORD.match(text) and ".." not in text
    return text if plain else _in_quotes(text)


def _in_quotes(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class _Parser:
    """Recursive descent: one method a rule of the grammar above, `_at` the next character."""

    def __init__(self, text: str, fields: "Sequence[Field]") -> None:
        self._text = text
        self._known = known_fields(fields)
        self._at = 0
        self._depth = 0

    def read(self) -> Filter:
        self._skip_space()
        if self._ended():
            raise self._error("the filter is empty", _EXAMPLE)
        filter = self._filter()
        if not self._ended():
            raise self._error("a bracket closes that was not opened", "Remove it.")
        return filter

    def _filter(self) -> Filter:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error(
                f"brackets are nested more than {MAX_DEPTH} deep", "Write it flatter."
            )
        parts = [self._all()]
        while self._keyword("or"):
            parts.append(self._all())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self) -> Filter:
        parts = [self._term()]
        while not self._ended() and not self._peek(")") and not self._peek_keyword("or"):
            self._keyword("and")
            parts.append(self._term())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _term(self) -> Filter:
        negations = 0
        while self._keyword("not"):
            negations += 1
        filter = self._bracket() if self._peek("(") else self._comparison()
        return Not(filter) if negations % 2 else filter

    def _bracket(self) -> Filter:
        opened = self._at
        self._take("(")
        filter = self._filter()
        if not self._take(")"):
            self._at = opened
            raise self._error("the bracket is not closed", "Close it with ')'.")
        return filter

    def _comparison(self) -> Filter:
        if there := _EXISTS.match(self._text, self._at):
            self._at = there.end()
            name, _ = self._word(_NAME, "a field is expected", "Write exists price.")
            return Comparison(filter_field(name, self._known).name, Op.EXISTS, True)
        name, _ = self._word(_NAME, "a field is expected", _EXAMPLE)
        self._skip_space()
        operator = _OPERATOR.match(self._text, self._at)
        if operator is None:
            raise self._error(
                f"a comparison is expected after '{name}'",
                f"Write {name}=value; to search for words, put them into the query.",
            )
        field = filter_field(name, self._known)
        self._at = operator.end()
        words = [self._value_word(name)]
        while self._take(","):
            words.append(self._value_word(name))
        return self._compare(field, operator[0], words)

    def _compare(self, field: "_AnyField", sign: str, words: list[_Word]) -> Filter:
        if sign == ":" and len(words) == 1 and _is_range(field, *words[0]):
            return self._range(field, words[0][0])
        op = _SIGNS.get(sign, Op.EQ)
        values = tuple(_value(field, word, q or op is Op.PREFIX) for word, q in words)
        if sign == ":" and (isinstance(field, ExtraField) or field.type.value == "strings"):
            op = Op.CONTAINS
        if len(values) == 1:
            return Comparison(field.name, op, values[0])
        several = {Op.EQ: Op.IN, Op.CONTAINS: Op.CONTAINS_ANY}.get(op)
        if several is not None:
            return Comparison(field.name, several, values)
        each = tuple(Comparison(field.name, op, value) for value in values)
        if op is Op.NE:
            return And(each)
        if op is Op.PREFIX:
            return Or(each)
        raise self._error(f"'{sign}' takes one value", f"Several go with {field.name}=a,b.")

    def _range(self, field: "_AnyField", word: str) -> Filter:
        low, _, high = word.partition("..")
        ends = [
            Comparison(field.name, op, _value(field, end, False))
            for op, end in ((Op.GTE, low), (Op.LTE, high))
            if end
        ]
        if not ends:
            raise self._error("a range without ends", f"Write {field.name}:10..50.")
        return ends[0] if len(ends) == 1 else And(tuple(ends))

    def _value_word(self, name: str) -> _Word:
        self._skip_space()
        sign = _SIGN.match(self._text, self._at)
        if sign is not None:
            raise self._error(
                f"a value for '{name}' cannot begin with '{sign[0]}'",
                f"Comparisons are {', '.join(_SIGNS)} and ':'. If it is part of the value, put the"
                f' value in quotes: {name}="{sign[0]}...".',
            )
        return self._word(_VALUE, f"a value is expected for '{name}'", f'Write {name}="value".')

    def _word(self, bare: re.Pattern[str], wanted: str, cure: str) -> _Word:
        """The next word and whether it stood in quotes."""
        self._skip_space()
        if self._peek('"'):
            quoted = _QUOTED.match(self._text, self._at)
            if quoted is None:
                raise self._error("the quote is not closed", 'Close it with ".')
            self._at = quoted.end()
            return re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL), True
        word = bare.match(self._text, self._at)
        if word is None:
            raise self._error(wanted, cure)
        self._at = word.end()
        return word[0], False

    def _keyword(self, keyword: str) -> bool:
        if not self._peek_keyword(keyword):
            return False
        self._at += len(keyword)
        self._skip_space()
        return True

    def _peek_keyword(self, keyword: str) -> bool:
        self._skip_space()
        found = _KEYWORD.match(self._text, self._at)
        return found is not None and found[1] == keyword

    def _take(self, character: str) -> bool:
        self._skip_space()
        if not self._peek(character):
            return False
        self._at += 1
        return True

    def _peek(self, character: str) -> bool:
        return self._text.startswith(character, self._at)

    def _skip_space(self) -> None:
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at

    def _ended(self) -> bool:
        self._skip_space()
        return self._at == len(self._text)

    def _error(self, what: str, cure: str) -> FilterSyntaxError:
        return FilterSyntaxError(
            f"At character {self._at + 1} of the filter: {what}.",
            hint=cure,
            details={"position": self._at},
        )


def _value(field: "_AnyField", word: str, quoted: bool) -> FilterValue:
    if isinstance(field, ExtraField):
        return extra_from_text(word, field, quoted=quoted)
    return value_from_text(word, field)


def _is_range(field: "_AnyField", word: str, quoted: bool) -> bool:
    if quoted or ".." not in word:
        return False
    if not isinstance(field, ExtraField):
        return field.type.value in _RANGED
    low, _, high = word.partition("..")
    return all(not end or is_number(end) or is_ordered(end) for end in (low, high))
