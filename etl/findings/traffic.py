"""Findings on how much there is: against the period before, and day by day."""

import datetime as dt
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from etl.findings.access import BURSTS
from etl.findings.case import Case, Question, Span, first_row, most_first, rule
from etl.findings.finding import Finding, Row
from etl.findings.words import listed, money, number, of_bytes, quoted, who
from etl.kinds import KINDS

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
# How many other days have to be known, and how many of the same day of the week where it is to be one of these.
_FEWEST_DAYS = 3
_FEWEST_WEEKS = 3
_ODD_DAYS = 3
# What is named has this share of the whole at least.
_MOST = 0.5

NOW = Question(FIGURES, FIGURE_COLUMNS)
BEFORE = NOW.over(Span.BEFORE)
COST = Question("cost/by_day", ("date", "cost"))
TRAFFIC = Question(
    "operations/traffic_by_day", ("date", "bucket", "requests", "bytes_sent")
)
SO_FAR = Question(TRAFFIC.report, TRAFFIC.columns, is_so_far=True)
_DAYS_OF_TRAFFIC = (
    TRAFFIC,
    TRAFFIC.over(Span.RECENT),
    SO_FAR,
    SO_FAR.over(Span.RECENT),
)
DENIED = Question(
    "security/access_denied_by_requester",
    ("principal", "bucket", "operation", "requests"),
    fixed=(("limit", 10_000),),
)
DOWNLOADS = Question(
    "security/large_downloads",
    ("hour", "bucket", "principal", "remote_ip", "bytes_sent"),
    fixed=(("limit", 10_000),),
)


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
    "bytes": _Figure("bytes_sent", "Bytes sent", "cost/by_day", of_bytes, "bytes_sent"),
    "visitors": _Figure("visitors", "Visitors", "website/requests_by_day"),
    "expired-objects": _Figure("expired", "Expired objects", "lifecycle/events_by_day"),
    "deleted-objects": _Figure(
        "deleted", "Objects deleted on request", "lifecycle/deletions_by_actor"
    ),
}


@rule(*_FIGURES, reads=(NOW, BEFORE, TRAFFIC, TRAFFIC.over(Span.BEFORE)))
def figures(case: Case) -> Iterator[Finding]:
    """Figures that are twice what they were, or half of it."""
    now, before = _compared(case)
    if before is None:
        return
    for kind, figure in _FIGURES.items():
        # Visitors have no number where all people are unknown.
        if None in (now.get(figure.column, 0), before.get(figure.column, 0)):
            continue
        new, old = now.get(figure.column) or 0, before.get(figure.column) or 0
        if _differs(case, kind, new, old):
            where = _where(case, figure.by_bucket) if figure.by_bucket else []
            yield _change(case, kind, figure, new, old, where)


def _change(
    case: Case, kind: str, figure: _Figure, new: float, old: float, where: Sequence[str]
) -> Finding:
    title = f"{figure.label}: {figure.words(new)}, against {figure.words(old)} {_before(case)}"
    if where and not case.buckets:
        title += f", the difference mostly in {quoted(where[0])}"
    counts = {"difference": new - old, "now": new, "before": old}
    return case.finding(kind, title, figure.report, buckets=where[:1], counts=counts)


def _before(case: Case) -> str:
    until = case.period.until
    return (
        f"in the period before (both until {until:%H:%M} of the last day)"
        if until
        else "in the period before"
    )


def _compared(case: Case) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The figures of both periods; none of before where the lake does not go back so far."""
    now, before = first_row(case.excerpt(NOW)), first_row(case.excerpt(BEFORE))
    return now, before if case.has_before else None


def _differs(case: Case, kind: str, new: float, old: float) -> bool:
    ratio = case.threshold(kind)
    least = case.threshold(kind, "least")
    return abs(new - old) >= least and min(new, old) * ratio <= max(new, old)


def _where(case: Case, column: str) -> list[str]:
    """The bucket that has most of the difference, if one has."""
    differences: Counter[str] = Counter()
    for row in case.rows(TRAFFIC):
        differences[row["bucket"]] += row[column]
    for row in case.rows(TRAFFIC.over(Span.BEFORE)):
        differences[row["bucket"]] -= row[column]
    return _largest({name: abs(count) for name, count in differences.items()})


def _largest(counts: Mapping[str, float]) -> list[str]:
    """The name that has at least half of all."""
    if not counts:
        return []
    name = max(counts, key=lambda one: counts[one])
    return [name] if counts[name] >= _MOST * sum(counts.values()) else []


@rule("cost", reads=(COST, COST.over(Span.BEFORE)))
def cost(case: Case) -> Iterator[Finding]:
    """What the period costs, as an estimate."""
    if not case.has_before:
        return
    new, old = (
        _total(case.rows(question)) for question in (COST, COST.over(Span.BEFORE))
    )
    if _differs(case, "cost", new, old):
        yield _change(
            case, "cost", _Figure("cost", "Cost", COST.report, money), new, old, []
        )


def _total(rows: Sequence[Row]) -> float:
    return sum(row["cost"] or 0 for row in rows)


@rule("denied-requests", reads=(NOW, BEFORE, DENIED, BURSTS))
def denied(case: Case) -> Iterator[Finding]:
    """More of them, and who was refused most."""
    now, before = _compared(case)
    if before is None:
        return
    kind = "denied-requests"
    new, old = now.get("denied") or 0, before.get("denied") or 0
    if new < old or not _differs(case, kind, new, old):
        return
    of_bursts = sum(row["denied"] for row in case.rows(BURSTS))
    refused = case.rows(DENIED)
    title = f"Denied requests (403): {new:,}, against {old:,} {_before(case)}"
    if refused:
        worst = max(refused, key=lambda row: row["requests"])
        title += (
            f"; most often {who(worst['principal'])} was refused {worst['operation']} in {quoted(worst['bucket'])}"
            f" ({worst['requests']:,})"
        )
    yield case.finding(
        kind,
        title,
        DENIED,
        buckets=most_first(refused, "bucket", "requests"),
        principals=most_first(refused, "principal", "requests"),
        counts={"difference": new - old, "now": new, "before": old},
        mild=not _differs(case, kind, max(new - of_bursts, old), old),
    )


@rule("failures", reads=(NOW, BEFORE, BURSTS))
def failures(case: Case) -> Iterator[Finding]:
    """A larger share of failures, which a scanner or a broken program may explain."""
    now, before = _compared(case)
    if before is None:
        return
    new, old = now.get("error_percent") or 0, before.get("error_percent") or 0
    if not _fails_more(case, new, old, _failed(now) - _failed(before)):
        return
    bursts = case.rows(BURSTS)
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


@dataclass(frozen=True, slots=True)
class _OddDay:
    """A day that is far from what is usual; both counts are of its hours so far, where it is not over."""

    date: dt.date
    count: float
    usual: float
    usual_day: str
    so_far: str

    @property
    def is_large(self) -> bool:
        return self.count > self.usual

    @property
    def difference(self) -> float:
        return self.count - self.usual

    @property
    def counts(self) -> dict[str, float]:
        return {"difference": self.difference, "now": self.count, "usual": self.usual}


@rule("day-requests", reads=_DAYS_OF_TRAFFIC)
def days_of_requests(case: Case) -> Iterator[Finding]:
    """Days with many or few requests; the last by its hours so far, which are compared with the same ones."""
    kind = "day-requests"
    odd = _odd_days_of_traffic(case, kind, "requests")
    for day in odd[:_ODD_DAYS]:
        buckets = _buckets_of(case, day, "requests")
        title = f"{day.date} had {day.count:,.0f} requests{day.so_far}{_mostly_in(case, buckets)}"
        title += f"; {day.usual_day} has {day.usual:,.0f}"
        yield _odd_day(case, kind, day, title, buckets)
    yield from _other_days(case, kind, odd)


@rule("day-bytes", reads=(*_DAYS_OF_TRAFFIC, DOWNLOADS))
def days_of_bytes(case: Case) -> Iterator[Finding]:
    """The same of bytes, and who took most of them."""
    kind = "day-bytes"
    odd = _odd_days_of_traffic(case, kind, "bytes_sent")
    for day in odd[:_ODD_DAYS]:
        buckets = _buckets_of(case, day, "bytes_sent")
        reader = _reader_of(case, day)
        title = f"{of_bytes(day.count)} were sent on {day.date}{day.so_far}{_mostly_in(case, buckets)}"
        title += f"; {day.usual_day} has {of_bytes(day.usual)}"
        if reader:
            title += f"; {who(*reader)} was sent most of the difference"
        yield _odd_day(case, kind, day, title, buckets, reader)
    yield from _other_days(case, kind, odd)


@rule("day-cost", reads=(COST, COST.over(Span.RECENT), *_DAYS_OF_TRAFFIC))
def days_of_cost(case: Case) -> Iterator[Finding]:
    """Days that cost much or little; the last, if it is not over, can only have cost too much already."""
    kind = "day-cost"
    rows = [*case.rows(COST.over(Span.RECENT)), *case.rows(COST)]
    days = _by_day(rows, "cost")
    judged = [day for day in _days_to_judge(case) if day in days]
    odd = _oddest(
        case, kind, [_judged(case, day, days, usual_until="") for day in judged]
    )
    odd = [day for day in odd if day.is_large or not _is_open(case, day.date)]
    for day in odd[:_ODD_DAYS]:
        title = f"{day.date} cost {money(day.count)}{day.so_far}; {day.usual_day} costs {money(day.usual)}"
        buckets = _buckets_of(case, day, "bytes_sent")
        yield _odd_day(case, kind, day, title, buckets)
    yield from _other_days(case, kind, odd)


def _odd_days_of_traffic(case: Case, kind: str, column: str) -> list[_OddDay]:
    """The days of the period that are far from what is usual, the oddest first."""
    whole = _by_day(case.loud(kind, _traffic(case, TRAFFIC)), column)
    so_far = _by_day(case.loud(kind, _traffic(case, SO_FAR)), column)
    judged = []
    for day in _days_to_judge(case):
        days = so_far if _is_open(case, day) else whole
        if day in days:
            judged.append(_judged(case, day, days, usual_until=" until then"))
    return _oddest(case, kind, judged)


def _days_to_judge(case: Case) -> list[dt.date]:
    """The days of the period; not the first of a lake, which may have begun amid it."""
    period = case.period
    days = [period.first + dt.timedelta(days=number) for number in range(period.days)]
    return [day for day in days if day != case.begun]


def _is_open(case: Case, day: dt.date) -> bool:
    return case.period.until is not None and day == case.period.last


def _traffic(case: Case, question: Question) -> list[Row]:
    return [*case.rows(question.over(Span.RECENT)), *case.rows(question)]


def _by_day(rows: Sequence[Row], column: str) -> dict[dt.date, float]:
    days: Counter[dt.date] = Counter()
    for row in rows:
        days[row["date"]] += row[column] or 0
    return dict(days)


def _judged(
    case: Case, day: dt.date, days: Mapping[dt.date, float], *, usual_until: str
) -> _OddDay | None:
    """A day beside the median of the others: of the same day of the week, where enough of them are known."""
    others = {
        one: count
        for one, count in days.items()
        if one not in (day, case.begun) and (usual_until or not _is_open(case, one))
    }
    same = [count for one, count in others.items() if one.weekday() == day.weekday()]
    is_open = _is_open(case, day)
    so_far = f" until {case.period.until:%H:00}" if is_open and case.period.until else ""
    until = usual_until if is_open else ""
    if len(same) >= _FEWEST_WEEKS:
        return _OddDay(
            day, days[day], statistics.median(same), f"a usual {day:%A}{until}", so_far
        )
    if len(others) < _FEWEST_DAYS:
        return None
    usual = statistics.median(others.values())
    return _OddDay(day, days[day], usual, f"the median day{until}", so_far)


def _oddest(case: Case, kind: str, days: Sequence[_OddDay | None]) -> list[_OddDay]:
    odd = [day for day in days if day and _differs(case, kind, day.count, day.usual)]
    return sorted(odd, key=lambda day: -abs(day.difference))


def _odd_day(
    case: Case,
    kind: str,
    day: _OddDay,
    title: str,
    buckets: Sequence[str],
    reader: tuple[str | None, str | None] | None = None,
) -> Finding:
    person, address = reader or (None, None)
    # A day with too little may be one of which records are missing.
    report = KINDS[kind].report if day.is_large else "operations/completeness"
    return case.finding(
        kind,
        title,
        report,
        buckets=buckets,
        principals=[person],
        addresses=[address],
        counts=day.counts,
        days=(day.date, day.date),
    )


def _other_days(case: Case, kind: str, odd: Sequence[_OddDay]) -> Iterator[Finding]:
    others = odd[_ODD_DAYS:]
    if others:
        title = f"{number(len(others), 'more day')} had {case.threshold(kind):g} times as much, or as little"
        dates = [day.date for day in others]
        counts = {"days": len(others)}
        days = (min(dates), max(dates))
        yield case.finding(kind, title, KINDS[kind].report, counts=counts, days=days)


def _buckets_of(case: Case, day: _OddDay, column: str) -> list[str]:
    """The bucket that most of a large day is of, if one is."""
    if not day.is_large:
        return []
    rows = [row for row in case.rows(TRAFFIC) if row["date"] == day.date]
    return _largest({row["bucket"]: row[column] for row in rows})


def _mostly_in(case: Case, buckets: Sequence[str]) -> str:
    return f", mostly in {quoted(buckets[0])}" if buckets and not case.buckets else ""


def _reader_of(case: Case, day: _OddDay) -> tuple[str | None, str | None] | None:
    """Who was sent at least half of what a day has more than a usual one: a principal, or an address."""
    sent: Counter[tuple[str | None, str | None]] = Counter()
    for row in case.rows(DOWNLOADS):
        if row["hour"].date() == day.date:
            sent[row["principal"], row["remote_ip"]] += row["bytes_sent"]
    if not sent or not day.is_large:
        return None
    reader, count = sent.most_common(1)[0]
    return reader if count >= _MOST * day.difference else None


RULES = (
    figures,
    cost,
    denied,
    failures,
    days_of_cost,
    days_of_bytes,
    days_of_requests,
)
