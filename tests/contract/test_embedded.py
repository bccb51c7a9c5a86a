"""What only an embedded database has: a folder, a lock, and the life of one process."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from search.config import Settings
from search.errors import (
    ConfigError,
    DatabaseLockedError,
    StoreUnavailableError,
    VitrineError,
)
from search.store import CollectionSpec, SearchRequest, open_store, open_store_of
from tests.contract.catalogue import FIELDS, MODEL, entity, shop, unit_vector

ROOT = Path(__file__).parents[2]
NAME = "products__v1"


def in_another_process(code: str) -> "subprocess.Popen[str]":
    """Run Python code that can import vitrine and its tests."""
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_everything_is_there_after_opening_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "folder" / "shop.db"
    store = open_store(str(path))
    store.create(CollectionSpec(NAME, MODEL, FIELDS))
    store.set_alias("products", NAME)
    store.upsert(NAME, shop())
    before = store.get("products", [each.item.id for each in shop()])
    store.close()
    store.close()

    again = open_store(str(path))
    info = again.describe("products")
    assert (info.name, info.model, info.fields) == (NAME, MODEL, FIELDS)
    assert (info.count, info.aliases) == (len(shop()), ("products",))
    assert again.get("products", list(before)) == before
    assert len(again.search("products", SearchRequest(unit_vector(0), 20))) == len(shop())
    again.close()


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "shop.db"))
    store.close()
    with pytest.raises(StoreUnavailableError, match="closed"):
        store.count(NAME)


def test_stores_of_one_path_share_the_database(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    first = open_store(str(path))
    second = open_store(str(tmp_path / "." / "shop.db"))
    first.create(CollectionSpec(NAME, MODEL))
    first.upsert(NAME, [entity("a")])
    assert second.count(NAME) == 1
    first.close()
    second.upsert(NAME, [entity("b")])
    assert second.count(NAME) == 2
    second.close()


def test_any_path_will_do(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "no suffix"))
    assert store.collections() == []
    store.close()
    (tmp_path / "file.db").write_text("not a database")
    with pytest.raises(ConfigError, match=r"file\.db is a file"):
        open_store(str(tmp_path / "file.db"))
    with pytest.raises(ConfigError):
        open_store(str(tmp_path / "file.db" / "below.db"))


def test_who_only_reads_makes_no_database(tmp_path: Path) -> None:
    path = tmp_path / "typo" / "shop.db"
    empty = tmp_path / "empty"
    empty.mkdir()
    for missing in (path, empty):
        with pytest.raises(StoreUnavailableError, match="no database at") as caught:
            open_store(str(missing), create=False)
        assert str(missing) in caught.value.message
        assert "vitrine index" in str(caught.value.hint)
    assert not path.parent.exists() and not list(empty.iterdir())

    writer = open_store(str(path))
    open_store(str(path), create=False).close()
    writer.close()
    reader = open_store(str(path), create=False)
    assert reader.collections() == []
    reader.close()


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (photos / "collections").mkdir(parents=True)
    (photos / "dress.jpg").write_bytes(b"a picture")
    before = sorted(photos.rglob("*"))
    for create in (True, False):
        with pytest.raises(ConfigError, match="photos is a folder with other things"):
            open_store(str(photos), create=create)
    assert sorted(photos.rglob("*")) == before


def test_settings_say_which_database(tmp_path: Path) -> None:
    settings = Settings(db=str(tmp_path / "shop.db"), db_token=SecretStr("root:secret"))
    with pytest.raises(StoreUnavailableError, match=r"shop\.db"):
        open_store_of(settings, create=False)
    open_store_of(settings, create=True).close()
    open_store_of(settings, create=False).close()
    with pytest.raises(ValidationError, match="db"):
        Settings(db="")


def test_another_process_has_it_open(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    holder = in_another_process(
        "from search.store import open_store\n"
        f"store = open_store({str(path)!r})\n"
        "print('open', flush=True)\n"
        "input()\n"
        "store.close()\n"
        "print('closed', flush=True)\n"
        "input()\n"
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(DatabaseLockedError, match=r"shop\.db") as caught:
            open_store(str(path))
        assert "vitrine serve" in str(caught.value)

        # Closing gives the lock back while the other process lives on.
        holder.stdin.write("\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "closed\n"
        open_store(str(path)).close()
    finally:
        holder.communicate("\n\n", timeout=30)


def test_a_killed_writer_loses_nothing_that_was_written(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    writer = in_another_process(
        "from search.store import CollectionSpec, open_store\n"
        "from tests.contract.catalogue import FIELDS, MODEL, entity, unit_vector\n"
        f"store = open_store({str(path)!r})\n"
        f"store.create(CollectionSpec({NAME!r}, MODEL, FIELDS))\n"
        "for batch in range(10):\n"
        "    ids = [f'{batch}-{i}' for i in range(50)]\n"
        f"    store.upsert({NAME!r}, [entity(id, unit_vector(batch)) for id in ids])\n"
        f"    if batch % 2: store.flush({NAME!r})\n"
        "print('written', flush=True)\n"
        "input()\n"
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "written\n"
    writer.send_signal(signal.SIGKILL)
    writer.communicate(timeout=30)

    store = open_store(str(path))
    assert store.count(NAME) == 500
    assert len(set(store.scan_ids(NAME))) == 500
    store.close()


@pytest.mark.parametrize("left", [0, 50])
def test_half_an_index_file_after_a_kill_costs_no_item(tmp_path: Path, left: int) -> None:
    path = tmp_path / "shop.db"
    store = open_store(str(path))
    store.create(CollectionSpec(NAME, MODEL, FIELDS))
    store.upsert(NAME, shop())
    store.flush(NAME)
    store.search(NAME, SearchRequest(unit_vector(0), 20))
    store.close()
    files = [each for each in path.rglob("indexes/*") if each.is_file()]
    assert files
    for each in files:
        each.write_bytes(each.read_bytes()[:left])

    for _ in range(2):
        again = open_store(str(path))
        assert len(again.search(NAME, SearchRequest(unit_vector(0), 20))) == len(shop())
        again.close()


def test_threads_may_write_at_once(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "shop.db"))
    store.create(CollectionSpec(NAME, MODEL))
    failures: list[VitrineError] = []

    def write(thread: int) -> None:
        try:
            for batch in range(5):
                ids = [f"{thread}-{batch}-{i}" for i in range(20)]
                store.upsert(NAME, [entity(id, unit_vector(thread)) for id in ids])
                store.delete(NAME, ids[:2])
                store.flush(NAME)
        except VitrineError as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    store.close()
    again = open_store(str(tmp_path / "shop.db"))
    assert again.count(NAME) == len(set(again.scan_ids(NAME))) == 4 * 5 * 18
    again.close()
