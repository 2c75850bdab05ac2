"""What a person should look at first: what differs from the period before, and what is never quite usual.

A finding is declared in one place: the report that it reads, all columns that it reads of it, and the function that
makes sentences of its rows.
"""

import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from etl.text import in_words, minutes

FIGURES = "overview/figures"
"""The report whose one row is compared with that of the period before."""
# Less than this is no change, whatever its ratio.
_FEW = 20
_RATIO = 2.0
# Percentage points by which the share of failures must grow.
_POINTS = 1.0
# And by which factor: one point more is little where many requests fail anyway.
_FAILURE_RATIO = 1.5
# The median of three days says nothing.
_FEWEST_DAYS = 4
_ODD_DAYS = 3
# S3 delivers most logs within a few hours, but promises nothing.
_LATE_MINUTES = 24 * 60
_STALE_DAYS = 3
# HTTP calls a status below it a success.
_FIRST_REFUSAL = 300
# How the operations of website endpoints begin, which have no TLS at all.
_WEBSITE = "WEBSITE."

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The first rows of a result, and how many it has in all; or so many at least, where it is cut."""

    rows: Sequence[Row]
    count: int
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """One sentence, and the report that says more."""

    text: str
    report: str = ""
    """By default the one that the finding reads."""
    is_alarm: bool = False
    """It may need somebody today."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A report, the columns of it that are read, and what makes notices of its rows."""

    report: str
    columns: tuple[str, ...]
    look: Callable[[Excerpt], Iterator[Notice]]

    def notices(self, results: Mapping[str, Excerpt]) -> Iterator[Notice]:
        excerpt = results[self.report]
        # Other columns are taken away, so that none can be read without being declared.
        rows = [{name: row[name] for name in self.columns} for row in excerpt.rows]
        for notice in self.look(replace(excerpt, rows=rows)):
            yield replace(notice, report=notice.report or self.report)


def _reads(
    report: str, *columns: str
) -> Callable[[Callable[[Excerpt], Iterator[Notice]]], Finding]:
    """Make a finding of a function: what it may read of a report's rows."""
    return lambda look: Finding(report, columns, look)


def _counts_rows(report: str, one: str, many: str, *, is_alarm: bool = False) -> Finding:
    """A finding that counts the rows of a report, if it has any; `{}` in `many` is their number."""

    def look(excerpt: Excerpt) -> Iterator[Notice]:
        if excerpt.count:
            text = one if excerpt.count == 1 else many
            yield Notice(text.format(_number(excerpt.count, excerpt)), is_alarm=is_alarm)

    return Finding(report, (), look)


def find_unusual(
    now: Row, before: Row, results: Mapping[str, Excerpt], days_old: int = 0
) -> list[Notice]:
    """What is unusual: alarms first.

    `now` and `before` are rows of `overview/figures`; `before` is empty where the lake does not go back so far.
    `results` has an excerpt of each report by its name. The newest record is `days_old`.
    """
    figures = _figures(now)
    notices = [*_stale(days_old)]
    if before:
        known = [
            name for name in _COUNTS if _is_known(name, now) and _is_known(name, before)
        ]
        notices += [
            *_changes(figures, _figures(before), known),
            *_NEWCOMERS.notices(results),
        ]
    notices += _late(figures)
    for finding in _ALWAYS:
        notices += finding.notices(results)
    return sorted(notices, key=lambda notice: not notice.is_alarm)


# Columns of the figures that are compared: what they are called, and the report that says more.
_COUNTS = {
    "requests": ("Requests", "operations/status_by_day"),
    "visitors": ("Visitors", "website/requests_by_day"),
    "bytes_sent": ("Bytes sent", "cost/by_day"),
    "denied": ("Denied requests (403)", "security/access_denied_by_requester"),
    "expired": ("Expired objects", "lifecycle/events_by_day"),
    "deleted": ("Objects deleted on request", "lifecycle/deletions_by_actor"),
}
FIGURE_COLUMNS = (*_COUNTS, "error_percent", "lag_minutes")
"""All columns of the figures that are read."""


def _figures(row: Row) -> dict[str, float]:
    """The columns of the figures that are read; a period without records has no row, which is 0 of everything."""
    return {name: row.get(name) or 0 for name in FIGURE_COLUMNS}


def _is_known(name: str, row: Row) -> bool:
    """Whether a figure has a value; visitors have none where all people are unknown."""
    return row.get(name, 0) is not None


def _changes(
    now: Mapping[str, float], before: Mapping[str, float], names: Sequence[str]
) -> Iterator[Notice]:
    for name in names:
        label, report = _COUNTS[name]
        new, old = now[name], before[name]
        if abs(new - old) >= _FEW and min(new, old) * _RATIO <= max(new, old):
            text = f"{label}: {in_words(name, new)}, against {in_words(name, old)} in the period before."
            is_alarm = name == "denied" and new > old
            yield Notice(text, report, is_alarm)
    new, old = now["error_percent"], before["error_percent"]
    if new - old >= _POINTS and new >= old * _FAILURE_RATIO:
        text = f"{new:.1f}% of requests failed, against {old:.1f}% before."
        yield Notice(text, "operations/errors_by_day", is_alarm=True)


def _stale(days: int) -> Iterator[Notice]:
    if days >= _STALE_DAYS:
        text = (
            f"The newest record is {days:,} days old: are logs still delivered, and read?"
        )
        yield Notice(text, "operations/completeness", is_alarm=True)


def _late(now: Mapping[str, float]) -> Iterator[Notice]:
    lag = now["lag_minutes"]
    if lag >= _LATE_MINUTES:
        text = f"Log objects are late: one record in twenty by {minutes(lag)}."
        yield Notice(text, "operations/delivery_lag")


_NEWCOMERS = _counts_rows(
    "security/first_seen_requesters",
    "A requester was seen for the first time.",
    "{} requesters were seen for the first time.",
)


@_reads("security/anonymous_requests", "bucket", "operation", "changes")
def _anonymous_changes(excerpt: Excerpt) -> Iterator[Notice]:
    for row in excerpt.rows:
        changes = row["changes"]
        if changes:
            times = f"{changes:,} {_times(changes)} {row['operation']}"
            text = f"Anonymous requests changed bucket {row['bucket']}: {times} without credentials."
            yield Notice(text, is_alarm=True)


@_reads("security/configuration_changes", "http_status")
def _configuration(excerpt: Excerpt) -> Iterator[Notice]:
    statuses = [row["http_status"] or 0 for row in excerpt.rows]
    changes = sum(status < _FIRST_REFUSAL for status in statuses)
    refused = len(statuses) - changes
    if changes:
        times = f"{_number(changes, excerpt)} {_times(changes)}"
        yield Notice(f"The configuration of buckets was changed {times}.", is_alarm=True)
    if refused:
        attempts = (
            f"{_number(refused, excerpt)} {'attempt' if refused == 1 else 'attempts'}"
        )
        yield Notice(f"{attempts} to change the configuration of buckets failed.")


_BULK_DELETIONS = _counts_rows(
    "security/bulk_deletions",
    "Somebody deleted many objects within an hour.",
    "In {} cases somebody deleted many objects within an hour.",
    is_alarm=True,
)
_FAILURE_BURSTS = _counts_rows(
    "security/failure_bursts",
    "An address failed many times within a minute.",
    "There were {} bursts of failures from one address within a minute.",
)
_LOG_INJECTION = _counts_rows(
    "security/log_injection",
    "A request carries text that is apt to forge log lines.",
    "{} requests carry text that is apt to forge log lines.",
)
_BROKEN_LINKS = _counts_rows(
    "website/broken_links",
    "A link of the site itself is broken.",
    "{} links of the site itself are broken.",
)


@_reads("operations/errors_by_day", "server_errors")
def _server_errors(excerpt: Excerpt) -> Iterator[Notice]:
    count = sum(row["server_errors"] for row in excerpt.rows)
    if count:
        text = f"S3 failed {count:,} {_times(count)} (5xx)."
        yield Notice(text, "operations/server_errors", is_alarm=count >= _FEW)


@_reads("security/insecure_transport", "operation", "successful")
def _insecure(excerpt: Excerpt) -> Iterator[Notice]:
    avoidable = [row for row in excerpt.rows if not row["operation"].startswith(_WEBSITE)]
    # Those that a policy refuses are no news.
    count = sum(row["successful"] for row in avoidable)
    if count:
        requests = f"{_number(count, excerpt)} {'request' if count == 1 else 'requests'}"
        yield Notice(f"{requests} without TLS 1.2 or newer succeeded.")


@_reads("operations/status_by_day", "date", "requests")
def _odd_days(excerpt: Excerpt) -> Iterator[Notice]:
    """The days that differ most from the median day."""
    days: Counter[Any] = Counter()
    for row in excerpt.rows:
        days[row["date"]] += row["requests"]
    if len(days) < _FEWEST_DAYS:
        return
    usual, last = statistics.median(days.values()), max(days)
    odd = [
        day
        for day, requests in days.items()
        if _is_odd(requests, usual, is_last=day == last)
    ]
    oddest = sorted(odd, key=lambda day: -abs(days[day] - usual))[:_ODD_DAYS]
    for day in sorted(oddest):
        text = f"{day} had {days[day]:,} requests; the median day had {usual:,.0f}."
        # A day with too few may be one of which records are missing.
        yield Notice(text, "" if days[day] > usual else "operations/completeness")
    others = len(odd) - len(oddest)
    if others:
        yield Notice(f"{others} more days had twice or half as many.")


def _is_odd(requests: float, usual: float, *, is_last: bool) -> bool:
    """Whether a day differs much from the usual one. The last may not be all there yet, so it can only be too large."""
    if abs(requests - usual) < _FEW:
        return False
    if requests > usual:
        return requests > usual * _RATIO
    return requests * _RATIO < usual and not is_last


@_reads("operations/completeness", "bucket", "date", "records")
def _missing_days(excerpt: Excerpt) -> Iterator[Notice]:
    missing: dict[str, list[Any]] = {}
    for row in excerpt.rows:
        if not row["records"]:
            missing.setdefault(row["bucket"], []).append(row["date"])
    for bucket, days in missing.items():
        last = days[-1]
        when = last if len(days) == 1 else f"{len(days)} days, the last {last}"
        yield Notice(f"Bucket {bucket} has no records on {when}.")


@_reads("operations/rejects", "lines")
def _rejects(excerpt: Excerpt) -> Iterator[Notice]:
    count = sum(row["lines"] for row in excerpt.rows)
    if count:
        yield Notice(f"{count:,} {'line' if count == 1 else 'lines'} could not be read.")


@_reads("operations/schema_drift", "has_extra_fields", "records")
def _drift(excerpt: Excerpt) -> Iterator[Notice]:
    count = sum(row["records"] for row in excerpt.rows if row["has_extra_fields"])
    if count:
        yield Notice(f"{count:,} records have fields that are not known yet.")


def _number(count: int, excerpt: Excerpt) -> str:
    return f"{count:,} or more" if excerpt.is_cut else f"{count:,}"


def _times(count: int) -> str:
    return "time" if count == 1 else "times"


# What is worth a notice whatever the period before was like, in the order of the page.
_ALWAYS = (
    _anonymous_changes,
    _configuration,
    _BULK_DELETIONS,
    _FAILURE_BURSTS,
    _LOG_INJECTION,
    _BROKEN_LINKS,
    _server_errors,
    _insecure,
    _odd_days,
    _missing_days,
    _rejects,
    _drift,
)
FINDINGS = (_NEWCOMERS, *_ALWAYS)
