"""Read, decode, encode, store: four stages beside each other, none far ahead of the next.

    reader thread        rows of the catalogue, a chunk ahead, with what the store knows of them
      -> worker threads  image bytes, hash, decode, preprocess
        -> this thread   batches through the model, in the catalogue's order
          -> writer      batches into the store

What waits between two stages is bounded: rows in work to two batches, batches to be written to
two. So a slow stage holds back those before it, and memory does not grow with the catalogue.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

import numpy as np

from indexer.preparing import ColumnsChanged, Outcome, Preparer, Ready, Unchanged
from indexer.report import Failure
from indexer.rows import Row
from indexer.tally import Count, Tally
from indexer.writing import Writer
from search.encoders.base import Encoder
from search.errors import VitrineError
from search.store.base import Hashes, Store

_BATCHES_AHEAD = 2
_Step = tuple[Row, Hashes | None] | Failure


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Everything that one run needs. `fail` is told of every row that is left out.

    `stored_before`: whether the collection had items when the run began; without any there is
    nothing to look up.
    """

    store: Store
    encoder: Encoder
    collection: str
    stored_before: bool
    preparer: Preparer
    writer: Writer
    tally: Tally
    batch_size: int
    workers: int
    fail: Callable[[Failure], None]
    on_row: Callable[[], None]

    def run(self, rows: Iterator[Row | Failure]) -> None:
        """Index all rows. What was handed to the writer is written even when this is interrupted.

        Raises:
            VitrineError: from any stage; the rows that are counted as done are in the store.
        """
        reader = ThreadPoolExecutor(1, "vitrine-read")
        workers = ThreadPoolExecutor(self.workers, "vitrine-decode")
        writer = ThreadPoolExecutor(1, "vitrine-write")
        try:
            chunks = self._chunks(rows, reader)
            self._encode(self._outcomes(chunks, workers), writer)
            writer.submit(self.writer.flush).result()
        except BaseException:
            with suppress(VitrineError):
                writer.submit(self.writer.flush).result()
            raise
        finally:
            workers.shutdown(cancel_futures=True)
            reader.shutdown(cancel_futures=True)
            writer.shutdown()

    def _chunks(
        self, rows: Iterator[Row | Failure], reader: ThreadPoolExecutor
    ) -> Iterator[list[_Step]]:
        waiting = reader.submit(self._read_chunk, rows)
        while chunk := waiting.result():
            waiting = reader.submit(self._read_chunk, rows)
            yield chunk

    def _read_chunk(self, rows: Iterator[Row | Failure]) -> list[_Step]:
        with self.tally.timed("read"):
            chunk = list(islice(rows, self.batch_size))
            found = [row for row in chunk if isinstance(row, Row)]
            if not self.stored_before or not found:
                return [(row, None) if isinstance(row, Row) else row for row in chunk]
            known = self.store.hashes(self.collection, [row.item.id for row in found])
            return [(row, known.get(row.item.id)) if isinstance(row, Row) else row for row in chunk]

    def _outcomes(
        self, chunks: Iterator[list[_Step]], workers: ThreadPoolExecutor
    ) -> Iterator[Outcome]:
        waiting: deque[Future[Outcome] | Failure] = deque()

        def next_outcome() -> Outcome:
            step = waiting.popleft()
            return step if isinstance(step, Failure) else step.result()

        for chunk in chunks:
            for step in chunk:
                waiting.append(
                    step
                    if isinstance(step, Failure)
                    else workers.submit(self.preparer.prepare, *step)
                )
                if len(waiting) > _BATCHES_AHEAD * self.batch_size:
                    yield next_outcome()
        while waiting:
            yield next_outcome()

    def _encode(self, outcomes: Iterator[Outcome], writer: ThreadPoolExecutor) -> None:
        ready: list[Ready] = []
        changed: list[ColumnsChanged] = []
        writes: deque[Future[None]] = deque()

        def hand_over(future: Future[None]) -> None:
            writes.append(future)
            while writes and (len(writes) > _BATCHES_AHEAD or writes[0].done()):
                writes.popleft().result()

        def send_ready() -> None:
            if ready:
                pixels = np.concatenate([one.pixels for one in ready])
                with self.tally.timed("encode"):
                    embeddings = self.encoder.encode_pixels(pixels)
                hand_over(writer.submit(self.writer.write_embedded, tuple(ready), embeddings))
                ready.clear()

        def send_changed() -> None:
            if changed:
                hand_over(writer.submit(self.writer.write_columns, tuple(changed)))
                changed.clear()

        for outcome in outcomes:
            self.tally.see()
            match outcome:
                case Failure():
                    self.fail(outcome)
                case Unchanged():
                    self.tally.add(Count.UNCHANGED)
                case ColumnsChanged():
                    changed.append(outcome)
                case Ready():
                    ready.append(outcome)
            if len(ready) == self.batch_size:
                send_ready()
            if len(changed) == self.batch_size:
                send_changed()
            self.on_row()
        send_ready()
        send_changed()
        for write in writes:
            write.result()
