"""Reading queries.jsonl and qrels.json; `search.evaluation` says what is in them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from search.errors import EvaluationError, VitrineError
from search.filters import Filter, filter_from_json, parse_filter
from search.types import Field, ImagePart, ItemPart, Query, QueryPart, TextPart

Qrels = Mapping[str, Mapping[str, int]]
"""Gains (0 or more) by item id, by query id."""

_KINDS = ("text", "image", "item")
_KEYS = (*_KINDS, "id", "filter", "group", "held_out", "slices")


@dataclass(frozen=True, slots=True)
class EvalQuery:
    """A query of an evaluation; `kind` is text, image or item.

    `slices` are values by the name of a column, where the query itself says to what it belongs.
    """

    id: str
    kind: str
    part: QueryPart
    filter: Filter | None = None
    group: str | None = None
    held_out: bool | None = None
    slices: Mapping[str, str] = field(default_factory=dict)

    def to_query(self, *, limit: int) -> Query:
        """The query that asks for its first `limit` hits."""
        return Query(parts=(self.part,), filter=self.filter, limit=limit)


def load_queries(path: Path, fields: Sequence[Field] = ()) -> tuple[EvalQuery, ...]:
    """Read a queries.jsonl. `fields` are those that filters in text form may name.

    Raises:
        EvaluationError: the file or a line cannot be read (names the line).
    """
    queries: list[EvalQuery] = []
    lines: dict[str, int] = {}
    for number, line in enumerate(_read(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            query = _query(json.loads(line), path.parent, fields)
        except json.JSONDecodeError as error:
            raise _bad_line(path, number, f"not JSON ({error})") from error
        except VitrineError as error:
            raise _bad_line(path, number, str(error)) from error
        if query.id in lines:
            raise _bad_line(
                path, number, f"id '{query.id}' was given in line {lines[query.id]} already"
            )
        lines[query.id] = number
        queries.append(query)
    if not queries:
        raise EvaluationError(f"{path} has no queries.", details={"path": str(path)})
    return tuple(queries)


def load_qrels(path: Path) -> Qrels:
    """Read a qrels.json.

    Raises:
        EvaluationError: the file cannot be read, or has another form (names the query and item).
    """
    try:
        qrels = json.loads(_read(path))
    except json.JSONDecodeError as error:
        raise EvaluationError(
            f"{path} is not JSON: {error}.", details={"path": str(path)}
        ) from error
    if not isinstance(qrels, dict):
        raise EvaluationError(
            f"{path} has no object of queries.", hint='Its form is {"query": {"item": gain}}.'
        )
    return {query: _gains(path, query, gains) for query, gains in qrels.items()}


def _gains(path: Path, query: str, gains: object) -> dict[str, int]:
    if not isinstance(gains, dict):
        raise EvaluationError(
            f"{path}: query '{query}' has no object of gains.",
            hint='Its form is {"query": {"item": gain}}.',
            details={"query": query},
        )
    for item, gain in gains.items():
        if isinstance(gain, bool) or not isinstance(gain, int | float) or gain != gain // 1:
            raise _bad_gain(path, query, item, gain)
        if gain < 0:
            raise _bad_gain(path, query, item, gain)
    return {item: int(gain) for item, gain in gains.items()}


def _bad_gain(path: Path, query: str, item: str, gain: object) -> EvaluationError:
    return EvaluationError(
        f"{path}: the gain of item '{item}' for query '{query}' is {gain!r}.",
        hint="Gains are whole numbers, 0 or more.",
        details={"query": query, "item": item},
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise EvaluationError(
            f"{path} cannot be read: {error.strerror or error}.", details={"path": str(path)}
        ) from error
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{path} is not UTF-8.", details={"path": str(path)}) from error


def _query(line: object, folder: Path, fields: Sequence[Field]) -> EvalQuery:
    if not isinstance(line, dict):
        raise EvaluationError("a query is an object")
    unknown = [key for key in line if key not in _KEYS]
    if unknown:
        raise EvaluationError(f"unknown key '{unknown[0]}'", hint=f"Keys are {', '.join(_KEYS)}.")
    kinds = [kind for kind in _KINDS if kind in line]
    if len(kinds) != 1:
        raise EvaluationError(f"a query has one of text, image and item, this one {len(kinds)}")
    kind = kinds[0]
    group = line.get("group")
    query = EvalQuery(
        id=_text(line, "id"),
        kind=kind,
        part=_part(kind, _text(line, kind), folder),
        filter=_filter(line.get("filter"), fields),
        group=None if group is None else str(group),
        held_out=_flag(line, "held_out"),
        slices=_slices(line.get("slices")),
    )
    query.to_query(limit=1)  # Raises for what no engine would take.
    return query


def _part(kind: str, value: str, folder: Path) -> QueryPart:
    if kind == "text":
        return TextPart(value)
    return ItemPart(value) if kind == "item" else ImagePart(folder / value)


def _filter(value: object, fields: Sequence[Field]) -> Filter | None:
    if value is None:
        return None
    return parse_filter(value, fields) if isinstance(value, str) else filter_from_json(value)


def _text(line: Mapping[str, object], key: str) -> str:
    value = line.get(key)
    if not isinstance(value, str) or not value:
        raise EvaluationError(f"'{key}' is not a text" if key in line else f"'{key}' is missing")
    return value


def _flag(line: Mapping[str, object], key: str) -> bool | None:
    value = line.get(key)
    if value is not None and not isinstance(value, bool):
        raise EvaluationError(f"'{key}' is neither true nor false")
    return value


def _slices(value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(
        isinstance(each, str | int | float) for each in value.values()
    ):
        raise EvaluationError('\'slices\' is no object of texts, such as {"gender": "women"}')
    return {name: str(each) for name, each in value.items()}


def _bad_line(path: Path, number: int, why: str) -> EvaluationError:
    return EvaluationError(
        f"{path}, line {number}: {why.rstrip('.')}.", details={"path": str(path), "line": number}
    )
