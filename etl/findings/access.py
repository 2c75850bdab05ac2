"""Findings on who is let in: without credentials, from other accounts, for the first time."""

from collections.abc import Iterator, Mapping, Sequence

from etl.findings.case import (
    MANY_ROWS,
    RECENT_DAYS,
    Case,
    Question,
    Window,
    group_by,
    most_first,
    rule,
    total,
)
from etl.findings.finding import Finding, Row
from etl.findings.words import (
    NOBODY,
    days_seen,
    is_service,
    last,
    listed,
    places,
    times,
    when,
    who,
    with_session,
)
from etl.text import counted, size

ANONYMOUS = Question(
    "security/anonymous_requests",
    ("bucket", "operation", "successful", "changes", "last_success"),
)
ANONYMOUS_BEFORE = ANONYMOUS.over(Window.RECENT)
DAYS = Question(
    "operations/completeness",
    ("bucket", "date", "records"),
    Window.HISTORY,
    more_days=RECENT_DAYS,
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
    fixed=MANY_ROWS,
)
NEWCOMERS = Question(
    "security/first_seen_requesters",
    (
        "principal",
        "requester",
        "requesters",
        "first_time",
        "last_time",
        "requests",
        "failed",
    ),
    Window.HISTORY,
)

COUNTRIES = Question(
    "security/countries_by_principal",
    ("principal", "country", "bucket", "requests", "first_time", "last_time"),
    # Those with few requests, of which the new ones are, come last.
    fixed=(("limit", 100_000),),
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
        newest = max(row["last_success"] for row in group)
        yield case.finding(
            kind,
            f"{NOBODY} changed {places(buckets)}: {operation} succeeded {times(count)}, {last(newest, count)}",
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
    newest = max(row["last_success"] for row in rows)
    answer = "answers" if len(buckets) == 1 else "answer"
    yield case.finding(
        kind,
        f"{places(buckets)} now {answer} requests without credentials, unlike in the weeks before:"
        f" {counted(count, 'request')} ({listed(operations)}), {last(newest, count)}",
        ANONYMOUS,
        buckets=buckets,
        counts={"requests": count, "buckets": len(buckets)},
    )


def _is_let_in(row: Row) -> bool:
    return bool(row["successful"])


@rule(
    "foreign-accounts",
    reads=(ACCOUNTS, ACCOUNTS.over(Window.RECENT)),
    is_asked=lambda case: case.has_accounts,
)
def foreign_accounts(case: Case) -> Iterator[Finding]:
    """Accounts that were let in; those that were not are among the denied requests."""
    kind = "foreign-accounts"
    known = {row["account"] for row in case.rows(ACCOUNTS.over(Window.RECENT))}
    rows = [
        row
        for row in case.loud(kind, case.rows(ACCOUNTS))
        if not is_service(row["account"])
    ]
    for (account,), group in group_by(rows, "account").items():
        used = [row for row in group if row["reads"] or row["changes"]]
        reads, changes = total(used, "reads"), total(used, "changes")
        if reads + changes < max(case.threshold(kind), 1):
            continue
        buckets = most_first(used, "bucket", "bytes_sent")
        newest = max(row["last_time"] for row in used)
        is_new = case.has_before and account not in known
        title = f"{_done_by(account, group)} in {places(buckets)}, {last(newest, reads + changes)}"
        yield case.finding(
            kind,
            title + ("; it was never seen before" if is_new else ""),
            ACCOUNTS,
            buckets=buckets,
            principals=[account],
            counts={
                "reads": reads,
                "changes": changes,
                "bytes": total(group, "bytes_sent"),
            },
            days=days_seen(used),
            mild=not (is_new and changes),
        )


def _done_by(account: str, rows: Sequence[Row]) -> str:
    """What a foreign account did."""
    name = f"The foreign account {account}" if len(account) == 12 else who(account)  # noqa: PLR2004
    reads, changes = total(rows, "reads"), total(rows, "changes")
    done = []
    if reads:
        sent = size(total(rows, "bytes_sent"))
        done.append(f"read {counted(reads, 'object')} ({sent})")
    if changes:
        done.append(f"made {counted(changes, 'change')}")
    return f"{name} {' and '.join(done)}"


@rule("newcomers", reads=(NEWCOMERS,))
def newcomers(case: Case) -> Iterator[Finding]:
    """All of them in one finding; services are no newcomers, and in a lake's first days everybody is one."""
    kind = "newcomers"
    rows = [
        row
        for row in case.rows(NEWCOMERS)
        if not is_service(row["principal"]) and case.has_begun(row["first_time"])
    ]
    if not case.has_before or len(rows) < max(case.threshold(kind), 1):
        return
    rows.sort(key=lambda row: -row["requests"])
    names = [with_session(row["requester"], row["requesters"]) for row in rows]
    if len(rows) == 1:
        (row,) = rows
        title = f"{names[0]} was seen for the first time, {when(row['first_time'])}: {_requests(row)}"
    else:
        title = f"{len(rows):,} requesters were seen for the first time: {listed(names)}"
    yield case.finding(
        kind,
        title,
        NEWCOMERS,
        principals=[row["principal"] for row in rows],
        counts={"requesters": len(rows), "requests": total(rows, "requests")},
        days=days_seen(rows),
    )


def _requests(row: Row) -> str:
    failed = f", {row['failed']:,} of which failed" if row["failed"] else ""
    return counted(row["requests"], "request") + failed


@rule(
    "new-countries",
    reads=(COUNTRIES, COUNTRIES.over(Window.RECENT)),
    is_asked=lambda case: case.has_locations and case.has_before,
)
def new_countries(case: Case) -> Iterator[Finding]:
    """For each person one finding; whoever is new is compared with the others of the bucket."""
    kind = "new-countries"
    known = _known_countries(case.rows(COUNTRIES.over(Window.RECENT)))
    for (person,), rows in group_by(case.persons(kind, COUNTRIES), "principal").items():
        before = {row["bucket"]: _countries_before(known, row) for row in rows}
        new = [
            row
            for row in rows
            if before[row["bucket"]] and row["country"] not in before[row["bucket"]]
        ]
        count = total(new, "requests")
        if not new or count < case.threshold(kind):
            continue
        buckets = most_first(new, "bucket", "requests")
        countries = most_first(new, "country", "requests")
        newest = max(row["last_time"] for row in new)
        usual = "they" if person in known else "those of others to the bucket"
        yield case.finding(
            kind,
            f"{who(person)} sent {counted(count, 'request')} to {places(buckets)} from {listed(countries)},"
            f" {last(newest, count)}; in the weeks before, {usual} came from {listed(before[buckets[0]])}",
            COUNTRIES,
            buckets=buckets,
            principals=[person],
            counts={"requests": count, "countries": len(countries)},
            days=days_seen(new),
        )


def _known_countries(rows: Sequence[Row]) -> Mapping[str, list[str]]:
    """The countries of each principal, and of each bucket, in the weeks before; those with most requests first.

    No principal has the name of a bucket: it is an ARN, or a canonical id.
    """
    groups = [*group_by(rows, "bucket").items(), *group_by(rows, "principal").items()]
    return {name: most_first(some, "country", "requests") for (name,), some in groups}


def _countries_before(known: Mapping[str, list[str]], row: Row) -> list[str]:
    """From where requests of a principal came; of one that is new, those to the bucket."""
    return known.get(row["principal"]) or known.get(row["bucket"], [])


RULES = (
    anonymous_changes,
    new_anonymous_access,
    foreign_accounts,
    newcomers,
    new_countries,
)
