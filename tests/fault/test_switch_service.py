"""The service, asked without pause while its collection is built anew and switched beside it."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from indexer import IndexOptions
from indexer.rollout import rollback
from indexer.rollout.reindexing import ReindexOptions, reindex
from search.config import Settings
from search.encoders import Encoder, load_encoder
from search.engine import SearchEngine
from search.images import ImageLimits
from search.store import open_store
from search.types import Hit, Item, Page, Query, TextPart
from tests.local_client import local_client
from tests.sample_collection import build, chosen_rows, write_catalog
from tests.second_model import second_model
from tests.steady_queries import Answers, answers_of, asking, check
from tests.waiting import wait_until

pytestmark = [pytest.mark.model, pytest.mark.slow]

load = partial(load_encoder, device="cpu")


def over_http(client: TestClient, query: Query) -> Page:
    """Ask the service; a refusal is an error of the test."""
    [part] = query.parts
    assert isinstance(part, TextPart)
    answer = client.get("/v1/search", params={"q": part.text, "limit": query.limit})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    hits = tuple(Hit(Item(hit["id"], ""), hit["score"]) for hit in body["hits"])
    return Page(hits, body["limit"], body["offset"], body["collection"], body["model"])


def expected(settings: Settings, encoder: Encoder, name: str) -> dict[str, tuple[str, Answers]]:
    with SearchEngine(open_store(settings.db), encoder, name, ImageLimits()) as engine:
        return {name: (encoder.identity.name, answers_of(engine))}


def test_the_service_follows_a_switch_and_a_roll_back_without_a_restart(tmp_path: Path) -> None:
    rows = chosen_rows(60)
    settings = build(tmp_path, rows)
    renamed = [row | {"id": f"new-{row['id']}"} for row in rows]
    catalog = write_catalog(renamed, tmp_path / "next.csv")
    other = load(second_model(tmp_path / "second"))
    wanted = expected(settings, load("mini"), "products__v1")
    store = open_store(settings.db)
    with local_client(create_app(settings)) as client:
        wait_until(lambda: client.get("/readyz").status_code == 200, 120)
        with asking(partial(over_http, client)) as asked:
            report = reindex(
                catalog,
                store=store,
                encoder=other,
                alias="products",
                load=load,
                options=ReindexOptions(index=IndexOptions(job_dir=settings.job_dir)),
            )
            assert report.switched, report.verification
            wait_until(lambda: asked.by_collection["products__v2"] >= 10, 120)
            assert client.get("/readyz").json()["collection"] == "products__v2"
            rollback(store, "products")
            before = asked.by_collection["products__v1"]
            wait_until(lambda: asked.by_collection["products__v1"] >= before + 10, 60)
    store.close()
    check(asked, wanted | expected(settings, other, "products__v2"))
