"""What queries mean: exclusions, changes and relevance, asked of a real collection."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from search import judging
from search.config import Settings
from search.encoders import Encoder
from search.engine import SearchEngine, open_engine
from search.errors import EmptyQueryError, InvalidQueryError
from search.ranking import totals
from search.types import MAX_WITHOUT, Hit, Item, ItemPart, Page, Query, QueryPart, TextPart
from tests.sample_collection import build, sample_rows

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The whole drawn catalogue."""
    return build(tmp_path_factory.mktemp("meaning"), sample_rows())


@pytest.fixture(scope="module")
def engine(shop: Settings) -> Iterator[SearchEngine]:
    with open_engine(shop) as engine:
        yield engine


def field(hit: Hit, name: str) -> object:
    return hit.item.fields[name]


def ask(engine: SearchEngine, *parts: QueryPart | str, **options: Any) -> Page:
    said = tuple(TextPart(part) if isinstance(part, str) else part for part in parts)
    return engine.search(Query(said, **options))


def a_dress(engine: SearchEngine, **fields: str) -> Item:
    page = ask(engine, f"{fields['colour']} {fields['pattern']} dress")
    return next(h.item for h in page.hits if fields.items() <= dict(h.item.fields).items())


@pytest.mark.parametrize("text", ["dress, not floral", "dress without flowers", "dress -floral"])
def test_what_a_text_excludes_is_not_shown_and_the_page_says_so(
    engine: SearchEngine, text: str
) -> None:
    page = ask(engine, text)
    assert len(page.hits) == 10
    assert "floral" not in {field(hit, "pattern") for hit in page.hits}
    assert sum(field(hit, "kind") == "dress" for hit in page.hits) >= 9
    assert "without" in page.warnings[0]


def test_literal_texts_are_embedded_as_they_stand(engine: SearchEngine) -> None:
    page = ask(engine, "dress, not floral", literal=True)
    assert page.warnings == ()
    assert sum(field(hit, "pattern") == "floral" for hit in page.hits) >= 5


def test_pages_with_exclusions_neither_repeat_nor_skip(engine: SearchEngine) -> None:
    whole = ask(engine, "shirt", without=("striped", "white"), limit=60, by="product")
    walked = [
        hit.id
        for offset in range(0, 60, 7)
        for hit in ask(
            engine, "shirt", without=("striped", "white"), limit=7, offset=offset, by="product"
        ).hits
    ]
    assert walked[:60] == [hit.id for hit in whole.hits]
    shown = [hit for hit in whole.hits[:20] if field(hit, "kind") in ("shirt", "t-shirt", "blouse")]
    assert shown and all(field(hit, "colour") != "white" for hit in shown)
    assert all(field(hit, "pattern") != "striped" for hit in shown)


def test_nothing_wanted_is_everything_that_is_not_excluded(engine: SearchEngine) -> None:
    page = ask(engine, "not red", limit=30)
    assert sum(field(hit, "colour") == "red" for hit in page.hits) <= 1
    assert len({field(hit, "kind") for hit in page.hits}) >= 5


def test_this_item_but_in_another_colour(engine: SearchEngine) -> None:
    source = a_dress(engine, colour="red", pattern="floral")
    changed = ask(engine, ItemPart(source.id), "but in blue", limit=3)
    assert [field(hit, "colour") for hit in changed.hits] == ["blue"] * 3
    assert [field(hit, "kind") for hit in changed.hits] == ["dress"] * 3
    assert "colour" in changed.warnings[0]
    summed = ask(engine, ItemPart(source.id), "but in blue", limit=3, literal=True)
    assert "blue" not in {field(hit, "colour") for hit in summed.hits}


def test_a_change_and_an_exclusion_together(engine: SearchEngine) -> None:
    source = a_dress(engine, colour="red", pattern="floral")
    page = ask(engine, ItemPart(source.id), "in blue but not floral", limit=3)
    assert {field(hit, "colour") for hit in page.hits} & {"blue", "navy"}
    assert "floral" not in {field(hit, "pattern") for hit in page.hits}
    assert len(page.warnings) == 2


def test_hits_and_queries_have_a_relevance_if_they_are_asked(engine: SearchEngine) -> None:
    page = ask(engine, "red floral dress", relevance=True, limit=50, by="product")
    relevances = [hit.relevance for hit in page.hits]
    assert page.relevance is not None and page.relevance > 0.8
    assert relevances == sorted(relevances, reverse=True)
    assert relevances[0] > 0.8 and relevances[-1] < 0.1
    plain = ask(engine, "red floral dress")
    assert plain.relevance is None and plain.hits[0].relevance is None
    assert [hit.id for hit in plain.hits[:3]] == [hit.id for hit in page.hits[:3]]


def test_an_item_of_the_collection_is_a_match_whatever_it_is(engine: SearchEngine) -> None:
    page = ask(engine, ItemPart("v0001"), relevance=True)
    assert page.relevance is not None and page.relevance > 0.9


def test_a_query_that_has_no_answer_says_so(engine: SearchEngine) -> None:
    flagged = ask(engine, "lawn mower", relevance=True)
    assert flagged.relevance is not None and flagged.relevance < 0.5
    assert any("No good match" in warning for warning in flagged.warnings)
    assert len(flagged.hits) == 10
    assert ask(engine, "lawn mower", min_relevance=0.5).hits == ()


@pytest.mark.parametrize("least", [0.0, 0.3, 0.5, 0.9, 1.0])
def test_hits_below_the_least_relevance_are_left_out_and_no_others(
    engine: SearchEngine, least: float
) -> None:
    whole = ask(engine, "navy striped shirt", relevance=True, limit=401)
    cut = ask(engine, "navy striped shirt", min_relevance=least, limit=401, total=True)
    kept = [hit.id for hit in whole.hits if hit.relevance is not None and hit.relevance >= least]
    assert [hit.id for hit in cut.hits] == kept
    assert (cut.total, cut.total_is_exact) == (len(kept), True)


def test_a_small_collection_cannot_say_how_relevant_hits_are(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    settings = build(tmp_path_factory.mktemp("few"), sample_rows()[:20])
    with open_engine(settings) as engine:
        page = ask(engine, "dress", min_relevance=0.9)
    assert page.relevance is None and len(page.hits) == 10
    assert any("fewer than" in warning for warning in page.warnings)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"without": (" ",)}, EmptyQueryError),
        ({"without": ("floral",) * (MAX_WITHOUT + 1)}, InvalidQueryError),
        ({"without": ("red",)}, InvalidQueryError),
        ({"min_relevance": 1.1}, InvalidQueryError),
        ({"min_relevance": -0.1}, InvalidQueryError),
        ({"min_relevance": float("nan")}, InvalidQueryError),
    ],
)
def test_what_cannot_be_is_refused(
    engine: SearchEngine, options: Mapping[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        ask(engine, "red dress", **options)


def heard(engine: SearchEngine, *parts: QueryPart | str, **options: Any) -> list[str]:
    """The ids of the hits, in order."""
    return [hit.id for hit in ask(engine, *parts, **options).hits]


@pytest.mark.parametrize("text", ["the same but not floral", "this one, but not floral"])
def test_words_that_say_nothing_beside_an_item_are_not_searched_for(
    engine: SearchEngine, text: str
) -> None:
    source = ItemPart(a_dress(engine, colour="red", pattern="floral").id)
    assert heard(engine, source, text) == heard(engine, source, without=("floral",))
    assert heard(engine, source, "the same") == heard(engine, source)


def test_a_change_that_is_said_as_a_denial_is_a_change(engine: SearchEngine) -> None:
    page = ask(engine, ItemPart("v0394"), "without sleeves")
    assert page.warnings[0].startswith("Read 'without sleeves' as a change: sleeves sleeveless.")


def test_quotes_keep_a_text_as_it_stands(engine: SearchEngine) -> None:
    for text in ("in red", "without sleeves", "not floral"):
        for beside in ((), (ItemPart("v0001"),)):
            quoted = ask(engine, *beside, f'"{text}"')
            assert quoted.warnings == ()
            assert [h.id for h in quoted.hits] == heard(engine, *beside, text, literal=True)


def test_what_says_only_what_is_not_wanted_has_no_relevance(engine: SearchEngine) -> None:
    page = ask(engine, "not red", min_relevance=0.5)
    assert page.relevance is None and len(page.hits) == 10
    assert any("cannot be said" in warning for warning in page.warnings)
    away = TextPart("dress", weight=-1)
    assert heard(engine, "not red", away) == heard(engine, "product", away, without=("red",))


def test_texts_exclude_no_more_than_may_be_excluded(engine: SearchEngine) -> None:
    words = [f"word{number}" for number in range(MAX_WITHOUT + 1)]
    with pytest.raises(InvalidQueryError, match="excludes 17 phrases"):
        ask(engine, "dress " + " ".join(f"-{word}" for word in words))
    assert ask(engine, "dress " + " ".join(f"-{word}" for word in words[1:])).hits


@pytest.mark.parametrize("by", ["item", "product"])
@pytest.mark.parametrize("options", [{"without": ("floral",)}, {"min_relevance": 0.3}])
def test_a_total_is_exact_where_the_ranking_ends_soon_and_else_at_least(
    engine: SearchEngine, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], by: Any
) -> None:
    whole = ask(engine, "dress", by=by, limit=401, **options)
    first = ask(engine, "dress", by=by, limit=3, total=True, **options)
    assert (first.total, first.total_is_exact) == (len(whole.hits), True)
    for bound in ("MOST_FOLLOWED", "MOST_JUDGED"):
        monkeypatch.setattr(totals, bound, 10)
    least = ask(engine, "dress", by=by, limit=3, total=True, **options)
    assert least.total is not None and least.total <= len(whole.hits)
    assert not least.total_is_exact


def test_variants_have_a_relevance_too(engine: SearchEngine) -> None:
    page = ask(engine, "dress", relevance=True, collapse_duplicates=True, by="product", limit=50)
    variants = [(hit, variant) for hit in page.hits for variant in hit.variants]
    assert variants
    for hit, variant in variants:
        assert hit.relevance is not None and variant.relevance is not None
        assert (variant.relevance <= hit.relevance) == (variant.score <= hit.score)


def test_searching_does_not_wait_once_indexing_has_left_what_scores_are_worth(
    shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_engine(shop) as engine:
        ask(engine, "dress", relevance=True)

    def refuse(encoder: Encoder) -> None:
        raise AssertionError("a calibration was made anew")

    monkeypatch.setattr(judging, "embed_background", refuse)
    with open_engine(shop) as engine:
        assert ask(engine, "dress", relevance=True).relevance is not None
