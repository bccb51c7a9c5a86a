"""The HTTP service: everything under /v1, the page, and what surrounds them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import anyio.to_thread
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from api.admission import Admission
from api.errors import install_error_handlers
from api.images import ItemImages
from api.jobs.running import Jobs
from api.jobs.stopping import told_of_signals
from api.jobs.streams import Streams
from api.middleware import BodyLimit, EncodedItemIds, KnownHosts, RequestContext
from api.observing.middleware import Observed
from api.observing.observing import Observing
from api.query_images import QueryImages, guard_of
from api.readiness import EngineSlot
from api.reranking import rerankers_of
from api.routes import (
    classify,
    collections,
    embed,
    facets,
    feedback,
    health,
    heatmaps,
    items,
    jobs,
    looks,
    many_searches,
    metrics,
    page,
    search,
    session,
    similar,
    suggest,
    versions,
    written_items,
)
from api.security.middleware import install_guard
from api.styling import Looks
from api.thumbnails import Thumbnails
from api.version import version
from search.config import Settings
from search.encoders.base import Encoder
from search.encoders.batching import BatchingEncoder
from search.encoders.known_texts import KnownTexts
from search.engine import open_engine
from search.images import ImageLimits, decoding_apart

SPARE_THREADS = 8
"""Threads beside those of the requests that are let in at once: for the page's files."""

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

    Raises:
        ConfigError: ports or networks of the settings that cannot be read.
    """
    guard_of(settings)  # Told now, and not when the service has begun to start.
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
    app.state.thumbnails = Thumbnails(
        settings.thumbnails_folder.absolute(), settings.thumbnails_mb * 1_000_000
    )
    # Made here, so that a name which cannot be used ends the start.
    rerankers = rerankers_of(settings.rerankers, settings, guard_of(settings))
    observing = app.state.observing = Observing.of(settings)
    wrap = batching(settings, observing.metrics.batched)
    opener = partial(open_engine, rerankers=rerankers, wrap=wrap, watch=observing.searched)
    app.state.engine = slot or EngineSlot(settings, opener=opener)
    # A first job makes the collection that the engine waits for.
    app.state.jobs = Jobs(settings, on_end=app.state.engine.start)
    app.state.job_streams = Streams(settings.job_streams)
    app.state.looks = Looks()
    app.state.engine.when_ready(app.state.looks.warm_up)
    observing.watch(app.state.engine, settings)
    # What begins with an item's address comes before the item itself.
    for module in (
        search,
        many_searches,
        suggest,
        facets,
        embed,
        classify,
        similar,
        looks,
        heatmaps,
        written_items,
        items,
        collections,
        versions,
        jobs,
        session,
        feedback,
        health,
        metrics,
        page,
    ):
        app.include_router(module.router)
    page.mount_files(app)
    install_error_handlers(app)
    # The last one added is the first to see a request.
    # Pictures are left as they are, and small answers.
    app.add_middleware(GZipMiddleware, minimum_size=1_000, compresslevel=5)
    app.add_middleware(EncodedItemIds)
    app.add_middleware(
        BodyLimit,
        json_bytes=MAX_JSON_BYTES,
        upload_bytes=settings.max_image_bytes + FORM_BYTES,
        other_bytes=MAX_OTHER_BYTES,
    )
    app.add_middleware(
        Admission,
        at_once=settings.concurrency,
        waiting=settings.waiting,
        timeout_s=settings.request_timeout_s,
    )
    open_paths = [*page.paths(), *([metrics.PATH] if settings.metrics_open else [])]
    install_guard(app, settings, pages=open_paths)
    if settings.allowed_hosts or not any_host:
        app.add_middleware(KnownHosts, names=host_names(settings))
    app.add_middleware(Observed, metrics=observing.metrics, traces=observing.traces)
    app.add_middleware(RequestContext)
    return app


def batching(
    settings: Settings, watch: Callable[[str, int, float], None] | None = None
) -> Callable[[Encoder], Encoder]:
    """What the service puts around encoders: batches, and a memory of texts that all share."""
    known = KnownTexts(settings.text_cache) if settings.text_cache else None
    wait_s = settings.batch_wait_ms / 1000
    return lambda encoder: BatchingEncoder(encoder, wait_s=wait_s, known=known, watch=watch)


def host_names(settings: Settings) -> frozenset[str]:
    """The names under which the service answers, as a `Host` header has them, without a port."""
    given = [settings.host, *settings.allowed_hosts.split(",")]
    names = {name.strip().lower() for name in given if name.strip()}
    bracketed = {f"[{name}]" if ":" in name and name[0] != "[" else name for name in names}
    return LOOPBACK_NAMES | bracketed


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    slot: EngineSlot = app.state.engine
    settings: Settings = app.state.settings
    # Routes run in threads, never in the event loop: encoder, Milvus and Pillow all block.
    threads = anyio.to_thread.current_default_thread_limiter()
    threads.total_tokens = settings.concurrency + SPARE_THREADS
    app.state.health_threads = anyio.CapacityLimiter(2)
    limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels)
    app.state.item_images = ItemImages(limits, guard_of(settings))
    app.state.query_images = QueryImages(settings)
    slot.start()
    with decoding_apart(settings.decode_apart):
        with told_of_signals(app.state.jobs.stop):
            yield
        await anyio.to_thread.run_sync(app.state.jobs.close)
    await anyio.to_thread.run_sync(app.state.looks.close)
    await anyio.to_thread.run_sync(app.state.item_images.close)
    await anyio.to_thread.run_sync(app.state.query_images.close)
    await anyio.to_thread.run_sync(slot.close)
    await anyio.to_thread.run_sync(app.state.observing.close)
