"""Every report gives its expected result on a small lake, and the expected result follows from the lake's records.

`expected/<section>/<report>.csv` has what a report is run with, and its result. `oracle/<section>.py` computes the same
from the records of `small_lake`, in plain Python. So nobody changes a result by changing the SQL alone.

A new report needs a CSV file with its arguments and its header, and a function in the oracle. Then, as after a change
of the oracle or of the records,

    pytest tests/reports/test_golden.py --update-expected

writes the rows of every CSV file as the oracle computes them, never as the SQL does. Read the difference.
"""

import datetime as dt
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from conftest import ingest_local
from geo_databases import write_geo_databases
from golden_file import GoldenFile, read_golden_file, read_row, replace_rows, write_row
from oracle import ORACLES, compute
from oracle.tables import Rows, chronological
from small_lake import RECORDS, REJECTS, Record, all_lines, at, write_log_objects

from etl import Lake, open_lake
from etl.config import Privacy
from etl.query import Database
from etl.reports.loader import find_report, load_reports
from etl.reports.report import query_report
from etl.store import open_store

EXPECTED = Path(__file__).parent / "expected"
REPORTS = sorted(ORACLES)
SCOPE = {"bucket", "date_from", "date_to", "last", "key_prefix"}
"""Arguments of which part of the lake a query process has."""


def path_of(name: str) -> Path:
    return EXPECTED / f"{name}.csv"


@pytest.fixture(scope="module", autouse=True)
def update_expected(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-expected"):
        for name in REPORTS:
            path = path_of(name)
            replace_rows(path, compute(name, read_golden_file(path).arguments, RECORDS))


@cache
def golden(name: str) -> GoldenFile:
    return read_golden_file(path_of(name))


def computed(name: str, records: Sequence[Record] = RECORDS) -> Rows:
    """What the oracle says that the report must give for these records."""
    return compute(name, golden(name).arguments, records)


@cache
def database(lake: Lake) -> Database:
    """One query process for all reports of a lake."""
    return Database(open_store(lake.url), settings=lake.settings)


@pytest.fixture(scope="module", autouse=True)
def closed_databases() -> Iterator[None]:
    yield
    database.cache_clear()


def run_report(lake: Lake, name: str) -> tuple[list[str], Rows]:
    """The report's columns and rows."""
    arguments = golden(name).arguments
    if SCOPE & set(arguments):
        table = lake.report(name, **arguments).to_arrow()
    else:
        table = query_report(find_report(name), database(lake), arguments).to_arrow()
    return table.column_names, [tuple(row.values()) for row in table.to_pylist()]


def exact(rows: Iterable[Sequence[Any]]) -> Rows:
    """Rows to compare with: sums of prices differ in the last digits with the order in which they are added."""
    return [
        tuple(pytest.approx(value, rel=1e-9) if isinstance(value, float) else value for value in row) for row in rows
    ]


def test_every_report_has_an_oracle_and_an_expected_result() -> None:
    """No report is shipped unproved, and no file is left of one that is gone."""
    files = {path for path in EXPECTED.rglob("*") if path.is_file()}
    assert set(ORACLES) == set(load_reports())
    assert files == {path_of(name) for name in REPORTS}


def test_expected_results_tell_values_of_every_kind_apart() -> None:
    """What is written in a cell is read as the same value of the same kind."""
    texts = ("", "5", "5.0", "007", "true", "2026-02-06", "2026-02-06 00:00:38", "a,b", '"', 'a "b"', " a", "# a", "-")
    times = (dt.date(2026, 2, 6), dt.datetime(2026, 2, 6), dt.datetime(2026, 2, 6, 0, 0, 38, 5))  # noqa: DTZ001
    values = (None, True, False, 0, -5, 0.0, 5.0, 0.000001, -0.25, *times, *texts, None)
    row = read_row(write_row(values))
    assert row == values
    assert [type(value) for value in row] == [type(value) for value in values]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """All lines, each in the log object that it was delivered in."""
    root = tmp_path_factory.mktemp("golden")
    write_log_objects(root, all_lines())
    ingest_local(root / "logs", root / "lake")
    return open_lake(str(root / "lake"), geo_database=write_geo_databases(root))


@cache
def result(lake: Lake, name: str) -> tuple[list[str], Rows]:
    """As `run_report`, once for all tests of the lake."""
    return run_report(lake, name)


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_gives_its_expected_result(lake: Lake, name: str) -> None:
    """All columns and all rows are the expected ones, in the order that the report promises."""
    columns, rows = result(lake, name)
    assert columns == golden(name).columns
    assert rows == exact(golden(name).rows)


@pytest.mark.parametrize("name", REPORTS)
def test_an_expected_result_follows_from_the_records(name: str) -> None:
    """The oracle computes the same rows without SQL, and there is at least one."""
    rows = computed(name)
    assert rows, "an expected result without rows proves nothing: choose other arguments"
    assert golden(name).rows == exact(rows)


@pytest.fixture(scope="module")
def shuffled(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The same lines in another order, in other log objects, read in three runs; some of them delivered twice."""
    root = tmp_path_factory.mktemp("shuffled")
    rng = random.Random(4)
    lines = all_lines()
    rng.shuffle(lines)
    third = len(lines) // 3 + 1
    for run in range(3):
        delivery = at(f"10 0{run}:00:00")
        again = [line for line in lines[: run * third] if rng.random() < 0.2]
        chosen = lines[run * third : (run + 1) * third] + again
        good = [line for line in chosen if line[2] not in {reject.line.encode() for reject in REJECTS}]
        write_log_objects(root, [(bucket, delivery, line) for bucket, _, line in good])
        ingest_local(root / "logs", root / "lake")
    return open_lake(str(root / "lake"), geo_database=write_geo_databases(root))


BY_LOG_OBJECT = {
    "operations/completeness",
    "operations/delivery_lag",
    "operations/rejects",
    "overview/completeness",
    "overview/figures",
}
"""Reports whose result depends on the log objects that the lines came in."""


@pytest.mark.parametrize("name", sorted(set(REPORTS) - BY_LOG_OBJECT))
def test_results_do_not_depend_on_the_delivery(lake: Lake, shuffled: Lake, name: str) -> None:
    """Neither order nor log objects nor runs, nor a second delivery, change a result."""
    columns, rows = result(lake, name)
    assert run_report(shuffled, name) == (columns, exact(rows))


@pytest.fixture(scope="module")
def without_addresses(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The same lines in a lake that keeps no addresses."""
    root = tmp_path_factory.mktemp("without-addresses")
    write_log_objects(root, all_lines())
    ingest_local(root / "logs", root / "lake", privacy=Privacy(remote_ip="drop"))
    return open_lake(str(root / "lake"), geo_database=write_geo_databases(root))


RIGHT_WITHOUT_ADDRESSES = (
    "operations/buckets",
    "operations/busiest_prefixes",
    "overview/figures",
    "security/first_seen_requesters",
    "security/insecure_transport",
    "security/outside_working_hours",
    "security/unapproved_requesters",
    "website/countries",
    "website/hours_of_day",
    "website/operating_systems",
    "website/people_and_bots",
    "website/source_regions",
    "website/user_agents",
)
"""Reports that tell requests from what lifecycle rules do, or join user agents."""


@pytest.mark.parametrize("name", RIGHT_WITHOUT_ADDRESSES)
def test_reports_are_right_on_a_lake_without_addresses(without_addresses: Lake, name: str) -> None:
    """With `privacy.remote_ip = "drop"` a report counts no addresses, and is right in all else."""
    # nobody knows which text of an ambiguous line is an address, so it has none
    kept = [replace(record, ip=None, agent=None if record.note == "ambiguous" else record.agent) for record in RECORDS]
    _, rows = run_report(without_addresses, name)
    assert rows == exact(computed(name, kept))


def test_the_lake_has_the_fields_of_the_records(lake: Lake) -> None:
    """Records and lines say the same, so that the oracle and the reports are about the same."""
    columns = (
        "bucket, time, operation, key, remote_ip, requester, request_id, request_uri, http_status, error_code, "
        "bytes_sent, object_size, total_time, turn_around_time, referrer, user_agent, version_id, host_id, "
        "signature_version, cipher_suite, authentication_type, host_header, tls_version, access_point_arn, "
        "acl_required, source_region, field_count, extra_fields, parse_note"
    )
    attributes = (
        "bucket time op key ip requester rid uri status error sent size total turn referrer agent version host_id sig "
        "cipher auth host tls access_point acl region fields extra note"
    )
    table = lake.sql(f"SELECT {columns} FROM access_log ORDER BY time, bucket, operation, key, request_id").to_arrow()
    rows = [tuple(row.values()) for row in table.to_pylist()]
    assert rows == chronological(RECORDS, attributes, "bucket", "op", "key", "rid")
