"""Whose word is taken on where a request came from: proxies that the operator names."""

from ipaddress import IPv4Network, ip_network

from search.errors import ConfigError

EVERYBODY = "*"


def read_proxies(text: str) -> list[str]:
    """Comma-separated addresses and networks, in the forms in which connections show them.

    What listens on IPv6 as well sees 10.0.0.1 as ::ffff:10.0.0.1: both are that proxy.

    Raises:
        ConfigError: one of them is neither, or `*` is not alone; such a one would be no proxy, and
            nobody would be told.
    """
    named = [each.strip() for each in text.split(",") if each.strip()]
    if named == [EVERYBODY]:
        return named
    return [form for each in named for form in _forms(each)]


def _forms(named: str) -> list[str]:
    try:
        network = ip_network(named)
    except ValueError as error:
        raise ConfigError(
            f"{named!r} is no proxy whose word could be taken.",
            hint="Give addresses or networks, comma-separated: 10.0.0.7 or 10.0.0.0/24 (whose last "
            f"bits are zero). '{EVERYBODY}' stands alone.",
            details={"setting": "forwarded_allow_ips"},
        ) from error
    if isinstance(network, IPv4Network):
        mapped = f"::ffff:{network.network_address}/{96 + network.prefixlen}"
        return [str(network), mapped]
    return [str(network)]
