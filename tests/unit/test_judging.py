"""Calibrations are taken only for the collection that they were made from, and not waited for."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search import judging
from search.encoders import Encoder, load_encoder
from search.judging import FEWEST_ITEMS, NOT_YET, NOTHING_WANTED, TOO_FEW, Judgement, Judges
from search.meaning import Meaning
from search.store import CollectionSpec, Entity, Store, open_store
from search.types import Hit, Item, TextPart
from tests.waiting import wait_until

pytestmark = pytest.mark.model

WAIT_S = 120


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder("mini", device="cpu")


@pytest.fixture(scope="module", autouse=True)
def background_once(mini: Encoder) -> Iterator[None]:
    """The background is the model's alone, and takes all but all of a calibration's time."""
    background = judging.embed_background(mini)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "embed_background", lambda encoder: background)
        yield


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(str(tmp_path / "judged.db"))) as store:
        yield store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "calibrations"


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


def judged(judges: Judges, spec: CollectionSpec, encoder: Encoder) -> Judgement:
    judgement, _ = judges.judge(asked(encoder), spec, encoder)
    assert judgement is not None
    return judgement


def sample_of(judges: Judges, spec: CollectionSpec, encoder: Encoder) -> int:
    """How many items the calibration in use has looked at."""
    return len(judged(judges, spec, encoder).calibration.sample)


def refuse(encoder: Encoder) -> None:
    raise AssertionError("a calibration was made where one was at hand")


def test_what_indexing_prepared_is_taken_by_who_searches(
    store: Store, mini: Encoder, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = fill(store, mini, 60)
    Judges(store, folder).prepare(spec, mini)
    monkeypatch.setattr(judging, "embed_background", refuse)
    Judges(store, folder).prepare(spec, mini)  # An index run that changed nothing.
    assert sample_of(Judges(store, folder), spec, mini) == 60


def test_the_files_calibration_judges_as_the_one_that_was_made(
    store: Store, mini: Encoder, folder: Path
) -> None:
    spec = fill(store, mini, 60)
    first = judged(Judges(store, folder), spec, mini)
    again = judged(Judges(store, folder), spec, mini)
    assert again.page == pytest.approx(first.page, abs=1e-6)
    assert again.of([0.1, 0.3]) == pytest.approx(first.of([0.1, 0.3]), abs=1e-6)


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "in memory"])
def test_a_collection_made_anew_under_its_name_is_never_judged_by_the_one_before(
    store: Store, mini: Encoder, folder: Path, kept: bool
) -> None:
    spec = fill(store, mini, 60)
    judges = Judges(store, folder if kept else None)
    before = judged(judges, spec, mini)
    store.drop(spec.name)
    fill(store, mini, 60, seed=3)  # As many items, of the same ids: others all the same.
    for each in (judges, Judges(store, folder if kept else None)):
        now = judged(each, spec, mini)
        assert (now.calibration.sample @ before.calibration.sample.T).max() < 0.9


def test_a_name_that_is_used_again_for_another_model_is_another_collection(
    store: Store, mini: Encoder, folder: Path
) -> None:
    spec, judges = fill(store, mini, 60), Judges(store, folder)
    assert sample_of(judges, spec, mini) == 60
    store.drop(spec.name)
    other = load_encoder("mini", device="cpu")
    other._identity = replace(mini.identity, fingerprint="other")  # type: ignore[attr-defined]
    assert other.identity.fingerprint == "other"
    assert sample_of(judges, fill(store, other, 62, seed=3), other) == 62


def test_a_collection_that_grew_is_calibrated_anew_beside_the_queries(
    store: Store, mini: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, judges = fill(store, mini, 60), Judges(store)
    assert sample_of(judges, spec, mini) == 60
    monkeypatch.setattr(judging, "CHECK_AFTER_S", 0.0)
    add(store, spec, range(60, 80), seed=1)
    assert sample_of(judges, spec, mini) == 60  # The old one answers at once.
    wait_until(lambda: sample_of(judges, spec, mini) == 80, WAIT_S)


def test_items_that_changed_are_noticed_though_there_are_as_many(
    store: Store, mini: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, judges = fill(store, mini, 60), Judges(store)
    first = judged(judges, spec, mini).calibration
    add(store, spec, range(18), seed=2)  # A share between CHANGED_SHARE and MADE_ANEW.
    assert judged(judges, spec, mini).calibration is first
    monkeypatch.setattr(judging, "CHECK_AFTER_S", 0.0)
    wait_until(lambda: judged(judges, spec, mini).calibration is not first, WAIT_S)


def test_a_few_changes_leave_a_calibration_as_it_is(
    store: Store, mini: Encoder, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = fill(store, mini, 60)
    Judges(store, folder).prepare(spec, mini)
    add(store, spec, range(60, 64), seed=1)
    monkeypatch.setattr(judging, "embed_background", refuse)
    assert sample_of(Judges(store, folder), spec, mini) == 60


def test_a_service_answers_without_relevance_until_it_can_be_said(
    store: Store, mini: Encoder
) -> None:
    spec, judges = fill(store, mini, FEWEST_ITEMS - 1), Judges(store)
    judges.begin(spec, mini)
    assert judges.judge(asked(mini), spec, mini) == (None, [TOO_FEW])
    add(store, spec, range(60), seed=0)
    assert judges.judge(asked(mini), spec, mini) == (None, [NOT_YET])
    wait_until(lambda: judges.judge(asked(mini), spec, mini)[0] is not None, WAIT_S)


def test_a_service_takes_what_reindexing_left_at_once(
    store: Store, mini: Encoder, folder: Path
) -> None:
    spec = fill(store, mini, FEWEST_ITEMS - 1)
    service = Judges(store, folder)
    service.begin(spec, mini)
    add(store, spec, range(60), seed=0)
    Judges(store, folder).prepare(spec, mini)
    assert sample_of(service, spec, mini) == 60


def test_a_service_begins_by_itself(store: Store, mini: Encoder, folder: Path) -> None:
    spec, judges = fill(store, mini, 60), Judges(store, folder)
    judges.begin(spec, mini)
    wait_until(lambda: folder.exists() and any(folder.glob("*.npz")), WAIT_S)
    wait_until(lambda: judges.judge(asked(mini), spec, mini)[0] is not None, WAIT_S)


def test_too_few_items_and_nothing_wanted_cannot_be_judged(store: Store, mini: Encoder) -> None:
    spec, judges = fill(store, mini, FEWEST_ITEMS - 1), Judges(store)
    assert judges.judge(asked(mini), spec, mini) == (None, [TOO_FEW])
    judges.prepare(spec, mini)  # Nothing to prepare, and no failure.
    add(store, spec, range(FEWEST_ITEMS), seed=0)
    assert judges.judge(asked(mini), spec, mini)[0] is not None
    nothing = replace(asked(mini), wanted=())
    assert judges.judge(nothing, spec, mini) == (None, [NOTHING_WANTED])


def test_variants_have_the_relevance_of_their_own_scores(store: Store, mini: Encoder) -> None:
    judgement = judged(Judges(store), fill(store, mini, 60), mini)
    low, middle, high = (Hit(Item(f"{score}", "a.jpg"), score) for score in (0.1, 0.2, 0.3))
    [first, second] = judgement.judged([replace(high, variants=(middle, low)), middle])
    told = [first.relevance, *(each.relevance for each in first.variants), second.relevance]
    assert told == pytest.approx(judgement.of([0.3, 0.2, 0.1, 0.2]))
    assert judgement.judged([]) == ()
