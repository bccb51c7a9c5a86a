"""A real Milvus standalone server as a child process, from the wheel of the package `milvus`.

The wheel is only a carrier: its binary and configuration template are used directly, because its
own starter leaves the etcd addresses and the stop timeout at values that two servers cannot share.
"""

import importlib.util
import lzma
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

START_SECONDS = 90.0
STOP_SECONDS = 8.0
GRACEFUL_STOP_SECONDS = 5
_PLACEHOLDER = re.compile(r"\{\{\s*(\w+)(?:\(\w+\))?(?::\s*([^}]*?))?\s*\}\}")


class ServerMissing(RuntimeError):
    """The package `milvus`, which carries the server's binary, is not installed."""


def packaged_data() -> Path:
    """The folder of the wheel with the binary and the template. Imports nothing of the wheel."""
    spec = importlib.util.find_spec("milvus")
    if spec is None or spec.origin is None:
        raise ServerMissing("The package milvus is not installed: pip install 'milvus==2.3.5'.")
    return Path(spec.origin).parent / "data"


def unpack(data: Path, target: Path) -> Path:
    """Decompress the binary and its libraries into `target`, once; return that folder."""
    if target.is_dir():
        return target
    fresh = target.with_name(f"{target.name}.{os.getpid()}")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for packed in sorted((data / "bin").glob("*.lzma")):
        binary = fresh / packed.stem
        with lzma.open(packed) as source, binary.open("wb") as sink:
            shutil.copyfileobj(source, sink)
        binary.chmod(0o755)
    try:
        fresh.rename(target)
    except OSError:
        shutil.rmtree(fresh)  # Another process was first: its copy is as good.
    return target


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on: all held open together, so that they differ."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


class MilvusServer:
    """One server with its own data folder and ports; `start` it, use `uri`, `stop` it."""

    def __init__(self, folder: Path, binaries: Path, data: Path) -> None:
        self._folder = folder
        self._binaries = binaries
        self._data = data
        self._process: subprocess.Popen[bytes] | None = None
        self._health_port = 0
        self.uri = ""
        """Where clients find it; the same after a stop, a kill and another start."""

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start and wait until healthy; RuntimeError with the end of the log if it does not."""
        if not self.uri:
            (self._folder / "configs").mkdir(parents=True)
            self.uri = f"http://127.0.0.1:{self._write_config()}"
        environment = {
            **os.environ,
            "DEPLOY_MODE": "STANDALONE",
            "METRICS_PORT": str(self._health_port),
            "MILVUS_RUN_DIR": str(self._folder / "run"),
            "LD_LIBRARY_PATH": f"{self._binaries}:{os.environ.get('LD_LIBRARY_PATH', '')}",
        }
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "milvus", "run", "standalone"],
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._wait_until_healthy()

    def stop(self) -> None:
        """Ask it to end, and end it by its own process id when it takes too long."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """End it at once, as a machine that fails does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(STOP_SECONDS)
        self._process = None

    def log_tail(self, characters: int = 4000) -> str:
        """The end of what the server said."""
        log = self._folder / "server.log"
        return log.read_text("utf-8", "replace")[-characters:] if log.exists() else "(no log)"

    def _wait_until_healthy(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self._process is not None
            if self._process.poll() is not None:
                raise RuntimeError(f"Milvus ended while starting:\n{self.log_tail()}")
            try:
                address = f"http://127.0.0.1:{self._health_port}/healthz"
                with urllib.request.urlopen(address, timeout=2) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(0.1)  # The pace of the polling, not a wait for luck.
        self.stop()
        raise RuntimeError(f"Milvus was not healthy in {START_SECONDS} s:\n{self.log_tail()}")

    def _write_config(self) -> int:
        """Fill the wheel's template; return the port that clients use."""
        template = (self._data / "config.yaml.template").read_text("utf-8")
        names = [m[1] for m in _PLACEHOLDER.finditer(template) if m[1].endswith("_port")]
        *ports, self._health_port, peer_port = free_ports(len(names) + 2)
        values: dict[str, str] = dict(zip(names, map(str, ports), strict=True))
        etcd = self._write_etcd_config(int(values["etcd_port"]), peer_port)
        values |= {
            "etcd_log_path": "stderr",
            "etcd_log_level": "error",
            "etcd_data_dir": str(self._folder / "etcd"),
            "local_storage_dir": str(self._folder / "data"),
            "rocksmq_data_dir": str(self._folder / "rocksmq"),
            "system_log_path": str(self._folder / "logs"),
        }
        text = _fill(template, values)
        text = text.replace("    embed: true", f"    embed: true\n  config:\n    path: {etcd}")
        text = re.sub(
            r"gracefulStopTimeout: \d+", f"gracefulStopTimeout: {GRACEFUL_STOP_SECONDS}", text
        )
        (self._folder / "configs" / "milvus.yaml").write_text(text, "utf-8")
        shutil.copy(self._data / "glog.conf", self._folder / "configs" / "glog.conf")
        return int(values["proxy_port"])

    def _write_etcd_config(self, client_port: int, peer_port: int) -> Path:
        """Addresses of the etcd inside: its defaults are fixed ports, shared by every server."""
        client, peer = f"http://127.0.0.1:{client_port}", f"http://127.0.0.1:{peer_port}"
        path = self._folder / "configs" / "etcd.yaml"
        path.write_text(
            "name: default\n"
            f"listen-client-urls: {client}\nadvertise-client-urls: {client}\n"
            f"listen-peer-urls: {peer}\ninitial-advertise-peer-urls: {peer}\n"
            f"initial-cluster: default={peer}\n",
            "utf-8",
        )
        return path


def _fill(template: str, values: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        return values.get(match[1], match[2] or "")

    return _PLACEHOLDER.sub(value, template)
