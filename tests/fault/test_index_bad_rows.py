"""What is wrong with a row is listed with its number and reason, and the rest is indexed."""

import csv
import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner, Result

from api.cli.index import index
from search.encoders import Encoder, load_encoder
from search.store import open_store

pytestmark = pytest.mark.model

GOOD = 14
HEADER = ["id", "image", "title", "price"]


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder("mini", device="cpu")


@pytest.fixture
def vitrine_index(
    tmp_path: Path, mini: Encoder, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """The command, with a model that is loaded once for all tests of this file."""
    monkeypatch.setattr("search.encoders.load_encoder", lambda name, **options: mini)
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(index)

    def call(catalog: Path, *options: str) -> Result:
        folders = ["--db", str(tmp_path / "vitrine.db"), "--job-dir", str(tmp_path / "jobs")]
        return CliRunner().invoke(app, [str(catalog), *folders, *options])

    return call


def picture(path: Path, seed: int = 0) -> bytes:
    colours = np.random.default_rng(seed).integers(0, 255, (60, 60, 3), dtype=np.uint8)
    Image.fromarray(colours).save(path)
    return path.read_bytes()


def png_that_says(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header promises a huge picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", zlib.compress(b"\0" * 10_000)) + chunk(b"IEND", b"")


def good_rows(folder: Path) -> list[list[str]]:
    rows = []
    for number in range(GOOD):
        picture(folder / f"{number}.jpg", number)
        rows.append([f"good{number}", f"{number}.jpg", f"Good {number}", f"{number}.5"])
    return rows


def write_csv(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([HEADER, *rows])
    return path


def errors_of(folder: Path) -> list[dict[str, object]]:
    (job,) = (folder / "jobs").glob("*-products*")
    return [json.loads(line) for line in (job / "errors.jsonl").read_text().splitlines()]


def ids_in(folder: Path) -> set[str]:
    store = open_store(str(folder / "vitrine.db"))
    try:
        return set(store.scan_ids("products"))
    finally:
        store.close()


def test_bad_rows_are_listed_and_all_others_are_indexed(
    tmp_path: Path, vitrine_index: Callable[..., Result]
) -> None:
    whole = picture(tmp_path / "whole.jpg")
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("this is no picture")
    (tmp_path / "bomb.png").write_bytes(png_that_says(50_000, 50_000))
    (tmp_path / "folder.jpg").mkdir()
    good = good_rows(tmp_path)
    bad = [
        ["missing", "nowhere.jpg", "t", "1"],
        ["cut", "cut.jpg", "t", "1"],
        ["empty", "empty.jpg", "t", "1"],
        ["text", "text.jpg", "t", "1"],
        ["bomb", "bomb.png", "t", "1"],
        ["folder", "folder.jpg", "t", "1"],
        ["no-image", "", "t", "1"],
        ["", "0.jpg", "t", "1"],
        ["good0", "1.jpg", "t", "1"],
        ["cheap", "0.jpg", "t", "cheap"],
        ["long", "0.jpg", "t" * 70_000, "1"],
        ["ragged", "0.jpg", "t"],
    ]
    catalog = write_csv(tmp_path / "catalog.csv", [*good, *bad])
    result = vitrine_index(catalog, "--json", "--type", "price=float")

    assert result.exit_code == 3, result.output
    report = json.loads(result.stdout)
    assert (report["indexed"], report["failed"]) == (GOOD, len(bad))
    by_row = {error["row"]: error for error in errors_of(tmp_path)}
    assert [(row, by_row[row]["code"]) for row in sorted(by_row)] == [
        (GOOD + 2 + place, code)  # The header is row 1.
        for place, code in enumerate(
            [
                "image_unreadable",
                "image_unreadable",
                "image_unreadable",
                "image_unreadable",
                "image_too_large",
                "image_unreadable",
                "image_missing",
                "id_empty",
                "id_duplicate",
                "wrong_type",
                "invalid_item",
                "ragged_row",
            ]
        )
    ]
    assert all(error["reason"] and error["hint"] for error in by_row.values())
    assert by_row[GOOD + 2]["id"] == "missing"
    assert "nowhere.jpg does not exist" in str(by_row[GOOD + 2]["reason"])
    assert "50,000 x 50,000" in str(by_row[GOOD + 6]["reason"])
    assert ids_in(tmp_path) == {row[0] for row in good}


def test_a_row_with_half_of_a_character_is_listed_and_all_others_are_indexed(
    tmp_path: Path, vitrine_index: Callable[..., Result]
) -> None:
    good = good_rows(tmp_path)
    lines = [json.dumps(dict(zip(HEADER, row, strict=True))) for row in good]
    bad = [
        r'{"id": "2", "image": "http://\ud800x"}',
        r'{"id": "3", "image": "0.jpg", "\ud800k": 1}',
        r'{"id": "4", "image": "0.jpg", "box": {"\ud800k": 1}}',
    ]
    (tmp_path / "catalog.jsonl").write_text("\n".join([*bad, *lines]))
    result = vitrine_index(tmp_path / "catalog.jsonl", "--json")
    assert result.exit_code == 3, result.output
    assert json.loads(result.stdout)["indexed"] == GOOD
    assert [(error["row"], error["code"]) for error in errors_of(tmp_path)] == [
        (1, "encoding"), (2, "encoding"), (3, "encoding"),
    ]  # fmt: skip
    assert ids_in(tmp_path) == {row[0] for row in good}


def test_an_image_whose_name_is_no_text_is_listed_and_all_others_are_indexed(
    tmp_path: Path, vitrine_index: Callable[..., Result]
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("a.jpg", "b.jpg", os.fsdecode(b"caf\xe9.jpg")):
        picture(photos / name)
    result = vitrine_index(photos, "--json")
    assert result.exit_code == 3, result.output
    assert json.loads(result.stdout)["indexed"] == 2
    (error,) = errors_of(tmp_path)
    # A name that is no text can be nobody's id; the row says which file it is all the same.
    assert error["code"] == "encoding" and error["id"] is None
    assert r"caf\udce9.jpg" in f"{error['image']} {error['reason']}"
    assert ids_in(tmp_path) == {"a.jpg", "b.jpg"}


def test_a_folder_whose_name_is_no_text_is_said_to_be_the_reason(
    tmp_path: Path, vitrine_index: Callable[..., Result]
) -> None:
    photos = tmp_path / os.fsdecode(b"caf\xe9")
    photos.mkdir()
    picture(photos / "a.jpg")
    result = vitrine_index(photos)
    assert "1 of 1 rows failed" in str(result.exception)
    assert "no text in UTF-8" in str(result.exception)
    (job,) = (tmp_path / "jobs").glob("*-products*")
    manifest = json.loads((job / "manifest.json").read_text())
    assert manifest["catalog"] == str(photos)


def test_mended_rows_are_indexed_by_the_next_run_and_nothing_else_is_touched(
    tmp_path: Path, vitrine_index: Callable[..., Result]
) -> None:
    rows = good_rows(tmp_path)
    (tmp_path / "3.jpg").rename(tmp_path / "away.jpg")
    catalog = write_csv(tmp_path / "catalog.csv", rows)
    assert vitrine_index(catalog).exit_code == 3
    (tmp_path / "away.jpg").rename(tmp_path / "3.jpg")
    result = vitrine_index(catalog, "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert (report["indexed"], report["unchanged"], report["failed"]) == (1, GOOD - 1, 0)


def test_the_summary_for_people_counts_and_names_the_bad_rows(
    tmp_path: Path, vitrine_index: Callable[..., Result]
) -> None:
    rows = [*good_rows(tmp_path), ["lost", "lost.jpg", "t", "1"]]
    result = vitrine_index(write_csv(tmp_path / "catalog.csv", rows))
    assert result.exit_code == 3
    words = result.stdout.split()
    assert words[words.index("new") + 2] == str(GOOD)
    assert words[words.index("failed") + 2] == "1"
    assert "outside the model" in result.stdout
    said = " ".join(result.stderr.split())
    assert f"row {GOOD + 2} (lost)" in said and "errors.jsonl" in said


def test_a_catalogue_without_an_image_column_lists_its_columns(
    tmp_path: Path, vitrine_index: Callable[..., Result]
) -> None:
    (tmp_path / "catalog.csv").write_text("id,Foto,price\n1,a.jpg,2\n")
    result = vitrine_index(tmp_path / "catalog.csv")
    assert str(result.exception) == (
        "The catalogue has no image column; its columns are: id, Foto, price. "
        "Name it with --image-column."
    )
    assert not (tmp_path / "vitrine.db").exists()


@pytest.mark.parametrize("option", ["price", "price=number", "=string"])
def test_a_type_that_cannot_be_read_says_what_can(
    tmp_path: Path, vitrine_index: Callable[..., Result], option: str
) -> None:
    result = vitrine_index(write_csv(tmp_path / "c.csv", []), "--type", option)
    assert "COLUMN=TYPE" in str(result.exception) and "strings" in str(result.exception)
