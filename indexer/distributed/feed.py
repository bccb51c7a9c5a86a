"""Rows for the cluster: read ahead by the driver, handed over in waves."""

import threading
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from indexer.distributed.parcels import Tasks, pack
from indexer.preparing import Task
from indexer.report import Failure

LEAST_ROWS = 20_000
"""Rows that a wave waits for, unless the catalogue ends: each wave starts its workers anew."""
MOST_BYTES = 1024 * 1024 * 1024
"""How much may be read ahead, as it lies in the cluster's object store (which spills to disk)."""


class Feed:
    """Reads a catalogue in a thread of its own, and hands over what it has read in waves.

    A wave is whatever was read while the wave before was being worked on. Reading is mostly much
    quicker than embedding, so waves grow until `most_bytes` bounds them, and are few.
    """

    def __init__(
        self,
        read: Callable[[], list[Task | Failure]],
        put: Callable[[Any], Any],
        batch_size: int,
        *,
        least_rows: int = LEAST_ROWS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """`read` gives the next rows, none at the end; `put` lays a table into the cluster."""
        self._read, self._put, self._batch_size = read, put, batch_size
        self._least_rows, self._most_bytes = least_rows, most_bytes
        self._changed = threading.Condition()
        self._waiting: list[Any] = []
        self._rows = self._bytes = 0
        self._ended = self._closed = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._fill, name="vitrine-read", daemon=True)
        self._thread.start()

    def waves(self) -> Iterator[list[Any]]:
        """What was put of each wave, until the catalogue ends. Raises what reading raises."""
        while True:
            with self._changed:
                self._changed.wait_for(self._enough)
                if self._error is not None:
                    raise self._error
                wave, self._waiting = self._waiting, []
                self._rows = self._bytes = 0
                self._changed.notify_all()
            if not wave:
                return
            yield wave

    def close(self) -> None:
        """Stop reading. Closing twice does nothing."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _enough(self) -> bool:
        full = self._rows >= self._least_rows or self._bytes >= self._most_bytes
        return full or self._ended

    def _fill(self) -> None:
        error: BaseException | None = None
        try:
            rows, first = self._read_rows(), 1
            while batch := tuple(islice(rows, self._batch_size)):
                if not self._add(Tasks(first, batch)):
                    return
                first += len(batch)
        except BaseException as raised:  # Whatever it is, it is raised where the rows are awaited.
            error = raised
        finally:
            with self._changed:
                self._error, self._ended = error, True
                self._changed.notify_all()

    def _read_rows(self) -> Iterator[Task | Failure]:
        while chunk := self._read():
            yield from chunk

    def _add(self, tasks: Tasks) -> bool:
        table = pack([tasks])
        with self._changed:
            self._changed.wait_for(lambda: self._bytes < self._most_bytes or self._closed)
            if self._closed:
                return False
            self._waiting.append(self._put(table))
            self._rows += len(tasks.rows)
            self._bytes += table.nbytes
            self._changed.notify_all()
        return True
