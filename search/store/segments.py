"""Many rows of an embedded database at once, from the tables that Milvus Lite has in memory.

Milvus Lite answers a query by making every row whole, its embedding a list of Python floats,
whichever columns were asked for: 8,000 rows take a second and more. But it runs in this process
and keeps the rows that were flushed as Arrow tables ("segments"), of which single columns can be
taken in milliseconds. That is read here, and nothing is ever written. Rows that were not flushed
yet are left to Milvus Lite, and so is everything if it is built otherwise than this module knows
(`sealed_rows` gives None then): slower, and with the same result.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

Row = dict[str, Any]

_JSON_COLUMN = "extra"
_VECTOR_COLUMN = "embedding"


@dataclass(frozen=True, slots=True)
class SealedRows:
    """The flushed rows of a collection as they are at one moment.

    `unsealed` are the ids that were written or deleted since the last flush: what the segments
    say of them is out of date. `masks`, one for each segment, say which of its rows satisfy the
    expression that was asked for; `find` does not look at them.
    """

    segments: Sequence[Any]
    deleted: Callable[[str, int], bool]
    unsealed: frozenset[str]
    masks: Sequence[Sequence[bool]] | None = None

    def find(self, ids: Collection[str], columns: Sequence[str]) -> dict[str, Row]:
        """These columns of the sealed ones of these ids, by id."""
        places: defaultdict[int, list[int]] = defaultdict(list)
        for id in ids:
            if id not in self.unsealed and (place := self._newest(id)) is not None:
                places[place[0]].append(place[1])
        found: dict[str, Row] = {}
        for number, places_there in places.items():
            found |= {row["id"]: row for row in _take(self.segments[number], places_there, columns)}
        return found

    def ids(self) -> Iterator[str]:
        """The ids of all sealed rows, each once."""
        for number in range(len(self.segments)):
            yield from self._living(number)

    def count(self) -> int:
        """How many sealed rows there are."""
        return sum(len(self._living(number)) for number in range(len(self.segments)))

    def batches(self, columns: Sequence[str], size: int) -> Iterator[list[Row]]:
        """These columns of all sealed rows, each once, in lists of at most `size`."""
        for number, segment in enumerate(self.segments):
            rows = list(self._living(number).values())
            for start in range(0, len(rows), size):
                yield _take(segment, rows[start : start + size], columns)

    def columns(self, columns: Sequence[str], size: int) -> Iterator[dict[str, list[Any]]]:
        """These columns (neither the embedding nor JSON) as lists of at most `size` values."""
        for number, segment in enumerate(self.segments):
            rows = list(self._living(number).values())
            table = segment.table.select(list(dict.fromkeys(columns)))
            for start in range(0, len(rows), size):
                yield table.take(rows[start : start + size]).to_pydict()

    def _living(self, number: int) -> dict[str, int]:
        """The rows of a segment that are the last version of their id and satisfy the mask."""
        segment = self.segments[number]
        rows = segment.pk_to_row.items()
        if self.masks is not None:
            mask = self.masks[number]
            rows = [(id, row) for id, row in rows if mask[row]]
        if len(self.segments) > 1:
            return {
                id: row
                for id, row in rows
                if id not in self.unsealed and self._newest(id) == (number, row)
            }
        written = segment.seqs.tolist()  # Alone, it has the last version of all: this is quicker.
        return {
            id: row
            for id, row in rows
            if id not in self.unsealed and not self.deleted(id, written[row])
        }

    def _newest(self, id: str) -> tuple[int, int] | None:
        """The segment and the row in it that hold the last version; None if it was deleted."""
        newest, place = -1, None
        for number, segment in enumerate(self.segments):
            row = segment.pk_to_row.get(id)
            if row is not None and (written := int(segment.seqs[row])) > newest:
                newest, place = written, (number, row)
        return None if place is None or self.deleted(id, newest) else place


def sealed_rows(
    path: Path,
    collection: str,
    writing: Callable[[], AbstractContextManager[None]],
    condition: str | None = None,
) -> SealedRows | None:
    """The sealed rows of a collection of the open database at `path`, if they can be had.

    With `condition`, an expression of Milvus, those that satisfy it. `writing` keeps writers away:
    between two steps of a flush, rows are in neither place.
    """
    try:
        from milvus_lite.server_manager import server_manager_instance

        with writing():
            _, database, _ = server_manager_instance._servers[str(path)]
            engine = database.get_collection(collection)
            segments, deleted = engine._read_snapshot()
            unsealed = {id for id, _ in engine._memtable.pk_index_snapshot()}
            unsealed |= engine._memtable.delete_index_snapshot().keys()
        if any({"id", _JSON_COLUMN} - set(segment.table.column_names) for segment in segments):
            return None
        masks = None if condition is None else _masks(engine, segments, condition)
        return SealedRows(segments, deleted.is_deleted, frozenset(unsealed), masks)
    except Exception:  # Another Milvus Lite, or no such collection: its own answer will tell.
        return None


def _masks(engine: Any, segments: Sequence[Any], condition: str) -> list[list[bool]]:
    """For each segment, which of its rows satisfy the expression, as Milvus Lite itself says."""
    from milvus_lite.search.filter import evaluate_mask

    compiled = engine._compile_filter(condition)
    return [evaluate_mask(compiled, segment.table).tolist() for segment in segments]


def _take(segment: Any, rows: Sequence[int], columns: Sequence[str]) -> list[Row]:
    import numpy as np

    scalars = ["id", *(column for column in columns if column not in ("id", _VECTOR_COLUMN))]
    table = segment.table.select(scalars).take(np.asarray(rows, dtype=np.int64))
    taken = cast(list[Row], table.to_pylist())
    if _JSON_COLUMN in scalars:
        for row in taken:
            row[_JSON_COLUMN] = json.loads(row[_JSON_COLUMN])
    if _VECTOR_COLUMN in columns:
        vectors = segment.vectors[rows]
        for row, vector in zip(taken, vectors, strict=True):
            row[_VECTOR_COLUMN] = vector
    return taken
