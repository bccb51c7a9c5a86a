"""Addresses of images: which kind they are, whose they are, and how they may be shown."""

import re
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from search.errors import ImageUnreadableError

WEB_SCHEMES = frozenset({"http", "https"})
_SHOWN = 300
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)(?=://|::)")


def scheme_of(address: str) -> str:
    """The scheme, lower case; empty for a path. Of chained addresses it is the first one."""
    match = _SCHEME.match(address)
    return match[1].lower() if match else ""


def local_path(address: str) -> Path | None:
    """The file of this machine that the address names; None if it names something else."""
    scheme = scheme_of(address)
    if scheme == "file":
        return Path(unquote(urlsplit(address).path))
    return None if scheme else Path(address)


def host_of(address: str) -> str:
    """Who is asked for it: `cdn.shop.com:8443`, `s3://bucket`, or an archive's place.

    Raises:
        ImageUnreadableError: a web address without a host, or with a broken one.
    """
    if scheme_of(address) not in WEB_SCHEMES:
        asked = address.rpartition("::")[2]
        scheme, found, rest = asked.partition("://")
        return f"{scheme}://{rest.partition('/')[0]}" if found else "local archives"
    try:
        parts = urlsplit(address)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise _unreadable(address, str(error)) from error
    if not host:
        raise _unreadable(address, "it names no host")
    name = f"[{host}]" if ":" in host else host
    return name if port is None else f"{name}:{port}"


def shown(address: str) -> str:
    """The address as messages and logs may have it: no password, no values of its query, no end.

    Signed addresses carry their secret in the query; its names are enough to find the row.
    """
    parts = [_shown_part(part) for part in address.split("::")]
    text = "::".join(parts).encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _shown_part(address: str) -> str:
    if "://" not in address:
        return address
    try:
        parts = urlsplit(address)
    except ValueError:
        return re.sub(r"//[^/]*@", "//", address.partition("?")[0])
    names = [quote(name) for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
    query = "&".join(f"{name}=..." for name in names) or ("..." if parts.query else "")
    place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return f"{place}?{query}" if query else place


def _unreadable(address: str, reason: str) -> ImageUnreadableError:
    return ImageUnreadableError(
        f"{shown(address)} is no address of an image: {reason}.",
        hint="Correct the address in the catalogue.",
        details={"image": shown(address)},
    )
