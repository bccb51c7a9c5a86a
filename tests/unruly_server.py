"""A web server of bytes written by hand, so that it can break every rule that servers keep."""

import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType

_PIECE = 64 * 1024


@dataclass(frozen=True)
class Request:
    """What was asked for: `number` counts the requests for the same path, from 1."""

    path: str
    headers: Mapping[str, str]
    number: int


@dataclass
class Connection:
    """One client's connection, as a behaviour uses it."""

    socket: socket.socket
    stopped: threading.Event
    is_open: bool = True

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def answer(
        self, status: int = 200, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        """A whole answer; Content-Length is told truly unless `headers` say otherwise."""
        told = {"Content-Length": str(len(body)), **(headers or {})}
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items() if value)
        self.send(f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode() + body)

    def wait(self, seconds: float) -> None:
        """Let the client wait, but not the end of the test."""
        self.stopped.wait(seconds)

    def close(self) -> None:
        """End the connection."""
        self.is_open = False

    def reset(self) -> None:
        """End it rudely: the client sees a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


Behaviour = Callable[[Request, Connection], None]


@dataclass
class UnrulyServer:
    """Serves each path as its behaviour says, any other with 404. A context manager."""

    behaviours: dict[str, Behaviour] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.connections = 0
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._sockets: list[socket.socket] = []

    def url(self, path: str) -> str:
        """The address of a path."""
        return f"http://{self.host}{path}"

    def __enter__(self) -> "UnrulyServer":
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Refuse connections from now on, and end those that there are."""
        self._stopped.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join(5)
        for open_socket in self._sockets:
            with suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join(5)

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._sockets.append(accepted)
            thread = threading.Thread(target=self._serve, args=(accepted,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, accepted: socket.socket) -> None:
        connection = Connection(accepted, self._stopped)
        with accepted, accepted.makefile("rb", _PIECE) as stream, suppress(OSError):
            while connection.is_open and not self._stopped.is_set():
                lines = []
                while (line := stream.readline()).strip():
                    lines.append(line.decode("latin-1").strip())
                if not lines:
                    return
                self._behave(lines, connection)

    def _behave(self, lines: list[str], connection: Connection) -> None:
        path = lines[0].split()[1]
        headers = {
            name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)
        }
        with self._lock:
            self.requests[path] += 1
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            request = Request(path, headers, self.requests[path])
        behaviour = self.behaviours.get(path.partition("?")[0])
        try:
            if behaviour is None:
                connection.answer(404)
            else:
                behaviour(request, connection)
        finally:
            with self._lock:
                self._at_once -= 1
