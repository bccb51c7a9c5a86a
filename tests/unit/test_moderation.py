"""Flags: what a file may say, how thresholds are set, what a collection's items get."""

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from search.config import Settings
from search.errors import ConfigError
from search.labelling import Flag, read_flags
from search.labelling.tails import counted_tail, tail_of
from tests.command_line import Vitrine, runner
from tests.sample_collection import build, sample_rows

RULES = """
false_alarms = 0.02

[flags.watches]
words = ["watch", "wristwatch"]

[flags.eyewear]
words = ["sunglasses"]
unlike = ["cap"]
column = "kind"
values = ["sunglasses"]
false_alarms = 0.03
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "rules.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_says_what_to_flag(tmp_path: Path) -> None:
    assert read_flags(written(tmp_path, RULES)) == [
        Flag("watches", ("watch", "wristwatch"), false_alarms=0.02),
        Flag("eyewear", ("sunglasses",), ("cap",), 0.03, "kind", ("sunglasses",)),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "what to flag"),
        ("[flags]\n", "what to flag"),
        ("[rules.a]\nwords = ['a']\n", "what rules should be"),
        ("[flags.a]\nword = ['a']\n", "'a' cannot be read"),
        ("[flags.a]\nwords = 'a'\n", "'a' cannot be read"),
        ("[flags.a]\nwords = []\n", "no words"),
        ("[flags.a]\nwords = [' ']\n", "blank"),
        ("[flags.a]\nwords = ['a']\nfalse_alarms = 0.5\n", "0.5 false alarms"),
        ("[flags.a]\nwords = ['a']\nfalse_alarms = true\n", "cannot be read"),
        ("[flags.a]\nwords = ['a']\ncolumn = 'kind'\n", "only one of"),
        ("flags", "Cannot read"),
    ],
)
def test_files_that_make_no_sense_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_flags(written(tmp_path, text))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.005, 0.02])
def test_an_exponential_tail_is_found_though_some_items_show_the_thing(
    seed: int, share: float
) -> None:
    rng = np.random.default_rng(seed)
    harmless = rng.exponential(0.1, 20_000)
    scores = np.concatenate([harmless, np.full(400, 3.0)])
    tail = tail_of(scores)
    alarms = (harmless >= tail.threshold(share)).mean()
    # The things themselves move the 90th percentile up a little: fewer alarms than stated.
    assert 0.3 * share < alarms <= share
    assert (scores[-400:] >= tail.threshold(share)).all()


def test_shares_and_thresholds_are_each_others_reverse() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=2_000)
    for tail in (tail_of(scores), counted_tail(scores)):
        for share in (0.01, 0.05):
            least = tail.threshold(share)
            assert tail.shares(np.array([least]))[0] <= share * (1 + 1e-9)
            assert tail.shares(np.array([least - 0.05]))[0] > share
        falling = tail.shares(np.linspace(-3, 6, 50))
        assert (np.diff(falling) <= 0).all()
        assert falling.min() > 0 and falling.max() <= 1


@pytest.mark.parametrize("seed", range(5))
def test_counted_tails_give_no_more_false_alarms_than_stated(seed: int) -> None:
    scores = np.random.default_rng(seed).normal(size=1_000)
    assert (scores >= counted_tail(scores).threshold(0.02)).mean() <= 0.02


def test_too_few_items_for_a_share_flag_nothing() -> None:
    assert counted_tail(np.arange(50.0)).threshold(0.01) == float("inf")


def test_scores_that_are_all_the_same_are_no_error() -> None:
    assert np.isfinite(tail_of(np.ones(60)).threshold(0.01))


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return build(tmp_path_factory.mktemp("moderation"), sample_rows()[:150])


@pytest.fixture
def vitrine(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Vitrine:
    """Run `vitrine ARGUMENTS` in an empty folder of its own."""
    return runner(capfd, monkeypatch, tmp_path)


KINDS = {row["id"]: row["kind"] for row in sample_rows()[:150]}
ALL_KINDS = f"[flags.a]\nwords = ['a']\ncolumn = 'kind'\nvalues = {sorted(set(KINDS.values()))}"


@pytest.mark.model
def test_what_is_flagged_is_what_was_said(
    vitrine: Vitrine, collection: Settings, tmp_path: Path
) -> None:
    rules = written(tmp_path, RULES)
    said = vitrine("moderate", str(rules), "--db", collection.db, "--out", "out.csv",
                   "--join", "join.csv", "--html", "sheet.html", "--json")  # fmt: skip
    assert said.code == 0, said.err
    watches, eyewear = json.loads(said.out)["flags"]
    for found, kind in ((watches, "watch"), (eyewear, "sunglasses")):
        wanted = {id for id, own in KINDS.items() if own == kind}
        ids = [each["id"] for each in found["surest"]]
        assert wanted and wanted <= set(ids)
        assert set(ids[: len(wanted)]) == wanted
        assert len(ids) - len(wanted) <= 0.1 * len(KINDS)
        assert found["flagged"] == len(ids)
        shares = [each["share"] for each in found["surest"]]
        assert shares == sorted(shares)
    assert watches["known"] is None and watches["false_alarms"] == 0.02
    assert eyewear["known"]["shown"] + eyewear["known"]["harmless"] < len(KINDS)
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == watches["flagged"] + eyewear["flagged"]
    with (tmp_path / "join.csv").open(encoding="utf-8", newline="") as file:
        joined = {row["id"]: row for row in csv.DictReader(file)}
    assert set(joined) == set(KINDS)
    for id, kind in KINDS.items():
        if kind in ("watch", "sunglasses"):
            flag = {"watch": "watches", "sunglasses": "eyewear"}[kind]
            assert joined[id]["flagged"] == "true" and flag in joined[id]["flags"].split("|")
    sheet = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert sheet.count("data:image/jpeg") == watches["flagged"] + eyewear["flagged"]


@pytest.mark.model
def test_an_item_without_a_value_is_neither_harmless_nor_known_to_show_it(
    vitrine: Vitrine, tmp_path: Path
) -> None:
    blank = {id for number, id in enumerate(KINDS) if number % 3 == 0}
    rows = [row | ({"kind": ""} if row["id"] in blank else {}) for row in sample_rows()[:150]]
    partly = build(tmp_path, rows)
    said = vitrine("moderate", str(written(tmp_path, RULES)), "--db", partly.db, "--json")
    assert said.code == 0, said.err
    [known] = [each["known"] for each in json.loads(said.out)["flags"] if each["known"]]
    judged = [id for id in KINDS if hashlib.sha256(id.encode()).digest()[0] % 2]
    shown = sum(KINDS[id] == "sunglasses" for id in judged if id not in blank)
    assert known["shown"] == shown
    assert known["harmless"] == len(set(judged) - blank) - shown


@pytest.mark.model
def test_people_are_told_what_thresholds_rest_on(
    vitrine: Vitrine, collection: Settings, tmp_path: Path
) -> None:
    said = vitrine("moderate", str(written(tmp_path, RULES)), "--db", collection.db)
    assert said.code == 0
    assert "the collection's own scores" in said.out and "kind: " in said.out


@pytest.mark.model
@pytest.mark.parametrize(
    ("text", "arguments", "code", "message"),
    [
        ("[flags]\na = ['a']\nb = 3", [], 2, "'b' cannot be read"),
        ("[flags.a]\nwords = ['a']\ncolumn = 'price'\nvalues = ['1']", [], 2, "'price'"),
        ("[flags.a]\nwords = ['a']\ncolumn = 'mood'\nvalues = ['1']", [], 2, "'mood'"),
        (ALL_KINDS, [], 2, "nothing is harmless"),
        ("[flags]\na = ['a']", ["--collection", "none"], 1, "none"),
        ("[flags]\na = ['a']", ["--out", "/proc/none/out.csv"], 1, "Cannot write"),
    ],
)
def test_what_cannot_be_moderated_is_refused(
    vitrine: Vitrine,
    collection: Settings,
    tmp_path: Path,
    text: str,
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    said = vitrine(
        "moderate", str(written(tmp_path, text)), "--db", collection.db, "--join", "j.csv",
        *arguments,
    )  # fmt: skip
    assert said.code == code
    assert message in said.err
    assert not list(tmp_path.glob("j.csv*"))


def test_a_flag_may_be_a_list_of_words(tmp_path: Path) -> None:
    assert read_flags(written(tmp_path, "[flags]\nweapons = ['knife', 'gun']\n")) == [
        Flag("weapons", ("knife", "gun"))
    ]
