"""The rows of an embedded database at one moment, read from where Milvus Lite has them in memory.

Milvus Lite answers every call by a walk over all keys, in Python, and makes each row that it finds
whole, its embedding a list of Python floats, whichever columns were asked for: at 8,000 rows a
search takes 10 ms and more, and two searches take twice as long. But it runs in this process, and
keeps its rows as Arrow tables with their embeddings as arrays. A snapshot is these tables and which
of their rows live; it holds until the next write, and everything is read and searched there.

Nothing is ever written here. If Milvus Lite is built otherwise than this module knows, there is no
snapshot (`snapshot_of` gives None), and Milvus Lite is asked: slower, and with the same result.
"""

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from search.store.connection import Connection
from search.store.expressions import EVERYTHING

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]

BLOCK_BYTES = 64_000_000
"""About how much memory the scores of a search may take at a time."""

_log = logging.getLogger(__name__)

_JSON_COLUMN = "extra"
_VECTOR_COLUMN = "embedding"


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Rows that lie together: written to disk at once, or not written to disk yet.

    `vectors` is `(n, dim) float32`; `living`, `(n,) bool`, says which rows are the last version
    of their id, were not deleted, and are chosen.
    """

    ids: Sequence[str]
    row_of: Mapping[str, int]
    table: "pa.Table"
    vectors: NDArray[np.float32]
    living: NDArray[np.bool_]

    def rows(self) -> NDArray[np.intp]:
        """The numbers of the living rows, `(m,) int`, ascending."""
        return np.flatnonzero(self.living)

    def take(self, rows: Sequence[int] | NDArray[np.intp], columns: Sequence[str]) -> list[Row]:
        """These columns, and `id`, of those rows."""
        others = [column for column in columns if column not in ("id", _VECTOR_COLUMN)]
        if others:
            table = self.table.select(others).take(np.asarray(rows, dtype=np.int64))
            taken = cast(list[Row], table.to_pylist())
        else:
            taken = [{} for _ in rows]
        for row, number in zip(taken, rows, strict=True):
            row["id"] = self.ids[number]
            if _JSON_COLUMN in row:
                row[_JSON_COLUMN] = json.loads(row[_JSON_COLUMN])
            if _VECTOR_COLUMN in columns:
                row[_VECTOR_COLUMN] = self.vectors[number]
        return taken

    def best(self, queries: NDArray[np.float32], limit: int) -> Iterator[list[tuple[float, int]]]:
        """For each query the `limit` best scores with their rows, in no order, ties by chance."""
        rows = self.rows()
        if not len(rows):
            yield from ([] for _ in queries)
            return
        # Few are taken out first; of many it is quicker to reckon with all.
        few = 2 * len(rows) < len(self.ids)
        vectors = self.vectors[rows] if few else self.vectors
        block = max(1, BLOCK_BYTES // (4 * len(vectors)))
        for start in range(0, len(queries), block):
            scores = queries[start : start + block] @ vectors.T
            if not few and len(rows) < len(vectors):
                scores[:, ~self.living] = -np.inf
            for query, of_query in zip(queries[start:], scores, strict=False):
                best = _largest(of_query, min(limit, len(rows)))
                numbers = rows[best] if few else best
                yield list(zip(self._exact(query, numbers), numbers.tolist(), strict=True))

    def _exact(self, query: NDArray[np.float32], rows: NDArray[np.intp]) -> list[float]:
        """Inner products that do not depend on what else is asked: sums of float64."""
        found = self.vectors[rows].astype(np.float64)
        return cast(list[float], np.einsum("ij,j->i", found, query.astype(np.float64)).tolist())


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """The rows of a collection, or some of them, at one moment. Safe for several threads."""

    parts: Sequence[Part]
    compiled: Callable[[str], Any]

    def where(self, condition: str) -> "Snapshot":
        """Those that satisfy an expression, as Milvus Lite says; it raises what that raises."""
        from milvus_lite.search.filter import evaluate_mask

        compiled = self.compiled(condition)
        narrowed = [
            replace(part, living=part.living & np.asarray(evaluate_mask(compiled, part.table)))
            for part in self.parts
        ]
        return replace(self, parts=narrowed)

    def find(self, ids: Collection[str], columns: Sequence[str]) -> dict[str, Row]:
        """These columns, and `id`, of those of these ids that are there, by id."""
        places: defaultdict[int, list[int]] = defaultdict(list)
        for id in ids:
            for number, part in enumerate(self.parts):
                row = part.row_of.get(id)
                if row is not None and part.living[row]:
                    places[number].append(row)
        return {
            row["id"]: row
            for number, rows in places.items()
            for row in self.parts[number].take(rows, columns)
        }

    def ids(self) -> Iterator[str]:
        """All ids, each once."""
        for part in self.parts:
            yield from (part.ids[row] for row in part.rows())

    def count(self) -> int:
        """How many rows there are."""
        return sum(int(part.living.sum()) for part in self.parts)

    def batches(self, columns: Sequence[str], size: int) -> Iterator[list[Row]]:
        """These columns, and `id`, of all rows, each once, in lists of at most `size`."""
        for part in self.parts:
            rows = part.rows()
            for start in range(0, len(rows), size):
                yield part.take(rows[start : start + size], columns)

    def columns(self, columns: Sequence[str], size: int) -> Iterator[dict[str, list[Any]]]:
        """These columns (not the embedding; JSON as text) as lists of at most `size` values."""
        for part in self.parts:
            rows, table = part.rows(), part.table.select(list(dict.fromkeys(columns)))
            for start in range(0, len(rows), size):
                yield table.take(rows[start : start + size]).to_pydict()

    def nearest(
        self, queries: NDArray[np.float32], limit: int, columns: Sequence[str]
    ) -> list[list[Mapping[str, Any]]]:
        """The `limit` best rows of each query, `(q, dim) float32`: exactly, as pymilvus gives them.

        A hit has `id`, `distance` (the inner product) and `entity` (these columns, and `id`); best
        first, ties by chance.
        """
        found: list[list[tuple[float, int, int]]] = [[] for _ in queries]
        for number, part in enumerate(self.parts):
            for hits, best in zip(found, part.best(queries, limit), strict=True):
                hits += [(score, number, row) for score, row in best]
        return [self._hits(sorted(hits, reverse=True)[:limit], columns) for hits in found]

    def _hits(
        self, best: Sequence[tuple[float, int, int]], columns: Sequence[str]
    ) -> list[Mapping[str, Any]]:
        rows_of: defaultdict[int, list[int]] = defaultdict(list)
        for _, number, row in best:
            rows_of[number].append(row)
        taken = {
            (number, row): entity
            for number, rows in rows_of.items()
            for row, entity in zip(rows, self.parts[number].take(rows, columns), strict=True)
        }
        return [
            {"id": entity["id"], "distance": score, "entity": entity}
            for score, number, row in best
            for entity in [taken[number, row]]
        ]


def snapshot_of(
    connection: Connection, collection: str, condition: str = EVERYTHING
) -> Snapshot | None:
    """The rows of a loaded collection that satisfy an expression now.

    What was written before this call is there, and nothing half. None of a server; of a Milvus
    Lite that is built otherwise; for an expression that it cannot read, as its own answer says
    why; and while somebody writes, unless what was read before that is still at hand.
    """
    if not connection.embedded:
        return None
    try:
        key = ("rows", collection)
        rows = connection.remembered(key, lambda: _snapshot(connection, collection))
        return rows if rows is None or condition == EVERYTHING else rows.where(condition)
    except Exception as error:
        _log.debug("Milvus Lite itself is asked about %s: %r", collection, error)
        return None


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """Rows as Milvus Lite has them; `seqs`, `(n,) uint64`, counts the writes of a collection."""

    ids: Sequence[str]
    row_of: Mapping[str, int]
    seqs: NDArray[np.uint64]
    table: "pa.Table"
    vectors: NDArray[np.float32]


def _snapshot(connection: Connection, collection: str) -> Snapshot | None:
    with connection.not_writing() as quiet:
        return _read(connection, collection) if quiet else None


def _read(connection: Connection, collection: str) -> Snapshot:
    from milvus_lite.server_manager import server_manager_instance

    _, database, _ = server_manager_instance._servers[str(connection.path)]
    engine = database.get_collection(collection)
    segments, on_disk = engine._read_snapshot()
    sources = [
        _Source(each.pks, each.pk_to_row, each.seqs, each.table, each.vectors)
        for each in segments
        if each.num_rows
    ]
    ids, seqs, _, _, table = engine._memtable.to_search_snapshot(None, include_table=True)
    if ids:
        row_of = {id: row for row, id in enumerate(ids)}
        sources.append(_Source(ids, row_of, seqs, table, _vectors(table)))
    in_memory = engine._memtable.delete_index_snapshot()

    def is_deleted(id: str, seq: int) -> bool:
        return on_disk.is_deleted(id, seq) or (id in in_memory and in_memory[id][0] > seq)

    parts = [
        Part(source.ids, source.row_of, source.table, source.vectors, living)
        for source, living in zip(sources, _living(sources, is_deleted), strict=True)
    ]
    return Snapshot(parts, engine._compile_filter)


def _living(
    sources: Sequence[_Source], is_deleted: Callable[[str, int], bool]
) -> Iterator[NDArray[np.bool_]]:
    """Which rows of each source are the last version of their id, and were not deleted since."""
    newest: dict[str, int] = {}
    if len(sources) > 1:  # Alone, a source has each id once.
        for source in sources:
            for id, seq in zip(source.ids, source.seqs.tolist(), strict=True):
                newest[id] = max(seq, newest.get(id, -1))
    for source in sources:
        living = [
            newest.get(id, seq) == seq and not is_deleted(id, seq)
            for id, seq in zip(source.ids, source.seqs.tolist(), strict=True)
        ]
        yield np.array(living, dtype=bool)


def _vectors(table: "pa.Table") -> NDArray[np.float32]:
    """The embeddings of a table, `(n, dim) float32`."""
    column = table.column(_VECTOR_COLUMN).combine_chunks()
    flat = column.flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat, dtype=np.float32).reshape(len(column), -1)


def _largest(scores: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """Where the k largest of the scores are, in no order."""
    if k >= len(scores):
        return np.arange(len(scores))
    return np.argpartition(scores, len(scores) - k)[len(scores) - k :]
