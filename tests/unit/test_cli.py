"""The command line on a real collection: what it prints where, and how it leaves."""

import json
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from api.cli import console
from api.cli.main import app
from search.config import Settings
from tests.command_line import Vitrine, runner
from tests.sample_collection import SAMPLE, build, chosen_rows, is_red_floral_dress

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return build(tmp_path_factory.mktemp("cli"), chosen_rows(40))


@pytest.fixture
def vitrine(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Vitrine:
    """Run `vitrine ARGUMENTS` in an empty folder of its own."""
    return runner(capfd, monkeypatch, tmp_path)


def png(width: int, height: int) -> bytes:
    """A PNG whose header claims a size; its few bytes of pixels are not enough for it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 1000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def test_every_command_explains_itself(vitrine: Vitrine) -> None:
    names = [command.name or command.callback.__name__ for command in app.registered_commands]
    assert names == [
        *("demo", "index", "search", "similar", "look", "serve", "eval", "make-queries"),
        *("reindex", "rollback", "collections", "classify", "tag", "moderate", "duplicates"),
        *("report", "export", "import", "openapi", "doctor"),
    ]
    overview = vitrine("--help")
    for name in names:
        said = vitrine(name, "--help")
        assert said.code == 0
        assert name in overview.out
        assert len(said.out) > 300


def test_search_prints_a_table(vitrine: Vitrine, collection: Settings) -> None:
    said = vitrine("search", "red dress", "--db", collection.db, "--limit", "3")
    assert said.code == 0
    assert "red dress" in said.out
    assert "score" in said.out
    assert "EUR" in said.out
    assert "encode" in said.err


def test_search_prints_json_alone_on_stdout(vitrine: Vitrine, collection: Settings) -> None:
    said = vitrine(
        "search", "dress", "--db", collection.db, "-f", "colour=red kind=dress", "-n", "4", "--json"
    )
    page = json.loads(said.out)
    assert [hit["fields"]["colour"] for hit in page["hits"]] == ["red"] * 4
    scores = [hit["score"] for hit in page["hits"]]
    assert scores == sorted(scores, reverse=True)
    assert page["model"] == "mini"


def test_pages_follow_each_other(vitrine: Vitrine, collection: Settings) -> None:
    def ids(*arguments: str) -> list[str]:
        said = vitrine("search", "shirt", "--db", collection.db, "--json", *arguments)
        return [hit["id"] for hit in json.loads(said.out)["hits"]]

    assert ids("--limit", "5") + ids("--limit", "5", "--offset", "5") == ids("--limit", "10")


def test_similar_leaves_the_item_itself_out(vitrine: Vitrine, collection: Settings) -> None:
    item = next(row["id"] for row in chosen_rows(40) if is_red_floral_dress(row))
    page = json.loads(vitrine("similar", item, "--db", collection.db, "--json").out)
    assert len(page["hits"]) == 10
    assert item not in [hit["id"] for hit in page["hits"]]


def test_a_picture_finds_itself(vitrine: Vitrine, collection: Settings) -> None:
    row = chosen_rows(40)[0]
    page = json.loads(
        vitrine("search", "--image", row["image"], "--db", collection.db, "--json").out
    )
    assert page["hits"][0]["id"] == row["id"]
    assert page["hits"][0]["score"] == pytest.approx(1.0, abs=1e-3)


def test_the_contact_sheet_holds_its_pictures(
    vitrine: Vitrine, collection: Settings, tmp_path: Path
) -> None:
    said = vitrine("search", "<b>dress</b>", "--db", collection.db, "--html", "deep/sheet.html")
    sheet = (tmp_path / "deep" / "sheet.html").read_text(encoding="utf-8")
    assert said.code == 0
    assert sheet.count("data:image/jpeg;base64,") == 10
    assert "<b>dress" not in sheet
    assert "http" not in sheet


def test_a_long_text_is_cut_with_a_warning(vitrine: Vitrine, collection: Settings) -> None:
    text = "a very long red dress with many flowers " * 20
    said = vitrine("search", text, "--db", collection.db, "--json")
    assert "longer than the" in json.loads(said.out)["warnings"][0]


def test_collections_are_listed(vitrine: Vitrine, collection: Settings) -> None:
    listed = json.loads(vitrine("collections", "--db", collection.db, "--json").out)["collections"]
    assert [(info["name"], info["aliases"]) for info in listed] == [("products__v1", ["products"])]
    assert listed[0]["fields"]["price"] == "float"
    assert "products__v1" in vitrine("collections", "--db", collection.db).out


BAD_SEARCHES = {
    "no query": ([], 2, "empty"),
    "an empty text": (["  "], 2, "empty"),
    "an unknown field": (["dress", "-f", "size=3"], 2, "colour"),
    "a wrong type": (["dress", "-f", "price<cheap"], 2, "price"),
    "an unreadable filter": (["dress", "-f", "price<"], 2, "price"),
    "a limit out of range": (["dress", "-n", "20000"], 2, "limit"),
    "no such image": (["--image", "none.jpg"], 2, "none.jpg"),
    "a broken image": (["--image", "broken.jpg"], 2, "broken.jpg"),
    "a bomb": (["--image", "bomb.png"], 2, "bomb.png"),
    "no such item": (["--item", "nobody"], 1, "nobody"),
    "no such collection": (["dress", "-c", "shoes"], 1, "shoes"),
    "no such model": (["dress", "-m", "nothing"], 2, "nothing"),
    "a model that is not there": (["dress", "-m", "local-dir:gone"], 1, "gone"),
    "an unknown device": (["dress", "--device", "abacus"], 2, "abacus"),
}


@pytest.mark.parametrize("case", BAD_SEARCHES)
def test_bad_searches_say_what_and_leave(
    case: str, vitrine: Vitrine, collection: Settings, tmp_path: Path
) -> None:
    arguments, code, named = BAD_SEARCHES[case]
    (tmp_path / "broken.jpg").write_bytes(Path(chosen_rows(40)[0]["image"]).read_bytes()[:2000])
    (tmp_path / "bomb.png").write_bytes(png(50_000, 50_000))
    said = vitrine("search", *arguments, "--db", collection.db, "--json")
    assert said.code == code
    assert named in said.err
    assert said.err.startswith("Error: ")
    assert "Traceback" not in said.err
    error = json.loads(said.out)["error"]
    assert set(error) == {"code", "message", "details"}


def test_an_unreachable_server_is_said_soon(vitrine: Vitrine) -> None:
    said = vitrine("search", "dress", "--db", "http://127.0.0.1:9")
    assert said.code == 1
    assert "127.0.0.1:9" in said.err


def test_a_database_in_use_is_said(vitrine: Vitrine, collection: Settings) -> None:
    code = (
        "import sys; from search.store import open_store; store = open_store(sys.argv[1]);"
        "print('open', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, collection.db],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=SAMPLE.parent,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        said = vitrine("search", "dress", "--db", collection.db)
    finally:
        holder.communicate()
    assert said.code == 1
    assert collection.db in said.err


def test_a_catalogue_without_images_lists_its_columns(vitrine: Vitrine, tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text("sku,price\nA1,3.50\n")
    said = vitrine("index", "prices.csv", "--db", "new.db")
    assert said.code == 2
    assert "sku" in said.err
    assert "price" in said.err
    assert "--image-column" in said.err


def test_index_leaves_with_3_when_rows_were_left_out(vitrine: Vitrine, tmp_path: Path) -> None:
    good = chosen_rows(40)[0]["image"]
    (tmp_path / "mixed.csv").write_text(f"id,image\na,{good}\nb,missing.jpg\nc,{good}\n")
    said = vitrine("index", "mixed.csv", "--db", "new.db", "--json")
    report = json.loads(said.out)
    assert said.code == 3
    assert (report["indexed"], report["failed"]) == (2, 1)
    assert Path(report["errors_file"]).is_file()


def test_what_is_not_there_leaves_with_1(vitrine: Vitrine, collection: Settings) -> None:
    for command in (["similar", "nobody"], ["rollback", "--to", "9"]):
        said = vitrine(*command, "--db", collection.db)
        assert (said.code, said.out) == (1, ""), command


def test_exit_codes_are_documented(vitrine: Vitrine) -> None:
    page = (SAMPLE.parent / "docs" / "configuration.md").read_text(encoding="utf-8")
    overview = " ".join(vitrine("--help").out.split())
    names = ("DONE", "FAILED", "USAGE", "DONE_WITH_QUARANTINED", "INTERRUPTED")
    for code in (getattr(console, name) for name in names):
        assert f"\n| {code} | " in page
        assert f" {code} " in overview[overview.index("Exit codes") :]


def test_titles_are_printed_as_they_are(vitrine: Vitrine, tmp_path: Path) -> None:
    picture = chosen_rows(40)[0]["image"]
    title = "Shirt [red] [/sale] :smile: size [cm]"
    (tmp_path / "odd.csv").write_text(f"id,image,title,unit [m]\na[b],{picture},{title},[x]\n")
    assert vitrine("index", "odd.csv", "--db", "odd.db").code == 0
    said = vitrine("search", "[/b] dress", "--db", "odd.db")
    assert said.code == 0
    for text in (title, "[/b] dress", "unit [m]", "a[b]", "[x]"):
        assert text in said.out


def test_a_misspelt_variable_is_refused(vitrine: Vitrine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_COLECTION", "shoes")
    said = vitrine("search", "dress")
    assert said.code == 2
    assert "VITRINE_COLLECTION" in said.err


def test_a_setting_out_of_range_names_its_variable(vitrine: Vitrine) -> None:
    said = vitrine("index", "catalog.csv", "--workers", "-1")
    assert said.code == 2
    assert "VITRINE_DECODE_WORKERS" in said.err


def test_the_demo_answers_and_indexes_once(vitrine: Vitrine) -> None:
    first = vitrine("demo")
    assert first.code == 0
    assert re.search(r"new +│ 400 │", first.out)
    again = vitrine("demo")
    assert re.search(r"unchanged +│ 400 │", again.out)
    told = json.loads(vitrine("demo", "--json").out)
    assert told["index"]["unchanged"] == 400
    answers = told["answers"]
    rows = [hit["fields"] for hit in answers[0]["hits"][:3]]
    assert [(r["colour"], r["pattern"], r["kind"]) for r in rows] == [
        ("red", "floral", "dress")
    ] * 3
    assert all(hit["fields"]["price"] < 60 for hit in answers[1]["hits"])
    assert Path(".vitrine/demo.html").is_file()
