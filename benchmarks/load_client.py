"""Asks a search service for many texts at once: a process of its own that does little.

    python -m benchmarks.load_client < orders.json

Connections are kept open, answers are read whole and not parsed. Prints what came back as JSON.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

TIMEOUT_S = 60.0


@dataclass(slots=True)
class Orders:
    """What to ask: texts in turn, by `clients` connections, for `seconds`.

    With `rate` (requests/s) they are sent by the clock, whether or not answers came; without, each
    client sends its next one when it has its answer. What is answered in the first
    `warm_up_s` does not count, nor what is answered after the end.
    """

    port: int
    path: str
    texts: list[str]
    clients: int
    seconds: float
    warm_up_s: float = 1.0
    rate: float | None = None


@dataclass(slots=True)
class Answers:
    """Milliseconds of each answer with status 200, and how many came with which status."""

    took_ms: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    late_s: float = 0.0


class Connection:
    """One connection of HTTP/1.1, opened again when the service closes it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str) -> int:
        """The status of the answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
        except BaseException:
            self.close()
            raise
        if b"connection: close" in head:
            self.close()
        return int(head.split(b" ", 2)[1])

    def close(self) -> None:
        """Close it, if it is open."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def ask(orders: Orders) -> Answers:
    """Ask until the time is over, and wait for what is under way."""
    texts = iter(orders.texts)
    started = time.perf_counter()
    counted_from = started + orders.warm_up_s
    ends = counted_from + orders.seconds
    answers = Answers()
    clock = _clock(started, orders.rate)
    clients = [
        _client(orders, texts, clock, counted_from, ends, answers) for _ in range(orders.clients)
    ]
    await asyncio.gather(*clients)
    answers.seconds = orders.seconds
    return answers


def _clock(started: float, rate: float | None) -> Iterator[float]:
    """When each request is due."""
    number = 0
    while True:
        yield started + number / rate if rate else 0.0
        number += 1


async def _client(
    orders: Orders,
    texts: Iterator[str],
    clock: Iterator[float],
    counted_from: float,
    ends: float,
    answers: Answers,
) -> None:
    connection = Connection(orders.port)
    for due in clock:
        if max(due, time.perf_counter()) >= ends:
            break
        now = time.perf_counter()
        if due > now:
            await asyncio.sleep(due - now)
        elif due:
            answers.late_s = max(answers.late_s, now - due)
        text = next(texts, None)
        if text is None:
            raise SystemExit("There are not enough texts for that many requests.")
        sent = time.perf_counter()
        status = await _status(connection, f"{orders.path}?q={quote(text)}")
        if counted_from <= (came := time.perf_counter()) < ends:
            answers.statuses[status] += 1
            if status == "200":
                answers.took_ms.append((came - sent) * 1000)
    connection.close()


async def _status(connection: Connection, path: str) -> str:
    try:
        return str(await asyncio.wait_for(connection.get(path), TIMEOUT_S))
    except (OSError, EOFError, TimeoutError, ValueError) as error:
        return type(error).__name__


if __name__ == "__main__":
    found = asyncio.run(ask(Orders(**json.load(sys.stdin))))
    json.dump(
        {
            "took_ms": found.took_ms,
            "statuses": dict(found.statuses),
            "seconds": found.seconds,
            "late_s": found.late_s,
        },
        sys.stdout,
    )
