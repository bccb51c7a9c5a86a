"""Pictures made ready, kept on disk: the next one who asks need not wait for Pillow."""

import os
import threading
import uuid
from contextlib import suppress
from pathlib import Path

import structlog

_ROOM = 10
"""A tenth of the most bytes is made free at once, and is the most that one picture may take."""

_log = structlog.stdlib.get_logger("vitrine.images")


class Thumbnails:
    """A folder of pictures by their entity tags, `ab/abcd....jpg`, with a bound on its bytes.

    Those that were not asked for the longest go first. Safe to use from several threads and
    processes, each of which sees to the bound; files may be deleted at any time. Where nothing can
    be written nothing is kept: the log says so, no error does.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        """Nothing is read or made before the first picture; `max_bytes` 0 keeps none."""
        self._folder, self._max_bytes = folder, max_bytes
        self._lock = threading.Lock()
        self._bytes: int | None = None

    def get(self, etag: str) -> bytes | None:
        """The picture of that tag, if it is here."""
        if not self._max_bytes:
            return None
        path = self._path(etag)
        try:
            data = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        return data or None

    def put(self, etag: str, picture: bytes) -> None:
        """Keep a picture, whole or not at all, and make room for it."""
        if len(picture) > self._max_bytes // _ROOM:
            return
        path = self._path(etag)
        draft = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(picture)
            draft.replace(path)
            self._make_room(len(picture))
        except OSError as error:
            with suppress(OSError):
                draft.unlink()
            _log.warning("picture is not kept", reason=error.strerror or str(error))

    def _make_room(self, added: int) -> None:
        with self._lock:
            if self._bytes is not None:
                self._bytes += added
                if self._bytes <= self._max_bytes:
                    return
            found = sorted(self._found())
            self._bytes = sum(size for _, size, _ in found)
            if self._bytes <= self._max_bytes:
                return
            for _, size, path in found:
                if self._bytes <= self._max_bytes - self._max_bytes // _ROOM:
                    break
                Path(path).unlink(missing_ok=True)
                self._bytes -= size

    def _found(self) -> list[tuple[int, int, str]]:
        """When each file was last asked for, its size and its path; drafts of the dead, too."""
        found = []
        for path in self._folder.glob("??/*"):
            with suppress(OSError):
                status = path.stat()
                found.append((status.st_mtime_ns, status.st_size, str(path)))
        return found

    def _path(self, etag: str) -> Path:
        name = etag.strip('"')
        assert name.isalnum(), "tags are hex digits"
        return self._folder / name[:2] / f"{name}.jpg"
