"""The real service over a real collection, made once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from search.config import Settings
from tests.local_client import local_client
from tests.sample_collection import build, chosen_rows
from tests.waiting import wait_until


@pytest.fixture(scope="session")
def rows() -> list[dict[str, str]]:
    """The rows of the catalogue that the service searches."""
    return chosen_rows()


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]]) -> Settings:
    """Where the indexed collection is; limits small enough to run into."""
    made = build(tmp_path_factory.mktemp("service"), rows)
    return made.model_copy(update={"max_image_bytes": 2_000_000, "max_image_pixels": 4_000_000})


@pytest.fixture(scope="session")
def client(settings: Settings) -> Iterator[TestClient]:
    """A client of the service, once that is ready."""
    with local_client(create_app(settings)) as client:
        wait_until(lambda: client.get("/readyz").status_code == 200, 60)
        yield client


@pytest.fixture(scope="session")
def an_image(rows: list[dict[str, str]]) -> bytes:
    """The bytes of an image file of the catalogue."""
    return Path(rows[0]["image"]).read_bytes()
