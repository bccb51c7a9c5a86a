"""Encode, stage, store: what happens to rows once they are ready, beside their getting ready.

    Intake (indexer.intake)   read -> fetch -> decode, on threads of its own
      -> encoder threads      one for each GPU or core, batches of what is ready
        -> this thread        embeddings into shards on disk
          -> store thread     shards into the store (indexer.writing)

What waits between two stages is bounded, so a slow stage holds back those before it.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from queue import SimpleQueue

import numpy as np

from indexer.intake import Intake
from indexer.memory import ImageMemory, Known
from indexer.preparing import ColumnsChanged, Outcome, Ready, Reused, Unchanged
from indexer.report import Failure
from indexer.rows import Row
from indexer.staging import StagedEmbeddings
from indexer.tally import Count, Stage, Tally
from indexer.writing import Writer
from search.encoders.base import Embeddings, Encoder
from search.errors import CatalogError, UnavailableError

_REMEMBER_ROWS = 512
_STOPPED = (KeyboardInterrupt, CatalogError)
"""What ends a run on purpose: what was encoded by then is written."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Everything that one run needs. `fail` is told of every row that is left out.

    `encoders` and `batch_size`, how many images an encoder gets at once, are asked for when there
    is something to embed. What needs no encoder is handed on `rows_at_once`.
    """

    intake: Intake[tuple[Outcome, ...]]
    encoders: Callable[[], Sequence[Encoder]]
    writer: Writer
    staged: StagedEmbeddings
    memory: ImageMemory
    tally: Tally
    batch_size: Callable[[], int]
    rows_at_once: int
    fail: Callable[[Failure], None]
    on_row: Callable[[], None]
    on_wait: Callable[[], None]

    def run(self, rows: Iterator[Row | Failure]) -> None:
        """Index all rows. What was encoded is written even when this is interrupted.

        Raises:
            VitrineError: from any stage; the rows that are counted as done are in the store.
        """
        outcomes = self.intake.run(rows)
        try:
            with _Encoding(self) as encoding:
                self._sort(outcomes, encoding)
            self.writer.finish()
        except _STOPPED:
            self.writer.finish()
            raise
        except BaseException:
            # Whether the store still takes anything is not known; the disk may.
            with suppress(UnavailableError):
                self.writer.stage()
            raise
        finally:
            outcomes.close()  # type: ignore[attr-defined]
            self.writer.close()

    def _sort(
        self, rows: Iterator[tuple[Outcome, ...] | Failure | None], encoding: "_Encoding"
    ) -> None:
        """Send each row, and each part of one, where it has to go."""
        batches = _Batches(self)
        for outcomes in rows:
            if outcomes is None:
                # Nothing is ready, because images are slow to come: the encoder need not wait.
                encoding.send(batches.take_ready())
                encoding.write_finished()
                self.writer.tick()
                self.on_wait()
                continue
            for outcome in (outcomes,) if isinstance(outcomes, Failure) else outcomes:
                self.tally.see(outcome.times if isinstance(outcome, Failure) else 1)
                batches.add(outcome)
                if batches.ready and len(batches.ready) >= self.batch_size():
                    encoding.send(batches.take_ready())
            self.on_row()
        encoding.send(batches.take_ready())
        batches.send_others()


@dataclass(slots=True)
class _Batches:
    """Rows that wait until they are a batch."""

    pipeline: Pipeline
    ready: list[Ready] = field(default_factory=list)
    reused: list[Reused] = field(default_factory=list)
    changed: list[ColumnsChanged] = field(default_factory=list)
    seen: dict[str, Known] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        match outcome:
            case Failure():
                self.pipeline.fail(outcome)
                return
            case Unchanged():
                self.pipeline.tally.add(Count.UNCHANGED)
            case ColumnsChanged():
                self.changed.append(outcome)
            case Reused():
                self.reused.append(outcome)
            case Ready():
                self.ready.append(outcome)
        if outcome.known is not None:
            self.seen[outcome.row.item.image] = outcome.known
        size = self.pipeline.rows_at_once
        if len(self.changed) >= size or len(self.reused) >= size:
            self.send_others()
        if len(self.seen) >= _REMEMBER_ROWS:
            self._remember()

    def take_ready(self) -> list[Ready]:
        taken, self.ready = self.ready, []
        return taken

    def send_others(self) -> None:
        """Hand over what needs no encoder."""
        if self.reused:
            embeddings = np.stack([one.embedding for one in self.reused])
            self.pipeline.writer.add(self.reused, embeddings)
            self.reused = []
        if self.changed:
            self.pipeline.writer.update_columns(self.changed)
            self.changed = []
        self._remember()

    def _remember(self) -> None:
        if self.seen:
            self.pipeline.memory.put(self.seen)
            self.seen = {}


class _Encoding:
    """Batches on their way through the encoders, written in the order in which they were sent.

    The encoders' threads begin with the first batch: without one no model is loaded.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._idle: SimpleQueue[Encoder] = SimpleQueue()
        self._waiting: deque[tuple[list[Ready], Future[Embeddings]]] = deque()
        self._open = ExitStack()
        self._threads: ThreadPoolExecutor | None = None

    def send(self, batch: list[Ready]) -> None:
        """Encode a batch; blocks while every lane has another batch waiting for it."""
        if not batch:
            return
        if self._threads is None:
            self._threads = self._begun()
        self._waiting.append((batch, self._threads.submit(self._encode, batch)))
        while len(self._waiting) > self._pipeline.tally.lanes:
            self._take()

    def _begun(self) -> ThreadPoolExecutor:
        count = 0
        for encoder in self._pipeline.encoders():
            lanes = self._open.enter_context(encoder.lanes())
            count += lanes.count
            for _ in range(lanes.count):
                self._idle.put(encoder)
        self._pipeline.tally.lanes = count
        # Lanes of several encoders are alike: one on each of several GPUs.
        return ThreadPoolExecutor(count, "vitrine-encode", initializer=lanes.enter)

    def __enter__(self) -> "_Encoding":
        return self

    def __exit__(self, exc_type: type[BaseException] | None, *others: object) -> None:
        """Write what the encoders still have, also when the run is interrupted."""
        with self._open:
            try:
                if exc_type is None or issubclass(exc_type, _STOPPED):
                    while self._waiting:
                        self._take()
            finally:
                if self._threads is not None:
                    self._threads.shutdown(cancel_futures=True)

    def write_finished(self) -> None:
        """Write what has been embedded by now, without waiting for the rest."""
        while self._waiting and self._waiting[0][1].done():
            self._take()

    def _take(self) -> None:
        batch, encoding = self._waiting.popleft()
        embeddings = encoding.result()
        for ready, embedding in zip(batch, embeddings, strict=True):
            self._pipeline.staged.remember(ready.image_hash, embedding)
        self._pipeline.writer.add(batch, embeddings)

    def _encode(self, batch: list[Ready]) -> Embeddings:
        encoder = self._idle.get()
        try:
            pixels = np.concatenate([ready.pixels for ready in batch])
            with self._pipeline.tally.timed(Stage.ENCODE):
                embeddings = encoder.encode_pixels(pixels)
        finally:
            self._idle.put(encoder)
        self._pipeline.tally.passed(Stage.ENCODE, len(batch))
        return embeddings
