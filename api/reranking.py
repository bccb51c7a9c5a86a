"""Rerankers as people name them, and the pictures that they look at."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from api.images import ItemImages
from indexer.fetching import Fetched
from indexer.fetching.guard import Guard
from search.config import Settings
from search.errors import ConfigError, ImageError, ImageUnavailableError
from search.images import ImageLimits
from search.reranking import CrossEncoder, Endpoint, Exact, LateInteraction, Reranker
from search.types import Item

WAIT_SECONDS = 10.0
"""How long all pictures of one query together are waited for; later ones count as unreadable."""

_LEAST_SECONDS = 0.1
_AHEAD = 16

FORMS = "exact, late-interaction, cross-encoder:FOLDER, endpoint:URL"


def rerankers_of(
    said: str, settings: Settings, guard: Guard | None = None
) -> Mapping[str, Reranker]:
    """The rerankers that a list like `exact,late-interaction` names, by what queries call them.

    That is the name before the colon. Loads no model and asks no server yet. Pictures on the web
    are asked for where `guard` allows it.

    Raises:
        ConfigError: a name that is not known, named twice, or lacks what follows its colon.
    """
    found: dict[str, Reranker] = {}
    for spec in filter(None, map(str.strip, said.split(","))):
        name, _, where = spec.partition(":")
        if name in found:
            raise ConfigError(f"The reranker {name!r} is named twice.", hint="Name each once.")
        found[name] = _reranker(name, where, settings, guard)
    return found


def reranker_name(spec: str) -> str:
    """What a query calls the reranker of `cross-encoder:FOLDER` and the like."""
    return spec.strip().partition(":")[0]


def read_images(
    items: Sequence[Item], *, limits: ImageLimits, guard: Guard | None = None
) -> Iterator[bytes | None]:
    """The items' image files, in order; None for what is not there, or not soon."""
    patience_s = WAIT_SECONDS
    with ItemImages(limits, guard) as images:
        for start in range(0, len(items), _AHEAD):
            some = items[start : start + _AHEAD]
            for future in [images.submit(item) for item in some]:
                started = time.monotonic()
                data = _data(future, max(patience_s, _LEAST_SECONDS))
                patience_s -= time.monotonic() - started
                yield data


def _data(future: Future[Fetched], wait_s: float) -> bytes | None:
    try:
        return future.result(wait_s).data
    except (ImageError, ImageUnavailableError, TimeoutError):
        return None


def _reranker(name: str, where: str, settings: Settings, guard: Guard | None) -> Reranker:
    limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels)
    images: Callable[[Sequence[Item]], Iterable[bytes | None]]
    images = partial(read_images, limits=limits, guard=guard)
    match name, bool(where.strip()):
        case "exact", False:
            return Exact()
        case "late-interaction", False:
            return LateInteraction(images, limits)
        case "cross-encoder", True:
            folder = Path(where).expanduser()
            return CrossEncoder(folder, images, limits, device=settings.device)
        case "endpoint", True:
            return Endpoint(_url(where), images, limits, timeout_s=settings.rerank_timeout_s)
    raise ConfigError(
        f"{name!r} is no reranker, or lacks what belongs to it.",
        hint=f"Rerankers: {FORMS}.",
        details={"reranker": name},
    )


def _url(where: str) -> str:
    try:
        parts = urlsplit(where)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_web = False
    if not is_web:
        raise ConfigError(
            "The reranker's endpoint is no web address.", hint="Write endpoint:http://HOST/PATH."
        )
    return where
