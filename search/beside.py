"""Work in a thread beside the queries, one at a time."""

import threading
from collections.abc import Callable


def begin_beside(making: threading.Lock, work: Callable[[], None], *, name: str) -> None:
    """Have the work done in another thread, which holds the lock; nothing if somebody holds it.

    The lock is let go when the work ends, however it does, and if no thread can be started.
    """
    if not making.acquire(blocking=False):
        return

    def run() -> None:
        try:
            work()
        finally:
            making.release()

    try:
        # Not a daemon: one that ends inside a library at exit takes the process down with it. It
        # has to be said, since a thread takes after the one that made it: a service's are daemons.
        threading.Thread(target=run, name=name, daemon=False).start()
    except BaseException:
        making.release()
        raise
