"""One way to every image: `Fetcher`."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

from indexer.fetching.addresses import local_path
from indexer.fetching.base import Fetched, FetchOptions, HostStats
from indexer.fetching.local import read_local
from indexer.fetching.loop import FetchLoop
from search.images import ImageLimits


class Fetcher:
    """Fetches images by address: paths, `file://`, `http(s)://`, and what fsspec can open.

    Safe to use from several threads. Remote images are waited for in an event loop of its own
    thread, which starts with the first of them; files are read in the thread that asks (`read`)
    or in a few others (`submit`). What is submitted waits here without bound: whoever submits
    sees to it that it is not too much at a time.
    """

    def __init__(self, limits: ImageLimits, options: FetchOptions | None = None) -> None:
        self._limits = limits
        self._options = options or FetchOptions()
        self._lock = threading.Lock()
        self._loop: FetchLoop | None = None
        self._readers: ThreadPoolExecutor | None = None
        self._closed = False

    def __enter__(self) -> "Fetcher":
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def submit(self, address: str, known: str | None = None) -> Future[Fetched]:
        """Begin to fetch an image; `known` is the validator that came with it the last time.

        The future fails with what `read` raises; closing the fetcher cancels it.
        """
        path = local_path(address)
        with self._lock:
            if self._closed:
                raise RuntimeError("The fetcher is closed.")
            if path is not None:
                if self._readers is None:
                    self._readers = ThreadPoolExecutor(self._options.per_host, "vitrine-files")
                return self._readers.submit(read_local, path, self._limits, known)
            if self._loop is None:
                self._loop = FetchLoop(self._limits, self._options)
            return self._loop.submit(address, known)

    def read(self, address: str, known: str | None = None) -> Fetched:
        """Fetch an image and wait for it; a file is read right here.

        Raises:
            ImageUnreadableError: there is no image at this address, or nobody may read it.
            ImageTooLargeError: more than `limits.max_bytes`, whatever was announced.
            ImageUnavailableError: after all attempts there is none, but later there may be; or
                its host is left alone for a while, because it did not answer for long.
        """
        path = local_path(address)
        if path is not None:
            return read_local(path, self._limits, known)
        return self.submit(address, known).result()

    def hosts(self) -> list[HostStats]:
        """The hosts that were asked so far, those that took the longest first."""
        with self._lock:
            return [] if self._loop is None else self._loop.stats()

    def close(self) -> None:
        """Cancel what waits and let go of all connections; a second time does nothing.

        Takes a few seconds at most, except for the reading of files that has begun.
        """
        with self._lock:
            self._closed = True
        if self._readers is not None:
            self._readers.shutdown(cancel_futures=True)
        if self._loop is not None:
            self._loop.close()
