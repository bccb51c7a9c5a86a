"""Runs beside each other and beside switches: who is alive, who is refused, what is taken over."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from indexer import IndexOptions, IndexReport, index_catalog
from indexer.job import Job, database_of, is_alive, unfinished_jobs
from indexer.rollout.remembered import last_job
from search.encoders import Encoder, load_encoder
from search.errors import CatalogError, ConflictError, StoreUnavailableError
from search.store import CollectionSpec, Store, open_store
from tests.drawn_catalog import rows_of, write
from tests.waiting import wait_until

pytestmark = pytest.mark.model

ROOT = Path(__file__).parents[2]


class Around:
    """Something real, of which a test replaces a method."""

    def __init__(self, of: object, **methods: Any) -> None:
        self._of = of
        self.__dict__.update(methods)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._of, name)


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder("mini", device="cpu")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(str(tmp_path / "one.db"))) as store:
        yield store


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return write(tmp_path / "catalog.jsonl", rows_of(tmp_path / "catalog.jsonl", 6))


def jobs_of(catalog: Path) -> Path:
    return catalog.parent / "jobs"


def run(catalog: Path, store: object, encoder: object, **more: object) -> IndexReport:
    given = {"batch_size": 2, "shard_rows": 2, "job_dir": jobs_of(catalog), **more}
    return index_catalog(
        catalog,
        store=store,  # type: ignore[arg-type]
        encoder=encoder,  # type: ignore[arg-type]
        alias="products",
        options=IndexOptions(**given),  # type: ignore[arg-type]
    )


@contextmanager
def going(catalog: Path, store: Store, mini: Encoder) -> Iterator[list[object]]:
    """A run that waits in the model until the block ends; what came of it, once it has."""
    began, may_go_on = threading.Event(), threading.Event()

    def encode_pixels(pixels: object) -> object:
        began.set()
        assert may_go_on.wait(30)
        return mini.encode_pixels(pixels)  # type: ignore[arg-type]

    came: list[object] = []

    def index() -> None:
        try:
            came.append(run(catalog, store, Around(mini, encode_pixels=encode_pixels)))
        except BaseException as error:
            came.append(error)

    thread = threading.Thread(target=index)
    thread.start()
    try:
        wait_until(lambda: began.is_set() or not thread.is_alive(), 30)
        yield came
    finally:
        may_go_on.set()
        thread.join(30)


def test_a_run_beside_one_that_is_still_going_is_refused_and_harms_nothing(
    catalog: Path, store: Store, mini: Encoder
) -> None:
    with going(catalog, store, mini) as first:
        (job,) = jobs_of(catalog).glob("*-products")
        assert is_alive(job)
        with pytest.raises(ConflictError, match="still going and writes into products__v1") as said:
            run(catalog, store, mini)
        assert said.value.details["job"] == str(job) and f"process {os.getpid()}" in str(said.value)
        assert "Wait until it has ended, or end it" in str(said.value)
        assert [*jobs_of(catalog).glob("*-products")] == [job], "the refused run leaves nothing"
        assert unfinished_jobs(jobs_of(catalog), "products", mini.identity.fingerprint) == []
    (report,) = first
    assert isinstance(report, IndexReport) and report.indexed == 6
    assert store.names() == ["products__v1"] and store.count("products") == 6
    assert not is_alive(job) and not (job / "finished_by.txt").exists()
    assert not (job / "lock").exists()
    assert run(catalog, store, mini).unchanged == 6


def test_of_two_first_runs_at_the_same_moment_one_is_refused(
    catalog: Path, store: Store, mini: Encoder
) -> None:
    both = threading.Barrier(2, timeout=30)
    came: list[object] = []

    def index() -> None:
        # Neither has a job folder yet: both have seen that there is no collection.
        def describe(name: str) -> object:
            try:
                return store.describe(name)
            finally:
                if threading.current_thread() not in passed:
                    passed.add(threading.current_thread())
                    both.wait()

        try:
            came.append(run(catalog, Around(store, describe=describe), mini))
        except ConflictError as error:
            came.append(error)

    passed: set[threading.Thread] = set()
    threads = [threading.Thread(target=index) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(type(one).__name__ for one in came) == ["ConflictError", "IndexReport"]
    assert store.resolve("products").name == "products__v1" and store.count("products") == 6
    assert store.names() == ["products__v1"]


def test_a_run_that_was_killed_is_not_alive_and_is_gone_on_with(
    catalog: Path, store: Store, mini: Encoder
) -> None:
    run(catalog, store, mini)
    code = (
        "import json, sys; from pathlib import Path; from indexer.job import Job\n"
        "job = Job(Path(sys.argv[1]), 'products', json.loads(sys.argv[2]))\n"
        "print(job.folder, flush=True); sys.stdin.read()\n"
    )
    manifest = {
        "alias": "products",
        "collection": "products__v1",
        "model": {"fingerprint": mini.identity.fingerprint},
    }
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(jobs_of(catalog)), json.dumps(manifest)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    job = Path(process.stdout.readline().strip())
    assert is_alive(job)
    with pytest.raises(ConflictError, match=f"process {process.pid} on"):
        run(catalog, store, mini)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not is_alive(job)
    assert run(catalog, store, mini).resumed == (job.name,)


def test_a_database_beside_it_with_the_same_jobs_folder_is_another_matter(
    catalog: Path, store: Store, mini: Encoder
) -> None:
    jobs = jobs_of(catalog)
    with closing(open_store(str(catalog.parent / "other.db"))) as other:
        with going(catalog, store, mini):
            assert run(catalog, other, mini).indexed == 6
        here, there = database_of(store, jobs), database_of(other, jobs)
    assert (here, there) == ("../one.db", "../other.db")
    for database in (here, there):
        last = last_job(jobs, "products", "products__v1", database)
        assert json.loads((last.job / "manifest.json").read_text())["database"] == database
    with pytest.raises(CatalogError, match="No job in"):
        last_job(jobs, "products", "products__v1", "../third.db")
    killed = Job(jobs, "products", {
        "alias": "products", "database": here, "model": {"fingerprint": "f"},
    })  # fmt: skip
    killed._alive._stream.close()  # As the kernel does it.
    assert unfinished_jobs(jobs, "products", "f", here) == [killed.folder]
    assert unfinished_jobs(jobs, "products", "f", there) == []
    assert unfinished_jobs(jobs, "products", "f") == [killed.folder]


def test_a_server_is_named_by_its_url(tmp_path: Path) -> None:
    server = Around(None, address="https://milvus:19530/")
    assert database_of(server, tmp_path / "jobs") == "https://milvus:19530"


def last_report(catalog: Path) -> dict[str, Any]:
    folder = max(jobs_of(catalog).glob("*-products"))
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return report


def test_a_run_whose_alias_is_switched_meanwhile_fails_and_says_so(
    catalog: Path, store: Store, mini: Encoder
) -> None:
    run(catalog, store, mini)
    store.create(CollectionSpec("products__v2", mini.identity, store.resolve("products").fields))
    store.upsert("products__v2", next(store.scan("products"))[:1])
    write(catalog, rows_of(catalog, 8))

    def encode_pixels(pixels: object) -> object:
        store.set_alias("products", "products__v2")
        return mini.encode_pixels(pixels)  # type: ignore[arg-type]

    with pytest.raises(ConflictError, match="was pointed to products__v2 by somebody") as said:
        run(catalog, store, Around(mini, encode_pixels=encode_pixels))
    assert "same command again" in str(said.value)
    report = last_report(catalog)
    assert report["status"] == "failed" and "products__v2" in report["error"]
    again = run(catalog, store, mini)
    assert (again.collection, again.rows, again.embedded) == ("products__v2", 8, 5)


@pytest.mark.parametrize("gone", [0, 3])
def test_what_an_interrupted_deletion_has_removed_is_counted(
    catalog: Path, store: Store, mini: Encoder, gone: int
) -> None:
    rows = rows_of(catalog, 6)
    run(catalog, store, mini)
    write(catalog, rows[:2])

    def delete(collection: str, ids: Sequence[str]) -> int:
        if gone:  # The request has gone out, and the answer never comes.
            store.delete(collection, ids[:gone])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(catalog, Around(store, delete=delete), mini, delete_missing=True, confirmed=True)
    report = last_report(catalog)
    assert (report["status"], report["missing"]) == ("interrupted", 4)
    assert report["deleted"] == gone == 6 - store.count("products")


def test_a_deletion_that_had_to_be_asked_for_twice_counts_what_it_removed(
    catalog: Path, store: Store, mini: Encoder
) -> None:
    rows = rows_of(catalog, 6)
    run(catalog, store, mini)
    write(catalog, rows[:2])
    calls: list[Sequence[str]] = []

    def delete(collection: str, ids: Sequence[str]) -> int:
        calls.append(ids)
        deleted = store.delete(collection, ids)
        if len(calls) == 1:
            raise StoreUnavailableError("It went away before it answered.")
        return deleted

    report = run(catalog, Around(store, delete=delete), mini, delete_missing=True, confirmed=True)
    assert len(calls) == 2 and report.deleted == 4 and store.count("products") == 2
