"""`vitrine classify` and `vitrine tag` on a real collection."""

import csv
import json
from pathlib import Path

import pytest

from search.config import Settings
from search.store import open_store_of
from tests.command_line import Vitrine, runner
from tests.sample_collection import SAMPLE, build, sample_rows

pytestmark = pytest.mark.model

WRONG = {"v0001": ("kind", "dress"), "v0010": ("colour", "yellow")}
"""Errors in the catalogue: items that are no such thing."""


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    rows = sample_rows()[:120]
    for row in rows:
        if row["id"] in WRONG:
            name, value = WRONG[row["id"]]
            assert row[name] != value
            row[name] = value
    rows[20]["colour"] = ""
    return build(tmp_path_factory.mktemp("labelling"), rows)


@pytest.fixture
def vitrine(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Vitrine:
    """Run `vitrine ARGUMENTS` in an empty folder of its own."""
    return runner(capfd, monkeypatch, tmp_path)


def picture(id: str) -> str:
    return str(SAMPLE / "images" / f"{id}.jpg")


def test_a_picture_gets_the_label_that_it_shows(vitrine: Vitrine) -> None:
    said = vitrine("classify", picture("v0001"), "--labels", "dress,sneakers,hat", "--top", "1")
    assert said.code == 0
    assert "sneakers" in said.out
    assert "dress" not in said.out


def test_labels_as_json_are_the_surest_first(vitrine: Vitrine) -> None:
    said = vitrine("classify", picture("v0001"), picture("v0004"), "--attributes", "colour,kind",
                   "--json")  # fmt: skip
    found = json.loads(said.out)
    assert [each["name"] for each in found["labelled"]] == [picture("v0001"), picture("v0004")]
    for each in found["labelled"]:
        assert [label["attribute"] for label in each["labels"]] == ["colour"] * 3 + ["kind"] * 3
        sure = [label["confidence"] for label in each["labels"][:3]]
        assert sure == sorted(sure, reverse=True)
    assert found["labelled"][0]["labels"][3]["label"] == "sneakers"


def test_an_item_of_the_collection_and_its_picture_get_the_same_labels(
    vitrine: Vitrine, collection: Settings
) -> None:
    said = vitrine("classify", picture("v0003"), "--item", "v0003", "--db", collection.db,
                   "--labels", "dress,sneakers,hat", "--json")  # fmt: skip
    shown, stored = json.loads(said.out)["labelled"]
    assert stored["name"] == "v0003"
    for one, other in zip(shown["labels"], stored["labels"], strict=True):
        assert one["label"] == other["label"]
        assert one["confidence"] == pytest.approx(other["confidence"], abs=0.01)


def test_several_labels_may_fit(vitrine: Vitrine) -> None:
    said = vitrine("classify", picture("v0003"), "--several", "--json",
                   "--labels", "floral sneakers,blue sneakers,sunglasses,dress")  # fmt: skip
    sure = {
        each["label"]: each["confidence"] for each in json.loads(said.out)["labelled"][0]["labels"]
    }
    assert list(sure)[:2] in (
        ["floral sneakers", "blue sneakers"],
        ["blue sneakers", "floral sneakers"],
    )
    assert sum(sure.values()) > 1


def test_a_broken_picture_is_named_and_the_others_are_labelled(
    vitrine: Vitrine, tmp_path: Path
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    said = vitrine("classify", "broken.jpg", picture("v0001"), "--labels", "hat,sneakers", "--json")
    assert said.code == 3
    found = json.loads(said.out)
    assert [each["name"] for each in found["labelled"]] == [picture("v0001")]
    assert found["unread"][0]["code"] == "image_unreadable"
    assert "broken.jpg" in said.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "one way"),
        (["--labels", "a,b", "--attributes", "colour"], "one way"),
        (["--labels", "a,b"], "nothing to label"),
        (["x.jpg", "--labels", "only"], "1 values"),
        (["x.jpg", "--attributes", "mood"], "no attribute 'mood'"),
        (["x.jpg", "--labels-file", "none.toml"], r"none.toml"),
        (["none.jpg", "--labels", "a,b"], "none.jpg"),
    ],
)
def test_wrong_usage_is_refused(vitrine: Vitrine, arguments: list[str], message: str) -> None:
    said = vitrine("classify", *arguments)
    assert said.code == 2
    assert message in said.err


def test_an_unknown_item_is_an_error(vitrine: Vitrine, collection: Settings) -> None:
    said = vitrine("classify", "--item", "none", "--labels", "a,b", "--db", collection.db)
    assert said.code == 1
    assert "'none'" in said.err


def test_every_item_gets_every_attribute_in_a_csv(
    vitrine: Vitrine, collection: Settings, tmp_path: Path
) -> None:
    said = vitrine("tag", "--db", collection.db, "--out", "deep/tags.csv")
    assert said.code == 0
    with (tmp_path / "deep/tags.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["id", "attribute", "value", "confidence"]
    assert len({(row["id"], row["attribute"]) for row in rows}) == len(rows) == 120 * 3
    assert {row["attribute"] for row in rows} == {"colour", "pattern", "kind"}
    assert all(0 < float(row["confidence"]) <= 1 for row in rows)
    assert not list(tmp_path.glob("deep/*.part"))


def test_errors_of_the_catalogue_are_the_clearest_disagreements(
    vitrine: Vitrine, collection: Settings
) -> None:
    said = vitrine("tag", "--db", collection.db, "--columns", "colour,kind", "--json")
    colour, kind = json.loads(said.out)["attributes"]
    first = (kind["disagreements"][0], colour["disagreements"][0])
    assert [each["id"] for each in first] == ["v0001", "v0010"]
    assert [each["catalogue"] for each in first] == ["dress", "yellow"]
    assert first[0]["seen"] == "sneakers"
    assert colour["empty"] == 1
    assert colour["compared"] == 119
    assert colour["accuracy"] > 0.9
    assert kind["accuracy"] > 0.9


def test_pictures_are_not_touched_and_the_collection_stays(
    vitrine: Vitrine, tmp_path: Path
) -> None:
    rows = sample_rows()[:20]
    for row in rows:
        copy = tmp_path / f"{row['id']}.jpg"
        copy.write_bytes(Path(row["image"]).read_bytes())
        row["image"] = str(copy)
    settings = build(tmp_path, rows)
    for copy in tmp_path.glob("*.jpg"):
        copy.unlink()
    assert vitrine("tag", "--db", settings.db, "--columns", "pattern").code == 0
    store = open_store_of(settings, create=False)
    try:
        assert [field.name for field in store.resolve("products").fields].count("pattern") == 1
        assert store.count("products") == 20
    finally:
        store.close()


def test_a_files_values_are_compared_with_another_column(
    vitrine: Vitrine, collection: Settings, tmp_path: Path
) -> None:
    (tmp_path / "a.toml").write_text(
        '[attributes.shade]\nred = []\nblue = ["navy"]\nblack = []\nwhite = []\n', encoding="utf-8"
    )
    said = vitrine("tag", "--db", collection.db, "--attributes", "a.toml", "--out", "t.jsonl",
                   "--against", "shade=colour", "--json")  # fmt: skip
    (shade,) = json.loads(said.out)["attributes"]
    assert shade["column"] == "colour"
    assert shade["unknown"] > 0
    assert shade["compared"] + shade["unknown"] + shade["empty"] == 120
    lines = (tmp_path / "t.jsonl").read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["value"] for line in lines} <= {"red", "blue", "black", "white"}
    assert len(lines) == 120


def test_an_attribute_without_a_column_takes_the_vocabularys_values(
    vitrine: Vitrine, collection: Settings
) -> None:
    said = vitrine("tag", "--db", collection.db, "--columns", "sleeves")
    assert said.code == 0
    assert "sleeves: 3 values, no column to compare with" in said.out


def test_disagreements_go_to_a_file(vitrine: Vitrine, collection: Settings, tmp_path: Path) -> None:
    vitrine("tag", "--db", collection.db, "--columns", "kind", "--disagreements", "check.csv")
    with (tmp_path / "check.csv").open(encoding="utf-8", newline="") as file:
        first = next(csv.DictReader(file))
    assert (first["id"], first["catalogue"], first["seen"]) == ("v0001", "dress", "sneakers")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--columns", "mood"], "'mood'"),
        (["--against", "colour"], "ATTRIBUTE=COLUMN"),
        (["--against", "colour=none"], "'none'"),
        (["--against", "colour=price"], "not one of text"),
        (["--columns", "kind", "--against", "colour=kind"], "not found out"),
        (["--columns", "title"], "'title'"),
        (["--attributes", "none.toml"], "none.toml"),
        (["--model", "ViT-B-32/none"], "none"),
    ],
)
def test_what_cannot_be_tagged_is_refused(
    vitrine: Vitrine, collection: Settings, tmp_path: Path, arguments: list[str], message: str
) -> None:
    said = vitrine("tag", "--db", collection.db, "--out", "tags.csv", *arguments)
    assert said.code == 2
    assert message in said.err
    assert not (tmp_path / "tags.csv").exists()


def test_a_collection_that_is_not_there_is_an_error(vitrine: Vitrine, collection: Settings) -> None:
    said = vitrine("tag", "--db", collection.db, "--collection", "none")
    assert said.code == 1
    assert "none" in said.err
