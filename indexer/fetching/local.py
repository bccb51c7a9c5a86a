"""Images that are files of this machine."""

import os
import time
from contextlib import suppress
from pathlib import Path

from indexer.fetching.base import Fetched
from search.images import ImageLimits, read_image_file

_SETTLED_NS = 2_000_000_000
"""Files younger than this may change again without a new time of change: the clocks of file
systems tick that coarsely."""


def read_local(path: Path, limits: ImageLimits, known: str | None) -> Fetched:
    """Read a file, unless `known` says that it has not changed since.

    Raises:
        ImageUnreadableError: missing, not a regular file, or not allowed to be read.
        ImageTooLargeError: more than `limits.max_bytes`.
    """
    if known is not None:
        # Where there is none, reading says better what is wrong.
        with suppress(OSError, ValueError):
            if known == (validator := _validator(path.stat())):
                return Fetched(None, validator)
    data, status = read_image_file(path, limits)
    return Fetched(data, _validator(status))


def _validator(status: os.stat_result) -> str | None:
    """Of the time before reading: a change in between makes it stale, never wrongly fresh."""
    settled = status.st_mtime_ns <= time.time_ns() - _SETTLED_NS
    return f"{status.st_mtime_ns}:{status.st_size}" if settled else None
