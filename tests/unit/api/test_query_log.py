"""The query log's file: bounded, rotated, shared, in nobody's way; and what hashing hides."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from api.observing.line_file import LineFile
from api.observing.query_log import QueryLog
from search.config import Settings
from search.errors import ConfigError
from search.filters import Comparison, Op
from search.types import Boost, ItemPart, Page, Query, TextPart
from tests.waiting import wait_until

PAGE = Page((), 10, 0, "products__v1", "mini", took_ms={"total": 1.0})


def lines_of(*paths: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def is_written(file: LineFile, lines: int) -> bool:
    return file.counts.written == lines


def test_every_line_is_there_whoever_wrote_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "queries.log"
    files = [LineFile(path, most_bytes=1_000_000) for _ in range(2)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: files[n % 2].put({"n": n}), range(400)))
    for file in files:
        file.close()
    assert sorted(line["n"] for line in lines_of(path)) == list(range(400))
    assert sum(file.counts.written for file in files) == 400


def test_files_are_rotated_and_only_so_many_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "queries.log"
    file = LineFile(path, most_bytes=1_000, older=2)
    for number in range(60):
        file.put({"n": number, "text": "x" * 200})
        wait_until(partial(is_written, file, number + 1))
    file.close()
    logs = [path.with_name(name) for name in ("queries.log.2", "queries.log.1", "queries.log")]
    assert {each.name for each in tmp_path.iterdir()} == {
        "queries.log.lock",
        *(each.name for each in logs),
    }
    kept = [line["n"] for line in lines_of(*logs)]
    assert kept == list(range(kept[0], 60))
    assert all(each.stat().st_size < 1_500 for each in logs)


def test_what_comes_too_fast_is_dropped_and_counted_and_nobody_waits(tmp_path: Path) -> None:
    path = tmp_path / "queries.log"
    file = LineFile(path, most_bytes=1_000_000, most_waiting=5)
    held = threading.Event()
    write, begun = file._append, threading.Event()

    def hold(lines: list[bytes]) -> None:
        begun.set()
        held.wait(30)
        write(lines)

    file._append = hold  # type: ignore[method-assign]
    assert file.put({"n": 0})
    assert begun.wait(30)
    assert [file.put({"n": number}) for number in range(1, 9)] == [True] * 5 + [False] * 3
    held.set()
    file.close()
    assert [line["n"] for line in lines_of(path)] == list(range(6))
    assert (file.counts.written, file.counts.dropped) == (6, 3)


def test_a_file_that_cannot_be_written_later_costs_lines_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "queries.log"
    file = LineFile(path, most_bytes=1_000_000)
    path.unlink()
    path.mkdir()
    file.put({"n": 1})
    wait_until(lambda: file.counts.dropped == 1)
    path.rmdir()
    file.put({"n": 2})
    file.close()
    assert lines_of(path) == [{"n": 2}]


def test_texts_of_any_characters_are_written(tmp_path: Path) -> None:
    path = tmp_path / "queries.log"
    log = QueryLog(LineFile(path, most_bytes=1_000_000))
    log.search("r1", "/v1/search", Query((TextPart("half a \ud83d pair\n🧥"),)), PAGE)
    log.file.close()
    assert lines_of(path)[0]["parts"][0]["text"] == "half a ? pair\n🧥"


def test_a_file_that_cannot_be_written_at_all_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        QueryLog.of(Settings(query_log=tmp_path / "taken" / "queries.log"))


def write(settings: Settings, query: Query) -> str:
    """A search and feedback on it, as the log has them."""
    log = QueryLog.of(settings)
    assert log is not None and settings.query_log is not None
    log.search("r1", "/v1/search", query, PAGE)
    log.feedback(request_id=None, query="red dress", item="v1", kind="click", rank=1)
    log.file.close()
    return settings.query_log.read_text(encoding="utf-8")


QUERY = Query(
    (TextPart("red dress"), ItemPart("p1", 0.5)),
    without=("long sleeves",),
    filter=Comparison("brand", Op.EQ, ("Juniper",)),
    boosts=(Boost("popularity", 0.1),),
)


def test_hashed_no_text_and_no_filter_can_be_read(tmp_path: Path) -> None:
    settings = Settings(query_log=tmp_path / "q.log", query_log_hashed=True)
    text = write(settings, QUERY)
    assert not [said for said in ("red", "dress", "sleeves", "uniper") if said in text]
    search, feedback = [json.loads(line) for line in text.splitlines()]
    assert search["hashed"] is True
    assert search["parts"][0]["text"] == feedback["query"]
    assert search["parts"][1] == {"item": "p1", "weight": 0.5}
    assert (tmp_path / "q.log.salt").stat().st_mode & 0o077 == 0


def test_equal_texts_have_equal_hashes_by_one_secret_and_no_other(tmp_path: Path) -> None:
    def hash_of(folder: str) -> str:
        settings = Settings(query_log=tmp_path / folder / "q.log", query_log_hashed=True)
        return str(json.loads(write(settings, QUERY).splitlines()[-1])["query"])

    assert hash_of("one") == hash_of("one")
    assert hash_of("one") != hash_of("other")


def test_in_clear_options_are_those_that_are_not_the_usual(tmp_path: Path) -> None:
    line = json.loads(write(Settings(query_log=tmp_path / "q.log"), QUERY).splitlines()[0])
    assert line["options"] == {
        "limit": 10,
        "offset": 0,
        "boosts": [{"field": "popularity", "weight": 0.1}],
    }
    assert line["filter"] == {"brand": {"eq": "Juniper"}}
    assert line["without"] == ["long sleeves"]
