"""Labels as data, confidences by calibration, and what disagrees."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from search.errors import ConfigError
from search.labelling import (
    Agreement,
    Calibration,
    Disagreement,
    attribute_of,
    calibrate,
    default_attributes,
    fit_temperature,
    match_frequencies,
    named_attribute,
    read_attributes,
)
from search.labelling.attributes import ALONE, BEFORE_A_NOUN
from search.labelling.calibrating import TEMPERATURE
from search.labelling.comparing import MOST_DISAGREEMENTS


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def skewed(seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Cosines of 2,000 items to 4 values of very unequal frequency, one favoured by the model."""
    rng = np.random.default_rng(seed)
    codes = rng.choice(4, 2_000, p=[0.6, 0.25, 0.1, 0.05])
    cosines = rng.normal(0.2, 0.02, (2_000, 4))
    cosines[np.arange(2_000), codes] += 0.05
    cosines[:, 3] += 0.04
    return cosines.astype(np.float32), codes.astype(np.int64)


def test_colours_stand_before_a_noun_and_kinds_alone() -> None:
    assert named_attribute("shade", ["red", "navy", "blue"]).templates == BEFORE_A_NOUN
    assert named_attribute("article", ["dress", "shirt", "shoes"]).templates == ALONE
    assert named_attribute("mood", ["joy", "gloom"]).templates == ALONE


def test_values_are_asked_about_by_their_usual_name_and_reported_by_their_own() -> None:
    attribute = named_attribute("gender", ["Men", "Women", "Unisex"])
    assert attribute.values == ("Men", "Women", "Unisex")
    assert attribute.wordings == ("men's", "women's", "unisex")


def test_two_values_that_share_a_usual_name_keep_their_own() -> None:
    attribute = named_attribute("colour", ["Navy", "Dark Blue", "Red"])
    assert attribute.wordings == ("navy", "dark blue", "red")


@pytest.mark.parametrize(
    ("said", "value"),
    [("Navy", "navy blue"), ("NAVY-BLUE", "navy blue"), ("gray", "grey"), ("plaid", None)],
)
def test_other_words_of_a_catalogue_are_understood(said: str, value: str | None) -> None:
    assert default_attributes()["colour"].value_of(said) == value


def test_every_value_of_the_vocabulary_is_known_by_its_own_name() -> None:
    for attribute in default_attributes().values():
        assert [attribute.value_of(value) for value in attribute.values] == list(attribute.values)


def test_an_attribute_is_recognised_by_most_of_its_values() -> None:
    found = attribute_of(["Blue", "Navy Blue", "Grey Melange"])
    assert found is not None
    assert found.name == "colour"
    assert attribute_of(["blue", "dress", "plaid"]) is None


def test_a_file_of_attributes_is_read(tmp_path: Path) -> None:
    path = written(
        tmp_path / "attributes.toml",
        '[templates]\nfinish = ["a {} {noun}"]\n'
        '[attributes.finish]\nshiny = ["glossy"]\nmatt = []\n'
        '[attributes.colour]\nred = ["ruby"]\nblue = []\n',
    )
    found = read_attributes(path)
    assert list(found) == ["finish", "colour"]
    assert found["finish"].templates == ("a {} {noun}",)
    assert found["finish"].value_of("Glossy") == "shiny"
    assert found["colour"].takes_nouns
    assert found["colour"].value_of("Ruby") == "red"
    assert found["colour"].value_of("scarlet") == "red"


def test_a_file_of_labels_is_one_attribute(tmp_path: Path) -> None:
    path = written(tmp_path / "l.toml", 'labels = ["cat", "dog"]\ntemplates = ["my {}"]')
    found = read_attributes(path)["label"]
    assert found.values == ("cat", "dog")
    assert found.templates == ("my {}",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not toml",
        "labels = []",
        'labels = ["one"]',
        'labels = ["one", "one"]',
        'labels = ["one", " "]',
        'labels = ["one", 2, 3, "two"]',
        'labels = ["a", "b"]\ntemplates = ["no place"]',
        'labels = ["a", "b"]\ntemplates = ["{} and {other}"]',
        'labels = ["a", "b"]\ntemplates = []',
        "[attributes]\ncolour = 3",
        '[attributes.colour]\nred = "scarlet"\nblue = []',
        "[atributes.colour]\nred = []\nblue = []",
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_a_cure(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_attributes(written(tmp_path / "bad.toml", text))
    assert refused.value.hint


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml"):
        read_attributes(tmp_path / "none.toml")


def test_confidences_sum_to_one_and_keep_the_order_of_the_cosines() -> None:
    cosines, _ = skewed()
    sure = Calibration().confidences(cosines)
    assert np.allclose(sure.sum(axis=1), 1)
    assert (sure.argmax(axis=1) == cosines.argmax(axis=1)).all()


def test_confidences_have_the_frequencies_that_were_asked_for() -> None:
    cosines, _ = skewed()
    wanted = np.array([0.6, 0.25, 0.1, 0.05])
    means = match_frequencies(cosines, wanted).confidences(cosines).mean(axis=0)
    assert np.allclose(means, wanted, atol=0.005)


@pytest.mark.parametrize("seed", range(3))
def test_known_frequencies_mend_what_the_model_favours(seed: int) -> None:
    cosines, codes = skewed(seed)
    plain = (cosines.argmax(axis=1) == codes).mean()
    sure = calibrate(cosines, codes).confidences(cosines)
    assert (sure.argmax(axis=1) == codes).mean() > plain + 0.1


def test_the_fitted_temperature_makes_confidences_true() -> None:
    cosines, codes = skewed()
    sure = calibrate(cosines, codes).confidences(cosines)
    right = (sure.argmax(axis=1) == codes).mean()
    assert sure.max(axis=1).mean() == pytest.approx(right, abs=0.03)


def test_the_scale_of_a_models_cosines_is_found() -> None:
    cosines, codes = skewed()
    shares = np.bincount(codes) / len(codes)
    wide = fit_temperature(cosines * 2, codes, shares).temperature
    assert wide > fit_temperature(cosines, codes, shares).temperature


def test_without_a_catalogues_word_nothing_is_calibrated() -> None:
    cosines, _ = skewed()
    found = calibrate(cosines, np.full(len(cosines), -1))
    assert found == Calibration()
    assert found.temperature == TEMPERATURE


def disagreement(id: str, clearness: float) -> Disagreement:
    return Disagreement(id, "", "", "colour", "red", "blue", 0.9, 0.1, clearness)


def test_accuracy_is_of_what_was_compared() -> None:
    agreement = Agreement("colour", "colour", empty=5, unknown=2)
    assert agreement.accuracy is None
    agreement.add(None)
    agreement.add(disagreement("a", 2.0))
    assert agreement.accuracy == 0.5


def test_the_clearest_disagreements_are_kept_in_order_with_ties_by_id() -> None:
    agreement = Agreement("colour", "colour")
    for number in np.random.default_rng(0).permutation(MOST_DISAGREEMENTS + 500).tolist():
        agreement.add(disagreement(f"{number:05}", float(number // 2)))
    kept = [each.id for each in agreement.disagreements]
    assert len(kept) == MOST_DISAGREEMENTS
    assert kept[:4] == ["01498", "01499", "01496", "01497"]
    assert min(kept) == "00500"
