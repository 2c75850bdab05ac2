"""Where addresses are, by the networks that they are in."""

import ipaddress
from collections.abc import Mapping
from typing import TypeVar

from geo_databases import COUNTRIES, NETWORKS

Value = TypeVar("Value")


def country_of(address: str | None) -> str | None:
    return _of_network(address, COUNTRIES)


def network_of(address: str | None) -> tuple[int | None, str | None]:
    """The number of its network, and the organization."""
    return _of_network(address, NETWORKS) or (None, None)


def _of_network(address: str | None, networks: Mapping[str, Value]) -> Value | None:
    found = (
        value
        for network, value in networks.items()
        if address is not None and ipaddress.ip_address(address) in ipaddress.ip_network(network)
    )
    return next(found, None)
