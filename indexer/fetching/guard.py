"""Addresses that strangers give: only what everybody on the internet may ask is asked.

Otherwise a service could be made to ask, in its own name, what only it can reach: the machine
itself, the network around it, the metadata of its cloud. The host's name is resolved here, every
address it has is checked, and the connection goes to the very address that was checked: a name
that means something else a moment later changes nothing. That holds for each redirect anew.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

import httpx2

from indexer.fetching.addresses import WEB_SCHEMES
from indexer.fetching.failing import unreadable
from search.errors import ConfigError, ImageUnreadableError

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""A host's name and a port to all addresses of it, as texts; OSError if there is none."""

_PORTS = {"http": 80, "https": 443}
_GIVE_ANOTHER = "Give the address of an image that everybody can see, or send the image itself."

# What Python takes for global and is none, or leads somewhere else than it says.
_NOT_PUBLIC_4 = (
    IPv4Network("168.63.129.16/32"),  # Azure's own services, from inside.
    IPv4Network("192.0.0.0/24"),  # Protocols.
    IPv4Network("192.88.99.0/24"),  # Relays to IPv6.
)
_PUBLIC_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = (
    IPv6Network("2001::/23"),  # Protocols, Teredo among them.
    IPv6Network("2001:db8::/32"),
    IPv6Network("2002::/16"),  # 6to4, which wraps any IPv4 address.
    IPv6Network("3fff::/20"),
)
_NAT64 = IPv6Network("64:ff9b::/96")


async def resolve(host: str, port: int) -> Sequence[str]:
    """All addresses of a host, as this machine resolves names, those of IPv4 first."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    ordered = sorted(found, key=lambda one: one[0] != socket.AF_INET)
    return list(dict.fromkeys(str(one[4][0]) for one in ordered))


@dataclass(frozen=True, slots=True)
class Guard:
    """What may be asked: which ports, and which networks although they are not public."""

    ports: frozenset[int] = frozenset(_PORTS.values())
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    resolve: Resolve = resolve

    @classmethod
    def from_text(cls, ports: str, networks: str) -> "Guard":
        """From settings: ports and networks (`10.1.0.0/16`), comma-separated.

        Raises:
            ConfigError: one of them is none.
        """
        try:
            numbers = frozenset(int(port) for port in ports.split(",") if port.strip())
            named = tuple(ip_network(one.strip()) for one in networks.split(",") if one.strip())
        except ValueError as error:
            raise ConfigError(
                f"The ports or networks that images may be fetched from cannot be read: {error}.",
                hint="Write ports like 80,443 and networks like 10.1.0.0/16.",
            ) from error
        return cls(numbers, named)

    def check(self, address: str) -> None:
        """Whether an address may be asked, as far as can be said without its host's addresses.

        Raises:
            ImageUnreadableError: it is no http or https address, names a user, a password or
                another port.
        """
        try:
            url = httpx2.URL(address)
        except (httpx2.InvalidURL, ValueError) as error:
            raise _refused(address, "is no address of an image") from error
        if url.scheme not in WEB_SCHEMES or not url.host:
            raise _refused(address, "is no http or https address")
        if url.userinfo:
            raise _refused(address, "names a user or a password")
        port = url.port or _PORTS[url.scheme]
        if port not in self.ports:
            allowed = ", ".join(map(str, sorted(self.ports)))
            raise _refused(address, f"names port {port}; only {allowed} may be asked")

    async def places(self, url: httpx2.URL) -> list[str]:
        """The addresses of the URL's host, all of which may be asked.

        Raises:
            ImageUnreadableError: as `check`; or one of them is not public.
            OSError: it has none.
        """
        self.check(str(url))
        host = url.raw_host.decode("ascii").strip("[]")
        found = await self.resolve(host, url.port or _PORTS[url.scheme])
        if not found:
            raise OSError(f"{host} has no address")
        if not all(self._allows(one) for one in found):
            # Which address it is, and who is there, is nobody's business.
            raise _refused(str(url), "may not be asked: its host is not public")
        return list(found)

    def _allows(self, text: str) -> bool:
        try:
            address = ip_address(text.partition("%")[0])
        except ValueError:
            return False
        return is_public(address) or any(
            address in network for network in self.networks if network.version == address.version
        )


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether everybody on the internet means the same machine by it.

    Not: private, loopback, link-local, multicast, reserved and metadata addresses, and those of
    IPv6 that wrap an address of IPv4, unless that is public and the way it is reached (NAT64).
    """
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        inside = address in _PUBLIC_6 and not any(address in one for one in _NOT_PUBLIC_6)
        return inside and address.is_global and not address.is_multicast
    odd = address.is_multicast or address.is_reserved or address.is_unspecified
    return address.is_global and not odd and not any(address in one for one in _NOT_PUBLIC_4)


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Connects to the addresses that the guard has checked, and to no others.

    No proxy of the environment is used, since it would resolve names itself, and no connection is
    kept: another host at the same address would have to show a certificate of its own.
    """

    def __init__(self, guard: Guard, connections: int) -> None:
        self._guard = guard
        limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=0)
        self._plain = httpx2.AsyncHTTPTransport(limits=limits, trust_env=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Ask the first address that takes the connection.

        Raises what `Guard.places` and httpx2 do.
        """
        places = await self._guard.places(request.url)
        url = request.url
        # The `Host` header is in the request already; certificates are checked for that name.
        request.extensions["sni_hostname"] = url.raw_host.decode("ascii").strip("[]")
        for last, place in ((place == places[-1], place) for place in places):
            request.url = url.copy_with(host=place)
            try:
                response = await self._plain.handle_async_request(request)
            except httpx2.ConnectError:
                if last:
                    raise
                continue
            finally:
                request.url = url  # By which redirects are read.
            return response
        raise AssertionError("a host without addresses is refused before")

    async def aclose(self) -> None:
        """Close all connections."""
        await self._plain.aclose()


def _refused(address: str, what: str) -> ImageUnreadableError:
    return unreadable(address, what, _GIVE_ANOTHER)
