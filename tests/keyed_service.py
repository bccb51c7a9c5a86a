"""The service without a collection: whom it lets in shows by what it refuses them for."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.app import create_app
from api.readiness import EngineSlot
from api.security.keys import Key, KeyFile
from api.security.scopes import Scope
from search.config import Settings
from search.engine import SearchEngine
from search.errors import CollectionNotFoundError, VitrineError
from tests.waiting import wait_until

LET_IN = "collection_not_found"
"""What everybody hears who may search, as there is no collection."""

STRANGER = ("203.0.113.7", 4711)
SEARCH = "/v1/search?q=dress"


def never_opens(settings: Settings) -> SearchEngine:
    raise CollectionNotFoundError("There is no collection.")


def app_of(folder: Path, **given: Any) -> FastAPI:
    """The app, once it has found out that there is no collection: before, it says "starting"."""
    settings = Settings(db=str(folder / "x.db"), **given)
    slot = EngineSlot(settings, opener=never_opens)
    slot.start()
    wait_until(lambda: code_of(slot) == LET_IN)
    return create_app(settings, slot=slot, any_host=True)


def code_of(slot: EngineSlot) -> str:
    """Why there is no engine."""
    with pytest.raises(VitrineError) as caught:
        slot.get()
    return caught.value.code


@contextmanager
def service(
    folder: Path, *, client: tuple[str, int] = STRANGER, url: str = "http://localhost", **given: Any
) -> Iterator[TestClient]:
    """A client, from that address, of a service whose files are in the folder."""
    with TestClient(app_of(folder, **given), base_url=url, client=client) as made:
        yield made


def make_key(
    folder: Path, scope: Scope = Scope.SEARCH, name: str = "shop", expires: datetime | None = None
) -> tuple[str, Key]:
    return KeyFile(folder / "keys.db").create(name, scope, expires)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def heard(response: Any) -> str:
    """The code of what was refused."""
    return str(response.json()["error"]["code"])
