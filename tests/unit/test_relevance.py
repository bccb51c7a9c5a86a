"""Relevance from scores, on small spaces made by hand: no model is loaded."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.relevance import load_queries
from search.encoders.base import Embeddings
from search.errors import InvalidInputError
from search.ranking.relevance import MATCH, Background, Calibration, calibrate
from search.ranking.relevance_background import background_pictures, background_texts
from search.ranking.relevance_files import Made, written

DIM = 48
STOCKED = (2, 5)


def unit(rows: NDArray[np.float64]) -> Embeddings:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def made(seed: int, items: int = 300) -> tuple[Background, Embeddings]:
    """A background of 20 groups, each around a centre, and items around two of the centres."""
    rng = np.random.default_rng(seed)
    centres = np.linalg.qr(rng.normal(size=(DIM, 20)))[0].T
    groups = np.repeat(np.arange(20), 12)
    texts = unit(centres[groups] + rng.normal(scale=0.06, size=(len(groups), DIM)))
    chosen = rng.choice(STOCKED, items)
    sample = unit(centres[chosen] + rng.normal(scale=0.06, size=(items, DIM)))
    names = tuple(f"group {number}" for number in range(20))
    pictures = unit(rng.normal(size=(12, DIM)))
    return Background(texts, groups, np.arange(len(groups)) // 3, (0,), names, pictures), sample


@pytest.fixture(scope="module", params=[0, 1, 2])
def calibrated(request: pytest.FixtureRequest) -> tuple[Background, Calibration]:
    background, sample = made(request.param)
    return background, calibrate(background, sample)


def test_the_groups_that_the_items_are_of_are_found(
    calibrated: tuple[Background, Calibration],
) -> None:
    stocked = calibrated[1].stocked
    assert {"group 2", "group 5"} <= set(stocked)
    assert len(stocked) <= 7  # Of 20: a group too many costs less than one too few.


def test_what_the_items_are_matches_and_what_they_are_not_does_not(
    calibrated: tuple[Background, Calibration],
) -> None:
    background, calibration = calibrated
    pages = [calibration.page_relevance(text, "text") for text in background.texts]
    match = np.array(pages) >= MATCH
    inside = np.isin(background.groups, STOCKED)
    assert match[inside].mean() > 0.95
    assert match[~inside].mean() < 0.3


def test_an_image_like_the_items_matches_and_one_of_nothing_does_not(
    calibrated: tuple[Background, Calibration],
) -> None:
    background, calibration = calibrated
    own = [calibration.page_relevance(item, "image") for item in calibration.sample[:50]]
    assert min(own) >= MATCH
    away = [calibration.page_relevance(each, "image") for each in background.pictures]
    assert np.median(away) < 0.1


def test_a_group_that_no_catalogue_has_is_never_in_stock() -> None:
    background, sample = made(3)
    told = Background(
        background.texts,
        background.groups,
        background.phrases,
        (0, 2),
        background.names,
        background.pictures,
    )
    stocked = calibrate(told, sample).stocked
    assert "group 5" in stocked
    assert not {"group 0", "group 2"} & set(stocked)


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    page=st.floats(0, 1),
    scores=st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=30),
)
def test_relevance_lies_in_0_to_1_and_never_falls_as_the_score_rises(
    calibrated: tuple[Background, Calibration], seed: int, page: float, scores: list[float]
) -> None:
    query = unit(np.random.default_rng(seed).normal(size=DIM))
    rising = np.sort(np.array(scores, dtype=np.float32))
    found = calibrated[1].relevance(rising, query, page)
    assert found.dtype == np.float32
    assert found.shape == rising.shape
    assert ((found >= 0) & (found <= 1)).all()
    assert (np.diff(found) >= 0).all()


def test_a_better_hit_is_worth_clearly_more(calibrated: tuple[Background, Calibration]) -> None:
    background, calibration = calibrated
    query = background.texts[np.flatnonzero(background.groups == 2)[0]]
    low, high = calibration.relevance(
        np.array([0.0, 0.9], dtype=np.float32), query, calibration.page_relevance(query, "text")
    )
    assert high > low + 0.3


def test_a_hit_on_the_level_of_the_nearest_has_the_relevance_of_the_page(
    calibrated: tuple[Background, Calibration],
) -> None:
    background, calibration = calibrated
    query = background.texts[30]
    nearest = np.sort(calibration.sample @ query)[-5:].mean()
    found = calibration.relevance(np.array([nearest], dtype=np.float32), query, 0.7)
    assert found == pytest.approx([0.7], abs=1e-4)


def test_what_a_hit_is_worth_does_not_depend_on_the_hits_beside_it(
    calibrated: tuple[Background, Calibration],
) -> None:
    background, calibration = calibrated
    scores = np.linspace(0.9, -0.2, 20, dtype=np.float32)
    whole = calibration.relevance(scores, background.texts[0], 0.6)
    slice_ = calibration.relevance(scores[7:12], background.texts[0], 0.6)
    np.testing.assert_array_equal(whole[7:12], slice_)
    assert calibration.relevance(scores[:0], background.texts[0], 0.6).shape == (0,)


def test_the_same_sample_gives_the_same_calibration() -> None:
    background, sample = made(4)
    first, second = (written(Made(calibrate(background, sample), ("a",), 1)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("items", [2, 3, 7])
def test_very_small_collections_are_calibrated(items: int) -> None:
    background, sample = made(5, items)
    calibration = calibrate(background, sample)
    for modality in ("text", "image"):
        assert 0 < calibration.page_relevance(background.texts[0], modality) < 1


def test_a_collection_of_one_picture_many_times_is_calibrated() -> None:
    background, sample = made(6)
    calibration = calibrate(background, np.repeat(sample[:1], 50, axis=0))
    assert calibration.page_relevance(sample[0], "image") > 0.5
    assert np.isfinite(calibration.relevance(np.ones(1, np.float32), sample[0], 0.5)).all()


@pytest.mark.parametrize("shape", [(1, DIM), (0, DIM), (10, DIM + 1), (DIM,)])
def test_a_sample_that_cannot_be_used_is_refused(shape: tuple[int, ...]) -> None:
    background, _ = made(7)
    with pytest.raises(InvalidInputError, match="sample"):
        calibrate(background, np.full(shape, 0.1, dtype=np.float32))


def test_values_that_are_not_finite_are_refused(
    calibrated: tuple[Background, Calibration],
) -> None:
    background, calibration = calibrated
    broken = calibration.sample.copy()
    broken[3, 3] = np.nan
    with pytest.raises(InvalidInputError, match="finite"):
        calibrate(background, broken)
    with pytest.raises(InvalidInputError, match="finite"):
        calibration.page_relevance(broken[3], "text")
    with pytest.raises(InvalidInputError, match="shape"):
        calibration.page_relevance(calibration.sample[0, :5], "text")


def test_every_phrase_of_the_background_is_said_alone_and_in_three_contexts() -> None:
    names, texts, never = background_texts()
    assert len({names[group] for group in never}) == 3
    for number in {each.phrase for each in texts}:
        said = [each.text for each in texts if each.phrase == number]
        assert len(set(said)) == 4
        assert all(said[0] in text for text in said)


def test_the_background_is_no_copy_of_the_queries_that_measure_it() -> None:
    _, texts, _ = background_texts()
    known = {each.text.lower() for each in texts}
    asked = {query.text.lower() for query in load_queries() if query.part}
    assert not known & asked


def test_the_pictures_of_nothing_are_the_same_every_time() -> None:
    first, second = background_pictures(), background_pictures()
    assert [each.tobytes() for each in first] == [each.tobytes() for each in second]
    assert len({each.tobytes() for each in first}) == len(first)
