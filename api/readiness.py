"""The engine's life inside the service: opened beside it, tried again, closed with it.

Opening takes seconds (a model is loaded) and may fail for a reason that passes (Milvus restarts,
the collection is being indexed). The service answers meanwhile, and says why it is not ready.
"""

import copy
import threading
import time
from collections.abc import Callable

import structlog

from search.config import Settings
from search.engine import SearchEngine, open_engine
from search.errors import UnavailableError, VitrineError
from search.types import Query, TextPart

RETRY_AFTER_S = 5.0
"""How long a failed attempt stands before a request starts the next one."""

CLOSE_WAIT_S = 10.0
"""How long closing waits for an attempt that is under way."""

WARM_UP = Query((TextPart("a picture"),), limit=1)

_log = structlog.stdlib.get_logger("vitrine.engine")


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
        self._failed_at = float("-inf")
        self._attempt: threading.Thread | None = None
        self._closed = False

    def start(self) -> None:
        """Begin to open the engine, unless it is open or an attempt is under way."""
        with self._lock:
            if self._closed or self._engine or self._attempt:
                return
            self._attempt = threading.Thread(target=self._open, name="open-engine", daemon=True)
            self._attempt.start()

    def get(self) -> SearchEngine:
        """The engine; else raises the reason why there is none, and tries again when it is old."""
        with self._lock:
            if self._engine:
                return self._engine
            reason = self._reason
            is_old = time.monotonic() - self._failed_at >= self._retry_after_s
        if is_old:
            self.start()
        # A copy: one exception raised again and again would gather every request's traceback.
        raise copy.copy(reason)

    def close(self) -> None:
        """Close the engine; an attempt that is under way closes its own when it ends."""
        with self._lock:
            self._closed = True
            attempt, engine, self._engine = self._attempt, self._engine, None
            self._reason = UnavailableError("The service is stopping.")
        if attempt:
            attempt.join(CLOSE_WAIT_S)
        if engine:
            engine.close()

    def _open(self) -> None:
        engine: SearchEngine | None = None
        reason: VitrineError = _starting()
        try:
            engine = self._open_warm()
        except VitrineError as error:
            reason = error
            _log.warning("not ready", code=error.code, reason=str(error))
        except Exception:
            reason = UnavailableError(
                "The search engine could not be opened.", hint="The service's log says why."
            )
            _log.exception("not ready")
        with self._lock:
            self._attempt = None
            is_unwanted = self._closed
            if not is_unwanted:
                self._engine, self._reason = engine, reason
                self._failed_at = time.monotonic()
        if engine and is_unwanted:
            engine.close()
        elif engine:
            _log.info("ready", collection=self._settings.collection)

    def _open_warm(self) -> SearchEngine:
        """An engine that has answered a query: only the first one takes seconds."""
        engine = self._opener(self._settings)
        try:
            engine.search(WARM_UP)
        except BaseException:
            engine.close()
            raise
        return engine


def _starting() -> UnavailableError:
    return UnavailableError("The service is still starting.", hint="Try again in a moment.")
