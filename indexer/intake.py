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
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Generic, TypeVar

from indexer.fetching import Fetched
from indexer.memory import ImageMemory
from indexer.preparing import Task
from indexer.report import Failure
from indexer.rows import Row, next_chunk
from indexer.tally import Stage, Tally
from search.store.base import Hashes

_TOGETHER = 8
"""Most rows that a worker takes at once."""
_REMOTE_AHEAD = 256
"""Rows that may be on their way beyond the window while their images are fetched."""
_QUIET_S = 0.25
"""After so long without a row that is ready, the caller is told that there is none for now."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Intake(Generic[T]):
    """Sends rows through `work` on several threads.

    `look_up` says what the store has of ids; `memory` what was seen at the images' addresses;
    `fetch` begins to fetch an image that is elsewhere. `window`: most rows on their way for each of
    the `encoders` that there are by now; no more images are asked for while `most_bytes` of them
    have come and wait for a worker.
    """

    look_up: Callable[[Sequence[str]], Mapping[str, Hashes]]
    memory: ImageMemory | None
    fetch: Callable[[Task], Future[Fetched]]
    work: Callable[[Task, Future[Fetched] | None], T]
    tally: Tally
    workers: int
    window: int
    most_bytes: int = 256 * 1024 * 1024
    encoders: Callable[[], int] = lambda: 1

    def run(self, rows: Iterator[Row | Failure]) -> Iterator[T | Failure | None]:
        """What `work` makes of each row, as it gets ready; None: nothing is ready for now.

        Rows that are failures already are handed through. Raises what `work` raises.
        """
        reader = ThreadPoolExecutor(1, "vitrine-read")
        workers = ThreadPoolExecutor(self.workers, "vitrine-decode")
        ready: SimpleQueue[Future[list[T]]] = SimpleQueue()
        waiting, held = 0, _Held()
        try:
            for group in self._groups(rows, reader):
                if isinstance(group, Failure):
                    yield group
                    continue
                bound = self.window * self.encoders() + (_REMOTE_AHEAD if group[0].remote else 0)
                while (
                    waiting + len(group) > bound
                    or (waiting and held.bytes > self.most_bytes)
                    or not ready.empty()
                ):
                    for one in (arrived := _next(ready)):
                        yield one
                    waiting -= len(arrived)
                    if not arrived:
                        yield None
                self._begin(group, workers, ready, held)
                waiting += len(group)
            while waiting:
                for one in (arrived := _next(ready)):
                    yield one
                waiting -= len(arrived)
                if not arrived:
                    yield None
        finally:
            workers.shutdown(cancel_futures=True)
            reader.shutdown(cancel_futures=True)

    def _begin(
        self,
        group: list[Task],
        workers: ThreadPoolExecutor,
        ready: "SimpleQueue[Future[list[T]]]",
        held: "_Held",
    ) -> None:
        def decode(fetching: Future[Fetched] | None = None) -> None:
            size = _size_of(fetching)
            held.add(size)
            try:
                working = workers.submit(self._work_on, group, fetching)
            except RuntimeError:  # The run was stopped while the image was on its way.
                return
            working.add_done_callback(lambda done: held.add(-size))
            working.add_done_callback(ready.put)

        if group[0].remote:
            self.fetch(group[0]).add_done_callback(decode)
        else:
            decode()

    def _work_on(self, group: list[Task], fetching: Future[Fetched] | None) -> list[T]:
        return [self.work(task, fetching) for task in group]

    def _groups(
        self, rows: Iterator[Row | Failure], reader: ThreadPoolExecutor
    ) -> Iterator[Failure | list[Task]]:
        """The rows; those whose images are here a few at a time, handed on when their chunk ends.

        Handing over a row costs about as much as decoding a small image.
        """
        most = max(1, min(_TOGETHER, self.window // (2 * self.workers)))
        waiting = reader.submit(self._read_chunk, rows)
        while chunk := waiting.result():
            waiting = reader.submit(self._read_chunk, rows)
            group: list[Task] = []
            for step in chunk:
                if isinstance(step, Failure):
                    yield step
                elif step.remote:
                    yield [step]
                else:
                    group.append(step)
                    if len(group) == most:
                        yield group
                        group = []
            if group:
                yield group

    def _read_chunk(self, rows: Iterator[Row | Failure]) -> list[Task | Failure]:
        return read_tasks(rows, self.look_up, self.memory, self.tally)


class _Held:
    """Bytes of images that have come and wait for a worker."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.bytes = 0

    def add(self, size: int) -> None:
        """Count `size` bytes more; fewer if it is negative."""
        with self._lock:
            self.bytes += size


def _size_of(fetching: "Future[Fetched] | None") -> int:
    if fetching is None or fetching.cancelled() or fetching.exception() is not None:
        return 0
    return len(fetching.result().data or b"")


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
        chunk = next_chunk(rows)
        found = [row for row in chunk if isinstance(row, Row)]
        stored = look_up([each.item.id for row in found for each in row.entities])
        # What came with its row needs no address to be remembered by.
        addresses = [row.item.image for row in found if row.data is None]
        known = memory.get(addresses) if memory is not None else {}
        tally.passed(Stage.READ, len(chunk))
        return [
            Task(
                row,
                stored.get(row.item.id),
                known.get(row.item.image),
                tuple(stored.get(part.item.id) for part in row.parts),
            )
            if isinstance(row, Row)
            else row
            for row in chunk
        ]


def _next(ready: "SimpleQueue[Future[list[T]]]") -> list[T]:
    """What has got ready next; empty if nothing does for a while. Raises what the work raised."""
    try:
        return ready.get(timeout=_QUIET_S).result()
    except Empty:
        return []
