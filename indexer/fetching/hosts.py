"""The hosts that are asked: how many requests at once, how they answer, and whether they are down.

Everything here is used in the event loop of fetching alone, except for `Hosts.stats`.
"""

import asyncio
import statistics
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from indexer.fetching.base import FetchOptions, HostStats

_MOST_HOSTS = 4096
_LATEST = 64
OTHERS = "(other hosts)"


class Host:
    """One host: its slots, its pause, its counts, and whether it is left alone for a while."""

    def __init__(self, name: str, options: FetchOptions) -> None:
        self.name = name
        self.requests = self.bytes = self.retries = self.failures = 0
        self.seconds = 0.0
        self.latest: deque[float] = deque(maxlen=_LATEST)
        self.waiting = 0
        self._options = options
        self._slots = asyncio.Semaphore(options.per_host)
        self._not_before = 0.0
        self._failed_in_a_row = 0
        self._failing_since = 0.0
        self._down_until = 0.0

    def pause(self, seconds: float) -> None:
        """Ask nothing more of it for so long: it said that it is too busy."""
        self._not_before = max(self._not_before, time.monotonic() + seconds)

    def answered(self) -> None:
        """It gave an image, or said for good that it will not: it is up."""
        self._failed_in_a_row = 0
        self._down_until = 0.0

    def gave_up(self) -> None:
        """An image was given up after all attempts; too many in a row and it counts as down."""
        now = time.monotonic()
        if self._failed_in_a_row == 0:
            self._failing_since = now
        self._failed_in_a_row += 1
        enough = self._failed_in_a_row >= self._options.failures_in_a_row
        if enough and now - self._failing_since >= self._options.patience_s:
            self._down_until = now + self._options.rest_s

    @property
    def failed_in_a_row(self) -> int:
        """Images that were given up since the last answer."""
        return self._failed_in_a_row

    @property
    def rests_for(self) -> float:
        """Seconds for which it is not asked, because it is down; 0 if it may be asked."""
        return max(0.0, self._down_until - time.monotonic())

    def may_be_asked(self) -> bool:
        """False while it is down. When its rest is over, one image is tried, and then the rest."""
        if not self._down_until:
            return True
        if self.rests_for:
            return False
        self._down_until = time.monotonic() + self._options.rest_s
        return True

    @asynccontextmanager
    async def asked(self, everywhere: asyncio.Semaphore) -> AsyncIterator[None]:
        """One request: waits for a slot of the host's and one of all, and takes the time."""
        self.waiting += 1
        try:
            async with self._slots:
                while (pause := self._not_before - time.monotonic()) > 0:
                    await asyncio.sleep(pause)
                async with everywhere:
                    started = time.monotonic()
                    self.requests += 1
                    try:
                        yield
                    finally:
                        took = time.monotonic() - started
                        self.seconds += took
                        self.latest.append(took)
        finally:
            self.waiting -= 1

    def stats(self) -> HostStats:
        """The counts so far."""
        latest = list(self.latest)
        return HostStats(
            host=self.name,
            requests=self.requests,
            bytes=self.bytes,
            retries=self.retries,
            failures=self.failures,
            seconds=self.seconds,
            median_ms=1000 * statistics.median(latest) if latest else 0.0,
        )


class Hosts:
    """Hosts by name. The latest few thousand are told apart; the counts of others are summed."""

    def __init__(self, options: FetchOptions) -> None:
        self._options = options
        self._hosts: OrderedDict[str, Host] = OrderedDict()
        self._others = Host(OTHERS, options)

    def __getitem__(self, name: str) -> Host:
        host = self._hosts.get(name)
        if host is None:
            host = self._hosts[name] = Host(name, self._options)
            if len(self._hosts) > _MOST_HOSTS:
                self._forget_one(host)
        self._hosts.move_to_end(name)
        return host

    def stats(self) -> list[HostStats]:
        """All hosts, those that took the longest first. Safe to call from any thread."""
        known = [host.stats() for host in (*list(self._hosts.values()), self._others)]
        asked = (host for host in known if host.requests or host.failures)
        return sorted(asked, key=lambda host: -host.seconds)

    def _forget_one(self, newest: Host) -> None:
        """Sum up the host that was asked the longest ago and that nobody waits for."""
        for host in self._hosts.values():
            if not host.waiting and host is not newest:
                break
        else:
            return
        del self._hosts[host.name]
        self._others.requests += host.requests
        self._others.bytes += host.bytes
        self._others.retries += host.retries
        self._others.failures += host.failures
        self._others.seconds += host.seconds
        self._others.latest.extend(host.latest)
