"""Calibrations are made once, kept while they hold, and made anew beside the queries."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search import judging
from search.encoders import Encoder, load_encoder
from search.judging import FEWEST_ITEMS, Judges
from search.meaning import Meaning
from search.store import CollectionSpec, Entity, Store, open_store
from search.types import Item, TextPart
from tests.waiting import wait_until

pytestmark = pytest.mark.model

WAIT_S = 60


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder("mini", device="cpu")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(str(tmp_path / "judged.db"))) as store:
        yield store


def fill(store: Store, encoder: Encoder, count: int, seed: int = 0) -> CollectionSpec:
    """A collection of so many items with random embeddings."""
    spec = CollectionSpec("judged__v1", encoder.identity)
    if spec.name not in store.names():
        store.create(spec)
    add(store, spec, range(count), seed)
    return spec


def add(store: Store, spec: CollectionSpec, numbers: range, seed: int) -> None:
    found = np.random.default_rng(seed).normal(size=(len(numbers), spec.model.dim))
    rows = (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)
    items = [Entity(Item(f"{n}", "a.jpg"), row, "0", "0") for n, row in zip(numbers, rows)]
    store.upsert(spec.name, items)


def asked(encoder: Encoder, text: str = "red dress") -> Meaning:
    embedding = encoder.encode_texts([text])[0]
    return Meaning(embedding, None, ((TextPart(text), embedding),), ())


def sample_of(judges: Judges, spec: CollectionSpec, encoder: Encoder) -> int:
    """How many items the calibration in use has looked at."""
    judgement = judges.judge(asked(encoder), spec, encoder)
    assert judgement is not None
    return len(judgement.calibration.sample)


def test_a_collection_that_grew_is_calibrated_anew_beside_the_queries(
    store: Store, mini: Encoder
) -> None:
    spec, judges = fill(store, mini, 60), Judges(store)
    assert sample_of(judges, spec, mini) == 60
    add(store, spec, range(60, 65), seed=1)
    assert sample_of(judges, spec, mini) == 60
    add(store, spec, range(65, 80), seed=1)
    assert sample_of(judges, spec, mini) == 60  # The old one answers at once.
    wait_until(lambda: sample_of(judges, spec, mini) == 80, WAIT_S)


def test_calibrations_grow_stale(
    store: Store, mini: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, judges = fill(store, mini, 60), Judges(store)
    first = judges.judge(asked(mini), spec, mini)
    add(store, spec, range(60), seed=2)  # As many items as before, and others.
    again = judges.judge(asked(mini), spec, mini)
    assert first is not None and again is not None and again.calibration is first.calibration
    monkeypatch.setattr(judging, "STALE_S", 0.0)

    def is_renewed() -> bool:
        now = judges.judge(asked(mini), spec, mini)
        return now is not None and not np.array_equal(
            now.calibration.sample, first.calibration.sample
        )

    wait_until(is_renewed, WAIT_S)


def test_a_name_that_is_used_again_for_another_model_is_another_collection(
    store: Store, mini: Encoder
) -> None:
    spec, judges = fill(store, mini, 60), Judges(store)
    assert sample_of(judges, spec, mini) == 60
    store.drop(spec.name)
    other = load_encoder("mini", device="cpu")
    other._identity = replace(mini.identity, fingerprint="other")  # type: ignore[attr-defined]
    assert other.identity.fingerprint == "other"
    assert sample_of(judges, fill(store, other, 62, seed=3), other) == 62


def test_too_few_items_and_nothing_wanted_cannot_be_judged(store: Store, mini: Encoder) -> None:
    spec, judges = fill(store, mini, FEWEST_ITEMS - 1), Judges(store)
    assert judges.judge(asked(mini), spec, mini) is None
    add(store, spec, range(FEWEST_ITEMS), seed=0)
    assert judges.judge(asked(mini), spec, mini) is not None
    assert judges.judge(replace(asked(mini), wanted=()), spec, mini) is None
