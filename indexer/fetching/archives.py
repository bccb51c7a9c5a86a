"""Images in tar archives, read by their place in them.

fsspec opens a tar by reading the headers of all its members, for every image again. Here that is
done once an archive, and then a member is one read of a part.
"""

import tarfile
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from indexer.fetching.base import Fetched
from indexer.fetching.failing import too_large, unreadable
from search.images import ImageLimits

_KEPT = 4


@dataclass(frozen=True, slots=True)
class _Archive:
    """Where the members are: offset and size in bytes, by name."""

    version: str
    members: dict[str, tuple[int, int]]


class Archives:
    """Reads `tar://member::archive`; keeps the tables of the latest few archives."""

    def __init__(self, open_system: Callable[[str], tuple[Any, str]]) -> None:
        """`open_system`: the fsspec file system of an address, and the path in it."""
        self._open_system = open_system
        self._lock = threading.Lock()
        self._tables: OrderedDict[str, _Archive] = OrderedDict()

    def read(self, address: str, limits: ImageLimits, known: str | None) -> Fetched:
        """The bytes of a member; `known` is compared with the archive's version.

        Raises:
            ImageUnreadableError: no such member, or no tar that parts can be read of.
            ImageTooLargeError: more bytes than the limits allow.
            Exception: whatever the file system of the archive raises.
        """
        head, found, inner = address.partition("::")
        name = head.partition("://")[2].lstrip("/")
        if not found or not name:
            raise unreadable(address, "does not say which member of which archive it is")
        system, path = self._open_system(inner)
        version = _version(system.info(path))
        validator = f"tar:{version}"
        if known == validator:
            return Fetched(None, validator)
        table = self._table(address, inner, system, path, version)
        if name not in table.members:
            raise unreadable(address, "does not exist: the archive has no such member")
        offset, size = table.members[name]
        if size > limits.max_bytes:
            raise too_large(address, size, limits)
        data = system.cat_file(path, start=offset, end=offset + size) if size else b""
        return Fetched(data, validator)

    def _table(self, address: str, inner: str, system: Any, path: str, version: str) -> _Archive:
        # One at a time: many images of one archive are asked for at once.
        with self._lock:
            table = self._tables.get(inner)
            if table is None or table.version != version:
                table = _Archive(version, _members(address, system, path))
                self._tables[inner] = table
            self._tables.move_to_end(inner)
            while len(self._tables) > _KEPT:
                self._tables.popitem(last=False)
            return table


def _members(address: str, system: Any, path: str) -> dict[str, tuple[int, int]]:
    try:
        with system.open(path, "rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
            return {
                member.name.removeprefix("./"): (member.offset_data, member.size)
                for member in tar
                if member.isreg() and not member.issparse()
            }
    except tarfile.TarError as error:
        raise unreadable(
            address,
            f"cannot be read: its archive is broken or compressed ({error})",
            "Give uncompressed tar archives, and make broken ones again.",
        ) from error


def _version(info: dict[str, Any]) -> str:
    changing = (info.get(name) for name in ("ETag", "etag", "LastModified", "updated", "mtime"))
    return f"{next((one for one in changing if one), '')}:{info.get('size')}"
