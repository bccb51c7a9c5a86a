"""Images that are files of this machine."""

import time
from pathlib import Path

from indexer.fetching.base import Fetched
from search.images import ImageLimits, read_image_bytes

_SETTLED_NS = 2_000_000_000
"""Files younger than this may change again without a new time of change: the clocks of file
systems tick that coarsely."""


def read_local(path: Path, limits: ImageLimits, known: str | None) -> Fetched:
    """Read a file, unless `known` says that it has not changed since.

    Raises:
        ImageUnreadableError: missing, not a regular file, or not allowed to be read.
        ImageTooLargeError: more than `limits.max_bytes`.
    """
    validator = _validator(path)
    if known is not None and known == validator:
        return Fetched(None, validator)
    return Fetched(read_image_bytes(path, limits), validator)


def _validator(path: Path) -> str | None:
    """Of the time before reading: a change in between makes it stale, never wrongly fresh."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None  # Reading says better what is wrong.
    settled = status.st_mtime_ns <= time.time_ns() - _SETTLED_NS
    return f"{status.st_mtime_ns}:{status.st_size}" if settled else None
