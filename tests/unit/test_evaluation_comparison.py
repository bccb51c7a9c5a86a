"""What a comparison of two rankings may say, and when a slice lags behind."""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import product

import numpy as np
import pytest

from search.errors import EvaluationError
from search.evaluation import (
    EvalQuery,
    Evaluation,
    Slice,
    SliceBy,
    Verdict,
    compare,
    compare_slices,
    evaluate_rankings,
    losses,
    measure_slices,
    parse_slice,
    slice_queries,
    worst_queries,
)
from search.evaluation.bootstrap import estimate_means
from search.evaluation.permutation import lag_p_values
from search.evaluation.slice_scores import holm
from search.types import Item, TextPart

FIRST, SECOND, NOWHERE = ["right", "x"], ["x", "right"], ["x", "y"]
"""Rankings of nDCG@10 1, 1 / log2(3) and 0."""

AT_SECOND = 1 / math.log2(3)


def queries(n: int) -> list[EvalQuery]:
    return [EvalQuery(f"q{number}", "text", TextPart("red")) for number in range(n)]


def ranked(rankings: Sequence[list[str]]) -> Evaluation:
    """An evaluation of as many queries as rankings; "right" is the answer to each."""
    asked = queries(len(rankings))
    found = {query.id: ranking for query, ranking in zip(asked, rankings)}
    return evaluate_rankings(asked, {query.id: {"right": 1} for query in asked}, found)


def test_identical_rankings_do_not_differ() -> None:
    one = ranked([FIRST, SECOND, NOWHERE] * 5)
    for gap in compare(one, one).differences:
        assert (gap.difference, gap.low, gap.high) == (0, 0, 0)
        assert gap.p_value == 1
        assert gap.verdict is Verdict.NOT_SIGNIFICANT


def test_the_same_gain_on_all_queries_is_significant() -> None:
    found = compare(ranked([FIRST] * 8), ranked([SECOND] * 8))
    gap = found.of("ndcg_10")
    assert found.queries == 8
    assert gap.first == 1 and gap.second == pytest.approx(AT_SECOND)
    assert gap.difference == gap.low == gap.high == pytest.approx(1 - AT_SECOND)
    assert gap.p_value == pytest.approx(1 / 10_001)  # The least that 10,000 resamples can say.
    assert gap.verdict is Verdict.SIGNIFICANT
    assert found.of("recall_5").verdict is Verdict.NOT_SIGNIFICANT
    back = compare(ranked([SECOND] * 8), ranked([FIRST] * 8)).of("ndcg_10")
    assert back.difference == pytest.approx(AT_SECOND - 1)
    assert back.verdict is Verdict.SIGNIFICANT


def test_five_queries_are_too_few_whatever_they_say() -> None:
    gap = compare(ranked([FIRST] * 5), ranked([NOWHERE] * 5)).of("ndcg_10")
    assert gap.verdict is Verdict.TOO_FEW


def test_a_gain_on_one_query_of_many_is_not_significant() -> None:
    others = [SECOND] * 29
    gap = compare(ranked([FIRST, *others]), ranked([NOWHERE, *others])).of("ndcg_10")
    assert gap.difference == pytest.approx(1 / 30)
    assert gap.verdict is Verdict.NOT_SIGNIFICANT
    assert gap.low <= 0 <= gap.high


def test_gains_and_losses_that_cancel_out_are_not_significant() -> None:
    gap = compare(ranked([FIRST, SECOND] * 10), ranked([SECOND, FIRST] * 10)).of("ndcg_10")
    assert gap.difference == pytest.approx(0)
    assert gap.p_value == 1


def test_p_values_are_those_of_all_resamples_counted_one_by_one() -> None:
    values = np.array([0.5, 0.2, -0.1, 0.4])
    means = values.mean()

    def t(sample: np.ndarray) -> float:
        error = sample.std(ddof=1) / math.sqrt(len(sample))
        gap = sample.mean() - means
        return abs(gap / error) if error > 1e-9 else 0.0 if abs(gap) < 1e-9 else math.inf

    measured = means / (values.std(ddof=1) / 2)
    ts = [t(np.array(sample)) for sample in product(values, repeat=4)]
    exact = sum(each >= measured - 1e-9 for each in ts) / len(ts)
    found = estimate_means(values[:, None]).p_values[0]
    assert found == pytest.approx(exact, abs=0.02)  # Four standard errors of 10,000 draws.


@pytest.mark.parametrize("seed", range(20))
def test_the_interval_and_the_p_value_say_the_same(seed: int) -> None:
    random = np.random.default_rng(seed)
    values = random.choice([-0.4, 0.0, 0.0, 0.4, 0.4, 1.0], size=(12, 6)) - 0.1
    found = estimate_means(values, seed=seed)
    excludes_zero = (found.low > 1e-9) | (found.high < -1e-9)
    assert (excludes_zero == (found.p_values < 0.05)).all()
    assert (found.low <= found.means).all() and (found.means <= found.high).all()


def test_chance_alone_is_seldom_called_significant() -> None:
    random = np.random.default_rng(3)
    scores = np.array([0, 0, 0.3, 0.43, 0.63, 0.63, 1, 1])
    gaps = random.choice(scores, (40, 400)) - random.choice(scores, (40, 400))
    p_values = estimate_means(gaps).p_values
    # 20 of 400 are expected.
    assert 4 <= (p_values < 0.05).sum() <= 40


def test_the_same_seed_says_the_same() -> None:
    one, other = ranked([FIRST, SECOND, NOWHERE] * 5), ranked([SECOND, FIRST, NOWHERE] * 5)
    assert compare(one, other, seed=4) == compare(one, other, seed=4)


def test_other_queries_are_not_compared() -> None:
    with pytest.raises(EvaluationError, match="not of the same queries"):
        compare(ranked([FIRST] * 6), ranked([FIRST] * 7))


def test_the_worst_and_the_losses_come_first() -> None:
    one = ranked([FIRST, NOWHERE, SECOND, FIRST])
    other = ranked([SECOND, FIRST, SECOND, NOWHERE])
    assert [score.id for score in worst_queries(one, 3)] == ["q1", "q2", "q0"]
    assert [score.id for score, _ in losses(one, other, 5)] == ["q3", "q0"]
    assert [score.id for score, _ in losses(other, one, 5)] == ["q1"]
    assert [score.id for score, _ in losses(one, other, 1)] == ["q3"]


# Slices


def thirds(n: int) -> list[Slice]:
    """Three slices: every third query each."""
    return [
        Slice("kind", name, tuple(f"q{number}" for number in range(at, n, 3)))
        for at, name in enumerate(("dress", "shirt", "shoe"))
    ]


def test_a_slice_that_lags_behind_is_flagged_and_no_other() -> None:
    result = ranked([NOWHERE, FIRST, SECOND] * 12)
    dress, shirt, shoe = measure_slices(thirds(36), result)
    assert (dress.queries, dress.ndcg_10) == (12, 0)
    assert dress.rest == pytest.approx((1 + AT_SECOND) / 2)
    assert dress.lags and dress.p_value < 0.001
    assert (dress.low, dress.high) == (0, 0)
    assert not shirt.lags and not shoe.lags
    assert shoe.rest == pytest.approx(0.5)


@pytest.mark.parametrize("seed", range(10))
def test_slices_that_differ_by_chance_are_not_flagged(seed: int) -> None:
    # Most queries fail: a slice of nothing but failures is no surprise.
    random = np.random.default_rng(seed)
    failing = [FIRST if random.random() < 0.05 else NOWHERE for _ in range(90)]
    assert not any(score.lags for score in measure_slices(thirds(90), ranked(failing)))


def test_small_slices_are_not_judged() -> None:
    small = Slice("kind", "hat", tuple(f"q{number}" for number in range(9)))
    scores = measure_slices([small, *thirds(36)], ranked([NOWHERE, FIRST, SECOND] * 12))
    assert [score.value for score in scores] == ["dress", "shirt", "shoe"]
    assert measure_slices([small], ranked([FIRST] * 9)) == ()


def test_a_slice_of_all_queries_has_no_rest() -> None:
    everything = Slice("kind", "dress", tuple(f"q{number}" for number in range(12)))
    (score,) = measure_slices([everything], ranked([FIRST, NOWHERE] * 6))
    assert (score.rest, score.p_value, score.lags) == (None, 1, False)
    assert score.ndcg_10 == 0.5 and 0 <= score.low < 0.5 < score.high <= 1


def test_lags_are_those_of_all_ways_to_deal_the_scores() -> None:
    values = np.array([0.0, 0.1, 0.5, 0.7, 0.9, 1.0])
    inside = np.array([True, True, False, False, False, False])
    # Of the 15 pairs that could be the slice, this one has the lowest mean.
    found = lag_p_values(values, inside[:, None])
    assert found[0] == pytest.approx(1 / 15, abs=0.01)  # Four standard errors of 10,000 draws.


def test_holm_multiplies_by_what_is_left() -> None:
    assert holm(np.array([0.01, 0.5, 0.02])) == pytest.approx([0.03, 0.5, 0.04])
    assert holm(np.array([0.02, 0.02, 0.9])) == pytest.approx([0.06, 0.06, 0.9])
    assert len(holm(np.array([]))) == 0


def test_slices_of_two_evaluations_are_compared_pair_by_pair() -> None:
    one, other = ranked([FIRST, FIRST, SECOND] * 12), ranked([SECOND, FIRST, FIRST] * 12)
    dress, shirt, shoe = compare_slices(thirds(36), one, other)
    assert dress.difference == pytest.approx(1 - AT_SECOND)
    assert dress.verdict is Verdict.SIGNIFICANT and dress.p_value == pytest.approx(3 / 10_001)
    assert (shirt.difference, shirt.verdict) == (0, Verdict.NOT_SIGNIFICANT)
    assert shoe.difference == pytest.approx(AT_SECOND - 1)
    assert dress.first.ndcg_10 == 1 and shoe.second.ndcg_10 == 1
    assert compare_slices([], one, other) == ()


def items(**fields: Sequence[object]) -> Mapping[str, Item]:
    """Items i0, i1 ... with a value each in every column."""
    (n,) = {len(values) for values in fields.values()}
    return {
        f"i{at}": Item(f"i{at}", "", fields={name: fields[name][at] for name in fields})  # type: ignore[misc]
        for at in range(n)
    }


def sliced(
    by: str, answers: Sequence[Sequence[int]], of: Mapping[str, Item]
) -> dict[str, tuple[str, ...]]:
    """The queries by value, each of which has these items as its answers."""
    asked = queries(len(answers))
    qrels = {query.id: {f"i{at}": 1 for at in own} for query, own in zip(asked, answers)}
    return {each.value: each.queries for each in slice_queries(asked, qrels, of, parse_slice(by))}


def test_a_query_belongs_to_what_most_of_its_answers_have() -> None:
    of = items(kind=["dress", "dress", "shirt", None])
    found = sliced("kind", [[0], [0, 1, 2], [0, 2], [3], [2, 3, 3]], of)
    assert found == {"dress": ("q0", "q1")}
    tags = items(tags=[["a", "b"], ["b"], []])
    assert sliced("tags", [[0], [0, 1], [2]], tags) == {"b": ("q0", "q1"), "a": ("q0",)}
    assert sliced("in_stock", [[0], [1]], items(in_stock=[True, False])) == {
        "no": ("q1",), "yes": ("q0",),
    }  # fmt: skip


def test_only_the_best_answers_say_what_a_query_asks_for() -> None:
    asked = queries(1)
    gains = {"q0": {"i0": 2, "i1": 1, "i2": 1}}
    (found,) = slice_queries(asked, gains, items(kind=["dress", "shoe", "shoe"]), SliceBy("kind"))
    assert found.value == "dress"


def test_numbers_and_dates_become_ranges_of_about_equal_size() -> None:
    of = items(price=[1, 2.5, 3, 4, 50, 60, 70, 80])
    alone = [[at] for at in range(8)]
    assert list(sliced("price", alone, of)) == ["1 to 2.5", "3 to 4", "50 to 60", "70 to 80"]
    halves = sliced("price:2", alone, of)
    assert halves == {"1 to 4": ("q0", "q1", "q2", "q3"), "50 to 80": ("q4", "q5", "q6", "q7")}
    assert sliced("price:2", [[0, 3, 7], [6]], of) == {"4": ("q0",), "70": ("q1",)}
    days = items(added=[date(2024, 1, day) for day in (1, 2, 3, 4)])
    assert list(sliced("added:2", alone[:4], days)) == [
        "2024-01-01 to 2024-01-02", "2024-01-03 to 2024-01-04",
    ]  # fmt: skip


def test_what_a_query_says_of_itself_goes_first() -> None:
    asked = [
        EvalQuery("q0", "text", TextPart("red"), slices={"kind": "outfit"}, group="hard"),
        EvalQuery("q1", "text", TextPart("red")),
    ]
    qrels = {query.id: {"i0": 1} for query in asked}
    of = items(kind=["dress"])
    found = slice_queries(asked, qrels, of, SliceBy("kind"))
    assert {(each.value, each.queries) for each in found} == {
        ("outfit", ("q0",)), ("dress", ("q1",)),
    }  # fmt: skip
    assert slice_queries(asked, qrels, of, SliceBy("group")) == (Slice("group", "hard", ("q0",)),)


def test_columns_that_cannot_be_sliced_by_are_named() -> None:
    of = items(kind=["dress"])
    with pytest.raises(EvaluationError, match=r"value for 'colour'\. There are kind"):
        sliced("colour", [[0]], of)
    with pytest.raises(EvaluationError, match="'kind' has no ranges"):
        sliced("kind:3", [[0]], of)
    with pytest.raises(EvaluationError, match="2 or more"):
        parse_slice("price:1")
    assert parse_slice("ratio 4:3 x") == SliceBy("ratio 4:3 x")
