"""Where addresses are, by databases in MaxMind's format: country, and network (autonomous system).

The databases are the user's own, and what is in them is untrusted: any text may be there in place of a name, and
anything else in place of a text or a number.
"""

import ipaddress
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from etl.errors import UsageError

# Where databases have each value: those of MaxMind and DB-IP (GeoLite2, GeoIP2), and those of IPinfo.
_COUNTRY = (
    ("country", "iso_code"),
    ("registered_country", "iso_code"),
    ("country_code",),
    ("country",),
)
_ASN = (("autonomous_system_number",), ("traits", "autonomous_system_number"), ("asn",))
_ORGANIZATION = (
    ("autonomous_system_organization",),
    ("traits", "autonomous_system_organization"),
    ("as_name",),
    ("name",),
)
# Most addresses have this form, which takes less to see than to read the address.
_IPV4 = re.compile(r"(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})")
_COUNTRY_CODE = re.compile(r"[A-Za-z]{2}")
# A number, or as a text `AS64496`.
_ASN_TEXT = re.compile(r"(?:AS)?([0-9]{1,10})", re.IGNORECASE)
_LARGEST_ASN = 2**32 - 1
# Letters. The longest names of organizations have about a hundred.
_MAX_LENGTH = 256


class Location(NamedTuple):
    """An address's country (ISO 3166, two letters) and network; None where a database does not tell."""

    country: str | None = None
    asn: int | None = None
    organization: str | None = None


class Locations:
    """Databases in order: of each value, the first that has one counts. They are opened when they are first needed."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths

    def locate(self, address: str | None) -> Location:
        """Where an address of the log is; nowhere, for what is no address, such as a hash of one.

        Raises ValueError for a damaged database.
        """
        plain = _plain(address)
        if plain is None:
            return Location()
        country = asn = organization = None
        for database in self._databases:
            if record := database.get(plain):
                country = country or _country(record)
                asn = asn or _asn(record)
                organization = organization or _organization(record)
        return Location(country, asn, organization)

    def check(self) -> None:
        """Raise UsageError for a file that is not there, or no database."""
        list(self._databases)

    @cached_property
    def _databases(self) -> "list[_Database]":
        return [_Database(path) for path in self._paths]


class _Database:
    """A file in MaxMind's format. Raises UsageError where it is none."""

    def __init__(self, path: str) -> None:
        import maxminddb  # noqa: PLC0415 - few reports need it

        self._path = path
        try:
            self._reader = maxminddb.open_database(path)
        except OSError as error:
            raise UsageError(
                f"geo_database {path}: cannot be read: {error.strerror}"
            ) from error
        except (maxminddb.InvalidDatabaseError, ValueError) as error:
            raise UsageError(
                f"geo_database {path}: not a database in MaxMind's format (.mmdb)"
            ) from error
        self._damage = (maxminddb.InvalidDatabaseError, UnicodeDecodeError)
        self._has_ipv6 = self._reader.metadata().ip_version != 4  # noqa: PLR2004

    def get(self, address: str) -> dict[str, Any]:
        """What it has of an address: a record, perhaps without anything in it."""
        if ":" in address and not self._has_ipv6:
            return {}
        try:
            record = self._reader.get(address)
        except self._damage as error:
            raise ValueError(f"geo_database {self._path}: damaged: {error}") from error
        except ValueError:  # numbers of an address that are too large
            return {}
        return record if isinstance(record, dict) else {}


def _plain(text: str | None) -> str | None:
    """An address as databases know it: of IPv4 where IPv6's form only wraps one; None for any other text."""
    if text is None or _IPV4.fullmatch(text):
        return text
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return text


def _country(record: dict[str, Any]) -> str | None:
    for value in _values(record, _COUNTRY):
        if isinstance(value, str) and _COUNTRY_CODE.fullmatch(value):
            return value.upper()
    return None


def _asn(record: dict[str, Any]) -> int | None:
    for value in _values(record, _ASN):
        number = value
        if isinstance(value, str):
            found = _ASN_TEXT.fullmatch(value)
            number = int(found[1]) if found else 0
        # True and false are numbers, too, for Python.
        if type(number) is int and 0 < number <= _LARGEST_ASN:
            return number
    return None


def _organization(record: dict[str, Any]) -> str | None:
    for value in _values(record, _ORGANIZATION):
        if isinstance(value, str) and value:
            return value[:_MAX_LENGTH]
    return None


def _values(record: dict[str, Any], paths: Sequence[Sequence[str]]) -> Iterator[Any]:
    """What a record has at each of these paths."""
    for path in paths:
        value: Any = record
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        if value is not None:
            yield value
