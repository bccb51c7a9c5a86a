"""What several queries ask of Milvus at the same moment, asked in one call.

A server saves round trips; an embedded database reads its embeddings once for all. Answers are
those of single calls: each is of a moment when its caller had asked already, and each call reads
what this process wrote before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.batching import Batches
from search.store.connection import Connection
from search.store.expressions import EVERYTHING, id_in
from search.store.snapshots import snapshot_of

SESSION = "Session"
"""Consistency of reads: what this process wrote, it reads."""

MOST_TOGETHER = 64
MOST_IDS = 500
MOST_WAITING = 10_000
"""Queries, and ids, that wait at most: far more than a service lets in at once."""

LANES_OF_A_SERVER = 4
"""Calls of one kind that a server works on at once; an embedded database has one."""

Row = Mapping[str, Any]

Found = Sequence[Mapping[str, Any]]
"""Hits as pymilvus gives them: `id`, `distance` (an inner product) and `entity`, best first."""


@dataclass(frozen=True, slots=True)
class Search:
    """What searches have in common that one call can ask; `columns` come with each hit."""

    collection: str
    condition: str
    limit: int
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Rows:
    """What reads by id have in common that one call can ask."""

    collection: str
    columns: tuple[str, ...]


class GatheredCalls:
    """The calls that every query makes: which collection, what is near, and its rows.

    Safe to call from several threads. Raises what the connection raises.
    """

    def __init__(self, connection: Connection) -> None:
        self._db = connection
        lanes = 1 if connection.embedded else LANES_OF_A_SERVER
        # A call that runs ends with the connection's timeout, and so does what waits for it.
        patience_s = connection.timeout_s
        self._descriptions: Batches[str, None, Row] = Batches(
            self._describe_all,
            most=MOST_WAITING,
            most_waiting=MOST_WAITING,
            lanes=lanes,
            patience_s=patience_s,
        )
        self._searches: Batches[Search, NDArray[np.float32], Found] = Batches(
            self._search_all,
            most=MOST_TOGETHER,
            most_waiting=MOST_WAITING,
            lanes=lanes,
            patience_s=patience_s,
        )
        self._reads: Batches[_Rows, Sequence[str], dict[str, Row]] = Batches(
            self._read_all,
            most=MOST_IDS,
            most_waiting=MOST_WAITING,
            lanes=lanes,
            patience_s=patience_s,
        )

    def describe(self, name: str) -> Row:
        """What Milvus says of a collection or alias."""
        return self._db.remembered(("description", name), partial(self._descriptions, name, None))

    def search(self, asked: Search, embedding: NDArray[np.float32]) -> Found:
        """The nearest rows by inner product; `embedding` is `(dim,) float32`."""
        return self._searches(asked, embedding)

    def rows(self, collection: str, columns: Sequence[str], ids: Sequence[str]) -> dict[str, Row]:
        """These columns, `id` among them, of those ids that exist, at most `MOST_IDS`, by id.

        The rows belong to several callers: read only.
        """
        return self._reads(_Rows(collection, tuple(columns)), ids, len(ids))

    def _describe_all(self, name: str, calls: Sequence[None]) -> list[Row]:
        described = self._db.call(self._db.client.describe_collection, name)
        return [described] * len(calls)

    def _search_all(self, asked: Search, embeddings: Sequence[NDArray[np.float32]]) -> list[Found]:
        rows = snapshot_of(self._db, asked.collection, asked.condition or EVERYTHING)
        if rows is not None:
            return list(rows.nearest(np.stack(embeddings), asked.limit, asked.columns))
        found = self._db.call(
            self._db.client.search,
            asked.collection,
            data=list(embeddings),
            filter=asked.condition,
            limit=asked.limit,
            output_fields=list(asked.columns),
            search_params={"metric_type": "IP", "params": {"ef": max(64, asked.limit)}},
            consistency_level=SESSION,
        )
        return list(found)

    def _read_all(self, asked: _Rows, calls: Sequence[Sequence[str]]) -> list[dict[str, Row]]:
        distinct = list(dict.fromkeys(id for ids in calls for id in ids))
        found = self._db.call(
            self._db.client.query,
            asked.collection,
            filter=id_in(distinct),
            output_fields=list(asked.columns),
            consistency_level=SESSION,
        )
        rows = {row["id"]: row for row in found}
        return [{id: rows[id] for id in ids if id in rows} for ids in calls]
