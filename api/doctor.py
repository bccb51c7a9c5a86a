"""What can be wrong with an installation, looked at one by one and said in words."""

import importlib.metadata
import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from search.config import Settings
from search.errors import VitrineError

MINIMUM_PYTHON = (3, 11)
SAFE_MILVUS = (2, 6, 10)
"""The first version with fixes for CVE-2025-64513 and CVE-2026-26190."""
LOW_DISK_BYTES = 2_000_000_000
LOW_MEMORY_BYTES = 2_000_000_000


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `cure` says what to do unless the status is ok."""

    check: str
    status: Status
    message: str
    cure: str | None = None


def examine(settings: Settings) -> Iterator[Finding]:
    """Run every check, giving each finding as it is made. No check changes anything."""
    checks: tuple[tuple[str, Callable[[Settings], Finding]], ...] = (
        ("python", _python),
        ("torch", _torch),
        ("open_clip", _open_clip),
        ("model", _model),
        ("milvus", _milvus),
        ("disk", _disk),
        ("memory", _memory),
    )
    for name, check in checks:
        try:
            yield check(settings)
        except VitrineError as error:
            yield Finding(name, Status.FAIL, error.message, error.hint)
        # A library that is broken breaks in its own way: that is a finding, not our defect.
        except Exception as error:
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            yield Finding(name, Status.FAIL, f"Failed: {reason}", "Install vitrine again.")


def _python(settings: Settings) -> Finding:
    version = platform.python_version()
    if sys.version_info < MINIMUM_PYTHON:
        wanted = ".".join(map(str, MINIMUM_PYTHON))
        return Finding(
            "python", Status.FAIL, f"Python {version} is too old.", f"Install Python {wanted}+."
        )
    return Finding("python", Status.OK, f"Python {version} on {platform.machine()}")


def _torch(settings: Settings) -> Finding:
    try:
        version = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return Finding("torch", Status.FAIL, "PyTorch is not installed.", "pip install torch")
    from search.encoders.devices import choose_device, choose_precision, cpu_threads

    device = choose_device(settings.device)
    precision = str(choose_precision(settings.precision, device)).removeprefix("torch.")
    message = f"PyTorch {version}, on {device} in {precision}, {cpu_threads()} CPU threads"
    return Finding("torch", Status.OK, message)


def _open_clip(settings: Settings) -> Finding:
    try:
        version = importlib.metadata.version("open_clip_torch")
    except importlib.metadata.PackageNotFoundError:
        return Finding(
            "open_clip", Status.FAIL, "open_clip is not installed.", "pip install open_clip_torch"
        )
    return Finding("open_clip", Status.OK, f"open_clip {version}")


def _model(settings: Settings) -> Finding:
    from PIL import Image

    from search.encoders import load_encoder

    started = time.perf_counter()
    encoder = load_encoder(
        settings.model or "mini", device=settings.device, precision=settings.precision
    )
    loaded_s = time.perf_counter() - started
    encoder.encode_images([Image.new("RGB", (64, 64), (200, 0, 0))])
    encoder.encode_texts(["red"])
    name, dim = encoder.identity.name, encoder.dim
    message = f"{name} loads in {loaded_s:.1f} s and embeds images and texts in {dim} dimensions"
    return Finding("model", Status.OK, message)


def _milvus(settings: Settings) -> Finding:
    if "://" not in settings.db and not Path(settings.db).exists():
        return _embedded_to_be(Path(settings.db))
    from search.store import open_store_of

    with closing(open_store_of(settings, create=False)) as store:
        capabilities, count = store.capabilities, len(store.names())
    kind = "Milvus Lite" if capabilities.embedded else "Milvus"
    holds = f"{count} collection{'' if count == 1 else 's'}"
    message = f"{kind} {capabilities.version} at {settings.db}, {holds}"
    if not capabilities.embedded and not is_safe_milvus(capabilities.version):
        safe = ".".join(map(str, SAFE_MILVUS))
        return Finding(
            "milvus",
            Status.WARN,
            f"{message}; versions before {safe} have known security holes (CVE-2025-64513,"
            " CVE-2026-26190).",
            f"Update Milvus to {safe} or later, and keep its port 9091 closed to others.",
        )
    return Finding("milvus", Status.OK, message)


def is_safe_milvus(version: str) -> bool:
    """Whether a server's version, such as `v2.6.11`, has the fixes that we know to be needed."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    return found is not None and tuple(int(part or 0) for part in found.groups()) >= SAFE_MILVUS


def _embedded_to_be(path: Path) -> Finding:
    folder = _existing(path.absolute().parent)
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return Finding(
            "milvus", Status.FAIL, f"{path} cannot be made: {folder} is not writable.",
            "Give another path with --db, or mend the folder's permissions.",
        )  # fmt: skip
    version = importlib.metadata.version("milvus-lite")
    message = f"Milvus Lite {version}; {path} does not exist yet and will be made"
    return Finding("milvus", Status.OK, message)


def _disk(settings: Settings) -> Finding:
    path = Path(settings.db) if "://" not in settings.db else settings.jobs
    free = shutil.disk_usage(_existing(path.absolute())).free
    message = f"{free / 1e9:.1f} GB free at {path}"
    if free < LOW_DISK_BYTES:
        cure = "Make room, or put the database and the jobs on another disk."
        return Finding("disk", Status.WARN, message, cure)
    return Finding("disk", Status.OK, message)


def _memory(settings: Settings) -> Finding:
    available = available_memory()
    if available is None:
        return Finding("memory", Status.OK, "Not known on this system")
    message = f"{available / 1e9:.1f} GB available"
    if available < LOW_MEMORY_BYTES:
        cure = "Close other programs, or use a smaller model and --batch-size."
        return Finding("memory", Status.WARN, message, cure)
    return Finding("memory", Status.OK, message)


def available_memory(meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """Bytes that programs may still take, by the kernel's own estimate; None where it has none."""
    try:
        text = meminfo.read_text(encoding="ascii")
    except OSError:
        return None
    found = re.search(r"^MemAvailable:\s+(\d+) kB", text, re.MULTILINE)
    return int(found.group(1)) * 1024 if found else None


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())
