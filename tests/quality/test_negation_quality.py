"""What a query excludes stays out of the first ten, and what it wants stays in.

On the sample catalogue, with the bundled model; docs/negation.md reports the same figures.
"""

import csv

import numpy as np
import pytest
from numpy.typing import NDArray

from search.encoders import load_encoder
from search.encoders.base import Embeddings, Encoder
from search.errors import EmptyQueryError, InvalidQueryError
from search.images import ImageLimits, load_image
from search.negation import NEUTRAL, Excluder, read_negation
from search.vocabulary import vocabulary
from tests.sample_collection import SAMPLE

pytestmark = pytest.mark.model

TEXTS = {
    "striped": "{kind} without stripes",
    "floral": "{kind}, not floral",
    "polka dot": '{kind} -"polka dots"',
    "checked": "non-checked {kind}",
    "red": "{kind} that are not red",
    "white": "{kind} but not white",
    "blue": "no blue {kind}",
}
KINDS = ("dress", "t-shirt", "skirt", "handbag", "backpack", "sneakers", "coat", "shirt")


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder("mini", device="cpu")


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with (SAMPLE / "catalog.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def embeddings(encoder: Encoder, rows: list[dict[str, str]]) -> Embeddings:
    limits = ImageLimits()
    return encoder.encode_images([load_image(SAMPLE / row["image"], limits) for row in rows])


def nearest(query: NDArray[np.float32], embeddings: Embeddings) -> NDArray[np.int64]:
    return np.argsort(-(embeddings @ query), kind="stable")


def excluding(
    text: str, excluder: Excluder, encoder: Encoder, embeddings: Embeddings
) -> NDArray[np.int64]:
    spoken = read_negation(text)
    exclusion = excluder.exclusion(spoken.wanted, spoken.without)
    query = exclusion.away(encoder.encode_texts([spoken.wanted or NEUTRAL])[0])
    ranking = nearest(query, embeddings)
    return ranking[~exclusion.violates(embeddings[ranking])]


def shares(
    rankings: dict[tuple[str, str], NDArray[np.int64]], rows: list[dict[str, str]]
) -> tuple[float, float]:
    """Shares of the first ten that show what was excluded, and that are of the kind."""
    shows, of_kind = [], []
    for (kind, value), ranking in rankings.items():
        first = [rows[at] for at in ranking[:10]]
        shows.append(sum(value in (row["colour"], row["pattern"]) for row in first) / 10)
        of_kind.append(sum(row["kind"] == kind for row in first) / 10)
    return float(np.mean(shows)), float(np.mean(of_kind))


def queries() -> dict[tuple[str, str], str]:
    return {
        (kind, value): text.format(kind=kind) for value, text in TEXTS.items() for kind in KINDS
    }


def test_a_tenth_of_what_the_bare_text_shows_is_left_and_the_kind_is_kept(
    encoder: Encoder, rows: list[dict[str, str]], embeddings: Embeddings
) -> None:
    excluder = Excluder(encoder)
    bare = {
        asked: nearest(encoder.encode_texts([text])[0], embeddings)
        for asked, text in queries().items()
    }
    default = {
        asked: excluding(text, excluder, encoder, embeddings) for asked, text in queries().items()
    }
    shown_bare, _ = shares(bare, rows)
    shown, of_kind = shares(default, rows)
    assert shown < shown_bare / 10
    assert of_kind > 0.9


@pytest.mark.parametrize("attribute", ["colour", "pattern"])
def test_words_outside_the_vocabulary_are_excluded_too(
    attribute: str, encoder: Encoder, rows: list[dict[str, str]], embeddings: Embeddings
) -> None:
    excluder = Excluder(encoder, vocabulary=vocabulary().without(attribute))
    asked = {key: text for key, text in queries().items() if key[1] in {r[attribute] for r in rows}}
    bare = {key: nearest(encoder.encode_texts([t])[0], embeddings) for key, t in asked.items()}
    default = {key: excluding(t, excluder, encoder, embeddings) for key, t in asked.items()}
    assert shares(default, rows)[0] < shares(bare, rows)[0] / 3
    assert shares(default, rows)[1] > 0.85


def test_a_query_that_wants_nothing_still_leaves_out_what_it_excludes(
    encoder: Encoder, rows: list[dict[str, str]], embeddings: Embeddings
) -> None:
    first = excluding("not red", Excluder(encoder), encoder, embeddings)[:10]
    assert len(first) == 10
    assert not [rows[at]["title"] for at in first if rows[at]["colour"] == "red"]


def test_each_item_is_judged_by_itself_so_that_pages_neither_repeat_nor_skip(
    encoder: Encoder, embeddings: Embeddings
) -> None:
    exclusion = Excluder(encoder).exclusion("dress", ("floral", "shiny buttons"))
    whole = exclusion.violates(embeddings)
    assert whole.any()
    assert not whole.all()
    parts = [exclusion.violates(embeddings[at : at + 7]) for at in range(0, len(embeddings), 7)]
    assert np.array_equal(np.concatenate(parts), whole)


def test_several_exclusions_leave_out_what_each_does(
    encoder: Encoder, embeddings: Embeddings
) -> None:
    excluder = Excluder(encoder)
    one, other, both = (
        excluder.exclusion("dress", phrases).violates(embeddings)
        for phrases in (["floral"], ["red"], ["floral", "red"])
    )
    assert np.array_equal(both, one | other)


def test_nothing_excluded_changes_nothing(encoder: Encoder, embeddings: Embeddings) -> None:
    exclusion = Excluder(encoder).exclusion("dress", ())
    assert not exclusion.violates(embeddings).any()
    assert np.allclose(exclusion.away(embeddings[0]), embeddings[0], atol=1e-6)


def test_the_scale_of_the_models_cosines_does_not_matter(
    encoder: Encoder, embeddings: Embeddings
) -> None:
    exclusion = Excluder(encoder).exclusion("dress", ("floral", "shiny buttons"))
    flat = exclusion.violates((embeddings * 0.1).astype(np.float32))
    assert (flat == exclusion.violates(embeddings)).mean() > 0.99


@pytest.mark.parametrize(
    ("wanted", "phrase"),
    [
        ("dress", "dress"),
        ("red dress", "red"),
        ("dress with flowers", "floral"),
        ("shiny dress", "shiny"),
    ],
)
def test_wanting_what_is_excluded_is_refused(encoder: Encoder, wanted: str, phrase: str) -> None:
    with pytest.raises(InvalidQueryError, match="excludes") as refused:
        Excluder(encoder).exclusion(wanted, [phrase])
    assert refused.value.hint


@pytest.mark.parametrize(
    ("wanted", "phrase"),
    [("navy shirt", "blue"), ("blue shirt", "navy"), ("shoes", "boots"), ("", "red")],
)
def test_neighbours_of_what_is_wanted_may_be_excluded(
    encoder: Encoder, embeddings: Embeddings, wanted: str, phrase: str
) -> None:
    shown = Excluder(encoder).exclusion(wanted, [phrase]).violates(embeddings)
    assert 0 < shown.mean() < 0.5


def test_a_blank_exclusion_is_refused(encoder: Encoder) -> None:
    with pytest.raises(EmptyQueryError):
        Excluder(encoder).exclusion("dress", [" "])
