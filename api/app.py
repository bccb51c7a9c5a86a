"""The HTTP service: everything under /v1, the page, and what surrounds them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI

from api.errors import install_error_handlers
from api.middleware import BodyLimit, EncodedItemIds, RequestContext
from api.readiness import EngineSlot
from api.routes import collections, health, items, page, search
from api.version import version
from search.config import Settings

MAX_CONCURRENT = 16
"""Requests that are worked on at once; the others wait. Routes run in threads, never in the
event loop: encoder, Milvus and Pillow all block."""

MAX_JSON_BYTES = 16_000_000
"""Largest JSON body: it is parsed in the event loop. Larger images are uploaded as files."""

FORM_BYTES = 1_000_000
"""What a multipart request may hold besides the image."""

DESCRIPTION = """
Search a catalogue of images by words, by a picture, or by one of its own items.

Every refusal has the same shape: `{"error": {"code", "message", "details", "request_id"}}`.
"""


def create_app(settings: Settings, *, slot: EngineSlot | None = None) -> FastAPI:
    """The application; its engine is opened when it starts and closed when it ends.

    `/healthz` answers from the start; `/readyz` and everything under `/v1` say why not as long as
    the engine is not open.
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
    )
    app.add_middleware(RequestContext)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    slot: EngineSlot = app.state.engine
    anyio.to_thread.current_default_thread_limiter().total_tokens = MAX_CONCURRENT
    slot.start()
    yield
    await anyio.to_thread.run_sync(slot.close)
