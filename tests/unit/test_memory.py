"""What is known of images survives everything, and nothing about it ends a run."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from indexer.memory import ImageMemory, Known

ROOT = Path(__file__).parents[2]


def many(count: int, start: int = 0) -> dict[str, Known]:
    return {
        f"https://shop/{number}.jpg": Known(f'etag:"{number}"', f"{number:032x}")
        for number in range(start, start + count)
    }


def test_what_was_put_is_there_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "images.sqlite"
    odd = {"/a/\udcff.jpg": Known("1:2", "x"), "ü\ud800": Known("ü", ""), "": Known("", "y")}
    with ImageMemory(path) as memory:
        memory.put(many(3_000) | odd)
        memory.put({"https://shop/7.jpg": Known("new", "hash")})
        memory.put({})
    with ImageMemory(path) as memory:
        everything = memory.get([*many(3_000), *odd, "unknown"])
        assert everything == many(3_000) | odd | {"https://shop/7.jpg": Known("new", "hash")}
        assert memory.get([]) == {}
        assert memory.get(["unknown", "https://shop/8.jpg"] * 2) == {
            "https://shop/8.jpg": many(1, 8)["https://shop/8.jpg"]
        }


def test_a_killed_process_loses_nothing_that_was_put(tmp_path: Path) -> None:
    path = tmp_path / "images.sqlite"
    code = (
        "import sys; from pathlib import Path; from indexer.memory import *\n"
        "memory = ImageMemory(Path(sys.argv[1]))\n"
        "for number in range(10**9):\n"
        "    memory.put({f'{number}-{part}': Known(str(number), 'h') for part in range(10)})\n"
        "    print(number, flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 50:
            break
    os.kill(process.pid, signal.SIGKILL)
    last = max([int(line) for line in process.stdout.read().split()], default=50)
    process.stdout.close()
    process.wait(10)
    with ImageMemory(path) as memory:
        wanted = [f"{number}-{part}" for number in range(last + 1) for part in range(10)]
        assert len(memory.get(wanted)) == len(wanted)
        after = [f"{last + 1}-{part}" for part in range(10)]
        assert len(memory.get(after)) in (0, 10)  # Whole or not at all.


@pytest.mark.parametrize("harm", ["text", "zeros", "another table", "another version", "empty"])
def test_a_file_that_cannot_be_used_is_replaced(
    tmp_path: Path, harm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "images.sqlite"
    if harm == "another table":
        database = sqlite3.connect(path)
        database.execute("CREATE TABLE images (x INTEGER)")
        database.close()
    elif harm == "another version":
        database = sqlite3.connect(path)
        database.execute("PRAGMA user_version = 99")
        database.close()
    else:
        path.write_bytes({"text": b"no database " * 1000, "zeros": bytes(8192), "empty": b""}[harm])
    with ImageMemory(path) as memory:
        assert memory.get(["a"]) == {}
        memory.put({"a": Known("v", "h")})
        assert memory.get(["a"]) == {"a": Known("v", "h")}
    assert ("is replaced" in capsys.readouterr().out) == (harm != "empty")


def test_a_file_that_breaks_under_way_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "images.sqlite"
    with ImageMemory(path) as memory:
        memory.put(many(20_000))
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))
    with ImageMemory(path) as memory:
        for _ in range(2):
            memory.get(list(many(20_000)))
            memory.put(many(20_000))
        assert memory.get(list(many(20_000))) == many(20_000)


def test_where_nothing_can_be_written_nothing_is_remembered(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    for path in (tmp_path / "file" / "images.sqlite", tmp_path):
        with ImageMemory(path) as memory:
            memory.put({"a": Known("v", "h")})
            assert memory.get(["a"]) == {}


def test_after_closing_nothing_is_known(tmp_path: Path) -> None:
    memory = ImageMemory(tmp_path / "images.sqlite")
    memory.put({"a": Known("v", "h")})
    memory.close()
    memory.close()
    memory.put({"b": Known("v", "h")})
    assert memory.get(["a"]) == {}


def test_threads_and_two_at_once(tmp_path: Path) -> None:
    path = tmp_path / "images.sqlite"
    with ImageMemory(path) as one, ImageMemory(path) as other:

        def work(memory: ImageMemory, start: int) -> None:
            for part in range(20):
                memory.put(many(50, start + 50 * part))
                memory.get(list(many(50, start)))

        threads = [
            threading.Thread(target=work, args=(memory, 1000 * number))
            for number, memory in enumerate((one, other, one, other))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert one.get(list(many(4_000))) == other.get(list(many(4_000))) == many(4_000)


def test_lines_take_little_room_and_time(tmp_path: Path) -> None:
    path = tmp_path / "images.sqlite"
    started = time.monotonic()
    with ImageMemory(path) as memory:
        for start in range(0, 50_000, 1_000):
            memory.put(many(1_000, start))
    assert path.stat().st_size < 50_000 * 160
    assert time.monotonic() - started < 30
