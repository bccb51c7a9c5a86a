"""Calls of several threads, answered together.

Under load many threads want the same kind of thing at the same moment: a text embedded, the nearest
items of an embedding. Asked for together that costs little more than asked for once. So whoever
comes while something runs waits, and what has gathered by then is run as one batch, by the one
who came first. Who comes when nothing runs is served at once: one caller alone waits for nobody,
no thread has to be kept, and nothing has to be closed.
"""

import copy
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast

from search.errors import OverloadedError, UnavailableError, VitrineError

Key = TypeVar("Key")
Given = TypeVar("Given")
Answer = TypeVar("Answer")

Watch = Callable[[int, float], None]
"""Is told of a batch that begins: its size, and for how many seconds its first call has waited."""

PATIENCE_S = 20.0
"""How long a call waits for its batch to begin, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """What has come so far: calls that were answered, in how many batches, and calls refused.

    `waiting` is how much waits now, in the sizes that callers named.
    """

    calls: int = 0
    batches: int = 0
    refused: int = 0
    waiting: int = 0


@dataclass(eq=False, slots=True)
class _Call(Generic[Key, Given, Answer]):
    """A call on its way. `woken` is set when it is answered, or has to lead the next batch."""

    key: Key
    given: Given
    size: int
    came: float = field(default_factory=time.perf_counter)
    woken: threading.Event = field(default_factory=threading.Event)
    leads: bool = False
    answer: Answer | None = None
    error: BaseException | None = None


class Batches(Generic[Key, Given, Answer]):
    """Runs calls of one key together. Safe to call from several threads: that is what it is for.

    `run` gets a key and what was given with it, oldest first, and returns an answer for each.
    """

    def __init__(
        self,
        run: Callable[[Key, Sequence[Given]], Sequence[Answer]],
        *,
        most: int,
        most_waiting: int,
        lanes: int = 1,
        wait_s: float = 0.0,
        patience_s: float = PATIENCE_S,
        watch: Watch | None = None,
    ) -> None:
        """Nothing runs before the first call.

        Args:
            run: raises for what none of them can have; see `__call__`.
            most: how much goes into one batch; a call of a larger size is a batch of its own.
            most_waiting: how much may wait; what comes then is refused.
            lanes: batches that may run at once.
            wait_s: how long a batch that is not full waits for more; 0 waits only while others
                run.
            patience_s: how long a call waits for its batch to begin.
            watch: is told of every batch, in the thread that runs it.
        """
        self._run = run
        self._most, self._most_waiting = most, most_waiting
        self._lanes, self._wait_s, self._patience_s = lanes, wait_s, patience_s
        self._watch = watch
        self._changed = threading.Condition()
        self._queue: deque[_Call[Key, Given, Answer]] = deque()
        self._running = self._waiting = 0
        self._calls = self._batches = self._refused = 0

    @property
    def counts(self) -> BatchCounts:
        """What has come so far."""
        with self._changed:
            return BatchCounts(self._calls, self._batches, self._refused, self._waiting)

    def __call__(self, key: Key, given: Given, size: int = 1) -> Answer:
        """The answer to what is given, which counts as `size`; it is run as a whole.

        Raises:
            OverloadedError: too much waits already, or it has waited too long.
            Whatever `run` raises. In a batch of several each is run again by itself then, so that
            what was wrong with one is told to that one alone; only an UnavailableError is told to
            all at once.
        """
        call: _Call[Key, Given, Answer] = _Call(key, given, size)
        if not self._begin(call):
            self._wait(call)
        if call.leads:
            self._lead(call)
        if call.error is not None:
            raise call.error
        return cast(Answer, call.answer)

    def _begin(self, call: _Call[Key, Given, Answer]) -> bool:
        """Whether the call leads a batch now; else it waits in the queue."""
        with self._changed:
            if self._running < self._lanes:
                self._running += 1
                call.leads = True
                return True
            if self._waiting + call.size > self._most_waiting:
                self._refused += 1
                raise _overloaded(self._waiting)
            self._queue.append(call)
            self._waiting += call.size
            self._changed.notify_all()
            return False

    def _wait(self, call: _Call[Key, Given, Answer]) -> None:
        if call.woken.wait(self._patience_s):
            return
        with self._changed:
            if call in self._queue:
                self._queue.remove(call)
                self._waiting -= call.size
                self._refused += 1
                raise _overloaded(self._waiting)
        call.woken.wait()  # Its batch has begun.

    def _lead(self, call: _Call[Key, Given, Answer]) -> None:
        """Run what has gathered, and have the next in the queue lead what comes after."""
        batch = [call]
        try:
            batch = self._gathered(call)
            if self._watch is not None:
                waited_s = time.perf_counter() - call.came
                self._watch(sum(each.size for each in batch), waited_s)
            self._answer(batch)
        finally:
            with self._changed:
                self._calls += len(batch)
                self._batches += 1
                if self._queue:
                    following = self._queue.popleft()
                    self._waiting -= following.size
                    following.leads = True
                    following.woken.set()
                else:
                    self._running -= 1
            for other in batch[1:]:
                other.woken.set()

    def _gathered(self, first: _Call[Key, Given, Answer]) -> list[_Call[Key, Given, Answer]]:
        """The first call, and others of its key as far as there is room for them."""
        with self._changed:
            if self._wait_s:
                full = self._most - first.size
                self._changed.wait_for(lambda: self._waiting >= full, self._wait_s)
            batch, rest, size = [first], deque[_Call[Key, Given, Answer]](), first.size
            for call in self._queue:
                if call.key == first.key and size + call.size <= self._most:
                    batch.append(call)
                    size += call.size
                else:
                    rest.append(call)
            self._queue = rest
            self._waiting -= size - first.size
            return batch

    def _answer(self, batch: Sequence[_Call[Key, Given, Answer]]) -> None:
        """Give each call of the batch its answer or its error."""
        try:
            answers = self._run(batch[0].key, [call.given for call in batch])
            for call, answer in zip(batch, answers, strict=True):
                call.answer = answer
        except BaseException as error:
            shared = isinstance(error, UnavailableError) or not isinstance(error, Exception)
            if len(batch) == 1 or shared:
                for call in batch:
                    call.error = _own(error) if len(batch) > 1 else error
                return
            for call in batch:
                self._answer([call])


def _own(error: BaseException) -> BaseException:
    """A copy for one of several threads: an exception gathers the traceback of who raises it."""
    return copy.copy(error) if isinstance(error, VitrineError) else error


def _overloaded(waiting: int) -> OverloadedError:
    return OverloadedError(
        "Too much is asked for at once.",
        hint="Try again in a moment.",
        details={"waiting": waiting},
    )
