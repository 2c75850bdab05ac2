"""Which network an address is in; `etl.catalog.networks` says the same in SQL."""

import ipaddress
import re
from functools import cache

_BITS = re.compile("[0-9]{1,3}")
# How many bits of IPv6 come before an address of IPv4 that it wraps.
_WRAPPING_BITS = 96


def is_in_network(address: str | None, network: str | None) -> bool:
    """Whether an address of the log is in a network, which is an address, perhaps with `/` and its number of bits.

    What is no address, such as a hash of one, is in none, and what is no network has none.
    """
    if address is None or network is None:
        return False
    parsed, parsed_network = _parse(address), _network(network)
    return parsed is not None and parsed_network is not None and parsed in parsed_network


def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address; of IPv4 where IPv6's form only wraps one. No log has one with a zone (`%`)."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return address
    return None if address.scope_id else address.ipv4_mapped or address


@cache
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """A network, whatever its bits after the prefix are; of IPv4 where IPv6's form only wraps one."""
    written, slash, bits = text.partition("/")
    address = _parse(written)
    if address is None or (slash and not _BITS.fullmatch(bits)):
        return None
    is_wrapped = address.version == 4 and ":" in written  # noqa: PLR2004
    length = int(bits) - is_wrapped * _WRAPPING_BITS if slash else address.max_prefixlen
    if not 0 <= length <= address.max_prefixlen:
        return None
    return ipaddress.ip_network((str(address), length), strict=False)
