"""A file of JSON lines that is written beside the requests, and never holds one up."""

import fcntl
import json
import os
import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import structlog

from search.errors import ConfigError

MOST_WAITING = 10_000
"""Lines that wait to be written; what comes then is dropped, and counted."""

MOST_AT_ONCE = 500
OLDER = 5
"""Files that are kept beside the one that is written: `.1` is the newest."""

CLOSE_WAIT_S = 5.0

_log = structlog.stdlib.get_logger("vitrine.queries")


@dataclass(frozen=True, slots=True)
class LineCounts:
    """Lines that were written, and that were dropped."""

    written: int = 0
    dropped: int = 0


class LineFile:
    """Appends lines in a thread of its own. Safe for several threads, and processes, at once.

    Once the file has `most_bytes` it becomes `<name>.1`, that `<name>.2`, and so on. Files are
    their owner's alone (0600).
    """

    def __init__(
        self, path: Path, *, most_bytes: int, most_waiting: int = MOST_WAITING, older: int = OLDER
    ) -> None:
        """Begin to write; ConfigError if the file cannot be written."""
        self._path, self._most_bytes, self._older = path, most_bytes, older
        self._waiting: queue.Queue[Mapping[str, object] | None] = queue.Queue(most_waiting)
        self._lock = threading.Lock()
        self._counts = LineCounts()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._append([])
        except OSError as error:
            raise ConfigError(
                f"The query log {path} cannot be written: {error.strerror or error}.",
                hint="Name a file in a folder that the service may write, in VITRINE_QUERY_LOG.",
            ) from error
        self._thread = threading.Thread(target=self._write, name="vitrine-query-log", daemon=True)
        self._thread.start()

    @property
    def counts(self) -> LineCounts:
        """What became of the lines so far."""
        with self._lock:
            return self._counts

    def put(self, line: Mapping[str, object]) -> bool:
        """Have the line written; whether there was room for it. Never waits."""
        try:
            self._waiting.put_nowait(line)
        except queue.Full:
            self._count(dropped=1)
            return False
        return True

    def close(self) -> None:
        """Write what waits, for some seconds at most."""
        try:
            self._waiting.put(None, timeout=CLOSE_WAIT_S)
        except queue.Full:
            return
        self._thread.join(CLOSE_WAIT_S)

    def _write(self) -> None:
        is_open = True
        while is_open:
            lines = [self._waiting.get()]
            while lines[-1] is not None and len(lines) < MOST_AT_ONCE:
                try:
                    lines.append(self._waiting.get_nowait())
                except queue.Empty:
                    break
            is_open = lines[-1] is not None
            self._try([line for line in lines if line is not None])

    def _try(self, lines: list[Mapping[str, object]]) -> None:
        try:
            self._append(
                [
                    json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
                    for line in lines
                ]
            )
        except (OSError, ValueError) as error:
            _log.warning("query log not written", lines=len(lines), reason=str(error))
            self._count(dropped=len(lines))
        else:
            self._count(written=len(lines))

    def _append(self, lines: list[bytes]) -> None:
        with _opened(self._beside("lock")) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # Another process may write, or rotate.
            if self._path.exists() and self._path.stat().st_size >= self._most_bytes:
                self._rotate()
            with _opened(self._path) as file:
                file.write(b"".join(lines))

    def _rotate(self) -> None:
        names = [self._path, *(self._beside(number) for number in range(1, self._older + 1))]
        for newer, older in reversed(list(pairwise(names))):
            if newer.exists():
                newer.replace(older)

    def _beside(self, what: object) -> Path:
        return self._path.with_name(f"{self._path.name}.{what}")

    def _count(self, *, written: int = 0, dropped: int = 0) -> None:
        with self._lock:
            counts = self._counts
            self._counts = LineCounts(counts.written + written, counts.dropped + dropped)


def _opened(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
