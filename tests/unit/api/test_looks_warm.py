"""The texts of looks are embedded beside the queries once the service is ready, and not before."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.readiness import EngineSlot
from api.styling import Looks
from search.config import Settings
from search.encoders.base import Embeddings, Encoder
from search.engine import open_engine
from tests.local_client import local_client
from tests.waiting import wait_until

pytestmark = pytest.mark.model

Rows = list[dict[str, str]]
WARMING = "warm-looks"


class Watched:
    """The real encoder, that counts texts, and calls `on_rules` for those of the warming-up."""

    def __init__(self, encoder: Encoder, on_rules: Callable[[], object]) -> None:
        self._encoder, self._on_rules = encoder, on_rules
        self.texts = self.of_rules = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        self.texts += len(texts)
        if threading.current_thread().name == WARMING:
            self.of_rules += len(texts)
            self._on_rules()
        return self._encoder.encode_texts(texts)


@contextmanager
def service(
    settings: Settings, on_rules: Callable[[], object] = lambda: None
) -> Iterator[tuple[TestClient, Watched]]:
    """A service once it is ready, and its encoder; `on_rules` as `Watched`."""
    made: list[Watched] = []

    def wrap(encoder: Encoder) -> Encoder:
        made.append(Watched(encoder, on_rules))
        watched: Any = made[-1]
        return watched  # type: ignore[no-any-return]

    slot = EngineSlot(settings, opener=partial(open_engine, wrap=wrap))
    with local_client(create_app(settings, slot=slot)) as client:
        wait_until(lambda: client.get("/readyz").status_code == 200, 60)
        yield client, made[0]


def looks_of(client: TestClient) -> Looks:
    app: Any = client.app
    looks = app.state.looks
    assert isinstance(looks, Looks)
    return looks


def test_once_warmed_up_no_look_embeds_a_text(settings: Settings, rows: Rows) -> None:
    with service(settings) as (client, encoder):
        wait_until(lambda: encoder.of_rules > 0, 30)
        looks_of(client).wait()
        before = encoder.texts
        for row in rows[:10]:
            for asked in ({}, {"kind_field": "kind"}, {"agree": "colour"}):
                answer = client.get(f"/v1/items/{row['id']}/look", params=asked)
                assert answer.status_code == 200, answer.text
        assert encoder.texts == before


def test_the_service_is_ready_and_answers_meanwhile(settings: Settings, rows: Rows) -> None:
    may_go_on = threading.Event()
    try:
        with service(settings, lambda: may_go_on.wait(60)) as (client, encoder):
            wait_until(lambda: encoder.of_rules > 0, 30)
            embedded = encoder.of_rules
            assert client.get("/v1/search?q=red+dress").status_code == 200
            assert client.get("/readyz").status_code == 200
            assert encoder.of_rules == embedded, "the first few texts are still on their way"
            may_go_on.set()
            # Nobody waits for all of them: what a look needs and is not there yet, it embeds.
            assert client.get(f"/v1/items/{rows[0]['id']}/look").status_code == 200
    finally:
        may_go_on.set()


def test_a_service_that_ends_does_not_wait_for_the_rest(settings: Settings) -> None:
    may_go_on = threading.Event()
    try:
        with service(settings, lambda: may_go_on.wait(60)) as (client, encoder):
            wait_until(lambda: encoder.of_rules > 0, 30)
            looks = looks_of(client)
            closing = threading.Thread(target=looks.close)
            closing.start()
            wait_until(looks._closed.is_set, 10)
            first = encoder.of_rules
            may_go_on.set()
            closing.join(30)
            assert not closing.is_alive() and encoder.of_rules == first
            # And begins nothing else.
            looks.warm_up(client.app.state.engine.get())  # type: ignore[attr-defined]
            looks.wait()
            assert encoder.of_rules == first
    finally:
        may_go_on.set()


def test_texts_of_rules_take_nothing_of_the_queries_memory(settings: Settings) -> None:
    with local_client(create_app(settings)) as client:
        wait_until(lambda: client.get("/readyz").status_code == 200, 60)
        looks = looks_of(client)
        wait_until(lambda: looks._warming is not None, 10)
        looks.wait()
        app: Any = client.app
        known = app.state.engine.get().serving().encoder.known
        texts = [text for _, text in known._rows]
        assert texts and not any("women's" in text or "formal" in text for text in texts)
