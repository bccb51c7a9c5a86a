"""Labels from embeddings are right, and planted errors of a catalogue come to the top.

On the sample catalogue, with the bundled model; docs/labelling.md reports the same figures.
"""

import csv

import numpy as np
import pytest
from numpy.typing import NDArray

from search.encoders import load_encoder
from search.encoders.base import Embeddings
from search.images import ImageLimits, load_image
from search.labelling import Labeller, Presence, calibrate, default_attributes, named_attribute
from tests.sample_collection import SAMPLE

pytestmark = pytest.mark.model

ROWS = list(csv.DictReader((SAMPLE / "catalog.csv").open(encoding="utf-8", newline="")))


@pytest.fixture(scope="module")
def labeller() -> Labeller:
    return Labeller(load_encoder("mini", device="cpu"))


@pytest.fixture(scope="module")
def embeddings() -> Embeddings:
    limits = ImageLimits()
    images = [load_image(SAMPLE / row["image"], limits) for row in ROWS]
    return load_encoder("mini", device="cpu").encode_images(images)


def column(name: str) -> tuple[list[str], NDArray[np.int64]]:
    values = sorted({row[name] for row in ROWS})
    return values, np.array([values.index(row[name]) for row in ROWS])


@pytest.mark.parametrize(("name", "least"), [("kind", 0.96), ("colour", 0.97), ("pattern", 0.9)])
def test_values_are_seen_without_any_training(
    name: str, least: float, labeller: Labeller, embeddings: Embeddings
) -> None:
    values, codes = column(name)
    cosines = labeller.cosines(named_attribute(name, values), embeddings)
    sure = calibrate(cosines, codes).confidences(cosines)
    assert (sure.argmax(axis=1) == codes).mean() > least


@pytest.mark.parametrize(("name", "least"), [("colour", 0.95), ("pattern", 0.88)])
def test_the_vocabulary_serves_where_no_column_says_the_values(
    name: str, least: float, labeller: Labeller, embeddings: Embeddings
) -> None:
    usual = default_attributes()[name]
    best = labeller.cosines(usual, embeddings).argmax(axis=1)
    own = [usual.value_of(row[name]) for row in ROWS]
    assert np.mean([usual.values[at] == value for at, value in zip(best, own)]) > least


@pytest.mark.parametrize(("name", "least"), [("kind", 0.85), ("colour", 0.95), ("pattern", 0.7)])
def test_planted_errors_are_the_clearest_disagreements(
    name: str, least: float, labeller: Labeller, embeddings: Embeddings
) -> None:
    values, codes = column(name)
    cosines = labeller.cosines(named_attribute(name, values), embeddings)
    found = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        wrong = rng.choice(len(codes), 20, replace=False)
        said = codes.copy()
        said[wrong] = (codes[wrong] + rng.integers(1, len(values), 20)) % len(values)
        sure = calibrate(cosines, said).log_confidences(cosines)
        clearest = np.argsort(sure[np.arange(len(said)), said] - sure.max(axis=1), kind="stable")
        found.append(np.isin(clearest[:20], wrong).mean())
    assert np.mean(found) > least


def test_an_item_is_judged_by_itself(labeller: Labeller, embeddings: Embeddings) -> None:
    attribute = default_attributes()["colour"]
    whole = labeller.cosines(attribute, embeddings)
    parts = [
        labeller.cosines(attribute, embeddings[at : at + 7]) for at in range(0, len(embeddings), 7)
    ]
    assert np.allclose(np.concatenate(parts), whole, atol=1e-5)


def test_a_label_fits_or_not_whatever_the_others_are(
    labeller: Labeller, embeddings: Embeddings
) -> None:
    presence = Presence(labeller)
    few = presence.confidences(named_attribute("label", ["dress", "boots"]), embeddings)
    many = presence.confidences(named_attribute("label", ["dress", "hat", "cap"]), embeddings)
    assert np.allclose(few[:, 0], many[:, 0], atol=1e-5)
    is_dress = np.array([row["kind"] == "dress" for row in ROWS])
    assert (few[is_dress, 0] > 0.5).mean() > 0.8
    assert (few[~is_dress, 0] > 0.5).mean() < 0.05
