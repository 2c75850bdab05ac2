"""What the dashboard says first."""

import datetime as dt
from collections import defaultdict
from typing import Any

import pytest

from etl.dashboard.findings import Answer, find_unusual

NOW = {"requests": 1000, "visitors": 100, "bytes_sent": 10**9, "error_percent": 2.0, "denied": 10, "lag_minutes": 30}
STATUS = "operations/status_by_day"


def sentences(now: dict[str, Any], before: dict[str, Any], **rows: list[dict[str, Any]]) -> list[str]:
    """The sentences about these rows; alarms with an exclamation mark before them."""
    answers: dict[str, Answer] = defaultdict(lambda: Answer([], 0))
    answers |= {name.replace("__", "/"): Answer(some, len(some)) for name, some in rows.items()}
    return [f"{'!' if notice.is_alarm else ''}{notice.text}" for notice in find_unusual(now, before, answers)]


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
        ({"lag_minutes": 3000}, "Log objects are late, or were copied later: one record in twenty by 2.1 days."),
    ],
)
def test_changes(changed: dict[str, Any], sentence: str) -> None:
    """Twice or half as many, and a share of failures that grew, are told with both figures."""
    assert sentences(NOW | changed, NOW) == [sentence]


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
            {"operation": "WEBSITE.GET.OBJECT", "requests": 5},
            {"operation": "REST.GET.OBJECT", "requests": 1},
        ],
    )
    assert texts == [
        "!Strangers changed bucket b: 1 time REST.PUT.OBJECT without credentials.",
        "!The configuration of buckets was changed 2 times.",
        "1 attempt to change the configuration of buckets failed.",
        "S3 failed 1 time (5xx).",
        "1 request came without TLS 1.2 or newer.",
        "Bucket b has no records on 2026-01-02.",
        "1 line could not be read.",
    ]
    stale = find_unusual(NOW, NOW, defaultdict(lambda: Answer([], 0)), days_old=40)
    assert [one.text for one in stale] == ["The newest record is 40 days old: are logs still delivered, and read?"]
    answers: dict[str, Answer] = defaultdict(lambda: Answer([], 0))
    answers["website/broken_links"] = Answer([], 100, is_cut=True)
    assert [one.text for one in find_unusual(NOW, NOW, answers)] == ["100 or more links of the site itself are broken."]
