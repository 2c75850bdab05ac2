"""Where addresses are, by databases of the user's own, which are untrusted."""

from pathlib import Path
from typing import Any

import pytest
from conftest import ingest_local, run_cli
from geo_databases import write_database, write_geo_databases
from small_lake import ALICE, CHROME, CURL, PROBER, SIX, get

from etl import Lake, open_lake
from etl.config import Privacy
from etl.errors import UsageError
from etl.query import QueryError
from etl.query.locations import Location, Locations

TELECOM = Location("DE", 64500, "Example Telecom")
NOWHERE = Location()


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_geo_databases(tmp_path_factory.mktemp("geo"))


@pytest.mark.parametrize(
    ("address", "location"),
    [
        ("192.0.2.1", TELECOM),
        ("192.0.2.15", TELECOM),
        ("192.0.2.16", Location("DE")),
        ("192.0.2.0", TELECOM),
        ("192.0.2.80", Location(None, 64501, "Example Works")),
        ("::ffff:192.0.2.1", TELECOM),
        ("2001:db8::1", Location("FR", 64500, "Example Telecom")),
        ("2001:DB8:0:0:0:0:0:1", Location("FR", 64500, "Example Telecom")),
        ("2001:db9::1", NOWHERE),
        ("10.0.0.5", NOWHERE),
        ("fe80::1%eth0", NOWHERE),
        ("0123456789abcdef0123456789abcdef", NOWHERE),
        ("3221225985", NOWHERE),
        ("192.0.2.01", NOWHERE),
        ("192.0.2.256", NOWHERE),
        ("192.0.2.1 ", NOWHERE),
        ("192.0.2.1\0", NOWHERE),
        ("", NOWHERE),
        (None, NOWHERE),
    ],
)
def test_where_an_address_is(databases: tuple[Path, Path], address: str | None, location: Location) -> None:
    """Each file adds what it has; what a file does not have, and what is no address, is nowhere."""
    assert Locations([str(path) for path in databases]).locate(address) == location


@pytest.mark.parametrize(
    ("record", "location"),
    [
        ({"country": {"iso_code": "de"}}, Location("DE")),
        ({"registered_country": {"iso_code": "FR"}}, Location("FR")),
        ({"country": "Germany", "country_code": "DE", "asn": "AS64500", "as_name": "T"}, Location("DE", 64500, "T")),
        ({"traits": {"autonomous_system_number": 64500}}, Location(None, 64500)),
        ({"asn": 64500, "name": "T"}, Location(None, 64500, "T")),
        ({"country": {"iso_code": "<b>"}, "asn": "AS-1"}, NOWHERE),
        ({"country": {"iso_code": 5}, "autonomous_system_number": 2**40}, NOWHERE),
        ({"country": ["DE"], "autonomous_system_organization": {"x": "y"}}, NOWHERE),
        ({"autonomous_system_number": True, "autonomous_system_organization": ""}, NOWHERE),
        ({"autonomous_system_number": "9" * 5000}, NOWHERE),
        ({"autonomous_system_organization": "\x1b[31m" + "x" * 999}, Location(None, None, "\x1b[31m" + "x" * 251)),
        ("DE", NOWHERE),
        ([], NOWHERE),
    ],
)
def test_what_databases_say(tmp_path: Path, record: Any, location: Location) -> None:
    """The layouts of MaxMind and IPinfo are known; what is no country, number or name is none; a long name is cut."""
    path = write_database(tmp_path / "x.mmdb", {"192.0.2.0/24": record})
    assert Locations([str(path)]).locate("192.0.2.1") == location


def test_a_database_of_ipv4_knows_no_ipv6(tmp_path: Path) -> None:
    """An address that it cannot have is nowhere, which is no error; the first file that has a value counts."""
    first = write_database(tmp_path / "1.mmdb", {"192.0.2.0/24": {"country": {"iso_code": "DE"}}}, ip_version=4)
    second = write_database(tmp_path / "2.mmdb", {"192.0.0.0/8": {"country": {"iso_code": "US"}, "asn": 1}})
    locations = Locations([str(first), str(second)])
    assert locations.locate("2001:db8::1") == NOWHERE
    assert locations.locate("192.0.2.1") == Location("DE", 1)
    assert locations.locate("192.1.0.1") == Location("US", 1)


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return _lake_of(tmp_path, Privacy())


def _lake_of(root: Path, privacy: Privacy) -> Path:
    (root / "logs").mkdir()
    records = [get("05 08:00:00", ip, agent, "k") for ip, agent in ((ALICE, CHROME), (SIX, CHROME), (PROBER, CURL))]
    (root / "logs/2026-03-10-00-00-00-AAAA").write_bytes(b"".join(record.line + b"\n" for record in records))
    ingest_local(root / "logs", root / "lake", privacy=privacy)
    return root / "lake"


def _countries(lake: Lake, **arguments: Any) -> list[tuple[Any, ...]]:
    rows = lake.report("website/countries", **arguments).to_arrow().to_pylist()
    return [(row["country"], row["requests"]) for row in rows]


def test_without_databases_a_report_says_which_setting_it_needs(lake: Path) -> None:
    """On the command line and from Python; SQL that asks for locations, too, and other reports not."""
    for command in (
        ("report", "website/countries"),
        ("report", "security/networks"),
        ("sql", "FROM located_addresses"),
    ):
        done = run_cli(*command, "--lake", str(lake))
        assert done.returncode == 2
        assert "geo_database" in done.stderr
        assert done.stdout == ""
    with pytest.raises(UsageError, match="ACCESSLAKE_GEO_DATABASE"):
        open_lake(str(lake)).report("website/countries")
    assert open_lake(str(lake)).report("website/top_objects").to_arrow().num_rows == 1


def test_a_file_that_is_no_database_is_named(lake: Path, databases: tuple[Path, Path], tmp_path: Path) -> None:
    """One that is not there, of another kind, or empty: an error before any query runs, with its path."""
    (tmp_path / "empty.mmdb").touch()
    (tmp_path / "text.mmdb").write_text("country,US\n")
    for name, reason in (
        ("none.mmdb", "No such file"),
        ("empty.mmdb", "MaxMind's format"),
        ("text.mmdb", "MaxMind's format"),
        ("logs", "MaxMind's format"),
    ):
        paths = (databases[0], tmp_path / name)
        with pytest.raises(UsageError, match=rf"geo_database {tmp_path / name}: .*{reason}"):
            open_lake(str(lake), geo_database=paths).report("website/countries")


def test_a_damaged_database_is_named(lake: Path, databases: tuple[Path, Path], tmp_path: Path) -> None:
    """Damage that only a look-up finds ends the query with the path, not the process."""
    data = bytearray(databases[0].read_bytes())
    begin, end = data.index(b"country"), data.rindex(b"\xab\xcd\xefMaxMind.com")
    data[begin - 20 : end] = b"\xff" * (end - begin + 20)
    damaged = tmp_path / "damaged.mmdb"
    damaged.write_bytes(data)
    with pytest.raises(QueryError, match=rf"geo_database {damaged}: damaged"):
        open_lake(str(lake), geo_database=damaged).report("website/countries").to_arrow()


def test_a_relative_path_and_a_variable_name_databases(
    lake: Path, databases: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several files are separated by spaces in a variable, and found from the current directory."""
    monkeypatch.chdir(databases[0].parent)
    monkeypatch.setenv("ACCESSLAKE_GEO_DATABASE", "country.mmdb asn.mmdb")
    assert _countries(open_lake(str(lake))) == [("DE", 1), ("FR", 1), (None, 1)]
    (row,) = open_lake(str(lake)).report("security/networks", limit=1, bucket="www.example.org").to_arrow().to_pylist()
    assert (row["asn"], row["organization"]) == (64500, "Example Telecom")


def test_queries_read_databases_in_no_other_way(lake: Path, databases: tuple[Path, Path]) -> None:
    """A database's file is no table, and a query that asks for it gets nothing of it."""
    here = open_lake(str(lake), geo_database=databases)
    assert here.sql("SELECT location_of('192.0.2.1').country AS country").to_arrow().to_pylist() == [{"country": "DE"}]
    for path in databases:
        with pytest.raises(QueryError):
            here.sql(f"SELECT * FROM read_blob('{path}')").to_arrow()


@pytest.mark.parametrize(
    ("remote_ip", "expected"),
    [
        ("hash", [(None, 3)]),
        ("drop", [(None, 3)]),
        ("truncate", [("DE", 1), ("FR", 1), (None, 1)]),
    ],
)
def test_lakes_that_keep_less_of_addresses(
    tmp_path: Path, databases: tuple[Path, Path], remote_ip: Any, expected: list[tuple[str | None, int]]
) -> None:
    """Hashes and no addresses are in no country; the network of an address mostly is in the address's."""
    privacy = Privacy(remote_ip=remote_ip, hash_key="x" * 16)  # type: ignore[arg-type]
    lake = open_lake(str(_lake_of(tmp_path, privacy)), geo_database=databases)
    assert _countries(lake) == expected
