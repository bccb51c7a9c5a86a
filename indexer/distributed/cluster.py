"""The Ray cluster: reaching one or starting one, what it has, and its errors in vitrine's words."""

import importlib
import importlib.util
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from indexer.shard_folder import ShardFolder
from search.errors import ConfigError, UnavailableError

_LOCAL = "local"
_KNOCK_S = 10.0
_ANSWER_S = 300.0
"""How long a machine may take to start a first worker."""
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
"""What a cluster that is started here is told: no reports to anybody, no advice."""


_STUCK_S = 600.0
"""After how long without any progress a run ends: long enough for a model to be loaded anywhere."""
WORKER_CPUS = 0
"""What a worker asks of a machine's cores. Their number is decided here, by `pools`; to Ray they
take nothing, so that those of a machine that is lost fit on the others. A worker that asks for a
core of its own is not started again when all cores are taken, and the rows it had wait for it
forever; one that asks for a little keeps Ray's own tasks, which want a whole core, from a machine
that has but one.
"""


@dataclass(frozen=True, slots=True)
class Pools:
    """How many workers each stage has at most, and the GPUs that an encoder takes."""

    preparers: int
    encoders: int
    stores: int
    gpus: int


def check_ray(address: str | None) -> None:
    """See that Ray is installed and the address is of a kind that works; starts nothing.

    Raises:
        UnavailableError: Ray is not installed.
        ConfigError: the address is a Ray client's.
    """
    if importlib.util.find_spec("ray") is None or importlib.util.find_spec("ray.data") is None:
        raise UnavailableError(
            "To index on several machines, vitrine needs Ray, which is not installed.",
            hint="Install it with: pip install 'vitrine[ray]', on every machine of the cluster.",
        )
    if address is not None and address.startswith("ray://"):
        raise ConfigError(
            f"{address} is the address of a Ray client, through which nothing can be indexed.",
            hint="Run the command on a machine of the cluster, with --ray-address HOST:6379 or "
            "auto.",
        )


def load_ray() -> Any:
    """Ray with Ray Data: an extra that takes seconds to import, so it is imported here alone."""
    for module in ("ray.data", "ray.data.exceptions", "ray.util.scheduling_strategies"):
        importlib.import_module(module)
    return importlib.import_module("ray")


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Connect to the cluster at an address (HOST:PORT, or auto for this machine's own).

    Without an address, `RAY_ADDRESS` names it, and without that a cluster of this machine alone
    is started and ended with the block. A connection that is there already is used and kept.

    Raises:
        UnavailableError: there is no cluster at the address, or none can be started.
    """
    ray = load_ray()
    if ray.is_initialized():
        yield
        return
    chosen = address or os.environ.get("RAY_ADDRESS") or _LOCAL
    _knock(chosen)
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        ray.init(
            address=chosen,
            log_to_driver=False,
            logging_level=logging.ERROR,
            **({"include_dashboard": False} if chosen == _LOCAL else {}),
        )
    # Ray has no class for it: ConnectionError, RuntimeError, ValueError, TimeoutError, Exception.
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        where = "on this machine" if chosen == _LOCAL else f"at {chosen}"
        raise UnavailableError(
            f"There is no Ray cluster {where}: {reason}",
            hint="See that it runs with `ray status`, and that --ray-address is HOST:PORT of its "
            "head.",
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """See that somebody listens at HOST:PORT, which Ray would try for many minutes."""
    host, colon, port = address.rpartition(":")
    if not (colon and port.isdigit()):
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_S).close()
    except OSError as error:
        raise UnavailableError(
            f"There is no Ray cluster at {address}: {error.strerror or error}.",
            hint="See that it runs with `ray status`, and that --ray-address is HOST:PORT of its "
            "head.",
        ) from error


def look_around(shards: ShardFolder) -> tuple[str, str | None]:
    """On a machine of the cluster: its name, and why it cannot write shards, if so."""
    return socket.gethostname(), shards.problem()


def check_machines(shards: ShardFolder) -> None:
    """See that every machine of the cluster has vitrine and can write the job's shards.

    Where it cannot, its workers would be started again and again, and the run hang.

    Raises:
        UnavailableError: a machine lacks one of them, or does not answer.
    """
    ray = load_ray()
    shards.begin()
    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
    looking = [
        ray.remote(look_around)
        .options(
            num_cpus=0,
            scheduling_strategy=ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
                node, soft=True
            ),
        )
        .remote(shards)
        for node in nodes
    ]
    try:
        found = ray.get(looking, timeout=_ANSWER_S)
    except ray.exceptions.RayError as error:
        reason = " ".join(str(error).split())[-300:]
        raise UnavailableError(
            f"A machine of the Ray cluster cannot run vitrine: {reason}",
            hint="Install vitrine[ray] on every machine, in the Python that Ray runs in.",
        ) from error
    if without := sorted({f"{name}: {why}" for name, why in found if why is not None}):
        told = "; ".join(without)
        raise UnavailableError(
            f"Not every machine can write to {shards.shown}: {told}.",
            hint="Choose a --job-dir in a folder that all machines share under one path, or an "
            "object store that all of them can write to with --shards-dir.",
        )


def set_up_data() -> None:
    """Have Ray Data say nothing and end rather than hang."""
    ray = load_ray()
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_no_progress_timeout_s = _STUCK_S


def cluster_pools(device: str) -> Pools:
    """Workers for the cluster as it is now; see `pools`."""
    ray = load_ray()
    resources = ray.cluster_resources()
    machines = sum(1 for node in ray.nodes() if node["Alive"])
    return pools(int(resources.get("CPU", 0)), int(resources.get("GPU", 0)), machines, device)


def pools(cpus: int, gpus: int, machines: int, device: str) -> Pools:
    """Workers for a cluster of so many cores, GPUs and machines.

    With GPUs (and `device` auto or cuda) there is an encoder on each, and every other core
    prepares images. Without, a quarter of the cores prepares and the rest embeds: with small
    models that is about what each stage takes.
    """
    stores = 2 * machines
    if gpus and device in ("auto", "cuda"):
        return Pools(max(1, cpus - gpus), gpus, stores, 1)
    encoders = max(1, cpus - max(1, cpus // 4))
    return Pools(max(1, cpus - encoders), encoders, stores, 0)


@contextmanager
def translated() -> Iterator[None]:
    """Raise what went wrong in the cluster itself as UnavailableError.

    An error of the program in a worker is raised as what it is.
    """
    ray = load_ray()
    try:
        yield
    except ray.exceptions.RayTaskError as error:
        cause = error.cause
        if isinstance(cause, Exception) and not isinstance(cause, ray.exceptions.RayError):
            raise cause from error
        raise _failed(error) from error
    except (ray.exceptions.RayError, ray.data.exceptions.ExecutionTimeoutError) as error:
        raise _failed(error) from error


def _failed(error: Exception) -> UnavailableError:
    reason = " ".join(str(error).split())[:300]
    return UnavailableError(
        f"The Ray cluster failed: {reason}",
        hint="Look at it with `ray status`, and run the same command again: it goes on from what "
        "was staged.",
    )
