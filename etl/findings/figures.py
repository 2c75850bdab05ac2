"""Findings on a period as a whole, against the one before."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from etl.findings.case import (
    MANY_ROWS,
    Case,
    Question,
    Window,
    first_row,
    most_first,
    rule,
)
from etl.findings.finding import Finding, Row
from etl.findings.requests import BURSTS
from etl.findings.words import listed, money, quoted, times, who
from etl.kinds import KINDS
from etl.text import counted, size

FIGURES = "overview/figures"
"""The report whose one row is compared with that of the period before."""
FIGURE_COLUMNS = (
    "requests",
    "visitors",
    "bytes_sent",
    "denied",
    "expired",
    "deleted",
    "client_errors",
    "server_errors",
    "error_percent",
    "lag_minutes",
)
# Of a share of failures that is large already, one point more is little.
_FAILURE_RATIO = 1.5
MOST = 0.5
"""What is named has this share of the whole at least."""
NOW = Question(FIGURES, FIGURE_COLUMNS)
BEFORE = NOW.over(Window.BEFORE)
OLD_NOW = NOW.over(Window.OLD_BUCKETS)
OLD_BEFORE = NOW.over(Window.OLD_BUCKETS_BEFORE)
COST = Question("cost/by_bucket_and_day", ("date", "bucket", "cost"))
TRAFFIC = Question(
    "operations/traffic_by_day", ("date", "bucket", "requests", "bytes_sent")
)
DENIED = Question(
    "security/access_denied_by_requester",
    ("principal", "bucket", "operation", "requests"),
    fixed=MANY_ROWS,
)
OLD_DENIED = DENIED.over(Window.OLD_BUCKETS)
OLD_BURSTS = BURSTS.over(Window.OLD_BUCKETS)


@dataclass(frozen=True, slots=True)
class _Figure:
    """A figure that is compared: its column, what it is called, how it is written, and the report that says more."""

    column: str
    label: str
    report: str
    words: Callable[[float], str] = "{:,.0f}".format
    by_bucket: str | None = None
    """The column of the traffic of each bucket that tells where the difference is."""


_FIGURES = {
    "requests": _Figure(
        "requests", "Requests", "operations/status_by_day", by_bucket="requests"
    ),
    "bytes": _Figure("bytes_sent", "Bytes sent", "cost/by_day", size, "bytes_sent"),
    "visitors": _Figure("visitors", "Visitors", "website/requests_by_day"),
    "expired-objects": _Figure("expired", "Expired objects", "lifecycle/events_by_day"),
    "deleted-objects": _Figure(
        "deleted", "Objects deleted on request", "lifecycle/deletions_by_actor"
    ),
}


@rule(*_FIGURES, reads=(OLD_NOW, OLD_BEFORE, TRAFFIC, TRAFFIC.over(Window.BEFORE)))
def figures(case: Case) -> Iterator[Finding]:
    """Figures that are twice what they were, or half of it, of the buckets that there were before."""
    now, before = _compared(case)
    if before is None:
        return
    for kind, figure in _FIGURES.items():
        # Visitors have no number where all people are unknown.
        if None in (now.get(figure.column, 0), before.get(figure.column, 0)):
            continue
        new, old = now.get(figure.column) or 0, before.get(figure.column) or 0
        if differs(case, kind, new, old):
            where = _where(case, TRAFFIC, figure.by_bucket) if figure.by_bucket else []
            yield _change(case, kind, figure, new, old, where)


def _change(
    case: Case, kind: str, figure: _Figure, new: float, old: float, where: Sequence[str]
) -> Finding:
    title = f"{figure.label}: {figure.words(new)}, against {figure.words(old)} {_before(case)}"
    if where:
        title += f"; most of the difference is in {quoted(where[0])}"
    counts = {"difference": new - old, "now": new, "before": old}
    return case.finding(kind, title, figure.report, buckets=where[:1], counts=counts)


def _before(case: Case) -> str:
    """The period before, and how the comparison is made a fair one."""
    # Whoever chose an end knows it.
    until = None if case.end else case.period.until
    left_out = len(case.first_days) - len(case.old_buckets)
    notes = [
        *([f"both until {until:%H:%M} of the last day"] if until else []),
        *([f"without {counted(left_out, 'new bucket')}"] if left_out else []),
    ]
    text = "in the period before"
    return f"{text} ({', '.join(notes)})" if notes else text


def _compared(case: Case) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The figures of both periods, of the buckets that there were; none of before where the lake begins later."""
    now, before = first_row(case.excerpt(OLD_NOW)), first_row(case.excerpt(OLD_BEFORE))
    return now, before if case.has_before else None


def differs(case: Case, kind: str, new: float, old: float) -> bool:
    ratio = case.threshold(kind)
    least = case.threshold(kind, "least")
    return abs(new - old) >= least and min(new, old) * ratio <= max(new, old)


def _where(case: Case, question: Question, column: str) -> list[str]:
    """The bucket that has most of the difference, if one of several has."""
    differences: Counter[str] = Counter()
    for row in _of_old_buckets(case, question):
        differences[row["bucket"]] += row[column] or 0
    for row in _of_old_buckets(case, question.over(Window.BEFORE)):
        differences[row["bucket"]] -= row[column] or 0
    if len(differences) == 1:
        return []
    return largest({name: abs(count) for name, count in differences.items()})


def _of_old_buckets(case: Case, question: Question) -> list[Row]:
    """The rows of buckets that go back to the beginning of the period before."""
    return [row for row in case.rows(question) if row["bucket"] in case.old_buckets]


def largest(counts: Mapping[str, float]) -> list[str]:
    """The name that has at least half of all."""
    if not counts:
        return []
    name = max(counts, key=lambda one: counts[one])
    return [name] if counts[name] >= max(MOST * sum(counts.values()), 1e-9) else []


@rule("cost", reads=(COST, COST.over(Window.BEFORE)))
def cost(case: Case) -> Iterator[Finding]:
    """What the period costs, as an estimate."""
    if not case.has_before:
        return
    new, old = (
        _total(_of_old_buckets(case, question))
        for question in (COST, COST.over(Window.BEFORE))
    )
    if differs(case, "cost", new, old):
        figure = _Figure("cost", "Cost", KINDS["cost"].report, money)
        where = _where(case, COST, "cost")
        yield _change(case, "cost", figure, new, old, where)


def _total(rows: Sequence[Row]) -> float:
    return sum(row["cost"] or 0 for row in rows)


@rule("denied-requests", reads=(OLD_NOW, OLD_BEFORE, OLD_DENIED, OLD_BURSTS))
def denied(case: Case) -> Iterator[Finding]:
    """More of them, and who was refused most."""
    now, before = _compared(case)
    if before is None:
        return
    kind = "denied-requests"
    new, old = now.get("denied") or 0, before.get("denied") or 0
    if new < old or not differs(case, kind, new, old):
        return
    of_bursts = sum(row["denied"] for row in case.rows(OLD_BURSTS))
    refused = case.rows(OLD_DENIED)
    title = f"Denied requests (403): {new:,}, against {old:,} {_before(case)}"
    if refused:
        worst = max(refused, key=lambda row: row["requests"])
        title += (
            f"; most often {who(worst['principal'])} was refused {worst['operation']} in {quoted(worst['bucket'])}"
            f" ({times(worst['requests'])})"
        )
    yield case.finding(
        kind,
        title,
        OLD_DENIED,
        buckets=most_first(refused, "bucket", "requests"),
        principals=most_first(refused, "principal", "requests"),
        counts={"difference": new - old, "now": new, "before": old},
        mild=not differs(case, kind, max(new - of_bursts, old), old),
    )


@rule("failures", reads=(OLD_NOW, OLD_BEFORE, OLD_BURSTS))
def failures(case: Case) -> Iterator[Finding]:
    """A larger share of failures, which a scanner or a broken program may explain."""
    now, before = _compared(case)
    if before is None:
        return
    new, old = now.get("error_percent") or 0, before.get("error_percent") or 0
    if not _fails_more(case, new, old, _failed(now) - _failed(before)):
        return
    bursts = case.rows(OLD_BURSTS)
    of_bursts = sum(row["failed"] for row in bursts)
    requests = max(now.get("requests") or 0, 1)
    without = new - 100 * of_bursts / requests
    is_explained = not _fails_more(
        case, without, old, _failed(now) - of_bursts - _failed(before)
    )
    title = f"{new:.1f}% of requests failed, against {old:.1f}% {_before(case)}"
    addresses = most_first(bursts, "remote_ip", "failed") if is_explained else []
    if is_explained:
        title += f"; bursts from {listed(addresses)} explain it"
    yield case.finding(
        "failures",
        title,
        "operations/errors_by_day",
        addresses=addresses,
        counts={"failed": _failed(now), "percent": new, "percent_before": old},
        mild=is_explained,
    )


def _failed(figures: Mapping[str, Any]) -> int:
    return (figures.get("client_errors") or 0) + (figures.get("server_errors") or 0)


def _fails_more(case: Case, new: float, old: float, more: int) -> bool:
    return (
        new - old >= case.threshold("failures")
        and new >= old * _FAILURE_RATIO
        and more >= case.threshold("failures", "least")
    )


RULES = (figures, cost, denied, failures)
