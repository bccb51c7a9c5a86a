"""Queries that the sample catalogue answers are told from those that it does not.

The floors stand a little below what docs/relevance.md reports for the same queries.
"""

import csv

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.relevance import (
    TextQuery,
    area,
    embed_files,
    load_queries,
    page_values,
    words_of_rows,
)
from benchmarks.relevance_pictures import pictures
from search.encoders import load_encoder
from search.encoders.base import Encoder
from search.lexical import LexicalIndex
from search.ranking.relevance import MATCH, Calibration, calibrate, embed_background
from search.ranking.relevance_words import share_known, with_words
from tests.sample_collection import SAMPLE

pytestmark = pytest.mark.model

FLOORS = {"easy": 0.90, "hard": 0.84, "other": 0.89}
"""Least area under ROC against each part of the queries without an answer."""

FLOORS_WITH_WORDS = {"easy": 0.96, "hard": 0.93, "other": 0.94}
"""The same where titles count too."""

REPORTED = [query for query in load_queries() if not query.chosen_with]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder("mini", device="cpu")


@pytest.fixture(scope="module")
def calibration(encoder: Encoder) -> Calibration:
    with (SAMPLE / "catalog.csv").open(encoding="utf-8", newline="") as file:
        files = [SAMPLE / row["image"] for row in csv.DictReader(file)]
    return calibrate(embed_background(encoder), embed_files(encoder, files))


def told(encoder: Encoder, calibration: Calibration, part: list[TextQuery]) -> NDArray[np.floating]:
    embeddings = encoder.encode_texts([query.text for query in part])
    return np.asarray(page_values(calibration, embeddings, "text"))


def test_queries_with_an_answer_rank_above_those_without(
    encoder: Encoder, calibration: Calibration
) -> None:
    inside = [query for query in REPORTED if query.answered_by in ("both", "sample")]
    values = told(encoder, calibration, inside)
    for part, floor in FLOORS.items():
        outside = [query for query in REPORTED if query.part == part]
        assert area(values, told(encoder, calibration, outside)) > floor, part


def test_words_that_titles_have_tell_more(encoder: Encoder, calibration: Calibration) -> None:
    index = words_of_rows(SAMPLE)
    inside = [query for query in REPORTED if query.answered_by in ("both", "sample")]
    values = with_titles(told(encoder, calibration, inside), inside, index)
    for part, floor in FLOORS_WITH_WORDS.items():
        outside = [query for query in REPORTED if query.part == part]
        others = with_titles(told(encoder, calibration, outside), outside, index)
        assert area(values, others) > floor, part


def with_titles(
    values: NDArray[np.floating], queries: list[TextQuery], index: LexicalIndex
) -> NDArray[np.floating]:
    shares = [share_known(query.text, index) for query in queries]
    known = [0.5 if share is None else share for share in shares]
    return np.array([with_words(*each) for each in zip(values, known)])


def test_the_catalogue_is_known_to_have_what_it_has_and_no_more(calibration: Calibration) -> None:
    has = {"tops", "coats", "dresses", "trousers", "shoes", "bags"}
    has_not = {"underwear", "food", "animals", "vehicles", "furniture", "tools", "electronics"}
    assert has <= set(calibration.stocked)
    assert not has_not & set(calibration.stocked)


def test_a_lawn_mower_is_no_match_and_a_red_dress_is(
    encoder: Encoder, calibration: Calibration
) -> None:
    mower, dress = encoder.encode_texts(["lawn mower", "a red dress"])
    assert calibration.page_relevance(mower, "text") < MATCH
    assert calibration.page_relevance(dress, "text") >= MATCH


def test_drawings_of_products_rank_above_pictures_of_other_things(
    encoder: Encoder, calibration: Calibration
) -> None:
    inside = embed_files(encoder, sorted((SAMPLE / "queries").glob("*.jpg")))
    outside = encoder.encode_images([picture for _, picture in pictures(each=2)])
    values = page_values(calibration, inside, "image")
    assert area(values, page_values(calibration, outside, "image")) > 0.95
