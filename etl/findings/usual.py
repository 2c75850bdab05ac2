"""What is usual on a day: the counts of each bucket by day, and the days that a day is compared with."""

import datetime as dt
import statistics
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from etl.findings.case import Case, Question, Window
from etl.findings.figures import COST, TRAFFIC
from etl.findings.finding import Row
from etl.findings.words import money
from etl.text import counted, size

# How many other days have to be known, and how many of the same day of the week where it is to be one of these.
_FEWEST_DAYS = 3
_FEWEST_WEEKS = 3
SO_FAR = Question(TRAFFIC.report, TRAFFIC.columns, is_so_far=True)


@dataclass(frozen=True, slots=True)
class Measure:
    """What is counted of each bucket and day, and how it is told."""

    name: str
    column: str
    whole_days: Question
    so_far: Question | None
    """The same of the hours of each day that the last one has so far, where that can be asked."""
    words: Callable[[float], str]
    noun: str

    @property
    def reads(self) -> tuple[Question, ...]:
        questions = [self.whole_days, *([self.so_far] if self.so_far else [])]
        return tuple(one.over(window) for one in questions for window in _WINDOWS)


_WINDOWS = (Window.RECENT, Window.PERIOD)
REQUESTS = Measure(
    "requests",
    "requests",
    TRAFFIC,
    SO_FAR,
    lambda count: counted(round(count), "request"),
    "requests",
)
BYTES = Measure("bytes", "bytes_sent", TRAFFIC, SO_FAR, size, "bytes sent")
COSTS = Measure("cost", "cost", COST, None, money, "cost")


class Counts:
    """Counts by bucket and day; nothing is 0, and days without anything in any bucket are not known."""

    def __init__(self, rows: Iterable[Row], column: str) -> None:
        self._by_bucket: dict[str, dict[dt.date, float]] = {}
        self.days: set[dt.date] = set()
        for row in rows:
            days = self._by_bucket.setdefault(row["bucket"], {})
            days[row["date"]] = days.get(row["date"], 0) + (row[column] or 0)
            self.days.add(row["date"])

    @property
    def buckets(self) -> Collection[str]:
        return self._by_bucket

    def of(self, bucket: str, day: dt.date) -> float:
        return self._by_bucket[bucket].get(day, 0)

    def total(self, buckets: Iterable[str], day: dt.date) -> float:
        return sum(self.of(bucket, day) for bucket in buckets)

    def usual(self, buckets: Collection[str], days: Iterable[dt.date]) -> float:
        """The median of the days, of these buckets together."""
        return statistics.median(self.total(buckets, day) for day in days)


@dataclass(frozen=True, slots=True)
class JudgedDay:
    """A day of the period, the counts that tell of it, and the days that it is compared with."""

    date: dt.date
    counts: Counts
    others: list[dt.date]
    usual_day: str
    """The others in words: `a usual Sunday`."""
    until: str = ""
    """Up to when, where it is not over."""


def judged_days(case: Case, kind: str, measure: Measure) -> Iterator[JudgedDay]:
    """The days of the period that can be judged; the last, if it is not over, by its hours so far.

    Days that may lack a part, such as the first of a lake, are neither judged nor compared with.
    """
    whole = _counts(case, kind, measure, measure.whole_days)
    is_open = case.period.until is not None
    for day in _whole_days(case, whole):
        if day < case.period.last or not is_open:
            known = [one for one in _known_days(case, whole) if not _is_open(case, one)]
            yield from _beside(day, whole, known)
    if not is_open:
        return
    question = measure.so_far or measure.whole_days
    counts = _counts(case, kind, measure, question)
    if case.period.last in _whole_days(case, counts):
        until = f" until {case.period.until:%H:00}" if measure.so_far else " so far"
        yield from _beside(case.period.last, counts, _known_days(case, counts), until)


def _counts(case: Case, kind: str, measure: Measure, question: Question) -> Counts:
    rows = [row for window in _WINDOWS for row in case.rows(question.over(window))]
    return Counts(case.loud(kind, rows), measure.column)


def _whole_days(case: Case, counts: Counts) -> list[dt.date]:
    """The days of the period that are known from their beginning on."""
    return [day for day in _known_days(case, counts) if day >= case.period.first]


def _known_days(case: Case, counts: Counts) -> list[dt.date]:
    return sorted(day for day in counts.days if not case.begins_amid(day))


def _is_open(case: Case, day: dt.date) -> bool:
    return case.period.until is not None and day == case.period.last


def _beside(
    day: dt.date, counts: Counts, known: Iterable[dt.date], until: str = ""
) -> Iterator[JudgedDay]:
    """A day beside others: those of the same day of the week, where enough of them are known."""
    others = [one for one in known if one != day]
    same = [one for one in others if one.weekday() == day.weekday()]
    if len(same) >= _FEWEST_WEEKS:
        yield JudgedDay(day, counts, same, f"a usual {day:%A}", until)
    elif len(others) >= _FEWEST_DAYS:
        yield JudgedDay(day, counts, others, "a usual day", until)
