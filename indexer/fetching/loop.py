"""The event loop that remote images are waited for in, in a thread of its own."""

import asyncio
import threading
from concurrent.futures import Future

from indexer.fetching.base import Fetched, FetchOptions, HostStats
from indexer.fetching.hosts import Hosts
from search.images import ImageLimits

_CLOSE_SECONDS = 5.0


class FetchLoop:
    """Runs `Remote` until it is closed. The thread does not keep the process from ending."""

    def __init__(self, limits: ImageLimits, options: FetchOptions) -> None:
        self._limits = limits
        self._options = options
        self._hosts = Hosts(options)
        self._started: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(target=self._run, name="vitrine-fetch", daemon=True)
        self._thread.start()
        self._loop = self._started.result()

    def submit(self, address: str, known: str | None) -> Future[Fetched]:
        """Begin to fetch a remote image."""
        return asyncio.run_coroutine_threadsafe(self._remote.fetch(address, known), self._loop)

    def stats(self) -> list[HostStats]:
        """The hosts that were asked so far."""
        return self._hosts.stats()

    def close(self) -> None:
        """Cancel what waits, and wait until the thread has ended."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ends.set)
            self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _serve(self) -> None:
        from indexer.fetching.remote import Remote

        self._ends = asyncio.Event()
        async with Remote(self._limits, self._options, self._hosts) as self._remote:
            self._started.set_result(asyncio.get_running_loop())
            await self._ends.wait()
            # Before the connections go, so that nobody is told of a connection that broke.
            waiting = asyncio.all_tasks() - {asyncio.current_task()}
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
