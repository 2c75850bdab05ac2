"""A report beside the period before: the right period, the right rows, the right changes."""

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from conftest import ingest_local, run_cli
from small_lake import CHROME, Record, get

from etl import Lake, open_lake
from etl.dates import Span
from etl.errors import UsageError
from etl.query import Database, scope_of
from etl.query.known import known_end
from etl.reports.compare import _Columns
from etl.reports.loader import load_reports
from etl.reports.report import bind
from etl.store.open import open_store

WEEK = {"date_from": "2026-03-08", "date_to": "2026-03-14"}


def gets(day: int, **counts: int) -> Iterable[Record]:
    """So many requests of a day for each key."""
    for key, count in counts.items():
        for n in range(count):
            yield get(f"{day:02} 08:00:{n:02}", "192.0.2.1", CHROME, key, sent=100)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A week before (1st to 7th of March), and a week (8th to 14th)."""
    (tmp_path / "logs").mkdir()
    records = [
        *gets(1, a=5, b=4, c=3, d=1),
        *gets(7, a=1),
        *gets(8, a=2, c=6, e=4),
        *gets(14, d=3, f=1),
        *gets(15, a=9),
    ]
    lines = b"".join(record.line + b"\n" for record in records)
    (tmp_path / "logs" / "2026-03-16-00-00-00-0000000000000001").write_bytes(lines)
    ingest_local(tmp_path / "logs", tmp_path / "lake")
    return open_lake(str(tmp_path / "lake"))


def rows(lake: Lake, report: str, *columns: str, **arguments: Any) -> list[tuple[Any, ...]]:
    result = lake.compare(report, **arguments).result.to_arrow().select(columns).to_pylist()
    return [tuple(row.values()) for row in result]


def test_counts_of_both_periods(lake: Lake) -> None:
    """Each count has that of the week before and the change; a key of one week only counts 0 in the other."""
    columns = ("key", "requests", "requests_before", "requests_change")
    expected = [("c", 6, 3, 3), ("e", 4, 0, 4), ("d", 3, 1, 2), ("a", 2, 6, -4), ("f", 1, 0, 1), ("b", 0, 4, -4)]
    assert rows(lake, "website/top_objects", *columns, **WEEK) == expected
    comparison = lake.compare("website/top_objects", **WEEK)
    assert (str(comparison.before.date_from), str(comparison.before.date_to)) == ("2026-03-01", "2026-03-07")


def test_a_limit_hides_no_counts(lake: Lake) -> None:
    """The first of either week are there, with their counts of the other, however far down they are in it."""
    columns = ("key", "requests", "requests_before")
    expected = [("c", 6, 3), ("e", 4, 0), ("a", 2, 6), ("b", 0, 4)]
    assert rows(lake, "website/top_objects", *columns, limit=2, **WEEK) == expected


def test_days_are_compared_with_days(lake: Lake) -> None:
    """A day with the one as far into the week before; days that only that one has are between the others."""
    columns = ("date", "requests", "requests_before")
    days = [row for row in rows(lake, "website/requests_by_day", *columns, **WEEK) if any(row[1:])]
    assert days == [(dt.date(2026, 3, 8), 12, 13), (dt.date(2026, 3, 14), 4, 1)]


def test_a_period_without_an_end_ends_with_the_records(lake: Lake) -> None:
    """The last day with records is compared up to the newest one, as the lake may not have all of it."""
    comparison = lake.compare("website/top_objects", date_from="2026-03-15")
    assert comparison.period.end == dt.datetime(2026, 3, 15, 8, 1)  # noqa: DTZ001
    assert comparison.before.end == dt.datetime(2026, 3, 14, 8, 1)  # noqa: DTZ001
    assert comparison.first_day == dt.date(2026, 3, 1)


def test_a_day_without_records_yet_is_not_compared(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the 16th there are records up to 08:00 of the 15th: the days are compared up to then, without the 16th."""
    monkeypatch.setattr("etl.reports.compare.utc_now", lambda: dt.datetime(2026, 3, 16, 11, 48))  # noqa: DTZ001
    comparison = lake.compare("overview/figures", date_from="2026-03-14", date_to="2026-03-16")
    assert comparison.period.end == dt.datetime(2026, 3, 15, 8, 1)  # noqa: DTZ001
    assert comparison.before.end == dt.datetime(2026, 3, 12, 8, 1)  # noqa: DTZ001
    days = rows(lake, "operations/traffic_by_day", "date", "requests", date_from="2026-03-14", date_to="2026-03-16")
    assert [(day, count) for day, count in days if count] == [(dt.date(2026, 3, 14), 4), (dt.date(2026, 3, 15), 9)]
    assert max(day for day, _ in days) == dt.date(2026, 3, 15)


def test_hours_are_compared_with_the_same_hours_of_a_day_before(lake: Lake) -> None:
    """From the afternoon on with an afternoon; 30 hours with those two days earlier, so that none is in both."""
    comparison = lake.compare("overview/figures", date_from="2026-03-08T08", date_to="2026-03-08T12")
    assert (comparison.before.begin, comparison.before.end) == (
        dt.datetime(2026, 3, 7, 8),  # noqa: DTZ001
        dt.datetime(2026, 3, 7, 13),  # noqa: DTZ001
    )
    longer = lake.compare("overview/figures", date_from="2026-03-13T08", date_to="2026-03-14T13")
    assert longer.before.begin == dt.datetime(2026, 3, 11, 8)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("begin", "end", "newest", "known"),
    [
        # Now is 10:12 on the 20th: of that day, the lake has what was there at the last run.
        ("2026-03-14", "2026-03-21", "2026-03-20 02:40", "2026-03-20 02:41"),
        ("2026-03-14", "2026-03-21", "2026-03-20 10:05:30", "2026-03-20 10:06"),
        # Of yesterday it may not have all either, unless there is more, or it has its last hour.
        ("2026-03-14", "2026-03-20", "2026-03-19 22:30", "2026-03-19 22:31"),
        ("2026-03-14", "2026-03-20", "2026-03-19 23:30", "2026-03-20 00:00"),
        ("2026-03-14", "2026-03-20", "2026-03-20 02:40", "2026-03-20 00:00"),
        # Of today it may have nothing yet: a lake that is read nightly has not.
        ("2026-03-14", "2026-03-21", "2026-03-19 23:51", "2026-03-20 00:00"),
        ("2026-03-14", "2026-03-21", "2026-03-19 22:30", "2026-03-19 22:31"),
        ("2026-03-19 10:12", "2026-03-20 10:12", "2026-03-19 23:51", "2026-03-20 00:00"),
        # What ended is to be seen, up to yesterday; so is an hour without anything.
        ("2026-03-14", "2026-03-21", "2026-03-17 08:30", "2026-03-19 00:00"),
        ("2026-03-20 09:12", "2026-03-20 10:12", "2026-03-20 02:40", "2026-03-20 10:12"),
        ("2026-03-14", "2026-03-18", "2026-03-17 08:30", "2026-03-18 00:00"),
        ("2026-03-14", "2026-03-21", None, "2026-03-20 10:12"),
    ],
)
def test_a_day_that_is_not_over_counts_up_to_its_newest_record(
    begin: str, end: str, newest: str | None, known: str
) -> None:
    """Both periods end there; a day is over when another has records, or two days later."""
    first, last, now, until = map(dt.datetime.fromisoformat, (begin, end, "2026-03-20 10:12", known))
    scope = scope_of(None, Span(first, first), Span(last, last))
    assert known_end(scope, last, dt.datetime.fromisoformat(newest) if newest else None, now) == until


def test_numbers_that_are_no_counts(lake: Lake) -> None:
    """Percentages and percentiles have the value before, and no difference; so does a report of one row."""
    schema = lake.compare("operations/latency", **WEEK).result.columns
    assert {"total_p50_before", "answered_change"} < set(schema)
    assert "total_p50_change" not in schema
    columns = ("requests", "requests_change", "error_percent_before")
    assert rows(lake, "overview/figures", *columns, **WEEK) == [(16, 2, 0.0)]


def test_what_cannot_be_compared_says_so(lake: Lake) -> None:
    """Single records, months, reports without counts, and a period that has no beginning."""
    for name, arguments, message in (
        ("security/deletions", WEEK, "cannot be compared: its rows are single records"),
        ("website/requests_by_month", WEEK, "cannot be compared: it counts by months"),
        ("lifecycle/expired_keys", WEEK, r"has no counts to compare \(it has: key\)"),
        ("website/top_objects", {"date_to": "2026-03-14"}, "Say where the period begins: --from or --last"),
    ):
        with pytest.raises(UsageError, match=message):
            lake.compare(name, **arguments)


def test_every_report_is_compared_or_refused(lake: Lake) -> None:
    """Each report has counts and something that tells its rows apart, is of one row, or says why it is refused."""
    database = Database(open_store(lake.url))
    columns, refused = {}, set()
    for name, report in load_reports().items():
        required = {name: "1" for name, parameter in report.params.items() if parameter.required}
        try:
            columns[name] = _Columns.of(report, database, bind(report, required))
        except UsageError:
            refused.add(name)
    assert [name for name, of_report in columns.items() if not of_report.keys] == ["overview/figures"]
    assert {"lifecycle/gone_keys", "security/address_activity", "website/requests_by_month"} <= refused
    assert len(refused) < len(columns) / 2
    by_clock = {name: of_report.keys for name, of_report in columns.items() if of_report.clock}
    assert by_clock["website/requests_by_hour"] == ["hour"]
    assert by_clock["operations/status_by_day"] == ["date", "status"]
    assert columns["website/response_codes"].keys == ["http_status"]


def test_compare_on_the_command_line(lake: Lake) -> None:
    """Both periods are named on stderr; the rows are as any other."""
    period = ("--from", "2026-03-08", "--to", "2026-03-14", "--compare")
    done = run_cli("report", "website/top_objects", "--lake", lake.url, *period, "--format", "csv")
    assert done.stdout.splitlines()[1] == "c,6,3,3,6,3,3,0,0,0"
    assert "2026-03-08 to 2026-03-14 is compared with 2026-03-01 to 2026-03-07" in done.stderr
