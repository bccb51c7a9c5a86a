"""The parts of indexing on a cluster that need no cluster: parcels, stages, feed, sizes, errors."""

import importlib.util
import pickle
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from indexer.distributed import RayEngine, RayRun
from indexer.distributed.cluster import WORKER_CPUS, connected, pools
from indexer.distributed.feed import Feed
from indexer.distributed.parcels import (
    Broken,
    Costs,
    Embedded,
    Prepared,
    Staged,
    Stored,
    Tasks,
    pack,
    unpack,
)
from indexer.distributed.stages import (
    Encode,
    Prepare,
    Setup,
    Store,
    StoreAddress,
    store_parcels,
)
from indexer.fetching import FetchOptions, HostStats
from indexer.patience import PatientStore
from indexer.preparing import Task
from indexer.report import Failure
from indexer.rows import Row
from indexer.shard_folder import ShardFolder
from indexer.staging import StagedEmbeddings
from indexer.tally import Count, Stage
from indexer.writing import Write
from search.encoders import Encoder, load_encoder
from search.errors import ConfigError, ModelMismatchError, UnavailableError
from search.images import ImageLimits
from search.store import CollectionSpec, Entity, Hashes, open_store
from search.types import Item
from tests.waiting import wait_until

BAD = Failure(3, None, None, "id_empty", "The row has no id.", "Give every row an id.")


def row(number: int, image: Path) -> Row:
    return Row(number, Item(f"item-{number}", str(image), f"title {number}"), f"{number:032x}")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("images")
    paths = [folder / f"{number}.png" for number in range(4)]
    for number, path in enumerate(paths):
        colours = np.random.default_rng(number).integers(0, 255, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(colours).save(path)
    return paths


# Feed


def test_a_feed_hands_over_every_row_once_in_parcels() -> None:
    chunks: Iterator[list[Any]] = iter([list(range(10)), list(range(10, 17)), []])
    feed = Feed(lambda: next(chunks), lambda table: table, batch_size=4, least_rows=1)
    with closing(feed):
        parcels = [one for wave in feed.waves() for table in wave for one in unpack(table)]
    rows = [number for parcel in parcels if isinstance(parcel, Tasks) for number in parcel.rows]
    assert rows == list(range(17))
    assert [parcel.first_row for parcel in parcels if isinstance(parcel, Tasks)] == [
        1,
        5,
        9,
        13,
        17,
    ]


def test_waves_hold_what_was_read_meanwhile_and_at_least_so_many_rows() -> None:
    chunks: Iterator[list[Any]] = iter([[number] * 10 for number in range(8)] + [[]])
    put: list[Any] = []
    feed = Feed(lambda: next(chunks), lambda table: put.append(table) or table, 10, least_rows=30)
    with closing(feed):
        waves = feed.waves()
        first = next(waves)
        assert len(first) >= 3
        wait_until(lambda: len(put) == 8)
        assert len(first) + sum(len(wave) for wave in waves) == 8


def test_a_feed_reads_no_further_ahead_than_its_bound_and_stops_when_closed() -> None:
    put: list[Any] = []
    feed = Feed(lambda: [0] * 10, lambda table: put.append(table) or table, 10, most_bytes=1)
    wait_until(lambda: len(put) == 1)
    wave = next(feed.waves())
    assert len(wave) == 1
    wait_until(lambda: len(put) == 2)
    feed.close()
    assert len(put) == 2
    feed.close()


def test_what_reading_raises_is_raised_where_rows_are_awaited() -> None:
    def read() -> list[Any]:
        raise UnavailableError("The catalogue went away.")

    with (
        closing(Feed(read, lambda table: table, 4)) as feed,
        pytest.raises(UnavailableError, match="went away"),
    ):
        list(feed.waves())


# Stages, as the workers run them


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder("mini", device="cpu")


@pytest.fixture
def setup(encoder: Encoder, tmp_path: Path) -> Setup:
    return Setup(
        identity=encoder.identity,
        model="mini",
        device="cpu",
        precision="auto",
        preprocessor=partial(bytes, pickle.dumps(encoder.preprocessor)),
        limits=ImageLimits(),
        fetch=FetchOptions(),
        staged=StagedEmbeddings,
        images=None,
        shards=ShardFolder.of_job(tmp_path),
        collection="products__v1",
        store=StoreAddress(str(tmp_path / "v.db"), None, 30.0, shared=False),
    )


def through(stage: Any, parcels: list[Any]) -> list[Any]:
    """What a stage makes of parcels, by the way they travel."""
    return unpack(stage(pack(parcels)))


@pytest.mark.model
def test_rows_go_through_all_stages_and_add_up(
    setup: Setup, encoder: Encoder, images: list[Path]
) -> None:
    setup = pickle.loads(pickle.dumps(setup))
    unchanged = Prepare(setup).work([Tasks(9, (Task(row(9, images[3])),))])[0].outcomes[0]
    stored = Hashes(unchanged.image_hash, row(4, images[3]).row_hash)
    tasks = Tasks(
        1,
        (
            Task(row(1, images[0])),
            Task(row(2, images[1].with_name("gone.png"))),
            BAD,
            Task(row(4, images[3]), stored),
        ),
    )
    (prepared,) = through(Prepare(setup), [tasks])
    assert isinstance(prepared, Prepared)
    (embedded,) = through(Encode(setup), [prepared])
    assert isinstance(embedded, Embedded)
    stage = Store(setup)
    for _ in range(2):  # As when the first answer was lost with its machine.
        (staged,) = through(stage, [embedded])
    assert isinstance(staged, Staged)
    assert len(setup.shards.shards()) == 1

    with closing(open_store(setup.store.uri)) as store:
        store.create(CollectionSpec(setup.collection, encoder.identity))
        patient = PatientStore(store, setup.collection)
        done = store_parcels(patient, staged.parcels, staged.costs)
        ids, found = store.embeddings(setup.collection, ["item-1", "item-4"])
    assert ids == ["item-1"]
    with Image.open(images[0]) as image:
        expected = encoder.encode_images([image.convert("RGB")])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert done.counts == Counter({Count.INDEXED: 1, Count.UNCHANGED: 1})
    assert sorted(failure.row for failure in done.failures) == [2, 3]
    assert done.seen == 4 and done.reused == 0
    assert done.costs.rows[Stage.ENCODE] == done.costs.rows[Stage.STORE] == 1
    assert done.costs.seconds[Stage.ENCODE] > 0


@pytest.mark.model
def test_what_was_staged_before_is_not_embedded_again(
    setup: Setup, images: list[Path], tmp_path: Path
) -> None:
    tasks = Tasks(1, (Task(row(1, images[0])), Task(row(2, images[1]))))
    (embedded,) = through(Encode(setup), through(Prepare(setup), [tasks]))
    through(Store(setup), [embedded])

    before = StagedEmbeddings([tmp_path])
    again = replace(setup, model="no model is loaded", staged=Handed(before))
    (prepared,) = through(Prepare(pickle.loads(pickle.dumps(again))), [tasks])
    (reused,) = through(Encode(again), [prepared])
    assert [write.reused for write in reused.writes] == [True, True]
    for write, other in zip(reused.writes, embedded.writes, strict=True):
        np.testing.assert_array_equal(write.entity.embedding, other.entity.embedding)


class Handed:
    """Stands for what the cluster's object store hands out: a copy by pickling."""

    def __init__(self, staged: StagedEmbeddings) -> None:
        self.staged = staged

    def __call__(self) -> StagedEmbeddings:
        return self.staged


@pytest.mark.model
def test_a_worker_with_another_model_ends_the_run_with_that_error(
    setup: Setup, images: list[Path]
) -> None:
    other = replace(setup, identity=replace(setup.identity, fingerprint="0" * 64))
    tasks = Tasks(1, (Task(row(1, images[0])),))
    broken = through(Encode(other), through(Prepare(other), [tasks]))
    assert [type(parcel) for parcel in broken] == [Broken]
    (after,) = through(Store(other), broken)
    assert isinstance(after, Broken) and isinstance(after.error, ModelMismatchError)
    assert "every machine" in str(after.error)
    assert not setup.shards.shards()


def test_a_shard_that_cannot_be_written_ends_the_run(setup: Setup, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    blocked = replace(setup, shards=ShardFolder.of_job(tmp_path / "file"))
    entity = Entity(Item("a", "a.png", ""), np.ones(4, np.float32), "0" * 32, "1" * 32)
    write = Write(row(1, tmp_path), entity, Count.INDEXED)
    parcel = Embedded(1, (write,), (), 0, (), {}, Costs(), "worker", ())
    (broken,) = through(Store(blocked), [parcel])
    assert isinstance(broken, Broken) and isinstance(broken.error, UnavailableError)


# Sizes, counts, errors


@pytest.mark.parametrize("cpus", [1, 2, 3, 4, 16, 1000])
def test_all_workers_have_a_place_on_a_small_part_of_the_cluster(cpus: int) -> None:
    chosen = pools(cpus, 0, 1, "auto")
    workers = (chosen.preparers, chosen.encoders, chosen.stores)
    assert min(workers) >= 1 and chosen.gpus == 0
    assert sum(workers) * WORKER_CPUS <= max(1, cpus / 50)


def test_each_gpu_has_an_encoder_unless_the_cpu_was_asked_for() -> None:
    chosen = pools(64, 8, 4, "auto")
    assert (chosen.encoders, chosen.gpus, chosen.preparers, chosen.stores) == (8, 1, 56, 8)
    assert pools(64, 8, 4, "cpu").gpus == 0


def test_what_several_workers_asked_of_a_host_is_summed() -> None:
    engine = RayEngine("mini", "v.db") if importlib.util.find_spec("ray") else None
    run = RayRun(engine, None)  # type: ignore[arg-type]
    one = HostStats("a.example", 10, 1000, 1, 0, 2.0, 100.0)
    run._hosts = {"first": (one,), "second": (replace(one, requests=30, median_ms=200.0),)}
    (host,) = run.hosts()
    assert (host.requests, host.bytes, host.retries, host.seconds) == (40, 2000, 2, 4.0)
    assert host.median_ms == pytest.approx(175.0)


def test_without_ray_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UnavailableError, match=r"pip install 'vitrine\[ray\]'"):
        RayEngine("mini", "v.db")


@pytest.mark.model
def test_what_prepares_images_can_be_unpickled_in_a_new_process(
    encoder: Encoder, images: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "pickled").write_bytes(pickle.dumps(encoder.preprocessor))
    code = (
        "import pickle, sys; from PIL import Image; "
        "made = pickle.load(open(sys.argv[1], 'rb')).preprocess([Image.open(sys.argv[2])]); "
        "open(sys.argv[3], 'wb').write(made.tobytes())"
    )
    files = [str(tmp_path / "pickled"), str(images[0]), str(tmp_path / "pixels")]
    subprocess.run([sys.executable, "-c", code, *files], check=True, timeout=300)
    with Image.open(images[0]) as image:
        expected = encoder.preprocess([image])
    assert (tmp_path / "pixels").read_bytes() == expected.tobytes()


def test_the_address_of_a_ray_client_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    with pytest.raises(ConfigError, match="HOST:6379"):
        RayEngine("mini", "v.db", address="ray://head:10001")


def test_an_address_where_nobody_listens_is_said_at_once() -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'vitrine[ray]'")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # Bound, and not listening.
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UnavailableError, match=f"no Ray cluster at {address}"):  # noqa: SIM117
            with connected(address):
                pass


def test_a_token_is_not_shown() -> None:
    address = StoreAddress("http://milvus:19530", "secret", 30.0, shared=True)
    assert "secret" not in repr(address)


def test_parcels_come_out_as_they_went_in() -> None:
    costs = Costs(Counter({Stage.ENCODE: 0.5}), Counter({Stage.ENCODE: 2}))
    done = Stored(Counter({Count.INDEXED: 2}), 1, (BAD,), {}, costs, {})
    (found,) = unpack(pack([done]))
    assert found == done and found.seen == 3
