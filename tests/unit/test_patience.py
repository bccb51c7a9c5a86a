"""A run waits for a database that is away, and stops waiting at once when it is interrupted."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer import IndexOptions, Progress, index_catalog
from indexer.patience import PatientStore, interrupting
from indexer.preparing import Ready
from indexer.rows import Row
from indexer.shard_folder import ShardFolder
from indexer.staging import Shards, StagedEmbeddings, shards_of
from indexer.tally import Tally
from indexer.writing import Writer
from search.encoders import Encoder, load_encoder
from search.errors import StoreError, StoreUnavailableError
from search.store import CollectionSpec, Store, open_store
from tests.contract.catalogue import MODEL
from tests.contract.catalogue import entity as contract_entity
from tests.drawn_catalog import rows_of, write
from tests.waiting import wait_until

SOON_S = 10.0
"""Much less than the 180 s that a run waits for its database."""


class Away:
    """A real store of which one method finds the database away, every time or a few times."""

    def __init__(self, store: Store, method: str, times: int = 10**9, then: Any = None) -> None:
        self._store, self._method, self._then = store, method, then
        self.left, self.asked = times, threading.Event()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        return self._away(found) if name == self._method else found

    def _away(self, found: Any) -> Any:
        def call(*arguments: Any) -> Any:
            if not self.left:
                return found(*arguments)
            self.left -= 1
            first = not self.asked.is_set()
            self.asked.set()
            if first and self._then is not None:
                self._then()
            raise StoreUnavailableError("It is away.")

        return call


def press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(autouse=True)
def ctrl_c_is_heard() -> Iterator[None]:
    """Whatever started the tests: of what a shell runs in the background, nobody hears it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder("mini", device="cpu")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(str(tmp_path / "v.db"))) as store:
        yield store


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return write(tmp_path / "catalog.jsonl", rows_of(tmp_path / "catalog.jsonl", 8))


def run(catalog: Path, store: Any, encoder: Any, **more: Any) -> None:
    index_catalog(
        catalog,
        store=store,
        encoder=encoder,
        alias="products",
        options=IndexOptions(batch_size=2, shard_rows=2, job_dir=catalog.parent / "jobs"),
        **more,
    )


def last_job(catalog: Path) -> tuple[Path, dict[str, Any]]:
    folder = max((catalog.parent / "jobs").glob("*-products"))
    return folder, json.loads((folder / "report.json").read_text())


@pytest.mark.model
@pytest.mark.parametrize("method", ["upsert", "hashes", "scan_ids"])
def test_ctrl_c_while_the_database_is_away_ends_the_run_at_once(
    method: str, catalog: Path, store: Store, mini: Encoder
) -> None:
    if method != "upsert":  # What is stored is asked for only where something is.
        run(catalog, store, mini)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(catalog, Away(store, method, then=press_ctrl_c), mini)
    assert time.monotonic() - started < SOON_S
    job, report = last_job(catalog)
    assert report["status"] == "interrupted"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if method == "upsert":
        assert report["indexed"] == 0 and shards_of(job), "what was embedded is on disk"
    staged = len(StagedEmbeddings([job]))
    run(catalog, store, mini)
    assert last_job(catalog)[1]["reused"] == staged, "and is not embedded again"


@pytest.mark.model
def test_a_program_that_interrupts_through_its_progress_waits_for_no_database_either(
    catalog: Path, store: Store, mini: Encoder
) -> None:
    away = Away(store, "upsert")

    def stop(now: Progress) -> None:
        if away.asked.is_set():
            raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        # Every row is slow enough for progress to be shown after it.
        run(catalog, away, Slow(mini), on_progress=stop)
    assert time.monotonic() - started < SOON_S
    assert last_job(catalog)[1]["status"] == "interrupted"


class Slow:
    """The real encoder, that takes longer over a batch than progress waits to be shown."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode_pixels(self, pixels: Any) -> Any:
        threading.Event().wait(0.15)
        return self._encoder.encode_pixels(pixels)


def test_waiting_ends_in_every_thread_when_the_run_is_stopped(store: Store) -> None:
    away = Away(store, "hashes")
    patient = PatientStore(away, "products__v1")
    said: list[BaseException] = []

    def ask() -> None:
        try:
            patient.hashes(["a"])
        except StoreUnavailableError as error:
            said.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_until(away.asked.is_set)
    patient.stop.set()
    for thread in threads:
        thread.join(SOON_S)
    assert len(said) == 3


def test_a_database_that_comes_back_is_asked_again_and_other_errors_are_not_waited_out(
    store: Store,
) -> None:
    away = Away(store, "names", times=2)
    assert PatientStore(away, "c").again(lambda: away.names()) == []
    assert away.left == 0

    def broken() -> None:
        raise StoreError("It says what nobody knows.")

    with pytest.raises(StoreError, match="nobody knows"):
        PatientStore(store, "c").again(broken)
    away = Away(store, "names")
    with pytest.raises(StoreUnavailableError):
        PatientStore(away, "c", patience_s=0.0).again(lambda: away.names())


def test_ctrl_c_is_as_it_was_after_a_run_and_left_alone_in_other_threads() -> None:
    stop, before = threading.Event(), signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), interrupting(stop):
        press_ctrl_c()
        wait_until(lambda: False)
    assert stop.is_set() and signal.getsignal(signal.SIGINT) is before

    def elsewhere() -> None:
        with interrupting(threading.Event()):
            assert signal.getsignal(signal.SIGINT) is before

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join(SOON_S)
    assert signal.getsignal(signal.SIGINT) is before


def test_what_was_gathered_is_sent_in_time_though_no_row_comes(
    store: Store, tmp_path: Path
) -> None:
    one = contract_entity("a")
    row = Row(1, one.item, one.row_hash)
    ready = Ready(row, one.image_hash, None, np.zeros((1, 3, 1, 1), np.uint8), stored=False)
    store.create(CollectionSpec("products__v1", MODEL))
    patient, tally = PatientStore(store, "products__v1"), Tally()
    shards = Shards(ShardFolder.of_job(tmp_path))
    with closing(
        Writer(patient, shards, tally, lambda _: None, shard_rows=100, shard_s=0.05)
    ) as writer:
        writer.add([ready], one.embedding[None])
        assert not shards_of(tmp_path)

        def ticked() -> bool:
            writer.tick()
            return bool(shards_of(tmp_path))

        wait_until(ticked)
        wait_until(lambda: store.count("products__v1") == 1)
        writer.tick()
        assert len(shards_of(tmp_path)) == 1


@pytest.mark.model
def test_ctrl_c_while_the_last_flush_finds_the_database_away_is_an_interruption(
    catalog: Path, store: Store, mini: Encoder
) -> None:
    away = Away(store, "flush", then=press_ctrl_c)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(catalog, away, mini)
    assert time.monotonic() - started < SOON_S
    assert last_job(catalog)[1]["status"] == "interrupted"
