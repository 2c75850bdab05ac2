"""Records that claim a time before S3 existed, or one to come: rejects, and harmless in a lake that has them."""

import contextlib
import datetime as dt
from pathlib import Path

import pytest
from attacks import dashboard, is_complete, request, store_as_before, write_log
from conftest import ingest_local, rows_of, run_every_report

from etl import open_lake
from etl.config import Settings
from etl.errors import AccessLakeError, UsageError
from etl.query import Scope
from etl.reports.chart import svg
from etl.reports.lifecycle_rules import check_rules, load_rules
from etl.reports.loader import load_reports
from etl.store.open import open_store

IMPOSSIBLE_DAYS = ["01/Jan/9999", "31/Dec/9999", "01/Jan/6019", "01/Jan/0001", "01/Jan/1970", "28/Feb/2006"]


@pytest.mark.parametrize("day", IMPOSSIBLE_DAYS)
def test_impossible_times_are_rejects(tmp_path: Path, day: str) -> None:
    """A time before S3 existed or later than tomorrow is a reject, on the fast path and on the slow one."""
    odd = [request(1, time=f"{day}:12:00:00"), request(2, time=f"{day}:12:00:00", uri='"GET /" x HTTP/1.1"')]
    lake = tmp_path / "lake"
    ingest_local(write_log(tmp_path / "logs", [request(3), *odd]), lake, max_reject_fraction=1)
    assert open_lake(str(lake)).sql("SELECT reason FROM rejects").to_arrow()["reason"].to_pylist() == ["bad_time"] * 2
    assert len(rows_of(lake)) == 1


def test_the_clock_of_s3_may_be_ahead(tmp_path: Path) -> None:
    """A record of the next hours is accepted; one of the day after tomorrow is a reject."""
    now = dt.datetime.now(dt.UTC)
    times = [f"{now + dt.timedelta(hours=hours):%d/%b/%Y:%H:%M:%S}" for hours in (0, 23, 49)]
    logs = write_log(tmp_path / "logs", [request(n, time=time) for n, time in enumerate(times)])
    result = ingest_local(logs, tmp_path / "lake", max_reject_fraction=1).result
    assert (result.rows, result.rejects) == (2, 1)


@pytest.mark.parametrize("year", [9999, 6019, 1970, 1])
def test_every_command_runs_on_a_lake_with_impossible_times(tmp_path: Path, year: int) -> None:
    """They move no period, silence no alarm and make no series of thousands of years; every command ends well."""
    lake = tmp_path / "lake"
    odd = dt.datetime(year, 1, 1, 12)  # noqa: DTZ001
    store_as_before(open_store(str(lake)), [*(request(n) for n in range(20)), request(21)], time=odd)
    page = dashboard(lake)
    assert "2026-01-31 to 2026-02-06" in page
    assert is_complete(page)
    assert f"{year:04d}-01-01" not in page.partition("<table")[0]
    assert "4 years old" not in page
    status = open_lake(str(lake)).status()
    assert status.newest_record is not None
    assert status.newest_record.year in (2026, year)
    assert status.newest_record.year <= 2026
    run_every_report(lake)
    days = open_lake(str(lake)).report("operations/completeness").to_arrow()
    assert days.num_rows <= 366
    for name in ("website/requests_by_hour", "website/requests_by_day", "operations/status_by_day"):
        report = load_reports()[name]
        assert report.chart
        assert len(svg(report.chart, open_lake(str(lake)).report(name).to_arrow())) < 2_000_000


@pytest.mark.parametrize("year", [9999, 1])
def test_periods_at_the_ends_of_the_calendar(tmp_path: Path, year: int) -> None:
    """They end with a result or a message, also where a record is of these days."""
    lake = tmp_path / "lake"
    store_as_before(open_store(str(lake)), [request(1), request(2)], time=dt.datetime(year, 1, 1, 12))  # noqa: DTZ001
    rules = tmp_path / "rules.json"
    rules.write_text('{"Rules": [{"ID": "a", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}]}')
    first, last = dt.date.min, dt.date.max
    for scope in (
        Scope(),
        Scope(None, first),
        Scope(None, None, dt.date(1, 1, 5)),
        Scope(None, last),
        Scope(None, first, last),
    ):
        with contextlib.suppress(AccessLakeError):
            dashboard(lake, scope)
        with contextlib.suppress(AccessLakeError):
            check_rules(open_store(str(lake)), "site", load_rules(rules), scope, Settings())[0].to_arrow()


def test_a_lake_of_impossible_times_only_has_nothing_to_show(tmp_path: Path) -> None:
    """A dashboard without any record to show is an error that says so."""
    store_as_before(open_store(str(tmp_path / "lake")), [request(1)], time=dt.datetime(9999, 12, 31))  # noqa: DTZ001
    with pytest.raises(UsageError, match="no records of this bucket and period"):
        dashboard(tmp_path / "lake")
