"""Processes that work on one server at the same time as another verifies and switches."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from indexer import IndexOptions, index_catalog
from indexer.rollout import versions_of
from indexer.rollout.reindexing import ReindexOptions, reindex
from search.encoders import Encoder, load_encoder
from search.errors import CollectionNotFoundError, ConflictError, VitrineError
from search.store import Store, open_store
from tests.drawn_catalog import rows_of, write

pytestmark = [pytest.mark.model, pytest.mark.server]

OTHER_PROCESS = """
import sys
from functools import partial
from pathlib import Path
from indexer import IndexOptions
from indexer.rollout.reindexing import ReindexOptions, reindex
from search.encoders import load_encoder
from search.store import open_store

uri, alias, catalog, job_dir = sys.argv[1:]
load = partial(load_encoder, device="cpu")

def stop_at(stage):
    print(stage, flush=True)
    if stage.startswith("Verifying"):
        sys.stdin.readline()

store = open_store(uri)
report = reindex(
    catalog, store=store, encoder=load("mini"), alias=alias, load=load,
    options=ReindexOptions(IndexOptions(job_dir=Path(job_dir))), on_stage=stop_at,
)
print(report.switched, report.new.name, flush=True)
store.close()
"""


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder("mini", device="cpu")


@pytest.fixture
def alias() -> str:
    return f"shop_{uuid.uuid4().hex[:8]}"


@pytest.fixture
def store(milvus_uri: str, alias: str) -> Iterator[Store]:
    store = open_store(milvus_uri)
    yield store
    with suppress(CollectionNotFoundError):
        store.drop_alias(alias)
    for version in versions_of(store, alias):
        with suppress(VitrineError):
            store.drop(version.name)
    store.close()


def said_until(process: "subprocess.Popen[str]", beginning: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(beginning):
            return line.strip()
    assert process.stderr is not None
    raise AssertionError(process.stderr.read()[-2000:])


def test_no_write_of_another_process_falls_between_the_verification_and_the_switch(
    store: Store, milvus_uri: str, alias: str, mini: Encoder, tmp_path: Path
) -> None:
    catalog, options = tmp_path / "catalog.jsonl", IndexOptions(job_dir=tmp_path / "jobs")
    write(catalog, rows_of(catalog, 6))
    index_catalog(catalog, store=store, encoder=mini, alias=alias, options=options)
    arguments = [milvus_uri, alias, str(catalog), str(options.job_dir)]
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER_PROCESS, *arguments],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said_until(process, "Verifying")
        write(catalog, rows_of(catalog, 8))
        with pytest.raises(ConflictError, match=f"is replacing {alias}__v1.*process {process.pid}"):
            index_catalog(catalog, store=store, encoder=mini, alias=alias, options=options)
        with pytest.raises(ConflictError, match=f"is building {alias} .*process {process.pid}"):
            reindex(
                catalog, store=store, encoder=mini, alias=alias, load=lambda name: mini,
                options=ReindexOptions(options, fresh=True),
            )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write("go on\n")
        process.stdin.flush()
        assert said_until(process, "True") == f"True {alias}__v2"
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.communicate()
    report = index_catalog(catalog, store=store, encoder=mini, alias=alias, options=options)
    assert (report.collection, report.unchanged, report.indexed) == (f"{alias}__v2", 6, 2)


def test_a_process_that_is_killed_while_it_verifies_is_in_nobodys_way(
    store: Store, milvus_uri: str, alias: str, mini: Encoder, tmp_path: Path
) -> None:
    catalog, options = tmp_path / "catalog.jsonl", IndexOptions(job_dir=tmp_path / "jobs")
    write(catalog, rows_of(catalog, 6))
    index_catalog(catalog, store=store, encoder=mini, alias=alias, options=options)
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER_PROCESS, milvus_uri, alias, str(catalog),
         str(options.job_dir)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        said_until(process, "Verifying")
    finally:
        process.kill()
        process.communicate()
    again = index_catalog(catalog, store=store, encoder=mini, alias=alias, options=options)
    assert again.unchanged == 6
    report = reindex(
        catalog, store=store, encoder=mini, alias=alias, load=lambda name: mini,
        options=ReindexOptions(options),
    )  # fmt: skip
    assert report.switched and report.resumed and report.index.unchanged == 6
    assert [*options.job_dir.glob("*-reindex*")] == [], "nor are its locks"
