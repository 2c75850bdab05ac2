"""What findings are made of: questions to reports, their results, and rules that look at these."""

import datetime as dt
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any

from etl.findings.finding import NOTHING, Excerpt, Finding, Period, Query, Row
from etl.findings.words import is_service, sentence
from etl.kinds import KINDS, FindingSettings, Severity

MANY_ROWS = (("limit", 10_000),)
"""For reports that give the first rows only."""
RECENT_DAYS = 28
"""So many days before the period tell what is usual: four weeks have each day of the week four times."""


class Window(Enum):
    """The records that a question is about."""

    PERIOD = auto()
    """Those of the period."""
    BEFORE = auto()
    """Those of the period before, up to the same time of its last day."""
    OLD_BUCKETS = auto()
    """Those of the period, of buckets that go back to the beginning of the period before."""
    OLD_BUCKETS_BEFORE = auto()
    """Those of the period before, of the same buckets."""
    RECENT = auto()
    """Those of the 28 days before the period, or of as many as there are."""
    HISTORY = auto()
    """All up to the end of the period."""


@dataclass(frozen=True, slots=True)
class Question:
    """A report, the columns of it that are read, and what it is run with."""

    report: str
    columns: tuple[str, ...]
    window: Window = Window.PERIOD
    kind: str | None = None
    """The kind of finding whose thresholds are parameters."""
    thresholds: tuple[tuple[str, str], ...] = ()
    """A parameter of the report, and the threshold that it is set to."""
    fixed: tuple[tuple[str, object], ...] = ()
    """Parameters, and their values."""
    more_days: int = 0
    """By how many days a report that counts days goes beyond the period."""
    is_so_far: bool = False
    """Whether only the hours of each day count that the last one has so far."""

    def over(self, window: Window) -> "Question":
        return replace(self, window=window)

    def parameters(
        self, settings: Mapping[str, FindingSettings], period: Period
    ) -> dict[str, object]:
        values = dict(self.fixed)
        if self.is_so_far and period.until:
            values["hours"] = period.until.hour
        if self.window is Window.HISTORY:
            values["days"] = period.days + self.more_days
        for parameter, name in self.thresholds:
            # A count that is not below a threshold is not below the next whole number either.
            values[parameter] = math.ceil(settings[self.kind or ""].threshold(name))
        return values


@dataclass(frozen=True, slots=True)
class Case:
    """The results that rules look at, of one period."""

    period: Period
    settings: Mapping[str, FindingSettings]
    """By the id of the kind."""
    results: Mapping[Question, Excerpt]
    buckets: tuple[str, ...] = ()
    """Those that are looked at, by name or pattern; none means all."""
    first_days: Mapping[str, dt.date] = field(default_factory=dict)
    """Of each bucket the first day with records."""
    old_buckets: Collection[str] = ()
    """Those that go back to the beginning of the period before."""
    begin: dt.datetime | None = None
    """When the period begins, where that is amid a day."""
    end: dt.datetime | None = None
    """When it ends, where it was chosen to end amid one."""
    has_accounts: bool = False
    """Whether the owner's accounts are known, so that others are foreign."""
    has_locations: bool = False
    """Whether there are databases that tell in which country an address is."""
    has_before: bool = False
    """Whether the lake goes back to the beginning of the period before."""
    is_empty: bool = False
    """Whether the period, which is up to now, has no records: of these, nothing can be said."""
    newest_day: dt.date | None = None
    """That of the newest record, which is before a period without any."""
    days_old: int = 0
    """How old the newest record is, where the period is up to now."""

    def begins_amid(self, day: dt.date) -> bool:
        """Whether a day may lack its first hours: the first of the lake, or of a period that begins amid it."""
        if self.begin and day == self.begin.date():
            return True
        return day == min(self.first_days.values(), default=None)

    def has_begun(self, time: dt.datetime) -> bool:
        """Whether a time is not before the period, of reports on all records up to its end."""
        return time >= self.begin if self.begin else time.date() >= self.period.first

    def is_whole(self, bucket: str, day: dt.date) -> bool:
        """Whether a bucket was there from the beginning of a day on."""
        first_day = self.first_days.get(bucket)
        return first_day is None or first_day < day

    def is_new(self, bucket: str) -> bool:
        """Whether the first record of a bucket is of the period."""
        first_day = self.first_days.get(bucket)
        if first_day is None or first_day < self.period.first:
            return False
        return self.begin is None or first_day > self.period.first

    def excerpt(self, question: Question) -> Excerpt:
        excerpt = self.results[question]
        # Other columns are taken away, so that none can be read without being declared.
        rows = [{name: row[name] for name in question.columns} for row in excerpt.rows]
        return replace(excerpt, rows=rows)

    def rows(self, question: Question) -> list[Row]:
        return list(self.excerpt(question).rows)

    def loud(self, kind: str, rows: Iterable[Row]) -> list[Row]:
        """Rows without those of buckets of which nothing of this kind is to be said."""
        settings = self.of(kind)
        return [row for row in rows if not settings.is_silent(row["bucket"])]

    def persons(self, kind: str, question: Question) -> list[Row]:
        """The loud rows of those who are no services."""
        rows = self.loud(kind, self.rows(question))
        return [row for row in rows if not is_service(row["principal"])]

    def of(self, kind: str) -> FindingSettings:
        return self.settings[kind]

    def threshold(self, kind: str, name: str = "threshold") -> float:
        return self.of(kind).threshold(name)

    def within(self, questions: Collection[Question]) -> "Case":
        """The case as a rule sees it, which reads these questions only."""
        results = {question: self.results[question] for question in questions}
        return replace(self, results=results)

    def finding(
        self,
        kind: str,
        title: str,
        question: Question | str,
        *,
        buckets: Iterable[str] = (),
        principals: Iterable[str | None] = (),
        addresses: Iterable[str | None] = (),
        counts: Mapping[str, float] | None = None,
        days: tuple[dt.date, dt.date] | None = None,
        mild: bool = False,
    ) -> Finding:
        """A finding of this kind, which `mild` makes a notice; without `days` it is about the whole period.

        Names are listed once each. The first of `counts` says how much it weighs beside others of its kind.
        """
        about = KINDS[kind]
        is_alarm = self.of(kind).severity is Severity.ALARM and not mild
        first, last = days or (self.period.first, self.period.last)
        names = tuple(dict.fromkeys(buckets))
        counts = dict(counts or {})
        return Finding(
            id=kind,
            severity=Severity.ALARM if is_alarm else Severity.NOTICE,
            title=sentence(title),
            buckets=names or self.buckets,
            principals=_names(principals),
            addresses=_names(addresses),
            counts=counts,
            first=first,
            last=last,
            query=self._query(question, names, first, last),
            technique=about.technique,
            weight=about.weight + _fraction(next(iter(counts.values()), 0)),
        )

    def _query(
        self,
        question: Question | str,
        buckets: tuple[str, ...],
        first: dt.date,
        last: dt.date,
    ) -> Query:
        """What shows a finding: with the parameters of the question, for its bucket and days."""
        asked = buckets if len(buckets) == 1 else self.buckets
        begin, end = self._bounds(first, last)
        if isinstance(question, str):
            return Query(question, {}, asked, begin, end)
        parameters = question.parameters(self.settings, self.period)
        # All rows are for programs: people see the first ones, as by default.
        parameters.pop("limit", None)
        if question.window is Window.HISTORY:
            _, end = self._bounds(first, self.period.last)
            return Query(question.report, parameters, asked, None, end)
        return Query(question.report, parameters, asked, begin, end)

    def _bounds(self, first: dt.date, last: dt.date) -> tuple[dt.date, dt.date]:
        """Days as bounds of a query: where the period begins or ends amid one of them, that moment."""
        is_first = self.begin is not None and first <= self.begin.date()
        is_last = self.end is not None and last >= self.period.last
        begin = self.begin if self.begin and is_first else first
        end = self.end if self.end and is_last else last
        return begin, end


def _names(names: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name is not None))


def _fraction(count: float) -> float:
    """A number below 1 that grows with the count."""
    return math.log10(abs(count) + 1) / 20


Look = Callable[[Case], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Rule:
    """What is found of a few kinds: the questions that are read, and the function that looks at their results."""

    kinds: tuple[str, ...]
    reads: tuple[Question, ...]
    look: Look
    is_asked: Callable[[Case], bool] = lambda _case: True
    """Whether its questions are worth asking."""

    def findings(self, case: Case) -> Iterator[Finding]:
        return self.look(case.within(self.reads))


def rule(
    *kinds: str,
    reads: tuple[Question, ...] = (),
    is_asked: Callable[[Case], bool] = lambda _case: True,
) -> Callable[[Look], Rule]:
    """Make a rule of a function."""
    return lambda look: Rule(kinds, reads, look, is_asked)


def first_row(excerpt: Excerpt) -> dict[str, Any]:
    return dict(next(iter(excerpt.rows), {}))


def group_by(rows: Iterable[Row], *columns: str) -> dict[tuple[Any, ...], list[Row]]:
    """Rows by their values in these columns, in the order in which these come."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in columns), []).append(row)
    return groups


def total(rows: Iterable[Row], name: str) -> int:
    return sum(row[name] or 0 for row in rows)


def most_first(rows: Iterable[Row], name: str, weight: str) -> list[Any]:
    """The values of a column, those first whose rows have most of `weight` in all."""
    totals: dict[Any, float] = {}
    for row in rows:
        totals[row[name]] = totals.get(row[name], 0) + (row[weight] or 0)
    return sorted(totals, key=lambda value: -totals[value])


__all__ = [
    "MANY_ROWS",
    "NOTHING",
    "RECENT_DAYS",
    "Case",
    "Question",
    "Rule",
    "Window",
    "first_row",
    "group_by",
    "most_first",
    "rule",
    "total",
]
