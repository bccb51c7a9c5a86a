"""The bundled model answers the sample catalogue's queries as well as its model card says.

The floors stand a little below what docs/benchmarks.md reports, so that a worse model, encoder,
index or ranking is seen, and rounding on another machine is not.
"""

from pathlib import Path

import pytest

from search.engine import open_engine
from search.evaluation import Evaluation, evaluate, load_qrels, load_queries
from tests.sample_collection import SAMPLE, build, sample_rows

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    folder: Path = tmp_path_factory.mktemp("quality")
    settings = build(folder, sample_rows())
    with open_engine(settings) as engine:
        queries = load_queries(SAMPLE / "queries.jsonl", fields=engine.fields)
        return evaluate(engine, queries, load_qrels(SAMPLE / "qrels.json"))


def test_sentences_find_their_products(evaluation: Evaluation) -> None:
    assert evaluation.by_kind["text"].ndcg_10 > 0.88


def test_pictures_find_their_products(evaluation: Evaluation) -> None:
    assert evaluation.by_kind["image"].ndcg_10 > 0.89


def test_combinations_that_were_never_drawn_in_training_are_found_too(
    evaluation: Evaluation,
) -> None:
    assert evaluation.by_held_out["held_out"].ndcg_10 > 0.93
