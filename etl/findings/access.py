"""Findings on who reads, deletes, probes and comes for the first time."""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from etl.findings.case import Case, Question, Span, group_by, most_first, rule
from etl.findings.finding import Finding, Row
from etl.findings.words import (
    NOBODY,
    cut,
    first_and_last,
    hour,
    is_service,
    listed,
    number,
    of_bytes,
    places,
    quoted,
    times,
    when,
    who,
)

_MANY_ROWS = (("limit", 10_000),)
# By this factor somebody has to surpass himself.
_MORE = 2

ANONYMOUS = Question(
    "security/anonymous_requests",
    ("bucket", "operation", "successful", "changes", "last_success"),
)
ANONYMOUS_BEFORE = ANONYMOUS.over(Span.RECENT)
DAYS = Question(
    "operations/completeness",
    ("bucket", "date", "records"),
    Span.HISTORY,
    more_days=28,
)
DELETIONS = Question(
    "security/bulk_deletions",
    ("hour", "bucket", "principal", "deletions", "for_good", "bytes"),
    kind="bulk-deletions",
    thresholds=(("threshold", "threshold"),),
    fixed=_MANY_ROWS,
)
DELETERS = Question(
    "security/deleters",
    ("principal", "bucket", "for_good", "first_time", "last_time"),
    fixed=_MANY_ROWS,
)
READING = Question(
    "security/mass_reading",
    ("hour", "bucket", "principal", "remote_ip", "readings", "keys", "bytes"),
    kind="mass-reading",
    thresholds=(("keys", "threshold"), ("bytes", "bytes")),
    fixed=_MANY_ROWS,
)
ACCOUNTS = Question(
    "security/foreign_accounts",
    (
        "account",
        "bucket",
        "reads",
        "changes",
        "bytes_sent",
        "first_time",
        "last_time",
    ),
    fixed=_MANY_ROWS,
)
NEWCOMERS = Question(
    "security/first_seen_requesters",
    ("principal", "first_time", "last_time", "requests", "failed"),
    Span.HISTORY,
)
BURSTS = Question(
    "security/failure_bursts",
    ("remote_ip", "minute", "failed", "denied", "not_found"),
    kind="failure-bursts",
    thresholds=(("threshold", "threshold"),),
    fixed=_MANY_ROWS,
)
INJECTION = Question(
    "security/log_injection",
    ("time", "bucket", "remote_ip", "requester"),
    fixed=_MANY_ROWS,
)
SCANNERS = Question(
    "security/suspicious_user_agents",
    ("user_agent", "successful"),
    fixed=_MANY_ROWS,
)
INSECURE = Question(
    "security/insecure_transport",
    ("tls_version", "bucket", "principal", "successful"),
    fixed=(("website", False), *_MANY_ROWS),
)
OLD_SIGNATURES = Question(
    "security/signature_version_2",
    ("principal", "bucket", "requests", "last_time"),
    fixed=_MANY_ROWS,
)


@rule("anonymous-changes", reads=(ANONYMOUS,))
def anonymous_changes(case: Case) -> Iterator[Finding]:
    """Whoever writes without credentials, in whichever bucket, by operation."""
    kind = "anonymous-changes"
    rows = [row for row in case.loud(kind, case.rows(ANONYMOUS)) if row["changes"]]
    for (operation,), group in group_by(rows, "operation").items():
        buckets = most_first(group, "bucket", "changes")
        count = sum(row["changes"] for row in group)
        if count < case.threshold(kind):
            continue
        last = max(row["last_success"] for row in group)
        yield case.finding(
            kind,
            f"{NOBODY} changed {places(buckets)}: {operation} succeeded {times(count)}, last {when(last)}",
            ANONYMOUS,
            buckets=buckets,
            counts={"changes": count, "buckets": len(buckets)},
        )


@rule("new-anonymous-access", reads=(ANONYMOUS, ANONYMOUS_BEFORE, DAYS))
def new_anonymous_access(case: Case) -> Iterator[Finding]:
    """A bucket that was in use, and lets in now whoever it did not let in before."""
    kind = "new-anonymous-access"
    if not case.has_before:
        return
    open_before = {
        row["bucket"] for row in case.rows(ANONYMOUS_BEFORE) if _is_let_in(row)
    }
    used_before = {
        row["bucket"]
        for row in case.rows(DAYS)
        if row["records"] and row["date"] < case.period.first
    }
    opened = used_before - open_before
    rows = [
        row
        for row in case.loud(kind, case.rows(ANONYMOUS))
        if _is_let_in(row) and row["bucket"] in opened
    ]
    if not rows:
        return
    buckets = most_first(rows, "bucket", "successful")
    count = sum(row["successful"] for row in rows)
    if count < case.threshold(kind):
        return
    operations = most_first(rows, "operation", "successful")
    last = max(row["last_success"] for row in rows)
    yield case.finding(
        kind,
        f"{places(buckets)} let in whoever has no credentials, as it did not before:"
        f" {number(count, 'request')} ({listed(operations)}), last {when(last)}",
        ANONYMOUS,
        buckets=buckets,
        counts={"requests": count, "buckets": len(buckets)},
    )


def _is_let_in(row: Row) -> bool:
    return bool(row["successful"])


@rule("bulk-deletions", reads=(DELETIONS, DELETIONS.over(Span.RECENT)))
def bulk_deletions(case: Case) -> Iterator[Finding]:
    """For each person one finding; who deletes as much every week does his work."""
    kind = "bulk-deletions"
    usual = _most_before(case, DELETIONS, "deletions")
    for (person,), rows in group_by(_persons(case, kind, DELETIONS), "principal").items():
        worst = max(rows, key=lambda row: row["deletions"])
        before = usual.get(person, 0)
        if worst["deletions"] < _MORE * before:
            continue
        count, for_good = _sum(rows, "deletions"), _sum(rows, "for_good")
        buckets = most_first(rows, "bucket", "deletions")
        objects = f"{number(count, 'object')} ({of_bytes(_sum(rows, 'bytes'))})"
        title = f"{who(person)} deleted {objects} of {places(buckets)}"
        title += _in_hour(worst, rows, f"{worst['deletions']:,} of them")
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
            counts={
                "deletions": count,
                "for_good": for_good,
                "bytes": _sum(rows, "bytes"),
            },
            days=_days(rows),
            mild=bool(before) or not case.has_before,
        )


@rule("deletions-for-good", reads=(DELETERS, DELETIONS))
def deletions_for_good(case: Case) -> Iterator[Finding]:
    """Old versions that somebody deleted, few at a time."""
    kind = "deletions-for-good"
    told = _pairs(case.rows(DELETIONS), "principal")
    rows = [
        row
        for row in _persons(case, kind, DELETERS)
        if row["for_good"] and (row["principal"], row["bucket"]) not in told
    ]
    for (person,), group in group_by(rows, "principal").items():
        count = _sum(group, "for_good")
        if count < case.threshold(kind):
            continue
        buckets = most_first(group, "bucket", "for_good")
        last = max(row["last_time"] for row in group)
        yield case.finding(
            kind,
            f"{who(person)} deleted {number(count, 'old version')} of {places(buckets)} for good, last {when(last)}",
            DELETERS,
            buckets=buckets,
            principals=[person],
            counts={"versions": count},
        )


@rule("mass-reading", reads=(READING, READING.over(Span.RECENT)))
def mass_reading(case: Case) -> Iterator[Finding]:
    """For each reader one finding; whoever reads without credentials reads what is public."""
    kind = "mass-reading"
    usual_bytes = _most_before(case, READING, "bytes")
    usual_keys = _most_before(case, READING, "keys")
    groups = group_by(_persons(case, kind, READING), "principal", "remote_ip")
    for (person, address), rows in groups.items():
        worst = max(rows, key=lambda row: (row["bytes"], row["keys"]))
        known_bytes = usual_bytes.get(person or address, 0)
        known_keys = usual_keys.get(person or address, 0)
        most_keys = max(row["keys"] for row in rows)
        if worst["bytes"] < _MORE * known_bytes and most_keys < _MORE * known_keys:
            continue
        buckets = most_first(rows, "bucket", "bytes")
        size = _sum(rows, "bytes")
        objects = number(worst["keys"], "object")
        amount = f" ({objects})" if len(rows) == 1 else ""
        title = (
            f"{who(person, address)} read {of_bytes(size)}{amount} from {places(buckets)}"
        )
        title += _in_hour(worst, rows, f"{of_bytes(worst['bytes'])} of it ({objects})")
        if known_bytes:
            title += f"; in the weeks before it was at most {of_bytes(known_bytes)} within an hour"
        yield case.finding(
            kind,
            title,
            READING,
            buckets=buckets,
            principals=[person],
            addresses=[address],
            counts={"bytes": size, "readings": _sum(rows, "readings")},
            days=_days(rows),
            mild=bool(known_bytes) or person is None or not case.has_before,
        )


@rule(
    "foreign-accounts",
    reads=(ACCOUNTS, ACCOUNTS.over(Span.RECENT)),
    is_asked=lambda case: case.has_accounts,
)
def foreign_accounts(case: Case) -> Iterator[Finding]:
    """Accounts that were let in; those that were not are among the denied requests."""
    kind = "foreign-accounts"
    known = {row["account"] for row in case.rows(ACCOUNTS.over(Span.RECENT))}
    rows = [
        row
        for row in case.loud(kind, case.rows(ACCOUNTS))
        if not is_service(row["account"])
    ]
    for (account,), group in group_by(rows, "account").items():
        reads, changes = _sum(group, "reads"), _sum(group, "changes")
        if reads + changes < max(case.threshold(kind), 1):
            continue
        used = [row for row in group if row["reads"] or row["changes"]]
        buckets = most_first(used, "bucket", "bytes_sent")
        last = max(row["last_time"] for row in used)
        is_new = case.has_before and account not in known
        name = f"The foreign account {account}" if len(account) == 12 else who(account)  # noqa: PLR2004
        done = []
        if reads:
            size = of_bytes(_sum(group, "bytes_sent"))
            done.append(f"read {number(reads, 'object')} ({size})")
        if changes:
            done.append(f"changed something {times(changes)}")
        title = f"{name} {' and '.join(done)} in {places(buckets)}, last {when(last)}"
        yield case.finding(
            kind,
            title + ("; it was not there before" if is_new else ""),
            ACCOUNTS,
            buckets=buckets,
            principals=[account],
            counts={
                "reads": reads,
                "changes": changes,
                "bytes": _sum(group, "bytes_sent"),
            },
            days=first_and_last(
                row[name] for row in used for name in ("first_time", "last_time")
            ),
            mild=not (is_new and changes),
        )


@rule("newcomers", reads=(NEWCOMERS,))
def newcomers(case: Case) -> Iterator[Finding]:
    """All of them in one finding; services are no newcomers, and in a lake's first days everybody is one."""
    kind = "newcomers"
    rows = [row for row in case.rows(NEWCOMERS) if not is_service(row["principal"])]
    if not case.has_before or len(rows) < max(case.threshold(kind), 1):
        return
    rows.sort(key=lambda row: -row["requests"])
    if len(rows) == 1:
        (row,) = rows
        title = f"{who(row['principal'])} was seen for the first time, {when(row['first_time'])}: {_requests(row)}"
    else:
        names = [who(row["principal"]) for row in rows]
        title = f"{len(rows):,} requesters were seen for the first time: {listed(names)}"
    yield case.finding(
        kind,
        title,
        NEWCOMERS,
        principals=[row["principal"] for row in rows],
        counts={"requesters": len(rows), "requests": _sum(rows, "requests")},
        days=first_and_last(
            row[name] for row in rows for name in ("first_time", "last_time")
        ),
    )


def _requests(row: Row) -> str:
    failed = f", {row['failed']:,} of which failed" if row["failed"] else ""
    return number(row["requests"], "request") + failed


@rule("failure-bursts", reads=(BURSTS,))
def failure_bursts(case: Case) -> Iterator[Finding]:
    """All of them in one finding, with the worst."""
    excerpt = case.excerpt(BURSTS)
    rows = excerpt.rows
    if not rows:
        return
    worst = max(rows, key=lambda row: row["failed"])
    addresses = most_first(rows, "remote_ip", "failed")
    title = f"{worst['remote_ip']} failed {times(worst['failed'])} within a minute, {when(worst['minute'])}"
    if len(rows) > 1:
        others = number(len(addresses), "address", "addresses")
        title += f"; there were {_at_least(len(rows), is_cut=excerpt.is_cut)} such bursts, from {others}"
    yield case.finding(
        "failure-bursts",
        title,
        BURSTS,
        addresses=addresses,
        counts={"failed": _sum(rows, "failed"), "bursts": len(rows)},
        days=first_and_last(row["minute"] for row in rows),
    )


@rule("log-injection", reads=(INJECTION,))
def log_injection(case: Case) -> Iterator[Finding]:
    """All of them in one finding, with the newest."""
    kind = "log-injection"
    rows = case.loud(kind, case.rows(INJECTION))
    if len(rows) < max(case.threshold(kind), 1):
        return
    newest = max(rows, key=lambda row: row["time"])
    by_bucket = group_by(rows, "bucket")
    buckets = sorted(
        (name for (name,) in by_bucket), key=lambda name: -len(by_bucket[(name,)])
    )
    count = _at_least(len(rows), is_cut=case.excerpt(INJECTION).is_cut)
    carry = "request carries" if len(rows) == 1 else "requests carry"
    source = newest["remote_ip"] or who(newest["requester"])
    yield case.finding(
        kind,
        f"{count} {carry} text to {places(buckets)} that is apt to forge log lines,"
        f" last from {source} {when(newest['time'])}",
        INJECTION,
        buckets=buckets,
        addresses=[row["remote_ip"] for row in rows],
        counts={"requests": len(rows)},
        days=first_and_last(row["time"] for row in rows),
    )


@rule("scanners", reads=(SCANNERS,))
def scanners(case: Case) -> Iterator[Finding]:
    """Those that were let in: that they come is the weather."""
    kind = "scanners"
    rows = [row for row in case.rows(SCANNERS) if row["successful"]]
    count = _sum(rows, "successful")
    if not rows or count < case.threshold(kind):
        return
    worst = max(rows, key=lambda row: row["successful"])
    yield case.finding(
        kind,
        f"Scanners were let in {times(count)}, most often {quoted(worst['user_agent'])}",
        SCANNERS,
        counts={"requests": count, "user_agents": len(rows)},
    )


@rule("insecure-transport", reads=(INSECURE,))
def insecure_transport(case: Case) -> Iterator[Finding]:
    """Those that a policy refuses are no news."""
    kind = "insecure-transport"
    rows = [row for row in case.loud(kind, case.rows(INSECURE)) if row["successful"]]
    groups = group_by(rows, "tls_version")
    for (version,), group in groups.items():
        count = _sum(group, "successful")
        if count < case.threshold(kind):
            continue
        buckets = most_first(group, "bucket", "successful")
        persons = most_first(group, "principal", "successful")
        how = "in the clear" if version == "none" else f"with {cut(version)} only"
        yield case.finding(
            kind,
            f"{number(count, 'request')} to {places(buckets)} succeeded {how}, {_of(persons)}",
            INSECURE,
            buckets=buckets,
            principals=persons,
            counts={"requests": count},
        )


@rule("signature-version-2", reads=(OLD_SIGNATURES,))
def old_signatures(case: Case) -> Iterator[Finding]:
    """All of them in one finding: AWS may refuse them one day."""
    kind = "signature-version-2"
    rows = case.loud(kind, case.rows(OLD_SIGNATURES))
    count = _sum(rows, "requests")
    if not rows or count < case.threshold(kind):
        return
    buckets = most_first(rows, "bucket", "requests")
    persons = most_first(rows, "principal", "requests")
    last = max(row["last_time"] for row in rows)
    yield case.finding(
        kind,
        f"{number(count, 'request')} to {places(buckets)} had Signature Version 2, {_of(persons)}, last {when(last)}",
        OLD_SIGNATURES,
        buckets=buckets,
        principals=persons,
        counts={"requests": count},
    )


def _of(persons: Sequence[str | None]) -> str:
    """Whose requests they are, or most of them."""
    return f"{'mostly ' if len(persons) > 1 else ''}of {who(persons[0])}"


def _persons(case: Case, kind: str, question: Question) -> list[Row]:
    """The rows of those who are no services."""
    rows = case.loud(kind, case.rows(question))
    return [row for row in rows if not is_service(row["principal"])]


def _pairs(rows: Sequence[Row], who_column: str) -> set[tuple[Any, str]]:
    """Who did it in which bucket."""
    return {(row[who_column], row["bucket"]) for row in rows}


def _sum(rows: Sequence[Row], name: str) -> int:
    return sum(row[name] or 0 for row in rows)


def _days(rows: Sequence[Row]) -> tuple[dt.date, dt.date]:
    return first_and_last(row["hour"] for row in rows)


def _most_before(case: Case, question: Question, column: str) -> dict[str | None, int]:
    """The most of it that each principal, or address, had in an hour of the weeks before."""
    most: dict[str | None, int] = {}
    for row in case.rows(question.over(Span.RECENT)):
        person = row["principal"] or row.get("remote_ip")
        most[person] = max(most.get(person, 0), row[column])
    return most


def _in_hour(worst: Row, rows: Sequence[Row], part: str) -> str:
    """When it was: the hour, or of several the worst, and what part of all is of it."""
    moment = hour(worst["hour"])
    return f" {moment}" if len(rows) == 1 else f", {part} {moment}"


def _at_least(count: int, *, is_cut: bool) -> str:
    return f"{count:,} or more" if is_cut else f"{count:,}"


RULES = (
    anonymous_changes,
    new_anonymous_access,
    bulk_deletions,
    deletions_for_good,
    mass_reading,
    foreign_accounts,
    newcomers,
    failure_bursts,
    log_injection,
    scanners,
    insecure_transport,
    old_signatures,
)
