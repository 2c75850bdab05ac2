"""What the dashboard says first."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import empty_lake

from etl.findings import FIGURES, Excerpt, Notice, find_unusual
from etl.findings.unusual import FIGURE_COLUMNS, FINDINGS
from etl.reports.loader import load_reports

NOW = {"requests": 1000, "visitors": 100, "bytes_sent": 10**9, "error_percent": 2.0, "denied": 10, "lag_minutes": 30}
STATUS = "operations/status_by_day"


def sentences(now: dict[str, Any], before: dict[str, Any], **rows: list[dict[str, Any]]) -> list[str]:
    """The sentences about these rows; alarms with an exclamation mark before them."""
    results: dict[str, Excerpt] = defaultdict(lambda: Excerpt([], 0))
    results |= {name.replace("__", "/"): Excerpt(some, len(some)) for name, some in rows.items()}
    return [f"{'!' if notice.is_alarm else ''}{notice.text}" for notice in find_unusual(now, before, results)]


def test_as_before_is_nothing_unusual() -> None:
    """Small differences, and small numbers that double, are none."""
    assert sentences(NOW, NOW) == []
    assert sentences(NOW | {"requests": 1900}, NOW) == []
    assert sentences(NOW | {"denied": 25}, NOW) == []
    assert sentences(NOW, {}) == []


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"requests": 2000}, "Requests: 2,000, against 1,000 in the period before."),
        ({"requests": 400}, "Requests: 400, against 1,000 in the period before."),
        ({"bytes_sent": 5 * 10**9}, "Bytes sent: 5.0 GB, against 1.0 GB in the period before."),
        ({"denied": 40}, "!Denied requests (403): 40, against 10 in the period before."),
        ({"expired": 30}, "Expired objects: 30, against 0 in the period before."),
        ({"error_percent": 4.0}, "!4.0% of requests failed, against 2.0% before."),
        ({"lag_minutes": 3000}, "Log objects are late: one record in twenty by 2.1 days."),
    ],
)
def test_changes(changed: dict[str, Any], sentence: str) -> None:
    """Twice or half as many, and a share of failures that grew, are told with both figures."""
    assert sentences(NOW | changed, NOW) == [sentence]


def test_visitors_whom_nobody_knows_are_no_change() -> None:
    """A site that moves behind CloudFront has not lost its visitors: how many they are, nobody knows."""
    assert sentences(NOW | {"visitors": None}, NOW) == []
    assert sentences(NOW, NOW | {"visitors": None}) == []
    assert sentences(NOW | {"visitors": 0}, NOW) == ["Visitors: 0, against 100 in the period before."]


def days(*requests: int) -> list[dict[str, Any]]:
    return [
        {"date": dt.date(2026, 1, 1 + number), "status": "2xx", "requests": count}
        for number, count in enumerate(requests)
    ]


def test_odd_days() -> None:
    """A day of twice or half the median day is named; the last day may not be whole yet; of many, the oddest three."""
    assert sentences(NOW, NOW, operations__status_by_day=days(100, 101, 99, 100, 10)) == []
    assert sentences(NOW, NOW, operations__status_by_day=days(100, 101, 30, 100, 300)) == [
        "2026-01-03 had 30 requests; the median day had 100.",
        "2026-01-05 had 300 requests; the median day had 100.",
    ]
    many = sentences(NOW, NOW, operations__status_by_day=days(*[100] * 9, 300, 310, 320, 330, 340))
    assert [text.split()[0] for text in many] == ["2026-01-12", "2026-01-13", "2026-01-14", "2"]


def test_what_is_never_usual() -> None:
    """Alarms come first; a report that was limited says how many there are at least."""
    texts = sentences(
        NOW,
        NOW,
        operations__rejects=[{"lines": 1}],
        security__anonymous_requests=[
            {"bucket": "b", "operation": "REST.PUT.OBJECT", "changes": 1},
            {"bucket": "b", "operation": None, "changes": 0},
        ],
        security__configuration_changes=[{"http_status": 200}, {"http_status": 204}, {"http_status": 403}],
        operations__completeness=[{"bucket": "b", "date": dt.date(2026, 1, 2), "records": 0}],
        operations__errors_by_day=[{"server_errors": 1}],
        security__insecure_transport=[
            {"operation": "WEBSITE.GET.OBJECT", "successful": 5},
            {"operation": "REST.GET.OBJECT", "successful": 1},
            {"operation": "REST.GET.OBJECT", "successful": 0},
        ],
    )
    assert texts == [
        "!Anonymous requests changed bucket b: 1 time REST.PUT.OBJECT without credentials.",
        "!The configuration of buckets was changed 2 times.",
        "1 attempt to change the configuration of buckets failed.",
        "S3 failed 1 time (5xx).",
        "1 request without TLS 1.2 or newer succeeded.",
        "Bucket b has no records on 2026-01-02.",
        "1 line could not be read.",
    ]
    stale = find_unusual(NOW, NOW, defaultdict(lambda: Excerpt([], 0)), days_old=40)
    assert [one.text for one in stale] == ["The newest record is 40 days old: are logs still delivered, and read?"]
    results: dict[str, Excerpt] = defaultdict(lambda: Excerpt([], 0))
    results["website/broken_links"] = Excerpt([], 100, is_cut=True)
    assert [one.text for one in find_unusual(NOW, NOW, results)] == ["100 or more links of the site itself are broken."]


def test_every_report_and_column_that_is_read_exists(tmp_path: Path) -> None:
    """Each report that a finding reads is on the page, or is that of the figures, and has the columns that are read."""
    lake = empty_lake(tmp_path)
    placed = {name for name, report in load_reports().items() if report.dashboard}
    read = {finding.report: finding.columns for finding in FINDINGS}
    assert read.keys() <= placed
    assert len(read) == len(FINDINGS)
    for report, columns in [*read.items(), (FIGURES, FIGURE_COLUMNS)]:
        assert set(columns) <= set(lake.report(report).columns), report


def test_a_finding_reads_only_what_it_declares() -> None:
    """A column that is not declared is not there for the function that makes the notices."""
    row = {"lines": 1, "reason": "cut"}
    (rejects,) = (finding for finding in FINDINGS if finding.report == "operations/rejects")

    def look(excerpt: Excerpt) -> Iterator[Notice]:
        yield from (Notice(str(row)) for row in excerpt.rows)

    (notice,) = replace(rejects, look=look).notices({rejects.report: Excerpt([row], 1)})
    assert notice.text == "{'lines': 1}"


def test_every_notice_leads_to_a_report_on_the_page() -> None:
    """Whatever is found, by whichever finding, its notice names a report that has its place on the page."""
    results = {finding.report: Excerpt([], 2) for finding in FINDINGS}
    results |= {
        "security/anonymous_requests": Excerpt([{"bucket": "b", "operation": "REST.PUT.OBJECT", "changes": 1}], 1),
        "security/configuration_changes": Excerpt([{"http_status": 200}, {"http_status": 403}], 2),
        "operations/errors_by_day": Excerpt([{"server_errors": 1}], 1),
        "security/insecure_transport": Excerpt([{"operation": "REST.GET.OBJECT", "successful": 1}], 1),
        STATUS: Excerpt(days(0, 1, 300, 300, 300, 900, 900, 300, 300), 9),
        "operations/completeness": Excerpt([{"bucket": "b", "date": dt.date(2026, 1, 2), "records": 0}], 1),
        "operations/rejects": Excerpt([{"lines": 1}], 1),
        "operations/schema_drift": Excerpt([{"has_extra_fields": True, "records": 1}], 1),
    }
    assert all(list(finding.notices(results)) for finding in FINDINGS)
    grown = dict.fromkeys(FIGURE_COLUMNS, 10_000)
    of_figures = find_unusual(grown, NOW, defaultdict(lambda: Excerpt([], 0)), days_old=40)
    assert len(of_figures) == len(FIGURE_COLUMNS) + 1  # and the age of the newest record
    placed = {name for name, report in load_reports().items() if report.dashboard}
    assert {notice.report for notice in find_unusual(grown, NOW, results, days_old=40)} <= placed
