"""Images in object stores and archives, and wherever else fsspec reaches."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from indexer.fetching.addresses import host_of, scheme_of
from indexer.fetching.archives import Archives
from indexer.fetching.base import Fetched, FetchOptions
from indexer.fetching.failing import MayGetBetterError, too_large, unavailable, unreadable
from indexer.fetching.hosts import Hosts
from search.errors import VitrineError
from search.images import ImageLimits

_Answer = TypeVar("_Answer")
_VERSIONS = ("ETag", "etag", "generation", "md5Hash", "LastModified", "last_modified", "updated",
             "mtime", "modified")  # fmt: skip
"""What file systems call that which changes with the content, the surest first."""


class Files:
    """Reads through fsspec. File systems are kept, and with them their connections."""

    def __init__(
        self,
        limits: ImageLimits,
        options: FetchOptions,
        hosts: Hosts,
        everywhere: asyncio.Semaphore,
    ) -> None:
        self._limits = limits
        self._options = options
        self._hosts = hosts
        self._everywhere = everywhere
        self._lock = threading.Lock()
        self._systems: dict[str, Any] = {}
        self._archives = Archives(self._open)

    async def get(self, address: str, known: str | None) -> Fetched:
        """Ask once.

        Raises:
            MayGetBetterError: no answer in time, or an error that may pass.
            ImageUnreadableError: no image, whoever asks how often.
            ImageTooLargeError: more bytes than the limits allow.
            ImageUnavailableError: the package that can read it is not installed.
        """
        host = self._hosts[host_of(address)]
        async with host.asked(self._everywhere):
            try:
                async with asyncio.timeout(self._options.timeout_s):
                    fetched = await _in_a_thread(lambda: self._read(address, known))
            except TimeoutError as error:
                within = f"within {self._options.timeout_s:g} s"
                raise MayGetBetterError(f"{host.name} did not answer whole {within}") from error
        host.bytes += len(fetched.data or b"")
        return fetched

    def _read(self, address: str, known: str | None) -> Fetched:
        try:
            if scheme_of(address) == "tar":
                return self._archives.read(address, self._limits, known)
            system, path = self._open(address)
            return self._read_file(system, path, address, known)
        except (VitrineError, MayGetBetterError):
            raise
        except Exception as error:  # Every file system has errors of its own.
            raise _translated(address, error) from error

    def _read_file(self, system: Any, path: str, address: str, known: str | None) -> Fetched:
        info = system.info(path)
        if info.get("type") == "directory":
            raise unreadable(address, "is a folder")
        validator, size = _validator(info), info.get("size")
        if known is not None and known == validator:
            return Fetched(None, validator)
        if isinstance(size, int) and size > self._limits.max_bytes:
            raise too_large(address, size, self._limits)
        # Object stores refuse a range of an empty object.
        data = b"" if size == 0 else system.cat_file(path, start=0, end=self._limits.max_bytes + 1)
        if len(data) > self._limits.max_bytes:
            raise too_large(address, None, self._limits)
        return Fetched(data, validator)

    def _open(self, address: str) -> tuple[Any, str]:
        """The file system of an address and the path in it.

        fsspec keeps one file system a thread; those that are kept here are safe to share, as they
        are used: for reading whole files.
        """
        import fsspec
        from fsspec.core import url_to_fs

        if "::" in address:
            system, path = url_to_fs(address)
            return system, path
        scheme = scheme_of(address)
        with self._lock:
            if scheme not in self._systems:
                self._systems[scheme] = fsspec.filesystem(
                    scheme or "file", use_listings_cache=False, skip_instance_cache=True
                )
        system = self._systems[scheme]
        return system, system._strip_protocol(address)


def _validator(info: dict[str, Any]) -> str | None:
    for name in _VERSIONS:
        if version := info.get(name):
            return f"{name}:{version}:{info.get('size')}"
    return None


def _translated(address: str, error: Exception) -> VitrineError | MayGetBetterError:
    told = " ".join(str(error).split())[:200] or type(error).__name__
    match error:
        case FileNotFoundError() | KeyError():
            return unreadable(address, "does not exist")
        case IsADirectoryError():
            return unreadable(address, "is a folder")
        case PermissionError():
            return unreadable(
                address,
                f"may not be read ({told})",
                "Give the credentials of this process the right to read it.",
            )
        case ImportError():
            return unavailable(
                address,
                f"cannot be read without another package ({told})",
                "Install that package beside vitrine, and run the command again.",
            )
        case ValueError():
            return unreadable(address, f"is no address that can be read ({told})")
    if type(error).__name__ in ("NoCredentialsError", "PartialCredentialsError"):
        return unreadable(
            address,
            f"cannot be read without credentials ({told})",
            "Give this process the credentials of the store, in its usual way.",
        )
    return MayGetBetterError(f"{type(error).__name__}: {told}")


async def _in_a_thread(work: Callable[[], _Answer]) -> _Answer:
    """Do the work in a thread of its own, which is left to itself when nobody waits any more.

    A pool would wait for calls that hang when the process ends; and starting a thread takes next
    to nothing beside a request.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_Answer] = loop.create_future()

    def settle(answer: _Answer | None, error: Exception | None) -> None:
        if done.cancelled():
            return
        if error is None:
            done.set_result(answer)  # type: ignore[arg-type]
        else:
            done.set_exception(error)

    def run() -> None:
        answer, failure = None, None
        try:
            answer = work()
        except Exception as error:
            failure = error
        with suppress(RuntimeError):  # The loop is closed: nobody waits.
            loop.call_soon_threadsafe(settle, answer, failure)

    threading.Thread(target=run, name="vitrine-fetch-file", daemon=True).start()
    return await done
