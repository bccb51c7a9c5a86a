"""Evaluations that were kept: whole, one for each collection, and harmless where broken."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from search.encoders.base import ModelIdentity
from search.errors import UnavailableError
from search.evaluation import EvalQuery, SliceScore, evaluate_rankings
from search.evaluation.keeping import MOST_SLICES, EvaluationFiles, KeptEvaluation
from search.store.base import CollectionInfo
from search.types import TextPart

MODEL = ModelIdentity("mini", "4b81", 256)
INFO = CollectionInfo("products__v2", MODEL, (), 400, ("products",))


@pytest.fixture
def kept() -> KeptEvaluation:
    queries = [EvalQuery(id, "text", TextPart(id)) for id in ("red", "blue")]
    found = evaluate_rankings(
        queries,
        {"red": {"a": 1}, "blue": {"b": 1}},
        {"red": ["a", "b"], "blue": ["a", "c"]},
    )
    slices = tuple(
        SliceScore("kind", str(n), 10, n / 100, 0.0, 1.0, 0.5, 1.0, lags=False)
        for n in range(MOST_SLICES + 5, 0, -1)
    )
    return KeptEvaluation.of(
        INFO,
        found,
        slices,
        queries="q.jsonl",
        settings={"relevant": 50, "filter": ("a",)},
        measured=datetime(2026, 11, 21, 20, 40, tzinfo=UTC),
    )


def test_what_is_kept_is_read_again_as_it_was(kept: KeptEvaluation, tmp_path: Path) -> None:
    files = EvaluationFiles(tmp_path / "evaluations", "/srv/shop.db")
    assert files.last("products__v2") is None
    files.keep(kept)
    assert files.last("products__v2") == kept
    assert (kept.unanswered, kept.overall.queries, kept.overall.recall_1) == (1, 2, 0.5)
    assert (kept.items, kept.fingerprint) == (400, "4b81")
    later = replace(kept, items=500)
    files.keep(later)
    assert files.last("products__v2") == later
    assert files.last("products__v1") is None


def test_the_worst_slices_are_kept_worst_first(kept: KeptEvaluation) -> None:
    assert [each.ndcg_10 for each in kept.slices] == [n / 100 for n in range(1, MOST_SLICES + 1)]


def test_two_databases_share_a_folder_and_one_may_be_moved_with_it(
    kept: KeptEvaluation, tmp_path: Path
) -> None:
    files = EvaluationFiles(tmp_path, "/srv/shop.db")
    files.keep(kept)
    assert EvaluationFiles(tmp_path, "/srv/other.db").last("products__v2") is None
    assert EvaluationFiles(tmp_path, "http://shop.db:19530").last("products__v2") is None
    assert EvaluationFiles(tmp_path, "/elsewhere/shop.db").last("products__v2") == kept


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", '{"collection": 3}'])
def test_a_file_that_cannot_be_read_is_as_none(
    kept: KeptEvaluation, tmp_path: Path, text: str
) -> None:
    files = EvaluationFiles(tmp_path, "shop.db")
    files.keep(kept).write_text(text)
    assert files.last("products__v2") is None


def test_a_folder_that_cannot_be_written_is_told(kept: KeptEvaluation, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match="cannot be kept"):
        EvaluationFiles(tmp_path / "file", "shop.db").keep(kept)
