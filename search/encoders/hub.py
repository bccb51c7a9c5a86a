"""The Hugging Face hub in bounded time: asked once whether it is there, else only its cache.

The hub's client tries every file six times, and open_clip asks for up to five files: without a
network that is minutes until it fails. One question beforehand settles it in seconds, and a model
that lies in the cache loads all the same.
"""

import contextlib
import socket
from collections.abc import Iterator

TIMEOUT_S = 10.0
"""Longest wait for the hub to say that it is there, and for each answer of a download."""


@contextlib.contextmanager
def bounded_hub(*, wanted: bool) -> Iterator[str | None]:
    """Within, downloads have time limits; gives why the hub is not used, None if it is.

    Unless it is `wanted`, it is not asked at all.

    Changes state that is global to the process: one at a time.
    """
    from huggingface_hub import constants

    socket_before, offline_before = socket.getdefaulttimeout(), constants.HF_HUB_OFFLINE
    # For the downloads of open_clip that ask no hub and set no limit of their own.
    socket.setdefaulttimeout(TIMEOUT_S if socket_before is None else socket_before)
    try:
        if not wanted:
            reason: str | None = "the model is in a folder"
        else:
            reason = "HF_HUB_OFFLINE is set" if offline_before else _why_unreachable()
        constants.HF_HUB_OFFLINE = reason is not None
        yield reason
    finally:
        constants.HF_HUB_OFFLINE = offline_before
        socket.setdefaulttimeout(socket_before)


def _why_unreachable() -> str | None:
    from huggingface_hub import constants, get_session

    try:
        # Any answer will do. The session knows of proxies and certificates.
        get_session().head(constants.ENDPOINT, timeout=TIMEOUT_S)
    except Exception as error:  # Of whichever HTTP client this version of the hub uses.
        return " ".join(str(error).split()) or type(error).__name__
    return None
