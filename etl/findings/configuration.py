"""Findings on changes of buckets and of the permissions of objects."""

from collections.abc import Iterator, Sequence

from etl.findings.case import Case, Question, group_by, rule
from etl.findings.finding import Finding, Row
from etl.findings.words import (
    first_and_last,
    is_service,
    last,
    places,
    principal,
    quoted,
    times,
    when,
    whose,
)

# HTTP calls a status below it a success.
_FIRST_REFUSAL = 300

CHANGES = Question(
    "security/configuration_changes",
    ("time", "bucket", "operation", "http_status", "requester", "remote_ip"),
)
PERMISSIONS = Question(
    "security/object_permissions",
    ("time", "bucket", "key", "operation", "http_status", "requester", "remote_ip"),
)

_SETTINGS = {
    "BUCKETPOLICY": ("access-changes", "policy"),
    "POLICY": ("access-changes", "policy"),
    "ACL": ("access-changes", "ACL"),
    "PUBLICACCESSBLOCK": ("access-changes", "public access block"),
    "OWNERSHIPCONTROLS": ("access-changes", "ownership controls"),
    "BUCKETOWNERSHIPCONTROLS": ("access-changes", "ownership controls"),
    "LOGGINGSTATUS": ("logging-changes", "access logging"),
    "LOGGING": ("logging-changes", "access logging"),
    "LIFECYCLE": ("lifecycle-changes", "lifecycle rules"),
    "VERSIONING": ("protection-changes", "versioning"),
    "OBJECTLOCKCONFIGURATION": ("protection-changes", "object lock"),
    "OBJECTLOCK": ("protection-changes", "object lock"),
    "ENCRYPTION": ("protection-changes", "encryption"),
    "BUCKETENCRYPTION": ("protection-changes", "encryption"),
    "REPLICATION": ("protection-changes", "replication"),
}
"""What an operation's third part, without underscores, is a setting of; others are configuration, too."""


def _setting(operation: str) -> tuple[str, str]:
    """The kind of finding that a change is, and what it changes."""
    _, method, *rest = operation.split(".")
    name = "".join(rest)
    if name == "BUCKET":
        kind = "protection-changes" if method == "DELETE" else "configuration-changes"
        return kind, ""
    known = _SETTINGS.get(name.replace("_", ""))
    other = name.replace("_", " ").lower() or "configuration"
    return known or ("configuration-changes", other)


def _action(operation: str) -> str:
    """What is done to the bucket of whose name the sentence goes on: `changed the policy of`."""
    _, setting = _setting(operation)
    is_deletion = ".DELETE." in operation
    if not setting:
        return "deleted" if is_deletion else "created"
    return f"{'deleted' if is_deletion else 'changed'} the {setting} of"


def _is_done(row: Row) -> bool:
    return (row["http_status"] or 0) < _FIRST_REFUSAL


@rule(
    "access-changes",
    "logging-changes",
    "lifecycle-changes",
    "protection-changes",
    "configuration-changes",
    reads=(CHANGES,),
)
def changes(case: Case) -> Iterator[Finding]:
    """One finding for each person and what was changed, in however many buckets."""
    done = [
        {**row, "who": principal(row["requester"]), "kind": _setting(row["operation"])[0]}
        for row in case.rows(CHANGES)
        if _is_done(row)
    ]
    groups = group_by(done, "kind", "who", "operation")
    for (kind, person, operation), rows in groups.items():
        loud = case.loud(kind, rows)
        if loud and not is_service(person):
            yield _change(case, kind, person, operation, loud)


def _change(
    case: Case, kind: str, person: str | None, operation: str, rows: Sequence[Row]
) -> Finding:
    buckets = _by_number(rows)
    first = min(rows, key=lambda row: row["time"])
    done = f"{_by(rows)} {_action(operation)}"
    if len(buckets) > 1:
        often = f" {times(len(rows))}," if len(rows) > len(buckets) else ""
        where = f"{len(buckets):,} buckets,{often} first of {quoted(first['bucket'])}"
    elif len(rows) > 1:
        where = f"{quoted(buckets[0])} {times(len(rows))}, first"
    else:
        where = quoted(buckets[0])
    return case.finding(
        kind,
        f"{done} {where} {when(first['time'])}",
        CHANGES,
        buckets=buckets,
        principals=[person],
        addresses=[row["remote_ip"] for row in rows if person is None],
        counts={"changes": len(rows), "buckets": len(buckets)},
        days=first_and_last(row["time"] for row in rows),
    )


@rule("refused-configuration-changes", reads=(CHANGES,))
def refused(case: Case) -> Iterator[Finding]:
    """Those of scanners, who have no credentials, come to every bucket that is known and say nothing."""
    kind = "refused-configuration-changes"
    rows = [row for row in case.loud(kind, case.rows(CHANGES)) if not _is_done(row)]
    for person, tries in _by_person(rows).items():
        if person is None or is_service(person):
            continue
        buckets = _by_number(tries)
        what = "configuration"
        if len({row["operation"] for row in tries}) == 1:
            what = _setting(tries[0]["operation"])[1] or what
        newest = max(row["time"] for row in tries)
        title = (
            f"{_by(tries)} tried {times(len(tries))} to change the {what} of {places(buckets)},"
            f" and was refused, {last(newest, len(tries))}"
        )
        yield case.finding(
            kind,
            title,
            CHANGES,
            buckets=buckets,
            principals=[person],
            counts={"attempts": len(tries), "buckets": len(buckets)},
            days=first_and_last(row["time"] for row in tries),
        )


def _by_person(rows: Sequence[Row]) -> dict[str | None, list[Row]]:
    """The rows of each principal, in their order."""
    people: dict[str | None, list[Row]] = {}
    for row in rows:
        people.setdefault(principal(row["requester"]), []).append(row)
    return people


def _by(rows: Sequence[Row]) -> str:
    """Who is behind rows of one principal."""
    return whose(row["requester"] for row in rows)


def _by_number(rows: Sequence[Row]) -> list[str]:
    by_bucket = group_by(rows, "bucket")
    ordered = sorted(by_bucket, key=lambda key: -len(by_bucket[key]))
    return [bucket for (bucket,) in ordered]


@rule("object-permissions", reads=(PERMISSIONS,))
def object_permissions(case: Case) -> Iterator[Finding]:
    """ACLs of objects, which can make them public; tags and retention are the daily work of programs."""
    kind = "object-permissions"
    rows = [
        row
        for row in case.loud(kind, case.rows(PERMISSIONS))
        if _is_done(row) and row["operation"].endswith((".ACL", "_ACL"))
    ]
    for person, done in _by_person(rows).items():
        if len(done) < case.threshold(kind) or is_service(person):
            continue
        buckets = _by_number(done)
        keys = list(dict.fromkeys(row["key"] for row in done))
        what = (
            f"the ACL of {quoted(keys[0])}"
            if len(keys) == 1
            else f"the ACLs of {len(keys):,} objects"
        )
        newest = max(row["time"] for row in done)
        yield case.finding(
            kind,
            f"{_by(done)} changed {what} in {places(buckets)}, {last(newest, len(done))}",
            PERMISSIONS,
            buckets=buckets,
            principals=[person],
            addresses=[row["remote_ip"] for row in done if person is None],
            counts={"objects": len(keys), "changes": len(done)},
            days=first_and_last(row["time"] for row in done),
        )


RULES = (changes, refused, object_permissions)
