"""Pillow's readers say nothing past us: no warnings, no log lines, and no libtiff on stderr."""

import contextlib
import ctypes
import functools
import logging
import warnings

from PIL import _imaging

_PILLOW_MODULES = r"PIL\."
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", module=_PILLOW_MODULES)
    _PILLOW_IGNORED = warnings.filters[0]


def silence_pillow() -> None:
    """Ignore Pillow's own warnings (odd EXIF, large images): what matters of them is checked here.

    A filter set once would be lost wherever somebody resets the filters, and
    `warnings.catch_warnings` is not safe in the threads that decode.
    """
    if _PILLOW_IGNORED not in warnings.filters:
        warnings.filterwarnings("ignore", module=_PILLOW_MODULES)
    _silence_log()
    _silence_libtiff()


@functools.cache
def _silence_log() -> None:
    """Let Pillow log nothing, unless somebody gave its logger a level.

    Its error lines name no image, and with logging not set up go to stderr. What they say also
    comes as an error of the read.
    """
    pillow = logging.getLogger("PIL")
    if pillow.level == logging.NOTSET:
        pillow.setLevel(logging.CRITICAL + 1)


@functools.cache
def _silence_libtiff() -> None:
    """Take away libtiff's handlers, which write on the process's stderr from C.

    What they would say also comes as an error of the read. Where libtiff is linked into Pillow
    and not beside it, it cannot be reached, and goes on talking.
    """
    with contextlib.suppress(AttributeError, OSError):
        # Its names include those of what it is linked to.
        pillow = ctypes.CDLL(_imaging.__file__)
        for handler in (pillow.TIFFSetErrorHandler, pillow.TIFFSetWarningHandler):
            handler.argtypes, handler.restype = [ctypes.c_void_p], ctypes.c_void_p
            handler(None)
