"""Which device a model runs on, and in which precision."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from search.errors import ConfigError

_PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_MOST_LANES = 8
"""On machines of many cores a lane gets several: each has a batch and what the model makes of it
in memory."""


def choose_device(name: str) -> torch.device:
    """The device of that name; auto is the first of cuda, mps and cpu that is there.

    Raises:
        ConfigError: no such device, or not on this machine.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda:0")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (index and not (kind == "cuda" and index.isdigit())):
        raise ConfigError(
            f"'{name}' is not a device.", hint="Devices are auto, cpu, cuda, cuda:N and mps."
        )
    if kind == "cuda":
        return _cuda(int(index or 0))
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("This machine has no mps device.", hint="Set device to auto or cpu.")
    return torch.device(kind)


def all_devices(name: str) -> list[str]:
    """The devices that indexing may use at once: every cuda device for `auto` and `cuda`."""
    if name in ("auto", "cuda") and torch.cuda.is_available():
        return [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return [name]


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """The number format of that name; auto is fp16 on cuda and fp32 elsewhere.

    Raises:
        ConfigError: no such precision, or fp16 on a CPU, which is slower there than fp32.
    """
    if name == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    if name not in _PRECISIONS:
        raise ConfigError(
            f"'{name}' is not a precision.", hint="Precisions are auto, fp32, fp16 and bf16."
        )
    if name == "fp16" and device.type == "cpu":
        raise ConfigError("fp16 does not run on a CPU.", hint="Set precision to fp32 or bf16.")
    return _PRECISIONS[name]


def _cuda(index: int) -> torch.device:
    if not torch.cuda.is_available():
        raise ConfigError(
            "This machine has no cuda device that PyTorch can use.",
            hint="Set device to auto or cpu, or install a CUDA build of PyTorch.",
        )
    count = torch.cuda.device_count()
    if index >= count:
        raise ConfigError(
            f"There is no device cuda:{index}.", hint=f"This machine has {count}, from cuda:0 on."
        )
    return torch.device("cuda", index)


def cpu_threads() -> int:
    """How many threads PyTorch uses for one operation on the CPU."""
    return torch.get_num_threads()


@dataclass(frozen=True, slots=True)
class CoreLanes:
    """See `search.encoders.base.Lanes`. `cores` is how many each takes; None: as torch has it."""

    count: int = 1
    cores: int | None = None

    def enter(self) -> None:
        """Have torch use a lane's cores for what this thread asks of it."""
        if self.cores is not None:
            torch.set_num_threads(self.cores)


@contextmanager
def lanes_on(device: torch.device) -> Iterator[CoreLanes]:
    """Lanes on a device: on a CPU as many as cores, up to eight.

    Threads of one operation wait for the slowest of them, and that is often one whose core is busy
    decoding images. On two cores in use, two batches beside each other came 14 and 31 % faster
    than one after the other on both (two measurements; on an idle machine it was not measured).
    """
    if device.type != "cpu":
        yield CoreLanes()
        return
    cores = torch.get_num_threads()
    count = min(cores, _MOST_LANES)
    try:
        yield CoreLanes(count, cores // count)
    finally:
        # Threads that are yet to come have what was set last, by whichever thread.
        torch.set_num_threads(cores)
