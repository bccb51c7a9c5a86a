"""One vocabulary, in which each word means one thing, for changes, exclusions and labels."""

import tomllib
from importlib.resources import files

import pytest

from search.vocabulary import vocabulary, words_of

TABLE = tomllib.loads((files("search.vocabulary") / "vocabulary.toml").read_text(encoding="utf-8"))


def test_no_word_stands_in_two_places() -> None:
    phrases = [
        words_of(said)
        for values in TABLE["attributes"].values()
        for value, others in values.items()
        for said in (value, *others)
    ]
    assert len(phrases) == len(set(phrases))


def test_what_a_word_takes_with_it_are_values_of_its_attribute() -> None:
    for attribute, wider in TABLE["wider"].items():
        for word, values in wider.items():
            assert set(values) < set(TABLE["attributes"][attribute]) - {word}


def test_every_value_means_itself_and_takes_itself() -> None:
    for attribute in vocabulary().attributes.values():
        assert len(attribute.values) > 1
        for value in attribute.values:
            sense = vocabulary().find(value)
            assert sense is not None and (sense.attribute, sense.own) == (attribute, value)
            assert value in sense.values


def test_every_noun_is_a_kind() -> None:
    for noun in vocabulary().nouns:
        sense = vocabulary().find(noun)
        assert sense is not None and sense.attribute.name == "kind", noun


@pytest.mark.parametrize(
    ("word", "values"),
    [
        ("Flowers", {"floral"}),
        ("blue", {"blue", "light blue", "navy blue"}),
        ("navy", {"navy blue"}),
        ("Navy-Blue", {"navy blue"}),
        ("Men\u2019s", {"men's"}),
        ("sleeves", {"long-sleeved", "short-sleeved"}),
        ("children", {"kids'", "boys'", "girls'"}),
    ],
)
def test_words_mean_values(word: str, values: set[str]) -> None:
    sense = vocabulary().find(word)
    assert sense is not None
    assert sense.values == values


def test_a_text_is_taken_apart_into_known_phrases_and_other_words() -> None:
    pieces = [(said, sense.own if sense else None) for said, sense in
              vocabulary().named("Navy blue cotton shirt, shiny")]  # fmt: skip
    assert pieces == [
        ("Navy blue", "navy blue"), ("cotton", "cotton"), ("shirt,", "shirt"), ("shiny", None),
    ]  # fmt: skip


def test_a_vocabulary_can_forget_an_attribute() -> None:
    forgetful = vocabulary().without("pattern")
    assert forgetful.find("floral") is None
    assert "pattern" not in forgetful.attributes
    assert forgetful.find("red") == vocabulary().find("red")
