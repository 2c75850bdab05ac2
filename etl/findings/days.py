"""Findings on single days, beside those that are usual."""

import datetime as dt
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from etl.findings.case import (
    MANY_ROWS,
    Case,
    Question,
    Window,
    rule,
)
from etl.findings.figures import COST, MOST, TRAFFIC, differs, largest
from etl.findings.finding import Finding, Row
from etl.findings.words import money, number, of_bytes, quoted, who
from etl.kinds import KINDS

# How many other days have to be known, and how many of the same day of the week where it is to be one of these.
_FEWEST_DAYS = 3
_FEWEST_WEEKS = 3
_ODD_DAYS = 3
SO_FAR = Question(TRAFFIC.report, TRAFFIC.columns, is_so_far=True)
_DAYS_OF_TRAFFIC = (
    TRAFFIC,
    TRAFFIC.over(Window.RECENT),
    SO_FAR,
    SO_FAR.over(Window.RECENT),
)
DOWNLOADS = Question(
    "security/large_downloads",
    ("hour", "bucket", "principal", "remote_ip", "bytes_sent"),
    fixed=MANY_ROWS,
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
        buckets = _buckets_of(case, kind, day, "requests")
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
        buckets = _buckets_of(case, kind, day, "bytes_sent")
        reader = _reader_of(case, day)
        title = f"{of_bytes(day.count)} were sent on {day.date}{day.so_far}{_mostly_in(case, buckets)}"
        title += f"; {day.usual_day} has {of_bytes(day.usual)}"
        if reader:
            title += f"; {who(*reader)} was sent most of the difference"
        yield _odd_day(case, kind, day, title, buckets, reader)
    yield from _other_days(case, kind, odd)


@rule("day-cost", reads=(COST, COST.over(Window.RECENT), TRAFFIC))
def days_of_cost(case: Case) -> Iterator[Finding]:
    """Days that cost much or little; the last, if it is not over, can only have cost too much already."""
    kind = "day-cost"
    rows = [*case.rows(COST.over(Window.RECENT)), *case.rows(COST)]
    days = _by_day(rows, "cost")
    over = {day: count for day, count in days.items() if not _is_open(case, day)}
    judged = [day for day in _days_to_judge(case) if day in days]
    beside = [_beside_others(case, day, {**over, day: days[day]}) for day in judged]
    odd = _oddest(case, kind, beside)
    odd = [day for day in odd if day.is_large or not _is_open(case, day.date)]
    for day in odd[:_ODD_DAYS]:
        title = f"{day.date} cost {money(day.count)}{day.so_far}; {day.usual_day} costs {money(day.usual)}"
        buckets = _buckets_of(case, kind, day, "bytes_sent")
        yield _odd_day(case, kind, day, title, buckets)
    yield from _other_days(case, kind, odd)


def _odd_days_of_traffic(case: Case, kind: str, column: str) -> list[_OddDay]:
    """The days of the period that are far from what is usual, the oddest first."""
    whole = _by_day(case.loud(kind, _traffic(case, TRAFFIC)), column)
    so_far = _by_day(case.loud(kind, _traffic(case, SO_FAR)), column)
    over = {day: count for day, count in whole.items() if not _is_open(case, day)}
    beside = []
    for day in _days_to_judge(case):
        if day in over:
            beside.append(_beside_others(case, day, over))
        elif day in so_far:
            beside.append(_beside_others(case, day, so_far, " until then"))
    return _oddest(case, kind, beside)


def _days_to_judge(case: Case) -> list[dt.date]:
    """The days of the period; not the first of a lake, which may have begun amid it."""
    period = case.period
    days = [period.first + dt.timedelta(days=number) for number in range(period.days)]
    return [day for day in days if day != case.begun]


def _is_open(case: Case, day: dt.date) -> bool:
    return case.period.until is not None and day == case.period.last


def _traffic(case: Case, question: Question) -> list[Row]:
    return [*case.rows(question.over(Window.RECENT)), *case.rows(question)]


def _by_day(rows: Sequence[Row], column: str) -> dict[dt.date, float]:
    days: Counter[dt.date] = Counter()
    for row in rows:
        days[row["date"]] += row[column] or 0
    return dict(days)


def _beside_others(
    case: Case, day: dt.date, days: Mapping[dt.date, float], until: str = ""
) -> _OddDay | None:
    """A day beside the median of the others: of the same day of the week, where enough of them are known."""
    others = {one: days[one] for one in days if one not in (day, case.begun)}
    same = [others[one] for one in others if one.weekday() == day.weekday()]
    so_far = f" until {case.period.until:%H:00}" if _is_open(case, day) else ""
    if len(same) >= _FEWEST_WEEKS:
        usual, usual_day = statistics.median(same), f"a usual {day:%A}"
    elif len(others) >= _FEWEST_DAYS:
        usual, usual_day = statistics.median(others.values()), "the median day"
    else:
        return None
    return _OddDay(day, days[day], usual, usual_day + until, so_far)


def _oddest(case: Case, kind: str, days: Sequence[_OddDay | None]) -> list[_OddDay]:
    odd = [day for day in days if day and differs(case, kind, day.count, day.usual)]
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


def _buckets_of(case: Case, kind: str, day: _OddDay, column: str) -> list[str]:
    """The bucket that most of a large day is of, if one is."""
    if not day.is_large:
        return []
    loud = case.loud(kind, case.rows(TRAFFIC))
    rows = [row for row in loud if row["date"] == day.date]
    return largest({row["bucket"]: row[column] for row in rows})


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
    return reader if count >= MOST * day.difference else None


RULES = (days_of_cost, days_of_bytes, days_of_requests)
