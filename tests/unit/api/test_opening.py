"""The real opener: what is not there, held by another, or made with another model."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from api.app import create_app
from api.readiness import EngineSlot
from search.config import Settings
from search.encoders import load_encoder
from search.store import open_store
from search.store.base import CollectionSpec, Entity
from search.types import Item
from tests.error_shape import error_of
from tests.local_client import local_client
from tests.milvus_server import free_ports
from tests.waiting import wait_until

MINI = Path(__file__).parents[3] / "search" / "models" / "mini"

HOLDER = """
import sys
from search.store import open_store
store = open_store(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
store.close()
"""


@contextmanager
def held(path: Path) -> Iterator[None]:
    """The embedded database, open in another process."""
    command = [sys.executable, "-c", HOLDER, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout and process.stdout.readline() == b"open\n"
        yield
    finally:
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def make_collection(settings: Settings, name: str, model: str) -> None:
    """A collection of one red item, made with the model, as what the alias stands for."""
    encoder = load_encoder(model, device="cpu")
    [embedding] = encoder.encode_images([Image.new("RGB", (64, 64), "red")])
    store = open_store(settings.db)
    try:
        store.create(CollectionSpec(name, encoder.identity))
        item = Item(f"item of {name}", "none.png")
        store.upsert(name, [Entity(item, embedding, image_hash="a", row_hash="b")])
        store.set_alias(settings.collection, name)
    finally:
        store.close()


def another_model(folder: Path) -> str:
    """The bundled model, its images normalised differently: another space."""
    copy = shutil.copytree(MINI, folder / "other")
    path = copy / "open_clip_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["preprocess_cfg"]["mean"] = [0.1, 0.2, 0.3]
    path.write_text(json.dumps(config), encoding="utf-8")
    return f"local-dir:{copy}"


def refusal(client: TestClient, settings: Settings, tmp_path: Path) -> dict[str, Any]:
    """Why the service is not ready, once it knows; no answer says where anything lies."""
    wait_until(lambda: "still starting" not in client.get("/readyz").text, 60)
    ready = client.get("/readyz")
    answers = [client.get(path) for path in ("/v1/search?q=red", "/v1/collections", "/v1/items/a")]
    for answer in (ready, *answers):
        assert str(tmp_path) not in answer.text and settings.db not in answer.text
        assert "milvus" not in answer.text.lower()
    error = error_of(ready, 503)
    assert {error_of(each, each.status_code)["code"] for each in answers} == {error["code"]}
    return error


def test_database_that_is_not_there(tmp_path: Path) -> None:
    settings = Settings(db=str(tmp_path / "none.db"))
    with local_client(create_app(settings)) as client:
        error = refusal(client, settings, tmp_path)
    assert error["code"] == "store_unavailable"


def test_path_that_cannot_be_a_database(tmp_path: Path) -> None:
    settings = Settings(db=str(tmp_path / "file.db"))
    Path(settings.db).write_text("no database")
    with local_client(create_app(settings)) as client:
        error = refusal(client, settings, tmp_path)
    assert error["code"] == "invalid_config"


def test_server_that_is_not_there(tmp_path: Path) -> None:
    [port] = free_ports(1)
    settings = Settings(db=f"http://127.0.0.1:{port}", db_timeout_s=1)
    began = time.monotonic()
    with local_client(create_app(settings)) as client:
        error = refusal(client, settings, tmp_path)
    assert error["code"] == "store_unavailable"
    assert time.monotonic() - began < 20


def test_database_that_another_process_holds(tmp_path: Path) -> None:
    settings = Settings(db=str(tmp_path / "held.db"))
    with held(Path(settings.db)), local_client(create_app(settings)) as client:
        error = refusal(client, settings, tmp_path)
    assert error["code"] == "database_locked"


@pytest.mark.model
def test_setting_that_names_another_model(tmp_path: Path) -> None:
    settings = Settings(db=str(tmp_path / "a.db"))
    make_collection(settings, "products__v1", "mini")
    other = settings.model_copy(update={"model": another_model(tmp_path)})
    with local_client(create_app(other)) as client:
        error = refusal(client, other, tmp_path)
        assert client.get("/v1/search?q=red").status_code == 409
    assert error["code"] == "model_mismatch"


@pytest.mark.model
def test_setting_that_names_no_model(tmp_path: Path) -> None:
    settings = Settings(db=str(tmp_path / "a.db"), model=f"local-dir:{tmp_path / 'none'}")
    make_collection(settings, "products__v1", "mini")
    with local_client(create_app(settings)) as client:
        error = refusal(client, settings, tmp_path)
    assert error["code"] == "model_unavailable"


@pytest.mark.model
@pytest.mark.parametrize("asked", ["/readyz", "/v1/search?q=red"])
def test_collection_that_was_remade_with_another_model(tmp_path: Path, asked: str) -> None:
    settings = Settings(db=str(tmp_path / "a.db"))
    make_collection(settings, "products__v1", "mini")
    with local_client(create_app(settings)) as client:
        wait_until(lambda: client.get("/readyz").status_code == 200, 60)
        make_collection(settings, "products__v2", another_model(tmp_path))
        # A query, or only the probe: either is what has the new model loaded.
        assert client.get(asked).status_code == 200
        wait_until(lambda: client.get(asked).json()["collection"] == "products__v2", 60)
        assert client.get("/readyz").json()["behind"] is None
        [hit] = client.get("/v1/search?q=red").json()["hits"]
        assert hit["id"] == "item of products__v2"
        assert client.get("/v1/items/item%20of%20products__v2").status_code == 200
        served = {
            c["name"]: c["served"] for c in client.get("/v1/collections").json()["collections"]
        }
        assert served == {"products__v1": False, "products__v2": True}


@pytest.mark.model
def test_new_version_whose_model_is_gone_is_told_and_the_one_before_answers(tmp_path: Path) -> None:
    settings = Settings(db=str(tmp_path / "a.db"))
    make_collection(settings, "products__v1", "mini")
    with local_client(create_app(settings)) as client:
        wait_until(lambda: client.get("/readyz").status_code == 200, 60)
        make_collection(settings, "products__v2", another_model(tmp_path))
        shutil.rmtree(tmp_path / "other")

        def reason() -> str | None:
            behind = client.get("/readyz").json()["behind"]
            assert behind["collection"] == "products__v2"
            return str(behind["reason"]) if behind["reason"] else None

        wait_until(lambda: reason() is not None, 60)
        assert "model cannot be loaded" in str(reason()) and "does not exist" not in str(reason())
        page = client.get("/v1/search?q=red").json()
        assert (page["collection"], page["model"]) == ("products__v1", "mini")
        assert [hit["id"] for hit in page["hits"]] == ["item of products__v1"]
        assert client.get("/v1/items/item%20of%20products__v1").status_code == 200
        served = [
            c["name"] for c in client.get("/v1/collections").json()["collections"] if c["served"]
        ]
        assert served == ["products__v1"]


@pytest.mark.model
def test_reopening_that_fails_leaves_the_engine_and_is_not_hurried(tmp_path: Path) -> None:
    settings = Settings(db=str(tmp_path / "a.db"), model="mini")
    make_collection(settings, "products__v1", "mini")
    slot = EngineSlot(settings, retry_after_s=60)
    with local_client(create_app(settings, slot=slot)) as client:
        wait_until(lambda: client.get("/readyz").status_code == 200, 60)
        engine = slot.get()
        make_collection(settings, "products__v2", another_model(tmp_path))
        for _ in range(3):
            assert error_of(client.get("/readyz"), 503)["code"] == "model_mismatch"
            assert slot.get() is engine
        assert client.get("/v1/items/item%20of%20products__v2").status_code == 200
