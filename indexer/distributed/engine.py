"""The driver's part of a run on a cluster: reads the catalogue, counts what comes back.

    driver      rows, what is known of them          indexer.distributed.feed
      -> prepare   fetch, compare, decode            a worker for each core that is no encoder's
        -> encode    the model                       a worker for each GPU, or for most cores
          -> store     shard on disk, then upsert    a few workers; embedded databases: the driver
            -> driver    counts, errors, report

The stages are a Ray Data pipeline, which holds back each stage while the next is behind, moves
rows between machines, and does again what was lost with a process or a machine.
"""

import gc
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from indexer.bulk import Held
from indexer.distributed.cluster import (
    WORKER_CPUS,
    Pools,
    check_machines,
    check_ray,
    cluster_pools,
    connected,
    load_ray,
    set_up_data,
    translated,
)
from indexer.distributed.feed import Feed
from indexer.distributed.late import preprocessor_of
from indexer.distributed.parcels import Broken, Costs, Staged, Stored, unpack
from indexer.distributed.stages import Encode, Prepare, Setup, Store, StoreAddress, store_parcels
from indexer.fetching import HostStats
from indexer.intake import read_tasks
from indexer.memory import ImageMemory
from indexer.options import IndexOptions
from indexer.patience import PatientStore
from indexer.report import Failure
from indexer.rows import Row
from indexer.shard_folder import ShardFolder
from indexer.staging import StagedEmbeddings
from indexer.tally import Tally
from search.config import Settings
from search.encoders import resolve_model
from search.encoders.base import Encoder
from search.store.base import Hashes


@dataclass(frozen=True, slots=True)
class Work:
    """What a run hands to an engine: its rows, and whom to tell what became of them.

    `shards`, and the folders behind `staged`, are to be found under the same path or address on
    every machine. With `held` the rows are staged, and somebody else brings them into the store.
    """

    rows: Iterator[Row | Failure]
    look_up: Callable[[Sequence[str]], Mapping[str, Hashes]]
    memory: ImageMemory
    staged: StagedEmbeddings
    store: PatientStore
    encoder: Encoder
    shards: ShardFolder
    options: IndexOptions
    tally: Tally
    fail: Callable[[Failure], None]
    held: Held | None
    on_rows: Callable[[], None]


@dataclass(frozen=True, slots=True)
class RayEngine:
    """Runs the stages of an index run on a Ray cluster: pass it to `index_catalog`.

    `address` is HOST:PORT of the cluster's head, or `auto` for the cluster that this machine
    belongs to; None: what `RAY_ADDRESS` says, and else a cluster of this machine alone, started
    for the run. vitrine must be installed on every machine; images given as paths, models given as
    folders and the job folder, unless its shards are kept at an address, are there under the same
    paths.

    `db`, `db_token` and `db_timeout_s` are how workers reach a Milvus server. Into an embedded
    database, which one process alone can open, the driver writes what they embed.
    """

    model: str
    db: str
    db_token: str | None = field(default=None, repr=False)
    db_timeout_s: float = 30.0
    device: str = "auto"
    precision: str = "auto"
    address: str | None = None

    def __post_init__(self) -> None:
        """Look whether Ray is there.

        Raises:
            UnavailableError: Ray is not installed.
            ConfigError: no model of that name, or an address that cannot be used.
        """
        check_ray(self.address)
        resolve_model(self.model)

    @classmethod
    def of(cls, settings: Settings, model: str, address: str | None = None) -> "RayEngine":
        """The engine for a model, with the database and the device that the settings name."""
        return cls(
            model=model,
            db=settings.db,
            db_token=settings.db_token.get_secret_value() if settings.db_token else None,
            db_timeout_s=settings.db_timeout_s,
            device=settings.device,
            precision=settings.precision,
            address=address,
        )

    def begin(self, work: Work) -> "RayRun":
        """A run that is about to start."""
        return RayRun(self, work)


@dataclass(slots=True)
class RayRun:
    """One run on a cluster. `lanes` is how many encoders work at most."""

    engine: RayEngine
    work: Work
    lanes: int = 1
    _hosts: dict[str, tuple[HostStats, ...]] = field(default_factory=dict)
    _unflushed: int = 0

    def run(self) -> None:
        """Index all rows; what is counted is in the store.

        Raises:
            UnavailableError: there is no cluster, or it failed.
            VitrineError: from any stage.
        """
        with connected(self.engine.address), translated():
            self._run()

    def hosts(self) -> list[HostStats]:
        """The hosts that all workers together asked so far, those that took the longest first."""
        by_host = defaultdict(list)
        for stats in self._hosts.values():
            for one in stats:
                by_host[one.host].append(one)
        merged = [_merged(found) for found in by_host.values()]
        return sorted(merged, key=lambda one: one.seconds, reverse=True)

    def _run(self) -> None:
        ray = load_ray()
        set_up_data()
        check_machines(self.work.shards)
        work, chosen = self.work, cluster_pools(self.engine.device)
        self.lanes = chosen.encoders
        setup = self._setup(chosen, partial(ray.get, ray.put(work.staged)))
        feed = Feed(
            lambda: read_tasks(work.rows, work.look_up, work.memory, work.tally),
            ray.put,
            work.options.rows_at_once,
        )
        with closing(feed):
            for wave in feed.waves():
                self._work_off(wave, setup, chosen)
                self._flush()

    def _setup(self, chosen: Pools, staged: Callable[[], StagedEmbeddings]) -> Setup:
        engine, work = self.engine, self.work
        options = work.options
        source = resolve_model(engine.model)
        model, path = engine.model, source.path
        if path is not None and source.name.startswith("local-dir:"):
            model = f"local-dir:{path.absolute()}"
        # What a host may be asked at a time is shared out among those who ask.
        per_host = max(1, options.fetch.per_host // chosen.preparers)
        return Setup(
            identity=work.encoder.identity,
            model=model,
            device="cuda" if chosen.gpus else self._cpu_device(),
            precision=engine.precision,
            preprocessor=preprocessor_of(work.encoder, model),
            limits=options.limits,
            fetch=replace(options.fetch, per_host=per_host),
            staged=staged,
            images=options.images,
            shards=work.shards,
            collection=work.store.collection,
            store=StoreAddress(
                uri=engine.db,
                token=engine.db_token,
                timeout_s=engine.db_timeout_s,
                shared=not work.store.store.capabilities.embedded,
            ),
            held=work.held,
        )

    def _cpu_device(self) -> str:
        return "cpu" if self.engine.device in ("auto", "cuda") else self.engine.device

    def _work_off(self, wave: list[Any], setup: Setup, chosen: Pools) -> None:
        ray = load_ray()
        options = self.work.options
        parcels_a_shard = max(1, options.shard_rows // options.rows_at_once)
        data = ray.data.from_arrow_refs(wave)
        for stage, workers, size, resources in (
            (Prepare, chosen.preparers, 1, {}),
            (Encode, chosen.encoders, 1, {"num_gpus": chosen.gpus}),
            (Store, chosen.stores, parcels_a_shard, {}),
        ):
            data = data.map_batches(
                stage,
                fn_constructor_args=(setup,),
                batch_size=size,
                batch_format="pyarrow",
                zero_copy_batch=True,
                compute=ray.data.ActorPoolStrategy(min_size=1, max_size=workers),
                num_cpus=WORKER_CPUS,
                **resources,
            )
        tables = iter(data.iter_batches(batch_size=None, batch_format="pyarrow"))
        try:
            for table in tables:
                for parcel in unpack(table):
                    self._take(parcel)
        finally:
            # An error holds on to this frame, and so to its workers, with their models in memory.
            del tables, data
            gc.collect()

    def _take(self, parcel: Any) -> None:
        """Count rows that are done; those that are staged only are stored first."""
        match parcel:
            case Broken(error):
                raise error
            case Staged(parcels, costs):
                self._count(store_parcels(self.work.store, parcels, costs))
                self._flush()
            case Stored():
                self._count(parcel)

    def _count(self, stored: Stored) -> None:
        tally = self.work.tally
        for failure in stored.failures:
            self.work.fail(failure)
        (self.work.held or tally).stored(stored.counts, stored.reused)
        tally.see(stored.seen)
        self._charge(stored.costs)
        self._hosts |= stored.hosts
        self._unflushed += 0 if self.work.held is not None else stored.seen
        self.work.memory.put(stored.known)
        self.work.on_rows()

    def _charge(self, costs: Costs) -> None:
        for stage, seconds in costs.seconds.items():
            self.work.tally.spend(stage, seconds)
        for stage, rows in costs.rows.items():
            self.work.tally.passed(stage, rows)

    def _flush(self) -> None:
        if self._unflushed:
            self.work.store.flush()
            self._unflushed = 0


def _merged(found: Sequence[HostStats]) -> HostStats:
    """What several workers say of one host; the median is the mean of theirs, by requests."""
    requests = sum(one.requests for one in found)
    return HostStats(
        host=found[0].host,
        requests=requests,
        bytes=sum(one.bytes for one in found),
        retries=sum(one.retries for one in found),
        failures=sum(one.failures for one in found),
        seconds=sum(one.seconds for one in found),
        median_ms=sum(one.median_ms * one.requests for one in found) / max(1, requests),
    )
