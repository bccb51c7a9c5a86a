"""The HTTP service: everything under /v1, the page, and what surrounds them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI

from api.errors import install_error_handlers
from api.images import FETCHING
from api.middleware import BodyLimit, EncodedItemIds, KnownHosts, RequestContext
from api.readiness import EngineSlot
from api.routes import collections, health, items, page, search
from api.version import version
from indexer.fetching import Fetcher
from search.config import Settings
from search.images import ImageLimits

MAX_CONCURRENT = 16
"""Requests that are worked on at once; the others wait. Routes run in threads, never in the
event loop: encoder, Milvus and Pillow all block."""

MAX_JSON_BYTES = 2_000_000
"""Largest JSON body: it is parsed in the event loop. Larger images are uploaded as files."""

MAX_OTHER_BYTES = 100_000
"""Largest body that is neither JSON nor an upload: no route wants one."""

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})

FORM_BYTES = 1_000_000
"""What a multipart request may hold besides the image."""

DESCRIPTION = """
Search a catalogue of images by words, by a picture, or by one of its own items.

Every refusal has the same shape: `{"error": {"code", "message", "details", "request_id"}}`.
"""


def create_app(
    settings: Settings, *, slot: EngineSlot | None = None, any_host: bool = False
) -> FastAPI:
    """The application; its engine is opened when it starts and closed when it ends.

    `/healthz` answers from the start; `/readyz` and everything under `/v1` say why not as long as
    the engine is not open. Requests under a name that is neither loopback, `settings.host` nor in
    `settings.allowed_hosts` are refused; with `any_host` only where `allowed_hosts` is set.
    """
    app = FastAPI(
        title="vitrine",
        version=version(),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        openapi_url="/openapi.json",
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    app.state.settings = settings
    app.state.engine = slot or EngineSlot(settings)
    for module in (search, items, collections, health, page):
        app.include_router(module.router)
    page.mount_files(app)
    install_error_handlers(app)
    # The last one added is the first to see a request.
    app.add_middleware(EncodedItemIds)
    app.add_middleware(
        BodyLimit,
        json_bytes=MAX_JSON_BYTES,
        upload_bytes=settings.max_image_bytes + FORM_BYTES,
        other_bytes=MAX_OTHER_BYTES,
    )
    if settings.allowed_hosts or not any_host:
        app.add_middleware(KnownHosts, names=host_names(settings))
    app.add_middleware(RequestContext)
    return app


def host_names(settings: Settings) -> frozenset[str]:
    """The names under which the service answers, as a `Host` header has them, without a port."""
    given = [settings.host, *settings.allowed_hosts.split(",")]
    names = {name.strip().lower() for name in given if name.strip()}
    bracketed = {f"[{name}]" if ":" in name and name[0] != "[" else name for name in names}
    return LOOPBACK_NAMES | bracketed


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    slot: EngineSlot = app.state.engine
    anyio.to_thread.current_default_thread_limiter().total_tokens = MAX_CONCURRENT
    settings: Settings = app.state.settings
    limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels)
    app.state.fetcher = Fetcher(limits, FETCHING)
    slot.start()
    yield
    await anyio.to_thread.run_sync(app.state.fetcher.close)
    await anyio.to_thread.run_sync(slot.close)
