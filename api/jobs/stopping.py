"""The service's end is told to jobs at the signal, before open connections are waited for."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def told_of_signals(stop: Callable[[], None]) -> Iterator[None]:
    """While this is open, SIGINT and SIGTERM call `stop`, and then do what they did before.

    Who follows a job over an open connection then sees its end, which in turn ends the connection.
    Off the main thread, which gets no signals, nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def handle(number: int, frame: FrameType | None) -> None:
        stop()
        then = before[signal.Signals(number)]
        if callable(then):
            then(number, frame)

    for number, then in before.items():
        if callable(then):
            signal.signal(number, handle)
    try:
        yield
    finally:
        for number, then in before.items():
            if signal.getsignal(number) is handle:
                signal.signal(number, then)
