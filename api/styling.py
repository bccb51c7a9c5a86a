"""The service's stylist, and the texts of its rules, embedded before anybody asks for a look."""

import threading

import structlog

from search.engine import SearchEngine
from search.errors import VitrineError
from search.recommending import Stylist

_log = structlog.stdlib.get_logger("vitrine.engine")


class Looks:
    """Holds the stylist of the engine that answers. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[SearchEngine, Stylist] | None = None
        self._warming: threading.Thread | None = None
        self._closed = threading.Event()

    def stylist(self, engine: SearchEngine) -> Stylist:
        """The stylist of that engine; it keeps the texts that it has embedded."""
        with self._lock:
            if self._kept is None or self._kept[0] is not engine:
                self._kept = (engine, Stylist(engine))
            return self._kept[1]

    def warm_up(self, engine: SearchEngine) -> None:
        """Embed the texts of the rules beside the queries, where looks may be wanted.

        Without that the first look takes seconds. Returns at once.
        """
        stylist = self.stylist(engine)
        # Not a daemon: one that ends inside a library at exit takes the process down with it.
        thread = threading.Thread(target=self._prepare, args=(engine, stylist), name="warm-looks")
        with self._lock:
            if self._closed.is_set():
                return
            self._warming = thread
            thread.start()

    def wait(self) -> None:
        """Until what was begun has ended."""
        if self._warming is not None:
            self._warming.join()

    def close(self) -> None:
        """Stop after the next few texts, and begin nothing else."""
        with self._lock:
            self._closed.set()
        self.wait()

    def _prepare(self, engine: SearchEngine, stylist: Stylist) -> None:
        try:
            for _ in stylist.prepare():
                if self._closed.is_set() or self._kept != (engine, stylist):
                    return
        except VitrineError as error:
            # What is missing is embedded by the first look.
            _log.info("looks are not warmed up", code=error.code)
