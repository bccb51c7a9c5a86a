"""The engine is opened beside the service: alive at once, ready when it is, honest in between."""

import gc
import threading
from collections.abc import Callable
from types import TracebackType

import pytest

from api.app import create_app
from api.errors import SENTENCES
from api.readiness import EngineSlot
from search.config import Settings
from search.engine import SearchEngine
from search.errors import (
    CollectionNotFoundError,
    ModelMismatchError,
    StoreUnavailableError,
    UnavailableError,
    VitrineError,
)
from tests.local_client import local_client
from tests.waiting import wait_until


def refusing(error: BaseException) -> Callable[[Settings], SearchEngine]:
    def opener(settings: Settings) -> SearchEngine:
        raise error

    return opener


def reason_of(slot: EngineSlot) -> VitrineError:
    with pytest.raises(VitrineError) as caught:
        slot.get()
    return caught.value


def test_alive_while_the_engine_is_still_opening() -> None:
    may_go_on = threading.Event()

    def slow(settings: Settings) -> SearchEngine:
        may_go_on.wait(10)
        raise StoreUnavailableError("Milvus does not answer.")

    with local_client(create_app(Settings(), slot=EngineSlot(Settings(), opener=slow))) as client:
        assert client.get("/healthz").json()["status"] == "ok"
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert "still starting" in answer.json()["error"]["message"]
        assert client.get("/v1/search?q=red").status_code == 503
        may_go_on.set()
        wait_until(
            lambda: client.get("/readyz").json()["error"]["code"] == StoreUnavailableError.code
        )
        assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (CollectionNotFoundError("There is no collection 'products'."), 404),
        (StoreUnavailableError("Milvus does not answer."), 503),
        (ModelMismatchError("Made with another model."), 409),
    ],
)
def test_not_ready_says_why(error: VitrineError, status: int) -> None:
    slot = EngineSlot(Settings(), opener=refusing(error))
    with local_client(create_app(Settings(), slot=slot)) as client:
        wait_until(lambda: reason_of(slot).code == error.code)
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["error"]["code"] == error.code
        assert ready.json()["error"]["message"] == SENTENCES[type(error)]
        assert ready.headers["retry-after"]
        assert client.get("/v1/search?q=red").status_code == status


def test_unforeseen_failure_is_a_reason_too() -> None:
    slot = EngineSlot(Settings(), opener=refusing(RuntimeError("secret")))
    slot.start()
    wait_until(lambda: "could not be opened" in reason_of(slot).message)
    assert isinstance(reason_of(slot), UnavailableError)
    assert "secret" not in str(reason_of(slot))
    slot.close()


def test_tries_again_when_asked_later() -> None:
    attempts = 0

    def opener(settings: Settings) -> SearchEngine:
        nonlocal attempts
        attempts += 1
        raise StoreUnavailableError(f"attempt {attempts}")

    slot = EngineSlot(Settings(), opener=opener, retry_after_s=0.0)
    slot.start()
    wait_until(lambda: reason_of(slot).message == "attempt 3")
    slot.close()


def test_does_not_try_again_at_once() -> None:
    attempts = 0

    def opener(settings: Settings) -> SearchEngine:
        nonlocal attempts
        attempts += 1
        raise StoreUnavailableError("no")

    slot = EngineSlot(Settings(), opener=opener, retry_after_s=60.0)
    slot.start()
    wait_until(lambda: reason_of(slot).message == "no")
    for _ in range(20):
        reason_of(slot)
    slot.close()
    assert attempts == 1


def test_one_reason_told_often_gathers_no_tracebacks() -> None:
    slot = EngineSlot(Settings(), opener=refusing(StoreUnavailableError("no")), retry_after_s=60)
    slot.start()
    wait_until(lambda: reason_of(slot).message == "no")
    gc.collect()

    def depth(traceback: TracebackType | None) -> int:
        return 0 if traceback is None else 1 + depth(traceback.tb_next)

    depths = [depth(reason_of(slot).__traceback__) for _ in range(5)]
    assert len(set(depths)) == 1
    slot.close()


def test_after_closing_there_is_no_engine_and_no_attempt() -> None:
    slot = EngineSlot(Settings(), opener=refusing(StoreUnavailableError("no")), retry_after_s=0.0)
    slot.close()
    slot.start()
    assert "stopping" in reason_of(slot).message
