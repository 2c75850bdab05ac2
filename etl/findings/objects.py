"""Findings on who deletes and reads much."""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from etl.findings.case import (
    MANY_ROWS,
    Case,
    Question,
    Window,
    group_by,
    most_first,
    rule,
    total,
)
from etl.findings.finding import Finding, Row
from etl.findings.words import first_and_last, hour, last, places, who
from etl.text import counted, size

# By this factor somebody has to surpass himself.
_MORE = 2
DELETIONS = Question(
    "security/bulk_deletions",
    ("hour", "bucket", "principal", "deletions", "for_good", "bytes"),
    kind="bulk-deletions",
    thresholds=(("threshold", "threshold"),),
    fixed=MANY_ROWS,
)
DELETERS = Question(
    "security/deleters",
    ("principal", "bucket", "for_good", "first_time", "last_time"),
    fixed=MANY_ROWS,
)
READING = Question(
    "security/mass_reading",
    ("hour", "bucket", "principal", "remote_ip", "readings", "keys", "bytes"),
    kind="mass-reading",
    thresholds=(("keys", "threshold"), ("bytes", "bytes")),
    fixed=MANY_ROWS,
)


@rule("bulk-deletions", reads=(DELETIONS, DELETIONS.over(Window.RECENT)))
def bulk_deletions(case: Case) -> Iterator[Finding]:
    """For each person one finding; who deletes as much in a bucket every week does his work."""
    kind = "bulk-deletions"
    rows = _surpassing(case, kind, DELETIONS, "deletions")
    for (person,), hours in group_by(rows, "principal").items():
        worst = max(hours, key=lambda row: row["deletions"])
        count, for_good = total(hours, "deletions"), total(hours, "for_good")
        total_bytes = total(hours, "bytes")
        before = max(row["deletions_before"] for row in hours)
        buckets = most_first(hours, "bucket", "deletions")
        title = f"{who(person)} deleted {counted(count, 'object')} ({size(total_bytes)}) of {places(buckets)}"
        title += _in_hour(worst, hours, f"{worst['deletions']:,} of them")
        if for_good:
            title += f"; {for_good:,} of them were old versions, which are gone for good"
        if before:
            title += f"; in the weeks before it was at most {before:,} within an hour"
        yield case.finding(
            kind,
            title,
            DELETIONS,
            buckets=buckets,
            principals=[person],
            counts={"deletions": count, "for_good": for_good, "bytes": total_bytes},
            days=_days(hours),
            mild=bool(before) or not case.has_before,
        )


@rule("deletions-for-good", reads=(DELETERS, DELETIONS))
def deletions_for_good(case: Case) -> Iterator[Finding]:
    """Old versions that somebody deleted, few at a time."""
    kind = "deletions-for-good"
    told = {_who_and_where(row) for row in case.rows(DELETIONS)}
    rows = [
        row
        for row in case.persons(kind, DELETERS)
        if row["for_good"] and _who_and_where(row) not in told
    ]
    for (person,), group in group_by(rows, "principal").items():
        count = total(group, "for_good")
        if count < case.threshold(kind):
            continue
        buckets = most_first(group, "bucket", "for_good")
        newest = max(row["last_time"] for row in group)
        yield case.finding(
            kind,
            f"{who(person)} deleted {counted(count, 'old version')} of {places(buckets)} for good,"
            f" {last(newest, count)}",
            DELETERS,
            buckets=buckets,
            principals=[person],
            counts={"versions": count},
        )


@rule("mass-reading", reads=(READING, READING.over(Window.RECENT)))
def mass_reading(case: Case) -> Iterator[Finding]:
    """For each reader one finding; whoever reads without credentials reads what is public."""
    kind = "mass-reading"
    rows = _surpassing(case, kind, READING, "bytes", "keys")
    for (person, address), hours in group_by(rows, "principal", "remote_ip").items():
        worst = max(hours, key=lambda row: (row["bytes"], row["keys"]))
        total_bytes = total(hours, "bytes")
        before = max(row["bytes_before"] for row in hours)
        buckets = most_first(hours, "bucket", "bytes")
        objects = counted(worst["keys"], "object")
        amount = f" ({objects})" if len(hours) == 1 else ""
        title = f"{who(person, address)} read {size(total_bytes)}{amount} from {places(buckets)}"
        title += _in_hour(worst, hours, f"{size(worst['bytes'])} of it ({objects})")
        if before:
            title += f"; in the weeks before it was at most {size(before)} within an hour"
        yield case.finding(
            kind,
            title,
            READING,
            buckets=buckets,
            principals=[person],
            addresses=[address],
            counts={"bytes": total_bytes, "readings": total(hours, "readings")},
            days=_days(hours),
            mild=bool(before) or person is None or not case.has_before,
        )


def _surpassing(
    case: Case, kind: str, question: Question, *columns: str
) -> Iterator[Row]:
    """The hours in which somebody did much more in a bucket than in any of the weeks before, with what that was."""
    known: dict[tuple[Any, ...], dict[str, int]] = {}
    for row in case.rows(question.over(Window.RECENT)):
        most = known.setdefault(_who_and_where(row), dict.fromkeys(columns, 0))
        most |= {name: max(most[name], row[name]) for name in columns}
    for row in case.persons(kind, question):
        before = known.get(_who_and_where(row), dict.fromkeys(columns, 0))
        if any(row[name] >= _MORE * before[name] for name in columns):
            yield {**row, **{f"{name}_before": before[name] for name in columns}}


def _who_and_where(row: Row) -> tuple[Any, ...]:
    return row["principal"], row.get("remote_ip"), row["bucket"]


def _in_hour(worst: Row, rows: Sequence[Row], part: str) -> str:
    """When it was: the hour, or of several the worst, and what part of all is of it."""
    moment = hour(worst["hour"])
    return f" {moment}" if len(rows) == 1 else f", {part} {moment}"


def _days(rows: Sequence[Row]) -> tuple[dt.date, dt.date]:
    return first_and_last(row["hour"] for row in rows)


RULES = (bulk_deletions, deletions_for_good, mass_reading)
