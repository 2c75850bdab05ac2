"""Findings on the logs themselves, on errors of S3, and on what is left over or leads nowhere."""

import datetime as dt
from collections.abc import Iterator, Mapping

from etl.findings.access import DAYS
from etl.findings.case import (
    MANY_ROWS,
    Case,
    Question,
    first_row,
    group_by,
    most_first,
    rule,
    total,
)
from etl.findings.figures import NOW
from etl.findings.finding import Finding, Row
from etl.findings.words import first_and_last, last, listed, places, quoted, times
from etl.text import counted, minutes, size

# Fewer errors of S3, or a smaller part of all requests, are part of every day.
_MANY_ERRORS = 20
_MUCH_OF_REQUESTS = 0.001
# The part of days on which a bucket has records, of which one without any is missed; and of how many days at least.
_USUAL_PART = 0.9
_KNOWN_DAYS = 7

ERRORS = Question(
    "operations/server_errors",
    ("time", "bucket", "operation", "error_code"),
)
REJECTS = Question("operations/rejects", ("reason", "lines"))
DRIFT = Question(
    "operations/schema_drift", ("bucket", "has_extra_fields", "records", "first_date")
)
UPLOADS = Question(
    "lifecycle/unfinished_uploads",
    ("key", "bucket", "parts", "bytes", "first_time", "last_time"),
    fixed=MANY_ROWS,
)
LINKS = Question(
    "website/broken_links",
    ("referrer", "key", "requests", "last_time"),
    fixed=MANY_ROWS,
)


@rule("server-errors", reads=(ERRORS, NOW))
def server_errors(case: Case) -> Iterator[Finding]:
    """How often S3 failed, and where most."""
    kind = "server-errors"
    excerpt = case.excerpt(ERRORS)
    rows = case.loud(kind, excerpt.rows)
    # There may be more of them than rows that were read.
    count = excerpt.count - (len(excerpt.rows) - len(rows))
    if not rows or count < case.threshold(kind):
        return
    ones = [{**row, "n": 1} for row in rows]
    buckets = most_first(ones, "bucket", "n")
    operations = most_first(ones, "operation", "n")
    operation = operations[0] if len(operations) == 1 else f"mostly {operations[0]}"
    codes = [code for code in most_first(ones, "error_code", "n") if code]
    requests = first_row(case.excerpt(NOW)).get("requests") or 0
    newest = max(row["time"] for row in rows)
    reason = f": {codes[0]}" if codes else ""
    yield case.finding(
        kind,
        f"S3 failed {times(count)} (5xx{reason}) in {places(buckets)} ({operation}), {last(newest, count)}",
        ERRORS,
        buckets=buckets,
        counts={"requests": count},
        days=first_and_last(row["time"] for row in rows),
        mild=count < max(_MANY_ERRORS, _MUCH_OF_REQUESTS * requests),
    )


@rule("stale", reads=(DAYS,))
def stale(case: Case) -> Iterator[Finding]:
    """Nothing new came, although the period is up to now; where few requests come, that is no alarm."""
    if case.days_old < case.threshold("stale"):
        return
    day = case.newest_day or case.period.last
    yield case.finding(
        "stale",
        f"The newest record is {counted(case.days_old, 'day')} old ({day}): are logs still delivered, and read?",
        "operations/completeness",
        counts={"days": case.days_old},
        days=(day, day),
        mild=not _has_records_every_day(case),
    )


def _has_records_every_day(case: Case) -> bool:
    """Whether days without any record are few."""
    days: dict[dt.date, int] = {}
    for row in case.rows(DAYS):
        days[row["date"]] = days.get(row["date"], 0) + row["records"]
    return sum(map(bool, days.values())) >= _USUAL_PART * len(days)


@rule("late-logs", reads=(NOW,))
def late_logs(case: Case) -> Iterator[Finding]:
    """S3 delivers most logs within a few hours, but promises nothing."""
    lag = first_row(case.excerpt(NOW)).get("lag_minutes")
    if lag is not None and lag >= case.threshold("late-logs") * 60:
        yield case.finding(
            "late-logs",
            f"Log objects are late, or were copied later: one record in twenty by {minutes(lag)} or more",
            "operations/delivery_lag",
            counts={"minutes": lag},
        )


@rule("missing-days", reads=(DAYS,))
def missing_days(case: Case) -> Iterator[Finding]:
    """Buckets that have no records on the same days are one finding. The last day, if it is not over, is none."""
    kind = "missing-days"
    missing: dict[tuple[dt.date, ...], list[str]] = {}
    for (bucket,), rows in group_by(case.loud(kind, case.rows(DAYS)), "bucket").items():
        days = _missing(case, rows)
        if days and len(days) >= case.threshold(kind):
            missing.setdefault(days, []).append(bucket)
    for days, buckets in missing.items():
        subject = f"Bucket {quoted(buckets[0])} has"
        if len(buckets) > 1:
            subject = f"{len(buckets):,} buckets ({listed([quoted(name) for name in buckets])}) have"
        moment = days[-1] if len(days) == 1 else f"{len(days)} days, last on {days[-1]}"
        yield case.finding(
            kind,
            f"{subject} no records on {moment}",
            DAYS,
            buckets=buckets,
            counts={"buckets": len(buckets), "days": len(days)},
            days=(days[0], days[-1]),
        )


def _missing(case: Case, rows: list[Row]) -> tuple[dt.date, ...]:
    """The days of the period on which a bucket that usually has records has none."""
    period = case.period
    days = {row["date"]: row["records"] for row in rows}
    empty = [
        day
        for day, records in sorted(days.items())
        if not records
        and day >= period.first
        and not (period.until and day == period.last)
    ]
    if not empty:
        return ()
    before = [records for day, records in days.items() if day < empty[0]]
    is_usual = sum(map(bool, before)) >= _USUAL_PART * len(before)
    return tuple(empty) if len(before) >= _KNOWN_DAYS and is_usual else ()


@rule("rejects", reads=(REJECTS,))
def rejects(case: Case) -> Iterator[Finding]:
    """Lines that are no records, by reason."""
    rows = case.rows(REJECTS)
    count = sum(row["lines"] for row in rows)
    if not rows or count < case.threshold("rejects"):
        return
    reasons = most_first(rows, "reason", "lines")
    yield case.finding(
        "rejects",
        f"{counted(count, 'line')} could not be read ({listed(reasons)})",
        REJECTS,
        counts=_with_reasons(count, rows),
    )


def _with_reasons(count: int, rows: list[Row]) -> Mapping[str, float]:
    return {"lines": count, **{row["reason"]: row["lines"] for row in rows}}


@rule("unknown-fields", reads=(DRIFT,))
def unknown_fields(case: Case) -> Iterator[Finding]:
    """AWS added a field, or somebody writes lines of another form."""
    kind = "unknown-fields"
    rows = [row for row in case.loud(kind, case.rows(DRIFT)) if row["has_extra_fields"]]
    count = sum(row["records"] for row in rows)
    if not rows or count < case.threshold(kind):
        return
    buckets = most_first(rows, "bucket", "records")
    since = min(row["first_date"] for row in rows)
    have = "record has" if count == 1 else "records have"
    yield case.finding(
        kind,
        f"{count:,} {have} fields that are not known yet, in {places(buckets)} since {since}",
        DRIFT,
        buckets=buckets,
        counts={"records": count},
    )


@rule("unfinished-uploads", reads=(UPLOADS,))
def unfinished_uploads(case: Case) -> Iterator[Finding]:
    """Those of the last day may still go on."""
    kind = "unfinished-uploads"
    rows = [
        row
        for row in case.loud(kind, case.rows(UPLOADS))
        if row["last_time"].date() < case.period.last
    ]
    total_bytes = total(rows, "bytes")
    if not rows or total_bytes < case.threshold(kind):
        return
    buckets = most_first(rows, "bucket", "bytes")
    largest = max(rows, key=lambda row: row["bytes"])
    were = "was" if len(rows) == 1 else "were"
    yield case.finding(
        kind,
        f"{counted(len(rows), 'upload')} to {places(buckets)} {were} neither completed nor aborted: "
        f"{size(total_bytes)} of parts are stored and cost money, "
        f"{'' if len(rows) == 1 else 'most of them '}of {quoted(largest['key'])}",
        UPLOADS,
        buckets=buckets,
        counts={"bytes": total_bytes, "uploads": len(rows)},
        days=first_and_last(row["first_time"] for row in rows),
    )


@rule("broken-links", reads=(LINKS,))
def broken_links(case: Case) -> Iterator[Finding]:
    """All of them in one finding, with the one that most visitors followed."""
    kind = "broken-links"
    excerpt = case.excerpt(LINKS)
    rows = excerpt.rows
    if len(rows) < max(case.threshold(kind), 1):
        return
    worst = max(rows, key=lambda row: row["requests"])
    number_of_links = f"{len(rows):,} or more" if excerpt.is_cut else f"{len(rows):,}"
    links = (
        "link of the site itself is" if len(rows) == 1 else "links of the site itself are"
    )
    example = f"{worst['referrer']} leads to {quoted(worst['key'])}, which does not exist"
    yield case.finding(
        kind,
        f"{number_of_links} {links} broken: {example} (followed {times(worst['requests'])})",
        LINKS,
        counts={
            "links": len(rows),
            "requests": sum(row["requests"] for row in rows),
        },
    )


RULES = (
    server_errors,
    stale,
    late_logs,
    missing_days,
    rejects,
    unknown_fields,
    unfinished_uploads,
    broken_links,
)
