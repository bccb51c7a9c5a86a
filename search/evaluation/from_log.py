"""Queries and right answers from what people searched for and chose: the service's query log.

A log has one JSON object a line, `search` or `feedback` (docs/operations.md). Chosen items are the
right answers, more so what was bought: the gain of an item for a query is 1 for a click, 2 for the
cart and 3 for a purchase, the most that any search of that query led to.

What people choose they choose from what they were shown, most often from its top. So such answers
flatter the ranking that was shown, and an item that it never shows cannot become right: good for
seeing that a change breaks what works, weak for telling which of two rankings is better.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from search.errors import EvaluationError
from search.evaluation.made_files import write_queries

GAINS: Mapping[str, int] = {"click": 1, "cart": 2, "purchase": 3}
"""What each kind of feedback makes an item worth."""

DISMISSED = "dismissed"
GROUP = "from the log"

_Line = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class LoggedQuery:
    """A query that was asked, `kind` text or item, and the gains of what was chosen."""

    id: str
    kind: str
    said: str
    filter: object
    gains: Mapping[str, int]
    searches: int

    def line(self) -> dict[str, object]:
        """As a line of queries.jsonl."""
        line: dict[str, object] = {"id": self.id, self.kind: self.said, "group": GROUP}
        return line if self.filter is None else line | {"filter": self.filter}


@dataclass(frozen=True, slots=True)
class Logged:
    """What a log makes, most asked first, and what of it could not be used.

    `left_out` counts searches by reason: pictures (a log has only their hashes), several parts,
    exclusions, hashed texts. `unmatched` is feedback on searches that the log does not have.
    `median_rank` is where what was chosen stood, None if nobody said.
    """

    queries: tuple[LoggedQuery, ...]
    searches: int
    feedback: int
    left_out: Mapping[str, int]
    unmatched: int
    median_rank: float | None


@dataclass(slots=True)
class _Asked:
    """One query in all its searches."""

    kind: str
    said: str
    filter: object
    searches: int = 0
    gains: dict[str, int] = field(default_factory=dict)
    chosen: Counter[str] = field(default_factory=Counter)
    dismissed: Counter[str] = field(default_factory=Counter)


def queries_from_log(logs: Sequence[Path], *, least: int = 1) -> Logged:
    """Read logs, those that were rotated too, in any order.

    Feedback counts for the search whose id it names, or for all searches of the text that it
    names. An item is right if it was chosen in `least` feedbacks or more, and more often than
    dismissed; the same choice said twice of one search counts once. Queries without a right answer
    are left out. Only queries of one text or one item can be evaluated.

    Raises:
        EvaluationError: a file or a line cannot be read (names the line), or no query came of it.
    """
    reading = _Reading()
    lines = [line for path in logs for line in _lines(path)]
    for line in lines:
        if line.get("event") == "search":
            reading.search(line)
    for line in lines:
        if line.get("event") == "feedback":
            reading.feedback(line)
    made = reading.made(least)
    if not made.queries:
        raise EvaluationError(
            "No query can be made of this log.",
            hint="It takes searches by one text or item, in clear, and POST /v1/feedback on them.",
            details={"searches": made.searches, "feedback": made.feedback} | dict(made.left_out),
        )
    return made


def write_logged(logged: Logged, queries: Path, qrels: Path, *, replace: bool = False) -> None:
    """Write a queries.jsonl and a qrels.json; raises as `write_made`."""
    gains = {query.id: dict(query.gains) for query in logged.queries}
    lines = [query.line() for query in logged.queries]
    write_queries(lines, gains, queries, qrels, replace=replace)


class _Reading:
    """What is known of the log so far."""

    def __init__(self) -> None:
        self._asked: dict[str, _Asked] = {}
        self._by_request: dict[str, list[tuple[_Asked, frozenset[str]]]] = defaultdict(list)
        self._by_text: dict[str, list[_Asked]] = defaultdict(list)
        self._unusable: set[str] = set()
        self._seen: set[tuple[str, str, str]] = set()
        self._left_out: Counter[str] = Counter()
        self._ranks: list[int] = []
        self._searches = self._feedback = self._unmatched = 0

    def search(self, line: _Line) -> None:
        self._searches += 1
        request = str(line.get("request_id"))
        reason = _unusable(line)
        if reason is not None:
            self._left_out[reason] += 1
            self._unusable.add(request)
            return
        [part] = _objects(line.get("parts"))
        kind = "text" if "text" in part else "item"
        said, filter = str(part[kind]), line.get("filter")
        key = json.dumps([kind, said, filter], sort_keys=True)
        asked = self._asked.get(key)
        if asked is None:
            asked = self._asked[key] = _Asked(kind, said, filter)
            if kind == "text":
                self._by_text[said].append(asked)
        asked.searches += 1
        shown = frozenset(str(hit.get("id")) for hit in _objects(line.get("results")))
        self._by_request[request].append((asked, shown))

    def feedback(self, line: _Line) -> None:
        self._feedback += 1
        item, kind, request = str(line.get("item")), str(line.get("kind")), line.get("request_id")
        found = self._meant(line, item)
        if not found:
            self._unmatched += str(request) not in self._unusable
            return
        if request is not None and (str(request), item, kind) in self._seen:
            return
        self._seen.add((str(request), item, kind))
        for asked in found:
            if kind == DISMISSED:
                asked.dismissed[item] += 1
            elif kind in GAINS:
                asked.chosen[item] += 1
                asked.gains[item] = max(asked.gains.get(item, 0), GAINS[kind])
        rank = line.get("rank")
        if kind in GAINS and isinstance(rank, int):
            self._ranks.append(rank)

    def _meant(self, line: _Line, item: str) -> list[_Asked]:
        if line.get("request_id") is None:
            return self._by_text.get(str(line.get("query")), [])
        of_request = self._by_request.get(str(line["request_id"]), [])
        # A request of several searches: those that showed the item. Logs keep the first hits only.
        showing = [asked for asked, shown in of_request if item in shown]
        return showing or ([of_request[0][0]] if len(of_request) == 1 else [])

    def made(self, least: int) -> Logged:
        asked = sorted(self._asked.values(), key=lambda one: (-one.searches, one.kind, one.said))
        right = [(one, gains) for one in asked if (gains := _right(one, least))]
        queries = tuple(
            LoggedQuery(f"log-{number:05}", one.kind, one.said, one.filter, gains, one.searches)
            for number, (one, gains) in enumerate(right, start=1)
        )
        return Logged(
            queries,
            self._searches,
            self._feedback,
            dict(self._left_out.most_common()),
            self._unmatched,
            float(median(self._ranks)) if self._ranks else None,
        )


def _right(asked: _Asked, least: int) -> dict[str, int]:
    return {
        item: gain
        for item, gain in sorted(asked.gains.items())
        if asked.chosen[item] >= least and asked.chosen[item] > asked.dismissed[item]
    }


def _unusable(line: _Line) -> str | None:
    """Why a search cannot be evaluated; None if it can."""
    parts = _objects(line.get("parts"))
    if len(parts) != 1 or line.get("without"):
        return "several parts"
    [part] = parts
    if "text" not in part and "item" not in part:
        return "pictures"
    is_hashed = line.get("hashed") and ("text" in part or line.get("filter"))
    return "hashed" if is_hashed else None


def _objects(value: object) -> list[Mapping[str, object]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _lines(path: Path) -> Iterator[_Line]:
    try:
        with path.open(encoding="utf-8") as file:
            yield from _objects_of(path, file)
    except OSError as error:
        raise EvaluationError(
            f"{path} cannot be read: {error.strerror or error}.", details={"path": str(path)}
        ) from error
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{path} is not UTF-8.", details={"path": str(path)}) from error


def _objects_of(path: Path, lines: Iterable[str]) -> Iterator[_Line]:
    for number, line in enumerate(lines, start=1):
        try:
            read = json.loads(line)
        except json.JSONDecodeError as error:
            raise EvaluationError(
                f"{path}, line {number}: not JSON ({error}).",
                details={"path": str(path), "line": number},
            ) from error
        if isinstance(read, dict):
            yield read
