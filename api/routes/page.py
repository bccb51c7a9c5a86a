"""The pages at `/` and `/operate`, and the API's documentation without anything from outside."""

from pathlib import Path

import fastapi_offline
from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles

WEB = Path(__file__).parent.parent / "web"
DOCS_ASSETS = Path(fastapi_offline.__file__).parent / "static"
"""Swagger UI's own files, as the package ships them: /docs works without a network."""

READING = ["GET", "HEAD"]
"""Who only looks whether a service is there asks with HEAD."""

router = APIRouter(include_in_schema=False)


@router.api_route("/", methods=READING)
async def index() -> FileResponse:
    """The search page."""
    return FileResponse(WEB / "index.html", media_type="text/html")


@router.api_route("/operate", methods=READING)
async def operate() -> FileResponse:
    """The operator's page; what it asks for takes a key of scope admin."""
    return FileResponse(WEB / "operate.html", media_type="text/html")


@router.api_route("/docs", methods=READING)
async def docs() -> FileResponse:
    """The API's documentation."""
    return FileResponse(WEB / "docs.html", media_type="text/html")


def paths() -> list[str]:
    """Where the pages are: they hold nothing of a collection, and need no key."""
    return [route.path for route in router.routes if isinstance(route, APIRoute)]


def mount_files(app: FastAPI) -> None:
    """Serve the page's own files and those of the documentation."""
    app.mount("/web", StaticFiles(directory=WEB), name="web")
    app.mount("/docs-assets", StaticFiles(directory=DOCS_ASSETS), name="docs-assets")
