"""Encoders while an alias moves: loaded beside the queries, held for a while, failures told."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from search.encoders.base import Encoder, ModelIdentity
from search.errors import ModelMismatchError, ModelUnavailableError
from search.store import CollectionSpec, Store, open_store
from search.switching import Encoders, LiveVersion
from tests.contract.catalogue import DIM, entity
from tests.waiting import wait_until


class Plain:
    """An encoder that only has a name: what is held is decided without looking further."""

    def __init__(self, name: str, fingerprint: str | None = None) -> None:
        self.identity = ModelIdentity(name, fingerprint or f"print of {name}", DIM)

    def encode_texts(self, texts: Any) -> None:
        return None


class Loader:
    """Loads by name, counts, and fails or waits where a test says so."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.failing: dict[str, Exception] = {}
        self.changed: set[str] = set()
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def __call__(self, name: str) -> Encoder:
        self.loaded.append(name)
        assert self.may_go_on.wait(30)
        if name in self.failing:
            raise self.failing[name]
        return plain(name, "other files" if name in self.changed else None)


def plain(name: str, fingerprint: str | None = None) -> Encoder:
    return cast(Encoder, Plain(name, fingerprint))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An alias `shop` that leads to `a`, beside collections `b` and `c`, each of its own model."""
    opened = open_store(str(tmp_path / "shop.db"))
    for name in "abc":
        opened.create(CollectionSpec(name, plain(name).identity))
        opened.upsert(name, [entity(name)])
    opened.set_alias("shop", "a")
    yield opened
    opened.close()


@pytest.fixture
def load() -> Loader:
    return Loader()


Follow = Callable[..., LiveVersion]


@pytest.fixture
def follow(store: Store, load: Loader) -> Follow:
    return lambda **times: LiveVersion(store, "shop", Encoders(plain("a"), load, **times))


def answering(live: LiveVersion) -> str:
    serving = live.serving()
    assert serving.collection.model == serving.encoder.identity
    return serving.collection.name


def test_the_version_before_answers_until_the_model_is_loaded_once(
    store: Store, load: Loader, follow: Follow
) -> None:
    live = follow()
    load.may_go_on.clear()
    store.set_alias("shop", "b")
    assert [answering(live) for _ in range(3)] == ["a", "a", "a"]
    behind = live.behind()
    assert behind and behind.collection.name == "b" and behind.reason is None
    assert live.shown().name == "a"
    load.may_go_on.set()
    wait_until(lambda: answering(live) == "b")
    assert live.behind() is None and live.shown().name == "b"
    store.set_alias("shop", "a")
    assert answering(live) == "a"
    assert load.loaded == ["b"]


def test_without_a_version_before_a_query_waits_for_the_model(
    store: Store, load: Loader, follow: Follow
) -> None:
    live = follow()
    load.may_go_on.clear()
    store.set_alias("shop", "b")
    store.drop("a")
    with pytest.raises(ModelUnavailableError, match="still being loaded"):
        live.serving(wait_s=0)
    assert live.shown().name == "b"
    threading.Timer(0.2, load.may_go_on.set).start()
    assert answering(live) == "b"


@pytest.mark.parametrize("error", [ModelUnavailableError("no such folder"), RuntimeError("torch")])
def test_a_model_that_cannot_be_loaded_is_told_and_tried_again_later(
    store: Store, load: Loader, follow: Follow, error: Exception
) -> None:
    live = follow(retry_after_s=60)
    load.failing["b"] = error
    store.set_alias("shop", "b")

    def reason() -> str | None:
        behind = live.behind()
        return behind.reason.code if behind and behind.reason else None

    wait_until(lambda: reason() == "model_unavailable")
    assert [answering(live) for _ in range(5)] == ["a"] * 5
    assert load.loaded == ["b"]
    store.drop("a")
    with pytest.raises(ModelUnavailableError):
        live.serving()


def test_it_moves_once_the_model_can_be_loaded(store: Store, load: Loader, follow: Follow) -> None:
    live = follow(retry_after_s=0)
    load.failing["b"] = ModelUnavailableError("no such folder")
    store.set_alias("shop", "b")
    assert answering(live) == "a"
    load.failing.clear()
    wait_until(lambda: answering(live) == "b")
    assert live.behind() is None


def test_a_model_whose_files_are_others_is_not_used(
    store: Store, load: Loader, follow: Follow
) -> None:
    live = follow(retry_after_s=60)
    load.changed.add("b")
    store.set_alias("shop", "b")
    wait_until(lambda: bool((behind := live.behind()) and behind.reason))
    behind = live.behind()
    assert behind and isinstance(behind.reason, ModelMismatchError)
    assert "are others" in str(behind.reason) and answering(live) == "a"


def test_two_encoders_are_held_and_the_older_goes_first(
    store: Store, load: Loader, follow: Follow
) -> None:
    live = follow()
    for name in ("b", "c"):
        store.set_alias("shop", name)
        wait_until(lambda name=name: answering(live) == name)
    assert live._encoders.held() == ["b", "c"]
    store.set_alias("shop", "a")
    wait_until(lambda: answering(live) == "a")
    assert load.loaded == ["b", "c", "a"]


def test_after_a_while_the_one_before_is_let_go(store: Store, load: Loader, follow: Follow) -> None:
    live = follow(grace_s=0)
    store.set_alias("shop", "b")
    wait_until(lambda: answering(live) == "b")
    assert live._encoders.held() == ["b"]


def test_a_model_of_a_callers_own_is_never_exchanged(store: Store) -> None:
    live = LiveVersion(store, "shop", Encoders(plain("a")))
    store.set_alias("shop", "b")
    for ask in (live.serving, live.behind):
        with pytest.raises(ModelMismatchError, match="Use --model b"):
            ask()
    assert live.shown().name == "b"
    store.set_alias("shop", "a")
    assert answering(live) == "a"
