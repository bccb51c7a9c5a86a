"""Complete the look: what goes with an item, by rules and by style."""

from pathlib import Path

import pytest

from search.engine import SearchEngine, open_engine
from search.errors import ConfigError, InvalidQueryError, ItemNotFoundError, UnknownFieldError
from search.filters.ast import Comparison, Op
from search.recommending import Look, LookQuery, LookRules, Stylist, read_rules
from tests.sample_collection import build, sample_rows

ROWS = {row["id"]: row for row in sample_rows()[:120]}
DRESS = next(row for row in ROWS.values() if row["kind"] == "dress")

needs_model = pytest.mark.model


@pytest.mark.parametrize(
    ("kind", "slot"),
    [
        ("Tshirts", "top"), ("T-Shirt", "top"), ("Casual Shoes", "shoes"), ("Dresses", "dress"),
        ("dress", "dress"), ("Watches", "watch"), ("Scarves", None), ("Track Pants", "bottom"),
        ("Clutches", "bag"), ("Perfume", None), ("", None), ("s", None),
    ],
)  # fmt: skip
def test_kinds_are_known_whatever_their_spelling(kind: str, slot: str | None) -> None:
    assert read_rules().slot_of(kind) == slot


def test_every_slot_is_completed_by_others_of_the_rules() -> None:
    rules = read_rules()
    for slot in rules.slots:
        assert slot not in rules.slots_with(slot) and rules.slots_with(slot)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[slots]\na = ['x']\nb = ['y']\n", "what goes with what"),
        ("[slots]\na = ['x']\n[with]\na = ['a']\n", "at least two"),
        ("[slots]\na = ['x']\nb = []\n[with]\na = ['b']\n", "at least two"),
        ("[slots]\na = ['x']\nb = ['X']\n[with]\na = ['b']\n", "'X' is in the slots"),
        ("[slots]\na = ['x']\nb = ['y']\n[with]\na = ['c']\n", "no slot 'c'"),
        ("[slots]\na = ['x']\nb = ['y']\n[with]\nc = ['a']\n", "no slot 'c'"),
        ("[slots]\na = ['!']\nb = ['y']\n[with]\na = ['b']\n", "no letter or digit"),
        ("[slots]\na = 'x'\nb = ['y']\n[with]\na = ['b']\n", "what goes with what"),
        ("slots", "no TOML"),
        (f"slots = {'[' * 5_000}", "no TOML"),
    ],
)
def test_rules_that_make_no_sense_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "looks.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_rules(path)


def test_rules_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Cannot read"):
        read_rules(tmp_path / "none.toml")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> SearchEngine:
    with open_engine(build(tmp_path_factory.mktemp("looks"), list(ROWS.values()))) as engine:
        yield engine


@pytest.fixture(scope="module")
def look(engine: SearchEngine) -> Look:
    return Stylist(engine).look(LookQuery(DRESS["id"]))


@needs_model
def test_rules_of_one_look_are_its_own_and_none_of_them_is_kept(engine: SearchEngine) -> None:
    stylist = Stylist(engine)
    before = stylist.look(LookQuery(DRESS["id"]))
    rules = LookRules({"robe": ("dress",), "foot": ("boots", "sandals")}, {"robe": ("foot",)})
    own = stylist.look(LookQuery(DRESS["id"]), rules)
    assert (own.slot, [slot.name for slot in own.slots]) == ("robe", ["foot"])
    assert stylist.look(LookQuery(DRESS["id"])) == before
    # No column has these: the pictures are asked.
    unheard = LookRules({"robe": ("gown",), "foot": ("footwear", "pumps")}, {"robe": ("foot",)})
    seen = stylist.look(LookQuery(DRESS["id"]), unheard)
    assert (seen.slot, seen.kind_field, [slot.name for slot in seen.slots]) == (
        "robe", None, ["foot"],
    )  # fmt: skip
    assert seen.slots[0].hits
    _, likeness = stylist._likeness or (None, None)
    assert likeness is not None
    kept = {wordings for _, wordings, _ in likeness._labeller._known}
    assert kept and kept.isdisjoint(unheard.slots.values())


@needs_model
def test_each_slot_has_its_best_of_kinds_that_the_rules_name(look: Look) -> None:
    rules = read_rules()
    assert (look.slot, look.kind_field) == ("dress", "kind")
    assert [slot.name for slot in look.slots] == list(rules.slots_with("dress"))
    for slot in look.slots:
        there = {
            row["product_id"] for row in ROWS.values() if rules.slot_of(row["kind"]) == slot.name
        }
        assert len(slot.hits) == min(3, len(there))
        assert {rules.slot_of(str(hit.item.fields["kind"])) for hit in slot.hits} <= {slot.name}
        scores = [hit.score for hit in slot.hits]
        assert scores == sorted(scores, reverse=True)
        assert all(0 <= score <= 1 for score in scores)
    assert sum(bool(slot.hits) for slot in look.slots) >= 3


@needs_model
def test_a_longer_list_begins_with_the_shorter_one(engine: SearchEngine, look: Look) -> None:
    longer = Stylist(engine).look(LookQuery(DRESS["id"], limit=5))
    for short, long in zip(look.slots, longer.slots, strict=True):
        assert long.hits[: len(short.hits)] == short.hits


@needs_model
def test_what_agrees_comes_first(engine: SearchEngine) -> None:
    found = Stylist(engine).look(LookQuery(DRESS["id"], limit=100, agree=("colour",)))
    for slot in found.slots:
        agrees = [hit.item.fields["colour"] == DRESS["colour"] for hit in slot.hits]
        assert agrees == sorted(agrees, reverse=True)
    assert any(hit.item.fields["colour"] == DRESS["colour"] for s in found.slots for hit in s.hits)


@needs_model
def test_the_filter_holds_and_slots_can_be_named(engine: SearchEngine) -> None:
    cheap = Comparison("price", Op.LT, 80.0)
    found = Stylist(engine).look(LookQuery(DRESS["id"], slots=("bag", "top"), filter=cheap))
    assert [slot.name for slot in found.slots] == ["bag", "top"]
    prices = [hit.item.fields["price"] for slot in found.slots for hit in slot.hits]
    assert prices and all(isinstance(price, float) and price < 80 for price in prices)


@needs_model
def test_without_a_column_the_pictures_say_kinds(tmp_path: Path) -> None:
    rows = [{"id": r["id"], "image": r["image"], "title": r["title"]} for r in ROWS.values()]
    rules = read_rules()
    with open_engine(build(tmp_path, rows[:60])) as engine:
        id = next(row["id"] for row in rows[:60] if ROWS[row["id"]]["kind"] == "dress")
        found = Stylist(engine).look(LookQuery(id, limit=1))
    assert (found.slot, found.kind_field) == ("dress", None)
    right = [
        rules.slot_of(ROWS[hit.id]["kind"]) == slot.name
        for slot in found.slots
        for hit in slot.hits
    ]
    assert len(right) >= 3 and sum(right) >= len(right) - 1


@needs_model
@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (LookQuery("nobody"), ItemNotFoundError),
        (LookQuery(DRESS["id"], slots=("hands",)), InvalidQueryError),
        (LookQuery(DRESS["id"], kind_field="brand"), InvalidQueryError),
        (LookQuery(DRESS["id"], kind_field="price"), UnknownFieldError),
        (LookQuery(DRESS["id"], agree=("tags",)), UnknownFieldError),
        (LookQuery(DRESS["id"], agree=("mood",)), UnknownFieldError),
    ],
)
def test_what_cannot_be_asked_is_refused(
    engine: SearchEngine, asked: LookQuery, error: type[Exception]
) -> None:
    with pytest.raises(error):
        Stylist(engine).look(asked)


@needs_model
def test_a_slot_that_nothing_completes_is_refused(engine: SearchEngine) -> None:
    rules = LookRules({"dress": ("dress",), "bag": ("handbag",)}, {"bag": ("dress",)})
    with pytest.raises(InvalidQueryError, match="goes with dress"):
        Stylist(engine, rules).look(LookQuery(DRESS["id"]))


@pytest.mark.parametrize("limit", [0, -1, 101])
def test_a_limit_out_of_range_is_refused(limit: int) -> None:
    with pytest.raises(InvalidQueryError, match="out of range"):
        LookQuery("a", limit)
