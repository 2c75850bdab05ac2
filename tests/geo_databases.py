"""Databases in MaxMind's format of the addresses in the small lake: countries in one file, networks in another."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet

COUNTRIES = {"192.0.2.0/26": "DE", "198.51.100.0/24": "US", "52.0.0.0/8": "US", "2001:db8::/32": "FR"}
NETWORKS = {
    "192.0.2.0/28": (64500, "Example Telecom"),
    "192.0.2.64/26": (64501, "Example Works"),
    "198.51.100.0/24": (64502, "Example Search"),
    "203.0.113.0/24": (64503, 'Example, "Hosting" & <b>Co</b>'),
    "2001:db8::/48": (64500, "Example Telecom"),
}


def write_database(path: Path, records: Mapping[str, Any], ip_version: int = 6) -> Path:
    """A database that has these records of these networks."""
    writer = MMDBWriter(ip_version=ip_version, ipv4_compatible=ip_version == 6, database_type="Test")
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return path


def write_geo_databases(directory: Path) -> tuple[Path, Path]:
    """Both, written as GeoLite2 is; there are networks without a country."""
    countries = {network: {"country": {"iso_code": code}} for network, code in COUNTRIES.items()}
    networks = {
        network: {"autonomous_system_number": number, "autonomous_system_organization": organization}
        for network, (number, organization) in NETWORKS.items()
    }
    return (
        write_database(directory / "country.mmdb", countries),
        write_database(directory / "asn.mmdb", networks),
    )
