"""What people exclude in plain English is understood, and what only looks like it is left alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.negation import Spoken, read_negation

reproducible = settings(derandomize=True, deadline=None, max_examples=300)


@pytest.mark.parametrize(
    ("text", "wanted", "without"),
    [
        # with a minus
        ("dress -floral", "dress", ["floral"]),
        ("dress \u2013floral", "dress", ["floral"]),
        ('t-shirt -"polka dot" -red', "t-shirt", ["polka dot", "red"]),
        ("t-shirt -'polka dot'", "t-shirt", ["polka dot"]),
        ("-red dress", "dress", ["red"]),
        ("dress -polka-dot.", "dress", ["polka-dot"]),
        # before an adjective
        ("dress, not floral", "dress", ["floral"]),
        ("DRESS, NOT FLORAL", "DRESS", ["FLORAL"]),
        ("dress but not floral, long", "dress long", ["floral"]),
        ("shoes that are not white", "shoes", ["white"]),
        ("shoes that aren't white", "shoes", ["white"]),
        ("bag which isn\u2019t leather", "bag", ["leather"]),
        ("a shirt that's not striped", "a shirt", ["striped"]),
        ("dress not too short", "dress", ["short"]),
        ("dress, not the red one", "dress", ["red"]),
        ("shirt not made of cotton", "shirt", ["cotton"]),
        ("shirt not for men", "shirt", ["men"]),
        ("shirt (not red)", "shirt", ["red"]),
        ("not red but blue dress", "blue dress", ["red"]),
        ("blue instead of red shoes", "blue shoes", ["red"]),
        ("shoes in any colour but black", "shoes", ["black"]),
        ("anything but black shoes", "shoes", ["black"]),
        ("i don't want red shoes", "shoes", ["red"]),
        # non-
        ("non-floral dress", "dress", ["floral"]),
        ("non polka dot dress", "dress", ["polka dot"]),
        ("non-shiny dress", "dress", ["shiny"]),
        # before a noun
        ("dress without floral print", "dress", ["floral print"]),
        ("t-shirt with no logo", "t-shirt", ["logo"]),
        ("no logo t-shirt", "t-shirt", ["logo"]),
        ("cap w/o logo", "cap", ["logo"]),
        ("shoes with no white rubber soles", "shoes", ["white rubber soles"]),
        ("dress without long sleeves for women", "dress for women", ["long sleeves"]),
        ("dress that doesn't have sleeves", "dress", ["sleeves"]),
        ("shoes except for white ones", "shoes", ["white"]),
        ("handbag excluding leather", "handbag", ["leather"]),
        ('bag without "gold chain" black', "bag black", ["gold chain"]),
        # another kind
        ("shoes but not boots", "shoes", ["boots"]),
        ("bag other than backpack", "bag", ["backpack"]),
        # what the words that follow belong to
        ("no floral dress", "dress", ["floral"]),
        ("not flashy shoes with laces", "shoes with laces", ["flashy"]),
        ("dress not floral long sleeve", "dress long sleeve", ["floral"]),
        # several
        ("shirt without stripes or dots", "shirt", ["stripes", "dots"]),
        ("shirt without stripes and dots", "shirt", ["stripes", "dots"]),
        ("shirt without stripes and long sleeves", "shirt long sleeves", ["stripes"]),
        ("dress not red or blue", "dress", ["red", "blue"]),
        ("dress, not red, blue or green", "dress", ["red", "blue", "green"]),
        ("dress, not red, with long or short sleeves", "dress with long or short sleeves", ["red"]),
        ("shirt neither red nor blue", "shirt", ["red", "blue"]),
        ("shirt, no stripes, no dots", "shirt", ["stripes", "dots"]),
        ("red/blue shirt not green/yellow", "red/blue shirt", ["green", "yellow"]),
        ("dress not red -red", "dress", ["red"]),
        # nothing wanted
        ("not red", "", ["red"]),
        ("no stripes", "", ["stripes"]),
        ("without stripes or dots", "", ["stripes", "dots"]),
    ],
)
def test_what_is_excluded_is_understood(text: str, wanted: str, without: list[str]) -> None:
    assert read_negation(text) == Spoken(wanted, tuple(without))


@pytest.mark.parametrize(
    "text",
    [
        "red floral dress",
        "  t-shirt  ",
        "low-top sneakers, v-neck",
        "black shoes - leather",
        "knot dress",
        "notebook bag with snow print",
        "no-show socks",
        "no show socks",
        "forget-me-not dress",
        "dress with forget me nots",
        "not only floral dress",
        "non-slip shoes",
        "non iron shirt",
        "No 7 cream",
        "No. 5 perfume",
        "no5",
        "No Fear t-shirt",
        "Not Your Daughter's Jeans",
        "Not Your Daughter\u2019s Jeans",
        '"no logo" t-shirt',
        "\u201cno logo\u201d t-shirt",
        "shoes -50% off",
        "dress not over 50",
        "socks, no more than 3 pairs",
        "shirt not size 40",
        "striped or not",
        "why not",
        "dress not without pockets",
        "nothing but red",
        "Nothing phone",
        "shoes without",
        "not",
        "-",
        '-""',
        "",
    ],
)
def test_what_only_looks_like_negation_is_left_as_it_was(text: str) -> None:
    assert read_negation(text) == Spoken(text, ())


@reproducible
@given(st.text(max_size=60))
def test_any_text_is_read(text: str) -> None:
    _check_sound(text)


_JUMBLE = (
    "not no without non non- - -\" \" ' , or nor and but except that are isn't red polka dot "
    "stripes dress t-shirt logo w/o any ( ) / 7 the too for with ones \u2019 \u2013"
)
_WORDS = st.sampled_from(sorted(set(_JUMBLE.split())))


@reproducible
@given(st.lists(_WORDS, max_size=12), st.sampled_from(["", " "]))
def test_any_jumble_of_the_words_that_matter_is_read(words: list[str], between: str) -> None:
    _check_sound(between.join(words))


def _check_sound(text: str) -> None:
    spoken = read_negation(text)
    if not spoken.without:
        assert spoken.wanted == text
        return
    assert len(set(spoken.without)) == len(spoken.without)
    for said in (*spoken.without, spoken.wanted):
        assert said == " ".join(said.split())
    assert all(any(c.isalnum() for c in said) for said in spoken.without)
    assert set("".join((*spoken.without, spoken.wanted)).replace(" ", "")) <= {*text, "'"}


@reproducible
@given(
    st.sampled_from(["dress", "running shoes", "t-shirt", "women's low-top sneakers"]),
    st.lists(
        st.sampled_from(["red", "navy blue", "floral", "polka dots", "leather", "long sleeves"]),
        min_size=1,
        max_size=3,
        unique=True,
    ),
    st.sampled_from(
        ["{}, not {}", "{} without {}", "{} that are not {}", "{} but no {}", "{} except {}"]
    ),
)
def test_what_is_excluded_is_not_wanted(kind: str, values: list[str], form: str) -> None:
    spoken = read_negation(form.format(kind, " or ".join(values)))
    assert spoken == Spoken(kind, tuple(values))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dress " + "not red, blue or green, " * 2_000, Spoken("dress", ("red", "blue", "green"))),
        ("dress" + " " * 20_000 + "x not red", Spoken("dress x", ("red",))),
        ("dress" + "," * 20_000 + "x not red", Spoken("dress" + "," * 20_000 + "x", ("red",))),
        ("dress not " + '"' + "a" * 20_000, Spoken("dress not " + '"' + "a" * 20_000, ())),
        ("dress not a" + ", a" * 5_000, Spoken("dress not a" + ", a" * 5_000, ())),
    ],
    ids=["many", "spaces", "commas", "open quotation", "open list"],
)
def test_a_long_text_is_read_in_time_that_grows_with_its_length(
    text: str, expected: Spoken
) -> None:
    assert read_negation(text) == expected
