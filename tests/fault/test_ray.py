"""Indexing on a Ray cluster of two nodes: as the local engine does it, whatever dies meanwhile.

The nodes are processes of this machine (`ray.cluster_utils.Cluster`), with workers of their own.
"""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from indexer import IndexOptions, IndexReport, Progress, index_catalog
from indexer.distributed import RayEngine
from indexer.distributed.cluster import check_machines
from indexer.shard_folder import ShardFolder
from indexer.staging import StagedEmbeddings
from search.encoders import Encoder, load_encoder
from search.encoders.late import LateEncoder
from search.errors import ModelMismatchError, UnavailableError
from search.store import Entity, Store, open_store
from tests.s3_server import S3Missing, S3Server, running_s3, skip_or_fail
from tests.sample_collection import sample_rows, write_catalog
from tests.waiting import wait_until

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'vitrine[ray]'")

pytestmark = [pytest.mark.model, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
ROWS = 300
NODE = {"num_cpus": 1, "object_store_memory": 150 * 2**20, "include_dashboard": False}
STARTS = 3
SETTINGS = {
    "RAY_agent_register_timeout_ms": "120000",
    "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}

DRIVER = """
import sys
from pathlib import Path
from indexer import IndexOptions, index_catalog
from indexer.distributed import RayEngine
from search.encoders import load_encoder
from search.store import open_store
catalog, folder, address = sys.argv[1:]
db = str(Path(folder) / "v.db")
index_catalog(
    catalog, store=open_store(db), encoder=load_encoder("mini", device="cpu"), alias="products",
    options=IndexOptions(job_dir=Path(folder) / "jobs", batch_size=8, shard_rows=16),
    engine=RayEngine("mini", db, device="cpu", address=address),
)
"""


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server | S3Missing]:
    """A server of the S3 protocol, or why there is none."""
    try:
        with running_s3() as server:
            yield server
    except S3Missing as missing:
        yield missing


@pytest.fixture(scope="module")
def cluster(s3: object) -> Iterator[Any]:
    """A head of two cores; tests that need another node add it.

    Its workers find the S3 server by what this process has in its environment now.
    """
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        started = _start(Cluster)
        try:
            # A driver dies with the node that it belongs to: while there is but one, it is that.
            ray.init(address=started.address, log_to_driver=False, logging_level=logging.ERROR)
            yield started
        finally:
            ray.shutdown()
            started.shutdown()


def _start(cluster: Any) -> Any:
    """Ray gives a node 30 s to start, which a machine that is busy may exceed."""
    for attempt in range(1, STARTS + 1):
        try:
            return cluster(initialize_head=True, head_node_args=NODE)
        # Ray raises Exception itself, and SystemExit when its first service does not answer.
        except (Exception, SystemExit):
            if attempt == STARTS:
                raise
            ray.shutdown()
    raise AssertionError("the last attempt returns or raises")


@pytest.fixture
def second_node(cluster: Any) -> Iterator[Any]:
    """Another node, gone after the test."""
    node = cluster.add_node(**NODE)
    yield node
    if node in cluster.list_all_nodes():
        cluster.remove_node(node, allow_graceful=False)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder("mini", device="cpu")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = sample_rows()[:ROWS]
    rows[7] |= {"image": "/nowhere/at-all.jpg"}
    rows[11] |= {"id": rows[10]["id"]}
    return write_catalog(rows, tmp_path_factory.mktemp("catalog") / "catalog.csv")


@pytest.fixture(scope="module")
def local(
    catalog: Path, encoder: Encoder, tmp_path_factory: pytest.TempPathFactory
) -> tuple[IndexReport, dict[str, Entity]]:
    """What the local engine makes of the catalogue."""
    folder = tmp_path_factory.mktemp("local")
    with closing(open_store(str(folder / "v.db"))) as store:
        report = index_catalog(
            catalog,
            store=store,
            encoder=encoder,
            alias="products",
            options=IndexOptions(job_dir=folder / "jobs"),
        )
        return report, content(store, "products")


class OnCluster:
    """Runs on the cluster into one database."""

    def __init__(self, cluster: Any, encoder: Encoder, db: str, folder: Path, alias: str) -> None:
        self.shards_dir: str | None = None
        self.bulk_import: str | None = None
        self.cluster, self.encoder = cluster, encoder
        self.db, self.folder, self.alias = db, folder, alias

    def index(
        self, catalog: Path, on_progress: Callable[[Progress], None] | None = None
    ) -> IndexReport:
        with closing(open_store(self.db)) as store:
            return index_catalog(
                catalog,
                store=store,
                encoder=self.encoder,
                alias=self.alias,
                options=IndexOptions(
                    job_dir=self.folder / "jobs",
                    batch_size=8,
                    shard_rows=16,
                    shards_dir=self.shards_dir,
                    bulk_import=self.bulk_import,
                    bulk_import_rows=1,
                ),
                on_progress=on_progress,
                engine=RayEngine("mini", self.db, device="cpu", address=self.cluster.address),
            )

    def elsewhere(self) -> tuple[str, Path, str]:
        """Another database and job folder."""
        folder = self.folder / "elsewhere"
        folder.mkdir()
        return str(folder / "v.db"), folder, self.alias

    def content(self) -> dict[str, Entity]:
        with closing(open_store(self.db)) as store:
            return content(store, self.alias)


@pytest.fixture
def embedded(cluster: Any, encoder: Encoder, tmp_path: Path) -> OnCluster:
    return OnCluster(cluster, encoder, str(tmp_path / "v.db"), tmp_path, "products")


def content(store: Store, alias: str) -> dict[str, Entity]:
    """Everything stored, by id; doubled ids fail."""
    entities = [entity for batch in store.scan(alias) for entity in batch]
    by_id = {entity.item.id: entity for entity in entities}
    assert len(by_id) == len(entities) == store.count(alias)
    return by_id


def assert_same(found: dict[str, Entity], expected: dict[str, Entity]) -> None:
    assert found.keys() == expected.keys()
    for id, entity in found.items():
        other = expected[id]
        assert entity.item == other.item
        assert (entity.image_hash, entity.row_hash) == (other.image_hash, other.row_hash)
        np.testing.assert_allclose(entity.embedding, other.embedding, atol=1e-5)


def assert_adds_up(report: IndexReport, local: IndexReport) -> None:
    """Every row in one count; the same rows failed for the same reasons."""
    assert report.rows == ROWS
    assert report.failed == local.failed == 2
    assert report.failed_by_code == local.failed_by_code
    assert len(report.errors_file.read_text(encoding="utf-8").splitlines()) == 2
    assert sorted(f.row for f in report.failures) == sorted(f.row for f in local.failures)


def test_it_makes_what_the_local_engine_makes_and_then_only_what_changed(
    embedded: OnCluster, second_node: Any, catalog: Path, local: Any
) -> None:
    report = embedded.index(catalog)
    assert_adds_up(report, local[0])
    assert report.indexed == report.embedded == local[0].indexed
    assert report.stage_rows.encode == report.stage_rows.store == report.indexed
    assert report.stages.encode > 0 and report.stages.decode > 0
    assert_same(embedded.content(), local[1])

    changed = catalog.with_name("changed.csv")
    rows = sample_rows()[:ROWS]
    rows[7] |= {"image": "/nowhere/at-all.jpg"}
    rows[11] |= {"id": rows[10]["id"]}
    rows[0] |= {"title": "another title"}
    rows[1] |= {"image": rows[2]["image"]}
    again = embedded.index(write_catalog(rows, changed))
    assert_adds_up(again, local[0])
    assert (again.indexed, again.updated, again.columns_updated) == (0, 1, 1)
    assert again.unchanged == report.indexed - 2
    assert again.missing == 0
    stored = embedded.content()
    assert stored[rows[0]["id"]].item.title == "another title"
    expected = local[1][rows[2]["id"]].embedding
    np.testing.assert_allclose(stored[rows[1]["id"]].embedding, expected, atol=1e-5)


def test_the_model_is_loaded_in_the_cluster_and_only_if_there_is_something_to_embed(
    embedded: OnCluster, cluster: Any, encoder: Encoder, catalog: Path, local: Any
) -> None:
    first = embedded.index(catalog)
    late = LateEncoder(encoder.identity, lambda: pytest.fail("the driver loads a model"))
    embedded.encoder = cast(Encoder, late)
    again = embedded.index(catalog)
    assert (again.unchanged, again.embedded) == (first.indexed, 0)

    rows = sample_rows()[:ROWS]
    rows[1] |= {"image": rows[2]["image"]}
    report = embedded.index(write_catalog(rows[:5], catalog.with_name("fewer.csv")))
    assert (report.updated, report.embedded, report.unchanged) == (1, 1, 4)
    expected = local[1][rows[2]["id"]].embedding
    stored = embedded.content()[rows[1]["id"]]
    np.testing.assert_allclose(stored.embedding, expected, atol=1e-5)

    changed = replace(encoder.identity, fingerprint="another")
    other = OnCluster(cluster, cast(Encoder, LateEncoder(changed, list)), *embedded.elsewhere())
    with pytest.raises(ModelMismatchError, match="not the one that the run was started with"):
        other.index(catalog)


@pytest.mark.server
def test_workers_write_into_a_server(
    cluster: Any,
    second_node: Any,
    encoder: Encoder,
    catalog: Path,
    local: Any,
    milvus_uri: str,
    tmp_path: Path,
) -> None:
    run = OnCluster(cluster, encoder, milvus_uri, tmp_path, "on_ray")
    report = run.index(catalog)
    assert_adds_up(report, local[0])
    assert report.indexed == local[0].indexed
    assert_same(run.content(), local[1])


@pytest.mark.server
def test_a_server_imports_what_workers_have_staged(
    cluster: Any, encoder: Encoder, catalog: Path, local: Any, milvus_uri: str, tmp_path: Path
) -> None:
    if os.environ.get("VITRINE_TEST_SERVER_URI"):
        pytest.skip("The server that was given need not see the files of this machine.")
    run = OnCluster(cluster, encoder, milvus_uri, tmp_path, "imported_on_ray")
    run.bulk_import = str(tmp_path / "imports")
    report = run.index(catalog)
    assert_adds_up(report, local[0])
    assert report.notices == local[0].notices
    assert report.indexed == report.stage_rows.store == local[0].indexed
    with closing(open_store(milvus_uri)) as store:
        assert len(store.imports(report.collection)) == 1
    assert_same(run.content(), local[1])


def test_a_worker_and_a_node_that_die_cost_nothing_but_time(
    embedded: OnCluster, cluster: Any, second_node: Any, catalog: Path, local: Any
) -> None:
    killed: list[int] = []

    def kill(progress: Progress) -> None:
        if not killed and 0 < progress.done < ROWS:
            killed.append(worker_of(cluster, b"Encode"))
            os.kill(killed[0], signal.SIGKILL)
        elif len(killed) == 1 and ROWS // 3 < progress.done < ROWS:
            killed.append(0)
            cluster.remove_node(second_node, allow_graceful=False)

    report = embedded.index(catalog, kill)
    assert len(killed) == 2, "the run was over before anything could be killed"
    assert_adds_up(report, local[0])
    assert report.indexed == local[0].indexed
    assert_same(embedded.content(), local[1])


def test_a_driver_that_is_killed_goes_on_from_its_shards(
    embedded: OnCluster, cluster: Any, catalog: Path, local: Any
) -> None:
    jobs = embedded.folder / "jobs"
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(catalog), str(embedded.folder), cluster.address],
        cwd=ROOT,
        env={**os.environ, **SETTINGS},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        wait_until(
            lambda: len(list(jobs.glob("*/shards/*.parquet"))) > 2 or driver.poll() is not None,
            seconds=400,
        )
        assert driver.poll() is None, driver.communicate()[1].decode()
    finally:
        driver.kill()
        driver.communicate()
    (job,) = (folder for folder in jobs.iterdir() if folder.is_dir())
    assert not (job / "report.json").exists()

    report = embedded.index(catalog)
    assert report.resumed == (job.name,)
    assert report.unchanged + report.reused >= 3 * 8
    assert report.indexed + report.unchanged == local[0].indexed
    assert report.embedded < local[0].indexed
    assert_adds_up(report, local[0])
    assert_same(embedded.content(), local[1])


def test_shards_in_an_object_store_outlive_a_worker_and_are_gone_on_from(
    embedded: OnCluster,
    cluster: Any,
    second_node: Any,
    s3: S3Server | S3Missing,
    catalog: Path,
    local: Any,
) -> None:
    if isinstance(s3, S3Missing):
        skip_or_fail(s3)
        return
    embedded.shards_dir = s3.url("shards")
    killed: list[int] = []

    def kill(progress: Progress) -> None:
        if not killed and 0 < progress.done < ROWS:
            killed.append(worker_of(cluster, b"Store"))
            os.kill(killed[0], signal.SIGKILL)

    report = embedded.index(catalog, kill)
    assert killed, "the run was over before anything could be killed"
    assert_adds_up(report, local[0])
    assert_same(embedded.content(), local[1])
    staged = StagedEmbeddings([report.job])
    assert not (report.job / "shards").exists(), "nothing is shared but the object store"
    for id, entity in local[1].items():
        found = staged.get(entity.image_hash)
        assert found is not None, id
        np.testing.assert_allclose(found, entity.embedding, atol=1e-5)

    # As when the driver was killed before it had stored the last of what was staged.
    (report.job / "report.json").unlink()
    lost = sorted(local[1])[:100]
    with closing(open_store(embedded.db)) as store:
        store.delete("products__v1", lost)
    embedded.shards_dir = None
    again = embedded.index(catalog)
    assert again.resumed == (report.job.name,)
    assert (again.indexed, again.reused, again.embedded) == (100, 100, 0)
    assert_same(embedded.content(), local[1])


def test_a_place_for_shards_that_the_machines_do_not_share_is_an_error(cluster: Any) -> None:
    with pytest.raises(UnavailableError, match=r"--job-dir in a folder that all machines share"):
        check_machines(ShardFolder("memory://of-the-driver"))


def worker_of(cluster: Any, stage: bytes) -> int:
    """The process of a worker of that stage, of this cluster."""
    raylets = {
        process.process.pid
        for node in cluster.list_all_nodes()
        for process in node.all_processes["raylet"]
    }
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if stage in command and command.startswith(b"ray::") and parent in raylets:
            return int(folder.name)
    raise AssertionError(f"no worker of {stage.decode()} was found")
