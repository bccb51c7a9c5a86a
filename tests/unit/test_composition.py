"""Reading changes from plain English, and composing a query embedding from them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from search.composition import Change, Composer, read_changes
from search.composition.composer import Embedding
from search.encoders import Encoder, load_encoder
from search.errors import InvalidQueryError
from search.vocabulary import vocabulary
from tests.second_model import second_model

reproducible = settings(derandomize=True, deadline=None, max_examples=200)

RED = read_changes("in red")
CHANGES = [
    Change(attribute.name, value)
    for attribute in vocabulary().attributes.values()
    if not attribute.alone
    for value in attribute.values
]
SAID = [
    (" ".join(phrase), Change(sense.attribute.name, sense.own))
    for phrase, sense in sorted(vocabulary().phrases.items())
    if sense.own and not sense.attribute.alone
]
FRAMES = (
    "{}", "but {}", "in {}", "but in {}", "the {} one", "same in {}", "the same item, but {}!",
    "this one in {} please", "I would like it in {}", "with {}",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "attribute", "value"),
    [
        ("in red", "colour", "red"),
        ("but in blue", "colour", "blue"),
        ("but striped", "pattern", "striped"),
        ("with long sleeves", "sleeves", "long-sleeved"),
        ("same in black", "colour", "black"),
        ("the black one", "colour", "black"),
        ("red", "colour", "red"),
        ("The Same, but in NAVY-BLUE!", "colour", "navy blue"),
        ("in light blue", "colour", "light blue"),
        ("in gray", "colour", "grey"),
        ("in a red colour", "colour", "red"),
        ("with polka dots", "pattern", "polka dot"),
        ("without sleeves", "sleeves", "sleeveless"),
        ("without a pattern", "pattern", "plain"),
        ("made of leather", "material", "leather"),
        ("for women", "wearer", "women's"),
        ("women\u2019s", "wearer", "women's"),
    ],
)
def test_a_change_is_read_from_plain_english(text: str, attribute: str, value: str) -> None:
    assert read_changes(text) == (Change(attribute, value),)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "the same one",
        "not red",
        "without stripes",
        "red, not shiny",
        "isn't red",
        "red or blue",
        "in red and blue",
        "for my aunt's birthday",
        "redder",
        "cheaper",
        "a dress",
        "in dark",
        "red like the one in the picture",
        "\U0001f457",
    ],
)
def test_what_is_no_change_alone_is_free_text(text: str) -> None:
    assert read_changes(text) == ()


def test_several_attributes_change_at_once() -> None:
    assert read_changes("but in solid black with long sleeves") == (
        Change("pattern", "plain"),
        Change("colour", "black"),
        Change("sleeves", "long-sleeved"),
    )


@reproducible
@given(st.sampled_from(CHANGES), st.sampled_from(FRAMES))
def test_every_value_of_the_vocabulary_is_read_in_every_frame(change: Change, frame: str) -> None:
    assert read_changes(frame.format(change.value)) == (change,)


@reproducible
@given(st.sampled_from(SAID), st.sampled_from(FRAMES))
def test_other_words_for_a_value_mean_it(said: tuple[str, Change], frame: str) -> None:
    phrase, change = said
    assert read_changes(frame.format(phrase)) == (change,)


@reproducible
@given(st.text(max_size=300))
def test_any_text_is_read_or_free(text: str) -> None:
    changes = read_changes(text)
    assert len({change.attribute for change in changes}) == len(changes)
    assert set(changes) <= set(CHANGES)


@reproducible
@given(st.sampled_from(CHANGES), st.sampled_from(["not", "never", "unlike", "qwzx"]))
def test_a_word_that_is_not_known_makes_the_text_free(change: Change, word: str) -> None:
    assert read_changes(f"{word} {change.value}") == ()
    assert read_changes(f"{change.value} {word}") == ()


def test_no_filler_is_the_beginning_of_a_denial() -> None:
    assert not vocabulary().fillers & {"no", "not", "without", "never", "or", "less", "except"}


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder("mini", device="cpu")


@pytest.fixture(scope="module")
def composer(encoder: Encoder) -> Composer:
    return Composer(encoder)


@pytest.fixture(scope="module")
def shirt(encoder: Encoder) -> Embedding:
    """Where a plain blue shirt is: a text's embedding will do, images share its space."""
    return encoder.encode_texts(["plain blue shirt"])[0]


@pytest.mark.model
@settings(reproducible, max_examples=25)
@given(change=st.sampled_from(CHANGES), weight=st.floats(0.01, 5))
def test_any_change_gives_a_unit_vector(
    composer: Composer, shirt: Embedding, change: Change, weight: float
) -> None:
    query = composer.changed(shirt, (change,), weight)
    assert query.shape == shirt.shape
    assert query.dtype == np.float32
    assert np.linalg.norm(query) == pytest.approx(1, abs=1e-5)


@pytest.mark.model
@settings(reproducible, max_examples=25)
@given(change=st.sampled_from(CHANGES))
def test_a_change_brings_the_query_nearer_to_what_it_names(
    composer: Composer, encoder: Encoder, shirt: Embedding, change: Change
) -> None:
    assume(change not in (Change("colour", "blue"), Change("pattern", "plain")))
    named = encoder.encode_texts([f"{change.value} shirt"])[0]
    assert composer.changed(shirt, (change,)) @ named > shirt @ named


@pytest.mark.model
def test_the_rest_of_the_source_stays(composer: Composer, encoder: Encoder) -> None:
    texts = ["striped blue shirt", "striped red shirt", "checked red shirt", "striped red dress"]
    source, wanted, *others = encoder.encode_texts(texts)
    query = composer.changed(source, RED)
    assert query @ wanted > max(query @ other for other in (source, *others))


@pytest.mark.model
def test_two_changes_are_both_made(composer: Composer, encoder: Encoder) -> None:
    source, wanted, first, second = encoder.encode_texts(
        ["plain blue shirt", "striped red shirt", "plain red shirt", "striped blue shirt"]
    )
    query = composer.changed(source, read_changes("striped and in red"))
    assert query @ wanted > max(query @ first, query @ second)


@pytest.mark.model
def test_other_words_make_the_same_query(composer: Composer, shirt: Embedding) -> None:
    expected = composer.changed(shirt, read_changes("in navy blue"))
    for said in ("Navy-blue!", "the same, but in dark blue", "the navy one"):
        query = composer.changed(shirt, read_changes(said))
        np.testing.assert_allclose(query, expected, atol=1e-6)


@pytest.mark.model
def test_no_weight_leaves_the_source(composer: Composer, shirt: Embedding) -> None:
    for changes, weight in ((read_changes("in red"), 0), ((), 1)):
        np.testing.assert_allclose(composer.changed(shirt, changes, weight), shirt, atol=1e-5)


@pytest.mark.model
def test_what_has_no_direction_is_refused(composer: Composer, shirt: Embedding) -> None:
    with pytest.raises(InvalidQueryError, match="cancel"):
        composer.changed(np.zeros_like(shirt), ())


@pytest.mark.model
def test_the_source_is_not_written_to(composer: Composer, shirt: Embedding) -> None:
    before = shirt.copy()
    composer.changed(shirt, RED)
    np.testing.assert_array_equal(shirt, before)


@pytest.mark.model
def test_vocabularies_of_two_models_are_kept_apart(
    composer: Composer, shirt: Embedding, tmp_path: Path
) -> None:
    here = composer.changed(shirt, RED)
    other = load_encoder(second_model(tmp_path / "second"), device="cpu")
    assert not np.allclose(Composer(other).changed(shirt, RED), here, atol=0.01)
    np.testing.assert_allclose(composer.changed(shirt, RED), here, atol=1e-6)
