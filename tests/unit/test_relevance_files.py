"""Calibrations are kept as files for one model and collection, and whole or not at all."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search.ranking import relevance_files
from search.ranking.relevance import calibrate
from search.ranking.relevance_files import CalibrationFiles, Made, read, written
from tests.unit.test_relevance import made as made_of

NAMES = ["shop__v1"]


@pytest.fixture(scope="module")
def made() -> Made:
    background, sample = made_of(8)
    ids = tuple(f'it\'s "{number}" 🧥' for number in range(len(sample)))
    return Made(calibrate(background, sample), ids, 1_000)


@pytest.fixture
def files(tmp_path: Path) -> CalibrationFiles:
    return CalibrationFiles(tmp_path / "calibrations", "a.db")


def written_files(folder: Path) -> list[Path]:
    return list((folder / "calibrations").iterdir())


def test_what_is_kept_comes_back(files: CalibrationFiles, made: Made) -> None:
    files.keep("shop__v1", "model", made, NAMES)
    again = files.load("shop__v1", "model")
    assert again is not None and (again.ids, again.count) == (made.ids, made.count)
    assert again.calibration.stocked == made.calibration.stocked
    np.testing.assert_array_equal(again.calibration.sample, made.calibration.sample)
    for query in made.calibration.sample[:20]:
        for modality in ("text", "image"):
            told = made.calibration.page_relevance(query, modality)
            assert again.calibration.page_relevance(query, modality) == pytest.approx(
                told, abs=1e-9
            )


def test_another_model_collection_or_database_finds_nothing(
    files: CalibrationFiles, made: Made, tmp_path: Path
) -> None:
    files.keep("shop__v1", "model", made, NAMES)
    assert files.load("shop__v1", "another") is None
    assert files.load("shop__v2", "model") is None
    assert CalibrationFiles(tmp_path / "calibrations", "b.db").load("shop__v1", "model") is None


def test_another_background_finds_nothing(
    files: CalibrationFiles, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.keep("shop__v1", "model", made, NAMES)
    phrases = tmp_path / "phrases.toml"
    phrases.write_text("groups = {}", encoding="utf-8")
    monkeypatch.setattr(relevance_files, "PHRASES", phrases)
    assert files.load("shop__v1", "model") is None


def test_files_of_what_is_gone_or_replaced_do_not_stay(
    files: CalibrationFiles, made: Made, tmp_path: Path
) -> None:
    other = CalibrationFiles(tmp_path / "calibrations", "b.db")
    other.keep("shop__v1", "model", made, NAMES)
    files.keep("shop__v1", "model", made, NAMES)
    files.keep("shop__v1", "another", made, NAMES)
    assert files.load("shop__v1", "model") is None
    files.keep("shop__v2", "model", made, ["shop__v2"])
    assert files.load("shop__v1", "another") is None
    assert files.load("shop__v2", "model") is not None
    assert other.load("shop__v1", "model") is not None
    assert len(written_files(tmp_path)) == 2


@pytest.mark.parametrize("kept", [0, 1, 100, 5_000])
def test_half_a_file_is_none(
    files: CalibrationFiles, made: Made, tmp_path: Path, kept: int
) -> None:
    files.keep("shop__v1", "model", made, NAMES)
    [path] = written_files(tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    assert files.load("shop__v1", "model") is None


def test_a_folder_that_cannot_be_written_to_is_no_failure(made: Made, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    files = CalibrationFiles(tmp_path / "taken", "a.db")
    files.keep("shop__v1", "model", made, NAMES)
    assert files.load("shop__v1", "model") is None


def test_the_longest_names_are_kept_apart(
    files: CalibrationFiles, made: Made, tmp_path: Path
) -> None:
    name = "a" * 255
    files.keep(name, "model", made, [name])
    assert files.load(name, "model") is not None
    assert files.load("a" * 254, "model") is None


def test_bytes_are_read_as_they_were_written(made: Made) -> None:
    other = replace(made, count=7)
    assert read(written(other)).count == 7
