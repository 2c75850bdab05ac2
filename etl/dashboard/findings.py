"""What a person should look at first: what differs from the period before, and what is never quite usual."""

import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from etl.text import in_words, minutes

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """A report's first rows, and how many it has in all; or so many at least, where it was limited to them."""

    rows: Sequence[Row]
    count: int
    is_cut: bool = False


Answers = Mapping[str, Answer]
"""The answers of reports, by the name of the report."""

_FEW = 20
"""Less than this is no change, whatever its ratio."""
_RATIO = 2.0
_POINTS = 1.0
"""Percentage points by which a share must change."""
_ODD_DAYS = 3
_LATE_MINUTES = 24 * 60
_STALE_DAYS = 3
_WEBSITE = "WEBSITE."


@dataclass(frozen=True, slots=True)
class Notice:
    """One sentence, and the report that says more."""

    text: str
    report: str
    is_alarm: bool = False
    """It may need somebody today."""


def find_unusual(now: Row, before: Row, answers: Answers, days_old: int = 0) -> list[Notice]:
    """What is unusual: alarms first.

    `now` and `before` are rows of `overview/figures`; `before` is empty where the lake does not go back so far. The
    newest record is `days_old`.
    """
    changes = [*_changes(now, before), *_newcomers(answers)] if before else []
    found = [*_stale(days_old), *changes, *_late(now), *(notice for look in _LOOKS for notice in look(answers))]
    return sorted(found, key=lambda notice: not notice.is_alarm)


_COUNTS = {
    "requests": ("Requests", "operations/status_by_day"),
    "visitors": ("Visitors", "website/requests_by_day"),
    "bytes_sent": ("Bytes sent", "cost/by_day"),
    "denied": ("Denied requests (403)", "security/access_denied_by_requester"),
    "expired": ("Expired objects", "lifecycle/events_by_day"),
    "deleted": ("Deletions that were asked for", "lifecycle/deletions_by_actor"),
}


def _changes(now: Row, before: Row) -> Iterator[Notice]:
    for name, (words, report) in _COUNTS.items():
        new, old = now.get(name) or 0, before.get(name) or 0
        if abs(new - old) >= _FEW and min(new, old) * _RATIO <= max(new, old):
            text = f"{words}: {in_words(name, new)}, against {in_words(name, old)} in the period before."
            yield Notice(text, report, is_alarm=name == "denied" and new > old)
    new, old = now.get("error_percent") or 0, before.get("error_percent") or 0
    if new - old >= _POINTS and new >= old * 1.5:
        yield Notice(
            f"{new:.1f}% of requests failed, against {old:.1f}% before.", "operations/errors_by_day", is_alarm=True
        )


def _stale(days: int) -> Iterator[Notice]:
    if days >= _STALE_DAYS:
        text = f"The newest record is {days:,} days old: are logs still delivered, and read?"
        yield Notice(text, "operations/completeness", is_alarm=True)


def _late(now: Row) -> Iterator[Notice]:
    if (late := now.get("lag_minutes") or 0) >= _LATE_MINUTES:
        text = f"Log objects are late, or were copied later: one record in twenty by {minutes(late)}."
        yield Notice(text, "operations/delivery_lag")


def _odd_days(answers: Answers) -> Iterator[Notice]:
    """The days that differ most from the median day. The last may not be all there yet, so it can only be too large."""
    days: Counter[Any] = Counter()
    for row in answers["operations/status_by_day"].rows:
        days[row["date"]] += row["requests"]
    if len(days) < 4:  # noqa: PLR2004 - a median of three says nothing
        return
    usual, last = statistics.median(days.values()), max(days)
    odd = [
        day
        for day, requests in days.items()
        if abs(requests - usual) >= _FEW and (requests > usual * _RATIO or (requests * _RATIO < usual and day != last))
    ]
    for day in sorted(sorted(odd, key=lambda day: -abs(days[day] - usual))[:_ODD_DAYS]):
        text = f"{day} had {days[day]:,} requests; the median day had {usual:,.0f}."
        yield Notice(text, "operations/status_by_day" if days[day] > usual else "operations/completeness")
    if len(odd) > _ODD_DAYS:
        yield Notice(f"{len(odd) - _ODD_DAYS} more days had twice or half as many.", "operations/status_by_day")


def _missing_days(answers: Answers) -> Iterator[Notice]:
    missing: dict[str, list[Any]] = {}
    for row in answers["operations/completeness"].rows:
        if not row["records"]:
            missing.setdefault(row["bucket"], []).append(row["date"])
    for bucket, days in missing.items():
        when = f"on {days[0]}" if len(days) == 1 else f"on {len(days)} days, the last {days[-1]}"
        yield Notice(f"Bucket {bucket} has no records {when}.", "operations/completeness")


def _open_doors(answers: Answers) -> Iterator[Notice]:
    for row in answers["security/anonymous_requests"].rows:
        if row["changes"]:
            times = f"{row['changes']:,} {_times(row['changes'])} {row['operation']}"
            text = f"Strangers changed bucket {row['bucket']}: {times} without credentials."
            yield Notice(text, "security/anonymous_requests", is_alarm=True)


def _configuration(answers: Answers) -> Iterator[Notice]:
    report = "security/configuration_changes"
    rows = answers[report].rows
    if changes := sum((row["http_status"] or 0) < 300 for row in rows):  # noqa: PLR2004 - what HTTP calls success
        text = f"The configuration of buckets was changed {_number(changes, answers[report])} {_times(changes)}."
        yield Notice(text, report, is_alarm=True)
    if refused := len(rows) - changes:
        text = f"{_number(refused, answers[report])} {'attempt' if refused == 1 else 'attempts'}"
        yield Notice(f"{text} to change the configuration of buckets failed.", report)


def _server_errors(answers: Answers) -> Iterator[Notice]:
    if count := sum(row["server_errors"] for row in answers["operations/errors_by_day"].rows):
        yield Notice(f"S3 failed {count:,} {_times(count)} (5xx).", "operations/server_errors", is_alarm=count >= _FEW)


def _insecure(answers: Answers) -> Iterator[Notice]:
    answer = answers["security/insecure_transport"]
    count = sum(row["requests"] for row in answer.rows if not row["operation"].startswith(_WEBSITE))
    if count:
        text = f"{_number(count, answer)} {'request' if count == 1 else 'requests'} came without TLS 1.2 or newer."
        yield Notice(text, "security/insecure_transport")


def _drift(answers: Answers) -> Iterator[Notice]:
    count = sum(row["records"] for row in answers["operations/schema_drift"].rows if row["has_extra_fields"])
    if count:
        yield Notice(f"{count:,} records have fields that are not known yet.", "operations/schema_drift")


def _rejects(answers: Answers) -> Iterator[Notice]:
    if count := sum(row["lines"] for row in answers["operations/rejects"].rows):
        yield Notice(f"{count:,} {'line' if count == 1 else 'lines'} could not be read.", "operations/rejects")


def _any(report: str, one: str, many: str, *, is_alarm: bool = False) -> Callable[[Answers], Iterator[Notice]]:
    """A look that tells how many rows a report has, if any; `{}` in the words is the number."""

    def look(answers: Answers) -> Iterator[Notice]:
        answer = answers[report]
        if answer.count:
            yield Notice((one if answer.count == 1 else many).format(_number(answer.count, answer)), report, is_alarm)

    return look


def _number(count: int, answer: Answer) -> str:
    return f"{count:,} or more" if answer.is_cut else f"{count:,}"


def _times(count: int) -> str:
    return "time" if count == 1 else "times"


_newcomers = _any(
    "security/first_seen_requesters",
    "A requester was seen for the first time.",
    "{} requesters were seen for the first time.",
)

_LOOKS: tuple[Callable[[Answers], Iterator[Notice]], ...] = (
    _open_doors,
    _configuration,
    _any(
        "security/bulk_deletions",
        "Somebody deleted many objects within an hour.",
        "In {} cases somebody deleted many objects within an hour.",
        is_alarm=True,
    ),
    _any(
        "security/failure_bursts",
        "An address failed many times within a minute.",
        "There were {} bursts of failures from one address within a minute.",
    ),
    _any(
        "security/log_injection",
        "A request carries text that is apt to forge log lines.",
        "{} requests carry text that is apt to forge log lines.",
    ),
    _any(
        "website/broken_links",
        "A link of the site itself is broken.",
        "{} links of the site itself are broken.",
    ),
    _server_errors,
    _insecure,
    _odd_days,
    _missing_days,
    _rejects,
    _drift,
)
