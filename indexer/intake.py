"""From rows to what the encoder wants: read, look up, fetch, decode.

    reader thread      rows of the catalogue, a chunk ahead, with what is known of them
      -> fetching      images that are elsewhere, many at once
        -> workers     bytes, hash, decode, preprocess
          -> the caller, in the order in which they are ready

Rows on their way are bounded, so a slow caller holds back everything before it, and memory does
not grow with the catalogue. A slow image holds back nobody until that bound is full of slow ones.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from indexer.fetching import Fetched
from indexer.memory import ImageMemory
from indexer.preparing import Task
from indexer.report import Failure
from indexer.rows import Row
from indexer.tally import Stage, Tally
from search.store.base import Hashes

_CHUNK = 512
"""Rows that are looked up at once."""
_CHUNK_BYTES = 32 * 1024 * 1024
"""So much of images that come with their rows ends a chunk early."""
_REMOTE_AHEAD = 256
"""Rows that may be on their way beyond the window while their images are fetched."""
_QUIET_S = 0.25
"""After so long without a row that is ready, the caller is told that there is none for now."""

T = TypeVar("T")
_Step = Task | Failure


@dataclass(frozen=True, slots=True)
class Intake(Generic[T]):
    """Sends rows through `work` on several threads.

    `look_up` says what the store has of ids; `memory` what was seen at the images' addresses;
    `fetch` begins to fetch an image that is elsewhere. `window`: most rows on their way.
    """

    look_up: Callable[[Sequence[str]], Mapping[str, Hashes]]
    memory: ImageMemory | None
    fetch: Callable[[Task], Future[Fetched]]
    work: Callable[[Task, Future[Fetched] | None], T]
    tally: Tally
    workers: int
    window: int

    def run(self, rows: Iterator[Row | Failure]) -> Iterator[T | Failure | None]:
        """What `work` makes of each row, as it gets ready; None: nothing is ready for now.

        Rows that are failures already are handed through. Raises what `work` raises.
        """
        reader = ThreadPoolExecutor(1, "vitrine-read")
        workers = ThreadPoolExecutor(self.workers, "vitrine-decode")
        ready: SimpleQueue[Future[T]] = SimpleQueue()
        waiting = 0
        try:
            for step in self._steps(rows, reader):
                if isinstance(step, Failure):
                    yield step
                    continue
                bound = self.window + (_REMOTE_AHEAD if step.remote else 0)
                while waiting >= bound or not ready.empty():
                    arrived = _next(ready)
                    waiting -= arrived is not None
                    yield arrived.result() if arrived is not None else None
                self._begin(step, workers, ready)
                waiting += 1
            while waiting:
                arrived = _next(ready)
                waiting -= arrived is not None
                yield arrived.result() if arrived is not None else None
        finally:
            workers.shutdown(cancel_futures=True)
            reader.shutdown(cancel_futures=True)

    def _begin(
        self, task: Task, workers: ThreadPoolExecutor, ready: "SimpleQueue[Future[T]]"
    ) -> None:
        def decode(fetching: Future[Fetched] | None = None) -> None:
            try:
                working = workers.submit(self.work, task, fetching)
            except RuntimeError:  # The run was stopped while the image was on its way.
                return
            working.add_done_callback(ready.put)

        if task.remote:
            self.fetch(task).add_done_callback(decode)
        else:
            decode()

    def _steps(self, rows: Iterator[Row | Failure], reader: ThreadPoolExecutor) -> Iterator[_Step]:
        waiting = reader.submit(self._read_chunk, rows)
        while chunk := waiting.result():
            waiting = reader.submit(self._read_chunk, rows)
            yield from chunk

    def _read_chunk(self, rows: Iterator[Row | Failure]) -> list[_Step]:
        return read_tasks(rows, self.look_up, self.memory, self.tally)


def read_tasks(
    rows: Iterator[Row | Failure],
    look_up: Callable[[Sequence[str]], Mapping[str, Hashes]],
    memory: ImageMemory | None,
    tally: Tally,
) -> list[Task | Failure]:
    """The next rows, with what the store has of their ids and what was seen at their addresses.

    Empty at the end of the catalogue.
    """
    with tally.timed(Stage.READ):
        chunk = _next_chunk(rows)
        found = [row for row in chunk if isinstance(row, Row)]
        stored = look_up([row.item.id for row in found])
        # What came with its row needs no address to be remembered by.
        addresses = [row.item.image for row in found if row.data is None]
        known = memory.get(addresses) if memory is not None else {}
        tally.passed(Stage.READ, len(chunk))
        return [
            Task(row, stored.get(row.item.id), known.get(row.item.image))
            if isinstance(row, Row)
            else row
            for row in chunk
        ]


def _next_chunk(rows: Iterator[Row | Failure]) -> list[Row | Failure]:
    """The next rows, fewer where they come with their images."""
    chunk: list[Row | Failure] = []
    held = 0
    for row in islice(rows, _CHUNK):
        chunk.append(row)
        held += len(row.data or b"") if isinstance(row, Row) else 0
        if held > _CHUNK_BYTES:
            break
    return chunk


def _next(ready: "SimpleQueue[Future[T]]") -> "Future[T] | None":
    try:
        return ready.get(timeout=_QUIET_S)
    except Empty:
        return None
