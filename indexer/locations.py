"""Where catalogues are: paths and addresses, what is relative to them, copies of remote ones."""

import glob
import os
import re
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import IO, Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from indexer.fetching.addresses import WEB_SCHEMES, local_path, scheme_of, shown
from search.errors import CatalogError

MAX_CATALOG_BYTES = 100 * 2**30
"""Most bytes of a remote catalogue that are copied to a temporary file."""

_BLOCK = 1 << 20
_ATTEMPTS = 4
_TIMEOUT_S = 30.0
_EXTRA = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"}
_MAGIC = re.compile(r"[*?\[]")
_BRACES = re.compile(r"\{([^{}]*(?:,|\.\.)[^{}]*)\}")
_MAX_EXPANDED = 100_000


def address_of(catalog: str | Path) -> str:
    """The catalogue's address: an absolute path, or the URL as it was given."""
    text = str(catalog)
    path = local_path(text) if isinstance(catalog, str) else catalog
    # Not Path.resolve: where people say a catalogue is matters, not where links lead.
    return text if path is None else os.path.abspath(path)  # noqa: PTH100


def is_remote(address: str) -> bool:
    """Whether the address is of another machine, or of anything but a plain file."""
    return local_path(address) is None


def name_of(address: str) -> str:
    """The last part of the address's path, without the query of a web address."""
    if scheme_of(address) in WEB_SCHEMES:
        return unquote(urlsplit(address).path).rstrip("/").rpartition("/")[2]
    return address.rstrip("/").rpartition("/")[2]


def folder_of(address: str) -> str:
    """What relative addresses in the catalogue start from: the catalogue's folder."""
    if scheme_of(address) in WEB_SCHEMES:
        return address
    head, _, _ = address.rstrip("/").rpartition("/")
    return head or "/"


def join(base: str, value: str) -> str:
    """The address that `value` means in a catalogue whose base is `base`.

    A URL stays; anything else starts from the base, as a path or, on the web, as a reference.

    Raises:
        ValueError: `value` is of this machine and the base is not, or it cannot be an address.
    """
    scheme = scheme_of(value)
    if scheme and scheme != "file":
        if is_remote(base) and "://" not in value.rpartition("::")[2]:
            raise ValueError("a remote catalogue cannot name files of this machine")
        return value
    if not is_remote(base):
        path = local_path(value) if scheme else value
        assert path is not None
        return os.path.abspath(os.path.join(base, path))  # noqa: PTH100, PTH118
    if scheme:
        raise ValueError("a remote catalogue cannot name files of this machine")
    if scheme_of(base) in WEB_SCHEMES:
        return urljoin(base, quote(value, safe="/?#%&=+,;:@!$'()*~[]"))
    protocol, _, rest = base.partition("://")
    bucket, _, folder = rest.partition("/")
    return f"{protocol}://{bucket}{normpath(str(PurePosixPath('/') / folder / value))}"


def expand(pattern: str) -> list[str]:
    """Every address that braces stand for: `{00..12}` counts (keeping zeros), `{a,b}` lists.

    Raises:
        CatalogError: more than 100,000 addresses.
    """
    found = _BRACES.search(pattern)
    if found is None:
        return [pattern]
    counted = re.fullmatch(r"(\d+)\.\.(\d+)", found[1])
    if counted is None:
        members = found[1].split(",")
    else:
        first, last = int(counted[1]), int(counted[2])
        if last - first >= _MAX_EXPANDED:
            raise _too_many(pattern)
        members = [f"{number:0{len(counted[1])}}" for number in range(first, last + 1)]
    before, after = pattern[: found.start()], pattern[found.end() :]
    addresses: list[str] = []
    for member in members:
        addresses += expand(f"{before}{member}{after}")
        if len(addresses) > _MAX_EXPANDED:
            raise _too_many(pattern)
    return addresses


def has_glob(address: str) -> bool:
    """Whether the address has `*`, `?` or `[`, which no server is asked to expand."""
    return scheme_of(address) not in WEB_SCHEMES and _MAGIC.search(address) is not None


def expand_glob(pattern: str) -> list[str]:
    """The files that a glob matches, sorted.

    Raises:
        CatalogError: the object store does not let us look.
    """
    if not is_remote(pattern):
        return sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207
    with translated(pattern):
        system, path = file_system(pattern)
        return sorted(system.unstrip_protocol(found) for found in system.glob(path))


def split_glob(pattern: str) -> tuple[str, re.Pattern[str]]:
    """The folder before the first part with a wildcard, and what paths below it have to match.

    `*` and `?` stay within one part of a path; `**` stands for any number of parts.
    """
    parts = pattern.split("/")
    at = next(place for place, part in enumerate(parts) if _MAGIC.search(part))
    made = ""
    for place, part in enumerate(parts[at:], start=at):
        last = place == len(parts) - 1
        if part == "**":
            made += ".*" if last else "(?:.*/)?"
        else:
            made += _part(part) + ("" if last else "/")
    return "/".join(parts[:at]) or "/", re.compile(made, re.DOTALL)


def _part(part: str) -> str:
    """One part of a path with wildcards, as an expression that stays within that part."""
    made = ""
    for piece in re.split(r"(\*+|\?|\[[^\]]+\])", part):
        if piece.startswith("*"):
            made += "[^/]*"
        elif piece == "?":
            made += "[^/]"
        elif piece.startswith("[") and piece.endswith("]"):
            negated, members = piece[1] == "!", piece[1:-1].removeprefix("!")
            kept = re.escape(members).replace(r"\-", "-")
            made += f"[{'^/' if negated else ''}{kept}]"
        else:
            made += re.escape(piece)
    return made


def file_system(address: str) -> tuple[Any, str]:
    """The fsspec file system of an address, and the path in it. May raise whatever fsspec does."""
    import fsspec

    system, path = fsspec.core.url_to_fs(address, use_listings_cache=False)
    return system, str(path)


class LocalCopy:
    """A file of this machine with the content of an address: the file itself, or a copy.

    A copy is a temporary file that is deleted with this object.
    """

    def __init__(self, address: str) -> None:
        """Copy what is remote.

        Raises:
            CatalogError: there is nothing, it may not be read, cannot be reached, or is too large.
        """
        path = local_path(address)
        if path is not None:
            self.path = path
            return
        with translated(address):
            handle, name = tempfile.mkstemp(prefix="vitrine-catalog-")
            self._finalizer = weakref.finalize(self, Path(name).unlink, missing_ok=True)
            self.path = Path(name)
            with os.fdopen(handle, "wb") as file:
                if scheme_of(address) in WEB_SCHEMES:
                    _download(address, file)
                else:
                    _copy(address, file)


def _copy(address: str, file: IO[bytes]) -> None:
    system, path = file_system(address)
    with system.open(path, "rb") as remote:
        while block := remote.read(_BLOCK):
            _append(file, block, address)


def _download(address: str, file: IO[bytes]) -> None:
    import time

    import httpx2

    with httpx2.Client(follow_redirects=True, timeout=_TIMEOUT_S, max_redirects=5) as client:
        for attempt in range(1, _ATTEMPTS + 1):
            file.seek(0)
            file.truncate()
            try:
                with client.stream("GET", address) as answer:
                    answer.raise_for_status()
                    for block in answer.iter_bytes(_BLOCK):
                        _append(file, block, address)
                return
            except (httpx2.TransportError, httpx2.HTTPStatusError) as error:
                if attempt == _ATTEMPTS or not _may_pass(error):
                    raise
                time.sleep(0.5 * 2**attempt)


def _may_pass(error: Exception) -> bool:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status is None or status in (408, 425, 429) or status >= 500


def _append(file: IO[bytes], block: bytes, address: str) -> None:
    if file.tell() + len(block) > MAX_CATALOG_BYTES:
        raise CatalogError(
            f"{shown(address)} is larger than {MAX_CATALOG_BYTES // 2**30} GiB.",
            hint="Divide the catalogue, or copy it to this machine and give its path.",
        )
    file.write(block)


@contextmanager
def translated(address: str) -> Iterator[None]:
    """Raise CatalogError for whatever goes wrong with a remote catalogue inside the block."""
    try:
        yield
    except CatalogError:
        raise
    # Every file system has errors of its own; they are named by what they inherit, if anything.
    except Exception as error:
        raise _failed(address, error) from error


def _failed(address: str, error: Exception) -> CatalogError:
    name, scheme = shown(address), scheme_of(address)
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, ImportError):
        package = _EXTRA.get(scheme)
        cure = f"pip install 'vitrine[cloud]' (or {package})" if package else str(error)
        return CatalogError(f"Nothing installed can read {scheme}:// addresses.", hint=f"{cure}.")
    if isinstance(error, FileNotFoundError) or status in (404, 410):
        return CatalogError(
            f"There is no catalogue at {name}.", hint="Correct the address of the catalogue."
        )
    if isinstance(error, PermissionError) or status in (401, 403) or "Credentials" in repr(error):
        return CatalogError(
            f"{name} may not be read.",
            hint="Provide credentials the way that the store's own tools do, or ask its owner.",
        )
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    said = said.replace(address, name) if status is None else f"the server answered {status}"
    return CatalogError(
        f"{name} cannot be reached: {said.rstrip('.')}.",
        hint="Check the address and the network, and run the command again.",
    )


def _too_many(pattern: str) -> CatalogError:
    return CatalogError(
        f"{shown(pattern)} stands for more than {_MAX_EXPANDED:,} files.",
        hint="Index fewer shards at once.",
    )
