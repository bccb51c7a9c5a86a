"""The description of the HTTP API as a text, which changes only when the API does."""

import hashlib
import json

from api.app import create_app
from api.readiness import EngineSlot
from search.config import Settings
from search.engine import SearchEngine
from search.errors import UnavailableError


def document_text() -> str:
    """The OpenAPI document as JSON, its keys in order; a service's /openapi.json says the same."""
    # No setting changes what routes there are; those of the environment may not be usable here.
    settings = Settings.model_construct()
    app = create_app(settings, slot=EngineSlot(settings, opener=_never))
    return json.dumps(app.openapi(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def digest_of(text: str) -> str:
    """Twelve hex digits that stand for a document: what the changelog names it by."""
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _never(settings: Settings) -> SearchEngine:
    raise UnavailableError("Nothing is served here.")
