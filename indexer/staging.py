"""Embeddings on disk: a job's shards, and finding in them what need not be embedded again.

A shard is a Parquet file of whole entities (`shards/00000.parquet`). It appears under its name
only when it is complete and kept, and before its rows go to the store. So whatever a run that
was killed had embedded is found by the next one.
"""

import io
import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.shard_folder import ShardFolder, open_shard
from search.errors import UnavailableError
from search.store.base import Entity

_LOG = logging.getLogger(__name__)
_OPEN_SHARDS = 4
"""Shards of which the embeddings stay in memory: rows come in about the order of the last run."""
_RECENT = 20_000
"""Embeddings of this run that are kept at hand, for images that several rows share."""
_LOOKED_THROUGH = 16
"""Shards that are looked through at once: those of object stores take their time to come."""


class Shards:
    """Writes the shards of one job. To be called from one thread at a time."""

    def __init__(self, folder: ShardFolder) -> None:
        self._folder = folder
        self._written = 0

    def write(self, entities: Sequence[Entity]) -> str:
        """Write a shard; when this returns it is kept. Its address.

        Raises:
            UnavailableError: it cannot be written, for want of space for example.
        """
        address = stage_entities(self._folder, f"{self._written:05}", entities)
        self._written += 1
        return address


def stage_entities(folder: ShardFolder, name: str, entities: Sequence[Entity]) -> str:
    """Write a shard of a job; when this returns it is kept. Its address.

    Raises:
        UnavailableError: it cannot be written, for want of space for example.
    """
    try:
        return write_shard(folder, name, entities)
    except OSError as error:
        reason = error.strerror or error
        raise UnavailableError(
            f"The shard {folder.shown}/{name}.parquet cannot be written: {reason}.",
            hint="Free some space or choose another --job-dir or --shards-dir, and run the same "
            "command again: it goes on from the last shard.",
        ) from error


def write_shard(folder: ShardFolder, name: str, entities: Sequence[Entity]) -> str:
    """Write entities as a Parquet file, whole or not at all; its address. Raises OSError.

    Columns: id, image, title, product_id, fields and extra (JSON), image_hash, row_hash,
    embedding (a list of dim float32).
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    embeddings = np.stack([entity.embedding for entity in entities]).astype(np.float32)
    flat = pa.array(embeddings.ravel())
    items = [entity.item for entity in entities]
    table = pa.table(
        {
            "id": [item.id for item in items],
            "image": [item.image for item in items],
            "title": [item.title for item in items],
            "product_id": pa.array([item.product_id for item in items], pa.string()),
            "fields": [_json(item.fields) for item in items],
            "extra": [_json(item.extra) for item in items],
            "image_hash": [entity.image_hash for entity in entities],
            "row_hash": [entity.row_hash for entity in entities],
            "embedding": pa.FixedSizeListArray.from_arrays(flat, embeddings.shape[1]),
        }
    )
    written = io.BytesIO()
    # Embeddings do not compress; the little that is gained costs the encoder its cores.
    pq.write_table(table, written, compression="none", use_dictionary=False)
    return folder.write(name, written.getvalue())


def shards_of(job: Path) -> list[str]:
    """The addresses of a job's complete shards, in the order in which they were written.

    Raises:
        UnavailableError: they are at an address that cannot be asked.
    """
    return ShardFolder.of_job(job).shards()


class StagedEmbeddings:
    """Embeddings that were made before, by the hash of their image. Safe to use from threads.

    Holds 24 bytes in memory for every row of the shards, and the embeddings of a few shards.
    """

    def __init__(self, jobs: Sequence[Path] = ()) -> None:
        """Look through the shards of jobs; all must be of one model (see `jobs.made_with`).

        Raises:
            UnavailableError: they are at an address that cannot be asked.
        """
        self._shards: list[str] = []
        self._high, self._low, self._places = self._index(
            [shard for job in jobs for shard in shards_of(job)]
        )
        self._lock = threading.Lock()
        self._open: OrderedDict[int, NDArray[np.float32]] = OrderedDict()
        self._recent: OrderedDict[str, NDArray[np.float32]] = OrderedDict()

    def __getstate__(self) -> tuple[object, ...]:
        # What was looked through, and nothing that is only at hand in this process.
        return self._shards, self._high, self._low, self._places

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._shards, self._high, self._low, self._places = state
        self._lock, self._open, self._recent = threading.Lock(), OrderedDict(), OrderedDict()

    def __len__(self) -> int:
        """How many rows the shards have."""
        return len(self._high)

    def get(self, image_hash: str) -> NDArray[np.float32] | None:
        """The embedding of the image with that hash, `(dim,) float32`; None if there is none."""
        with self._lock:
            if (recent := self._recent.get(image_hash)) is not None:
                return recent
            if (place := self._find(image_hash)) is None:
                return None
            shard, row = self._places[place]
            try:
                self._embeddings(int(shard))
            except (OSError, ValueError) as error:
                # Deleted or damaged since: the image is embedded again.
                _LOG.warning("The shard %s is not used: %s", self._shards[int(shard)], error)
                return None
            embedding: NDArray[np.float32] = self._embeddings(int(shard))[row]
            return embedding

    def remember(self, image_hash: str, embedding: NDArray[np.float32]) -> None:
        """Keep an embedding at hand that was just made."""
        with self._lock:
            self._recent[image_hash] = embedding
            if len(self._recent) > _RECENT:
                self._recent.popitem(last=False)

    def _find(self, image_hash: str) -> int | None:
        if not len(self._high):
            return None
        high, low = (int(image_hash[:16], 16), int(image_hash[16:], 16))
        at = int(np.searchsorted(self._high, np.uint64(high)))
        while at < len(self._high) and self._high[at] == high:
            if self._low[at] == low:
                return at
            at += 1
        return None

    def _embeddings(self, shard: int) -> NDArray[np.float32]:
        if shard not in self._open:
            self._open[shard] = _read_embeddings(self._shards[shard])
            if len(self._open) > _OPEN_SHARDS:
                self._open.popitem(last=False)
        self._open.move_to_end(shard)
        return self._open[shard]

    def _index(
        self, shards: Sequence[str]
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.int32]]:
        """The two halves of all hashes, sorted, and each one's shard and row."""
        halves = [np.empty((0, 2), np.uint64)]
        places = [np.empty((0, 2), np.int32)]
        with ThreadPoolExecutor(_LOOKED_THROUGH, "vitrine-shards") as threads:
            looked_through = list(threads.map(_look_through, shards))
        for shard, found in zip(shards, looked_through, strict=True):
            if found is None:
                continue
            halves.append(found)
            numbers = np.full(len(found), len(self._shards), np.int32)
            places.append(np.stack([numbers, np.arange(len(found), dtype=np.int32)], axis=1))
            self._shards.append(shard)
        hashes = np.concatenate(halves)
        order = np.argsort(hashes[:, 0], kind="stable")
        return hashes[order, 0], hashes[order, 1], np.concatenate(places)[order]


def _look_through(shard: str) -> NDArray[np.uint64] | None:
    try:
        return _read_hashes(shard)
    except (OSError, ValueError) as error:
        # What it held is embedded again: slower, and nothing is lost.
        _LOG.warning("The shard %s cannot be read and is not used: %s", shard, error)
        return None


def _read_hashes(shard: str) -> NDArray[np.uint64]:
    """The hashes of a shard's rows, `(n, 2) uint64`: high and low half."""
    column = _read_column(shard, "image_hash")
    flat = b"".join(bytes.fromhex(value) for value in column.to_pylist())
    return np.frombuffer(flat, dtype=">u8").astype(np.uint64).reshape(-1, 2)


def _read_embeddings(shard: str) -> NDArray[np.float32]:
    column = _read_column(shard, "embedding").combine_chunks()
    found = column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)
    return np.asarray(found, np.float32)


def _read_column(shard: str, name: str) -> Any:
    import pyarrow.parquet as pq

    with open_shard(shard) as file:
        return pq.read_table(file, columns=[name])[name]


def _json(values: object) -> str:
    return json.dumps(values, ensure_ascii=False, default=_iso)


def _iso(value: object) -> str:
    assert isinstance(value, date)
    return value.isoformat()
