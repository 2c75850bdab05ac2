"""Which network an address is in."""

import ipaddress
from functools import cache


def is_in_network(address: str | None, network: str | None) -> bool:
    """Whether an address of the log is in a network; what is no address, such as a hash of one, is in none."""
    if address is None or network is None:
        return False
    parsed = _parse(address)
    return parsed is not None and parsed in _network(network)


def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address; of IPv4 where IPv6's form only wraps one."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or address
    return address


@cache
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(text)
