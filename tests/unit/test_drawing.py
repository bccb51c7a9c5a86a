"""The drawn products: reproducible, varied, and described in true words."""

import itertools

import numpy as np
import pytest

from training.drawing import (
    COLOURS,
    KINDS,
    PATTERNS,
    ProductSpec,
    captions,
    draw,
    is_held_out,
    patterns_for,
    random_spec,
    title,
)
from training.drawing.palette import CONTRAST, PAINT
from training.drawing.spec import SHAPES

pytest.importorskip("skia")

COMBINATIONS = [
    (kind, colour, pattern)
    for kind in KINDS
    for colour in COLOURS
    for pattern in patterns_for(kind)
]
OTHER_WORDS = {"violet": "purple", "gray": "grey"}


def _spec(kind: str, pattern: str = "plain", colour: str = "red", seed: int = 0) -> ProductSpec:
    return random_spec(np.random.default_rng(seed), kind=kind, colour=colour, pattern=pattern)


def _difference(one: object, other: object) -> float:
    return float(np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).mean())


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_spec_and_seed_give_the_same_picture(kind: str) -> None:
    spec = _spec(kind)
    assert draw(spec, seed=3).tobytes() == draw(spec, seed=3).tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_another_seed_gives_another_picture_of_the_product(kind: str) -> None:
    spec = _spec(kind)
    assert _difference(draw(spec, seed=3), draw(spec, seed=4)) > 1


@pytest.mark.parametrize(
    ("kind", "pattern"), [(kind, name) for kind in KINDS for name in patterns_for(kind)]
)
def test_every_kind_draws_in_every_pattern_it_has(kind: str, pattern: str) -> None:
    picture = draw(_spec(kind, pattern), seed=1, size=128)
    assert (picture.mode, picture.size) == ("RGB", (128, 128))
    assert np.asarray(picture).std() > 10


@pytest.mark.parametrize("kind", KINDS)
def test_every_shape_variant_changes_the_drawing(kind: str) -> None:
    spec = _spec(kind)
    for name, values in SHAPES[kind].items():
        variants = [
            ProductSpec(kind, "red", "plain", tuple((dict(spec.shape) | {name: value}).items()))
            for value in dict.fromkeys(values)
        ]
        pictures = {draw(variant, seed=1, size=96).tobytes() for variant in variants}
        assert len(pictures) == len(variants), name


@pytest.mark.parametrize("colour", COLOURS)
def test_the_named_colour_is_the_nearest_of_the_twelve_in_the_picture(colour: str) -> None:
    pixels = np.asarray(draw(_spec("t-shirt", colour=colour), seed=2))
    middle = np.median(pixels[110:150, 110:150].reshape(-1, 3), axis=0)
    nearest = min(COLOURS, key=lambda name: float(np.abs(middle - PAINT[name]).sum()))
    assert nearest == colour


@pytest.mark.parametrize("pattern", PATTERNS[1:])
def test_a_pattern_leaves_most_of_the_ground_to_the_main_colour(pattern: str) -> None:
    spec = ProductSpec("t-shirt", "navy", pattern, _spec("t-shirt").shape, "white")
    middle = np.asarray(draw(spec, seed=5), float)[90:190, 96:160].reshape(-1, 3)
    near_navy = np.linalg.norm(middle - PAINT["navy"], axis=1) < 60
    assert near_navy.mean() > 0.4


def test_a_fifth_of_the_combinations_is_held_out() -> None:
    share = np.mean([is_held_out(*combination) for combination in COMBINATIONS])
    assert 0.17 < share < 0.23


def test_every_kind_colour_and_pattern_is_also_seen_in_training() -> None:
    seen = [combination for combination in COMBINATIONS if not is_held_out(*combination)]
    assert {kind for kind, _, _ in seen} == set(KINDS)
    assert {colour for _, colour, _ in seen} == set(COLOURS)
    assert {pattern for _, _, pattern in seen} == set(PATTERNS)


def test_random_specs_are_seeded_hashable_and_within_the_vocabulary() -> None:
    def specs() -> list[ProductSpec]:
        rng = np.random.default_rng(9)
        return [random_spec(rng) for _ in range(300)]

    drawn = specs()
    assert drawn == specs()
    assert len(set(drawn)) > 250
    for spec in drawn:
        assert spec.pattern in patterns_for(spec.kind)
        assert (spec.second_colour is None) or spec.second_colour in CONTRAST[spec.colour]
        assert [name for name, _ in spec.shape] == list(SHAPES[spec.kind])


def _colours_named(text: str) -> set[str]:
    words = text.lower().replace(",", " ").replace("'", " ").split()
    return {OTHER_WORDS.get(word, word) for word in words} & set(COLOURS)


def test_captions_and_titles_name_no_wrong_colour() -> None:
    rng = np.random.default_rng(4)
    for _ in range(3000):
        spec = random_spec(rng)
        assert _colours_named(captions(spec, rng)) <= {spec.colour, spec.second_colour}
        assert _colours_named(title(spec, "Velta", rng)) == {spec.colour}


def test_captions_vary_and_usually_name_colour_and_pattern() -> None:
    spec = _spec("dress", "floral")
    rng = np.random.default_rng(6)
    texts = [captions(spec, rng) for _ in range(400)]
    assert len(set(texts)) > 60
    assert np.mean(["red" in text.split() for text in texts]) > 0.8
    assert np.mean(["flower" in text or "floral" in text for text in texts]) > 0.8


def test_no_caption_names_another_pattern() -> None:
    words = {
        "striped": ("strip",),
        "polka dot": ("dot", "spot"),
        "floral": ("flor", "flower"),
        "leaf": ("leaf", "leav"),
        "zigzag": ("zigzag", "chevron"),
        "checked": ("check", "plaid"),
    }
    rng = np.random.default_rng(8)
    for spec in itertools.islice(iter(lambda: random_spec(rng), None), 1500):
        text = captions(spec, rng)
        for name, stems in words.items():
            assert name == spec.pattern or not any(stem in text for stem in stems), (text, spec)
