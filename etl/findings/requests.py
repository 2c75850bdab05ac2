"""Findings on requests that fail, attack, or are not protected."""

from collections.abc import Iterator

from etl.findings.case import MANY_ROWS, Case, Question, group_by, most_first, rule, total
from etl.findings.finding import Finding
from etl.findings.words import (
    at_least,
    by,
    cut,
    first_and_last,
    last,
    places,
    quoted,
    when,
    who,
)
from etl.text import counted

BURSTS = Question(
    "security/failure_bursts",
    ("remote_ip", "minute", "failed", "denied", "not_found"),
    kind="failure-bursts",
    thresholds=(("threshold", "threshold"),),
    fixed=MANY_ROWS,
)
INJECTION = Question(
    "security/log_injection",
    ("time", "bucket", "remote_ip", "requester"),
    fixed=MANY_ROWS,
)
SCANNERS = Question(
    "security/suspicious_user_agents",
    ("user_agent", "successful"),
    fixed=MANY_ROWS,
)
INSECURE = Question(
    "security/insecure_transport",
    ("tls_version", "bucket", "principal", "successful"),
    fixed=(("website", False), *MANY_ROWS),
)
OLD_SIGNATURES = Question(
    "security/signature_version_2",
    ("principal", "bucket", "requests", "last_time"),
    fixed=MANY_ROWS,
)


@rule("failure-bursts", reads=(BURSTS,))
def failure_bursts(case: Case) -> Iterator[Finding]:
    """All of them in one finding, with the worst."""
    excerpt = case.excerpt(BURSTS)
    rows = excerpt.rows
    if not rows:
        return
    worst = max(rows, key=lambda row: row["failed"])
    addresses = most_first(rows, "remote_ip", "failed")
    failed = counted(worst["failed"], "request")
    title = f"{failed} from {worst['remote_ip']} failed within a minute, {when(worst['minute'])}"
    if len(rows) > 1:
        others = counted(len(addresses), "address", "addresses")
        title += f"; there were {at_least(len(rows), is_cut=excerpt.is_cut)} such bursts, from {others}"
    yield case.finding(
        "failure-bursts",
        title,
        BURSTS,
        addresses=addresses,
        counts={"failed": total(rows, "failed"), "bursts": len(rows)},
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
    count = at_least(len(rows), is_cut=case.excerpt(INJECTION).is_cut)
    carry = "request carries" if len(rows) == 1 else "requests carry"
    source = newest["remote_ip"] or who(newest["requester"])
    yield case.finding(
        kind,
        f"{count} {carry} text that could forge log lines, to {places(buckets)},"
        f"{'' if len(rows) == 1 else ' last'} from {source} {when(newest['time'])}",
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
    count = total(rows, "successful")
    if not rows or count < case.threshold(kind):
        return
    worst = max(rows, key=lambda row: row["successful"])
    yield case.finding(
        kind,
        f"{counted(count, 'request')} of {'a scanner' if len(rows) == 1 else 'scanners'} succeeded,"
        f" {'' if len(rows) == 1 else 'most '}by {quoted(worst['user_agent'])}",
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
        count = total(group, "successful")
        if count < case.threshold(kind):
            continue
        buckets = most_first(group, "bucket", "successful")
        persons = most_first(group, "principal", "successful")
        how = "without encryption" if version == "none" else f"with {cut(version)} only"
        yield case.finding(
            kind,
            f"{counted(count, 'request')} to {places(buckets)} succeeded {how}, {by(persons)}",
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
    count = total(rows, "requests")
    if not rows or count < case.threshold(kind):
        return
    buckets = most_first(rows, "bucket", "requests")
    persons = most_first(rows, "principal", "requests")
    newest = max(row["last_time"] for row in rows)
    was = "was" if count == 1 else "were"
    yield case.finding(
        kind,
        f"{counted(count, 'request')} to {places(buckets)} {was} signed with the outdated Signature Version 2,"
        f" {by(persons)}, {last(newest, count)}",
        OLD_SIGNATURES,
        buckets=buckets,
        principals=persons,
        counts={"requests": count},
    )


RULES = (
    failure_bursts,
    log_injection,
    scanners,
    insecure_transport,
    old_signatures,
)
