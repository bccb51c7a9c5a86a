"""The engine's life inside the service: opened beside it, tried again, closed with it.

Opening takes seconds (a model is loaded) and may fail for a reason that passes (Milvus restarts,
the collection is being indexed). The service answers meanwhile, and says why it is not ready.
"""

import copy
import gc
import threading
import time
from collections.abc import Callable

import structlog

from search.config import Settings
from search.engine import SearchEngine, open_engine
from search.errors import ModelMismatchError, UnavailableError, VitrineError
from search.store.base import CollectionInfo
from search.types import Query, TextPart

RETRY_AFTER_S = 5.0
"""How long a failed attempt stands before a request starts the next one."""

CLOSE_WAIT_S = 10.0
"""How long closing waits for an attempt that is under way."""

STARTING = "The service is still starting."

WARM_UP = Query((TextPart("a picture"),), limit=1)

_log = structlog.stdlib.get_logger("vitrine.engine")


class NotOpenError(UnavailableError):
    """The service itself says that its engine is not open (yet, or any more)."""


class EngineSlot:
    """Holds the engine, or the reason why there is none. Safe to call from several threads."""

    def __init__(
        self,
        settings: Settings,
        *,
        opener: Callable[[Settings], SearchEngine] = open_engine,
        retry_after_s: float = RETRY_AFTER_S,
    ) -> None:
        self._settings = settings
        self._opener = opener
        self._retry_after_s = retry_after_s
        self._lock = threading.Lock()
        self._engine: SearchEngine | None = None
        self._reason: VitrineError = _starting()
        self._attempt_ended = float("-inf")
        self._attempt: threading.Thread | None = None
        self._when_ready: list[Callable[[SearchEngine], None]] = []
        self._closed = False

    def when_ready(self, do: Callable[[SearchEngine], None]) -> None:
        """Have this done with every engine that is opened from now on, once it answers."""
        self._when_ready.append(do)

    def start(self) -> None:
        """Begin to open the engine, unless it is open or an attempt is under way."""
        with self._lock:
            if self._closed or self._engine or self._attempt:
                return
            self._begin()

    def get(self) -> SearchEngine:
        """The engine; else raises the reason why there is none, and tries again when it is old."""
        with self._lock:
            if self._engine:
                return self._engine
            reason = self._reason
        if self._may_try_again():
            self.start()
        # A copy: one exception raised again and again would gather every request's traceback.
        raise copy.copy(reason)

    def check(self) -> CollectionInfo:
        """The collection, once the engine is open and has the model that it was made with.

        Raises:
            VitrineError: the reason why there is no engine, or why it could not answer now.
        """
        try:
            return self.get().check()
        except ModelMismatchError:
            self.renew()
            raise

    def renew(self) -> None:
        """Open the engine anew, beside the open one: the collection was made with another model.

        The open one stays (items can be looked at, searches are refused) until the new one is
        there. Not more often than failed attempts are repeated.
        """
        with self._lock:
            if self._closed or not self._engine or self._attempt or not self._may_try_again():
                return
            self._begin()

    def close(self) -> None:
        """Close the engine; an attempt that is under way closes its own when it ends."""
        with self._lock:
            self._closed = True
            attempt, engine, self._engine = self._attempt, self._engine, None
            self._reason = NotOpenError("The service is stopping.")
        if attempt:
            attempt.join(CLOSE_WAIT_S)
        if engine:
            engine.close()

    def _begin(self) -> None:
        # Not a daemon: one that ends inside a library at exit takes the process down with it.
        self._attempt = threading.Thread(target=self._open, name="open-engine", daemon=False)
        self._attempt.start()

    def _may_try_again(self) -> bool:
        return time.monotonic() - self._attempt_ended >= self._retry_after_s

    def _open(self) -> None:
        engine: SearchEngine | None = None
        reason: VitrineError = _starting()
        try:
            engine = self._open_warm()
        except VitrineError as error:
            reason = error
            _log.warning("not ready", code=error.code, reason=str(error))
        except Exception:
            reason = NotOpenError(
                "The search engine could not be opened.", hint="The service's log says why."
            )
            _log.exception("not ready")
        with self._lock:
            self._attempt = None
            unwanted = engine
            if engine and not self._closed:
                unwanted, self._engine = self._engine, engine
            if not self._closed:
                self._reason = reason
                self._attempt_ended = time.monotonic()
            is_ready = engine is not None and unwanted is not engine
        if engine and is_ready:
            # Half a million objects that stay as long as the service does. Looking through them
            # for garbage takes most of a second, in which nothing else runs.
            gc.collect()
            gc.freeze()
            _log.info("ready", collection=self._settings.collection)
            for do in self._when_ready:
                do(engine)
        if unwanted:
            unwanted.close()

    def _open_warm(self) -> SearchEngine:
        """An engine that has answered a query: only the first one takes seconds.

        What scores are worth is found out beside the queries, and no query waits for it.
        """
        engine = self._opener(self._settings)
        try:
            engine.search(WARM_UP)
            engine.calibrate()
        except BaseException:
            engine.close()
            raise
        return engine


def _starting() -> UnavailableError:
    return NotOpenError(STARTING, hint="Try again in a moment.")
