"""Runs that are killed over and over, lose their server, or fill their disk, and go on."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from search.store import Entity, open_store
from tests.fault.indexing_process import (
    BATCH,
    SHARD_ROWS,
    IndexingProcess,
    draw_catalog,
    moments,
)
from tests.milvus_server import MilvusServer

pytestmark = [pytest.mark.model, pytest.mark.slow]

ROWS = 2_000
KILLS = 20
IN_FLIGHT = SHARD_ROWS + 3 * BATCH
"""What a kill may cost: the shard that is being gathered, and the batches in the encoder."""


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_catalog(tmp_path_factory.mktemp("killed") / "catalog", ROWS)


@pytest.fixture(scope="module")
def undisturbed(catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Entity]:
    folder = tmp_path_factory.mktemp("undisturbed")
    uri = str(folder / "v.db")
    run = IndexingProcess(catalog, uri, folder)
    assert run.finish() == (0, "")
    assert run.embedded == ROWS
    return stored(uri)


def stored(uri: str) -> dict[str, Entity]:
    """All that is in the collection, after making sure that nothing is there twice."""
    store = open_store(uri)
    try:
        entities = [entity for batch in store.scan("products") for entity in batch]
        assert len(entities) == store.count("products")
        by_id = {entity.item.id: entity for entity in entities}
        assert len(by_id) == len(entities)
        return by_id
    finally:
        store.close()


def assert_same(found: dict[str, Entity], expected: dict[str, Entity]) -> None:
    assert found.keys() == expected.keys()
    for id, entity in expected.items():
        other = found[id]
        assert (other.item, other.image_hash, other.row_hash) == (
            entity.item, entity.image_hash, entity.row_hash,
        )  # fmt: skip
    ids = sorted(expected)
    np.testing.assert_allclose(
        np.stack([found[id].embedding for id in ids]),
        np.stack([expected[id].embedding for id in ids]),
        atol=1e-5,
    )


@pytest.mark.parametrize("backend", ["lite", pytest.param("server", marks=pytest.mark.server)])
def test_a_run_that_is_killed_at_twenty_moments_ends_as_an_undisturbed_one(
    backend: str,
    catalog: Path,
    undisturbed: dict[str, Entity],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    uri = str(tmp_path / "v.db")
    if backend == "server":
        # The alias is that of every run here: a server of its own, that nobody else writes to.
        server: MilvusServer = request.getfixturevalue("new_milvus_server")()
        request.addfinalizer(server.stop)
        server.start()
        uri = server.uri
    killed = 0
    for images in moments(KILLS, most=2 * SHARD_ROWS):
        run = IndexingProcess(catalog, uri, tmp_path)
        if run.wait_for_shard(run.shards) if images is None else run.wait_for(images):
            run.kill()
            killed += 1
    last = IndexingProcess(catalog, uri, tmp_path)
    assert last.finish() == (0, "")
    assert killed >= KILLS - 2, "the catalogue is too small for so many kills"
    assert_same(stored(uri), undisturbed)
    assert last.embedded <= ROWS + killed * IN_FLIGHT

    again = IndexingProcess(catalog, uri, tmp_path)
    before = again.embedded
    assert again.finish() == (0, "") and again.embedded == before


@pytest.mark.server
def test_a_run_goes_on_when_its_server_was_killed_and_started_again(
    catalog: Path,
    undisturbed: dict[str, Entity],
    tmp_path: Path,
    new_milvus_server: Callable[[], MilvusServer],
) -> None:
    server = new_milvus_server()
    server.start()
    try:
        run = IndexingProcess(catalog, server.uri, tmp_path)
        assert run.wait_for(ROWS // 4)
        server.kill()
        starting = threading.Thread(target=server.start)
        starting.start()
        returncode, stderr = run.finish(timeout_s=300)
        starting.join()
        assert returncode == 0, stderr
        assert run.embedded == ROWS, "nothing is embedded twice for that"
        assert_same(stored(server.uri), undisturbed)
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("largest_file_bytes", "said"),
    [(70_000, "shards/00000.parquet cannot be written: File too large"), (90_000, "Milvus at")],
    ids=["no room for a shard", "no room in the database"],
)
def test_a_disk_that_is_full_ends_the_run_with_a_reason_and_the_next_goes_on(
    largest_file_bytes: int,
    said: str,
    catalog: Path,
    undisturbed: dict[str, Entity],
    tmp_path: Path,
) -> None:
    uri = str(tmp_path / "v.db")
    full = IndexingProcess(catalog, uri, tmp_path, largest_file_bytes=largest_file_bytes)
    returncode, stderr = full.finish()
    assert returncode == 1 and "Traceback" not in stderr
    assert said in stderr and "File too large" in stderr
    staged = full.shards * SHARD_ROWS
    assert 0 < full.embedded < ROWS

    run = IndexingProcess(catalog, uri, tmp_path)
    before = run.embedded
    assert run.finish() == (0, "")
    assert run.embedded - before <= ROWS - staged + SHARD_ROWS
    assert_same(stored(uri), undisturbed)
