"""A lake looked at: the period, and the results of reports over it and what was before it."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from etl.config import Settings
from etl.dates import (
    day_span,
    last_moment,
    shifted,
    word_of_begin,
    word_of_end,
)
from etl.errors import NO_RECORDS_YET, AccessLakeError, UsageError
from etl.findings.case import (
    NOTHING,
    RECENT_DAYS,
    Case,
    Question,
    Window,
    first_row,
    most_first,
)
from etl.findings.figures import BEFORE, FIGURES, NOW
from etl.findings.find import find, questions, report_failed
from etl.findings.finding import Excerpt, Finding, Period
from etl.findings.series import is_by_time, read_rows
from etl.query import Advance, Database, Scope, check_days
from etl.query.known import (
    end_of_records,
    first_days,
    newest_time,
    whole_minutes,
    with_a_day_more,
)
from etl.query.scope import between, buckets, moved_back, whole_days
from etl.reports import Report, query_report
from etl.store import ReadableStore

DAYS = 7
"""The period where none is given: so many days up to the last one with records. A week, so that weekends cancel out."""
# About so many rows of a result, the first, are kept.
_READ_ROWS = 100_000
NETWORKS = Question(
    "security/networks",
    ("asn", "organization", "country", "requests"),
    fixed=(("limit", _READ_ROWS),),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A report's first rows, as a table for its chart and as an excerpt; or why there are none."""

    table: pa.Table
    excerpt: Excerpt
    problem: str | None = None

    def first(self, rows: int) -> "Answer":
        """The same with no more rows: the last ones of a series."""
        more = self.table.num_rows - rows
        if more <= 0:
            return self
        begin = more if is_by_time(self.table) else 0
        excerpt = replace(self.excerpt, rows=self.excerpt.rows[begin : begin + rows])
        return replace(self, table=self.table.slice(begin, rows), excerpt=excerpt)


_WHOLE = {
    Window.OLD_BUCKETS: Window.PERIOD,
    Window.OLD_BUCKETS_BEFORE: Window.BEFORE,
}
"""The windows that leave out new buckets, and the same with them."""
_BEFORE = (Window.BEFORE, Window.OLD_BUCKETS_BEFORE)
_Key = tuple[str, Window, tuple[tuple[str, object], ...]]


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a period goes that is looked at, of one bucket or of several, each by itself."""

    records: Database
    """Those up to the end of the period, and of a day more."""
    last: dt.date
    known: dt.datetime
    """Where it ends as far as there are records of any bucket. Naive, UTC."""

    def of(self, scope: Scope) -> Scope:
        """The same with days: without any, the week up to the last one."""
        return scope.within_days(shifted(self.last, 1 - DAYS), self.last)


@dataclass(slots=True)
class Inspection:
    """A period of a lake, and the reports that were run over it and before it, each once."""

    period: Period
    first_days: Mapping[str, dt.date]
    """Of each bucket the first day with records, up to the end of the period."""
    newest: dt.datetime
    """The time of the newest record up to the end of the period."""
    days_old: int
    """How old it is, where the period is up to now."""
    _earlier: dt.timedelta
    """By how much the period before is earlier."""
    _history: Database
    _scope: Scope
    _settings: Settings
    _reports: Mapping[str, Report]
    _databases: dict[Window, Database] = field(default_factory=dict)
    _results: dict[_Key, Answer] = field(default_factory=dict)

    @property
    def begun(self) -> dt.date:
        """The first day with records."""
        return min(self.first_days.values())

    @property
    def has_before(self) -> bool:
        """Whether the lake goes back to the beginning of the period before."""
        return not self.is_empty and self._was_there_before(self.begun)

    @property
    def is_empty(self) -> bool:
        """Whether the period, which is up to now, has no records: not yet, or no more."""
        return self._scope.begin is not None and self.newest < self._scope.begin

    @property
    def buckets(self) -> list[str]:
        """Those that are looked at, in order."""
        return sorted(self.first_days)

    @property
    def period_in_words(self) -> str:
        return self._scope.in_words(self.period.until)

    @property
    def compared_with(self) -> str | None:
        """The period before, in words; None where the lake does not go back so far."""
        return self._before.in_words() if self._before else None

    @property
    def _before(self) -> Scope | None:
        return self._scope_of(Window.BEFORE) if self.has_before else None

    @property
    def note(self) -> str | None:
        """Why there is nothing to compare the period with, where that is so."""
        if self.is_empty:
            return f"The period has no records: the newest is of {self.newest:%Y-%m-%d %H:%M}."
        if self.has_before:
            return None
        begin = self._scope_of(Window.BEFORE).date_from
        return (
            f"It is not compared with the period before: that begins on {begin}, and the first record is of"
            f" {self.begun}."
        )

    def as_dict(self, lake: str, findings: Iterable[Finding]) -> dict[str, Any]:
        """What was looked at and found, as `findings --json` prints it."""
        return {
            "period": _as_words(self._scope, self.period.until),
            "buckets": self.buckets,
            "compared_with": _as_words(self._before) if self._before else None,
            "note": self.note,
            "findings": [finding.as_dict(lake) for finding in findings],
        }

    def result(
        self,
        report: str,
        parameters: Mapping[str, object],
        window: Window = Window.PERIOD,
    ) -> Answer:
        """The result of a report, run once with these parameters over these records."""
        if self._is_whole(window):
            window = _WHOLE[window]
        key = (report, window, tuple(sorted(parameters.items())))
        if key not in self._results:
            self._results[key] = _run(
                self._reports[report], self._database(window), parameters
            )
        return self._results[key]

    @property
    def figures(self) -> dict[str, Any]:
        """The figures of the period."""
        return first_row(self._answer(NOW).excerpt)

    @property
    def figures_before(self) -> dict[str, Any]:
        """Those of the period before: zeros where it has no records; none where nobody knows."""
        result = self._answer(BEFORE)
        row = first_row(result.excerpt)
        if row or result.problem or not self.has_before:
            return row
        return dict.fromkeys(self.figures, 0)

    @property
    def places(self) -> dict[str, Any]:
        """How many countries and networks requests came from, and from which most; none without databases."""
        return self._places(Window.PERIOD)

    @property
    def places_before(self) -> dict[str, Any]:
        return self._places(Window.BEFORE) if self.has_before else {}

    def _places(self, window: Window) -> dict[str, Any]:
        if not self._settings.geo_database:
            return {}
        rows = self._answer(NETWORKS.over(window)).excerpt.rows
        countries = most_first(
            [row for row in rows if row["country"]], "country", "requests"
        )
        networks = most_first([row for row in rows if row["asn"]], "asn", "requests")
        names = {row["asn"]: row["organization"] or f"AS{row['asn']}" for row in rows}
        return {
            "countries": len(countries),
            "networks": len(networks),
            "country": next(iter(countries), None),
            "network": next((names[number] for number in networks), None),
        }

    @property
    def questions(self) -> int:
        """How many questions `findings` asks."""
        return len(questions(self._case()))

    def findings(
        self, failures: Iterable[Finding] = (), advance: Advance | None = None
    ) -> list[Finding]:
        """What a person should look at, which `failures` of other reports are, too.

        `advance` is called with the number of questions that were asked, and of all.
        """
        case = self._case()
        asked = questions(case)
        # What failed is no answer, and says nothing: not that there is nothing.
        results, failed = {}, list(failures)
        for done, question in enumerate(asked, 1):
            result = self._answer(question)
            if result.problem:
                failed.append(report_failed(question.report, result.problem))
            else:
                results[question] = result.excerpt
            if advance:
                advance(done, len(asked))
        return find(replace(case, results=results), failed)

    def _case(self) -> Case:
        return Case(
            period=self.period,
            settings=self._settings.findings,
            has_accounts=bool(self._settings.accounts),
            results={},
            buckets=self._scope.buckets,
            first_days=self.first_days,
            old_buckets=self._old_buckets,
            begin=self._scope.time_from,
            end=self._scope.time_before,
            has_locations=bool(self._settings.geo_database),
            has_before=self.has_before,
            is_empty=self.is_empty,
            newest_day=self.newest.date(),
            days_old=self.days_old,
        )

    def _answer(self, question: Question) -> Answer:
        # What was before the first record is not known, rather than nothing.
        if question.window in _BEFORE and not self.has_before:
            return Answer(pa.table({}), NOTHING)
        if question.window is Window.RECENT and self.begun >= self.period.first:
            return Answer(pa.table({}), NOTHING)
        parameters = question.parameters(self._settings.findings, self.period)
        return self.result(question.report, parameters, question.window)

    def _database(self, window: Window) -> Database:
        if window is Window.HISTORY:
            return self._history
        if window not in self._databases:
            self._databases[window] = self._history.within(self._scope_of(window))
        return self._databases[window]

    def _scope_of(self, window: Window) -> Scope:
        period = self.period
        if window in _BEFORE:
            open_end = period.until or self._scope.time_before
            before = moved_back(replace(self._scope, time_before=open_end), self._earlier)
            return before if window is Window.BEFORE else self._of_old_buckets(before)
        if window is Window.OLD_BUCKETS:
            return self._of_old_buckets(self._scope)
        if window is Window.RECENT:
            return replace(
                self._scope,
                date_from=max(self.begun, shifted(period.first, -RECENT_DAYS)),
                date_to=shifted(period.first, -1),
                time_from=None,
                time_before=None,
            )
        return self._scope

    def _is_whole(self, window: Window) -> bool:
        """Whether a window that leaves out the buckets that are new leaves out none."""
        return window in _WHOLE and len(self._old_buckets) == len(self.first_days)

    def _of_old_buckets(self, scope: Scope) -> Scope:
        return replace(scope, bucket=tuple(self._old_buckets))

    @property
    def _old_buckets(self) -> set[str]:
        """Those that go back to the beginning of the period before."""
        days = self.first_days.items()
        return {name for name, first in days if self._was_there_before(first)}

    def _was_there_before(self, first_day: dt.date) -> bool:
        """Whether what has its first record on this day goes back to the beginning of the period before."""
        before = self._scope_of(Window.BEFORE)
        begin = before.date_from or first_day
        # Records may have begun amid their first day; so does the period before, where it is one of hours.
        return first_day < begin if before.time_from else first_day <= begin


def inspect_lake(
    store: ReadableStore,
    scope: Scope,
    settings: Settings,
    now: dt.datetime,
    reports: Mapping[str, Report],
    extent: Extent | None = None,
) -> Inspection:
    """Look at the lake's part in `scope`; without days, at the last week with records.

    `extent` is that of this part and of others, where these are looked at, too. Raises UsageError where there are no
    records; of a period up to now it is only known that they are missing where there were some before.
    """
    check_days(scope)
    utc = now.astimezone(dt.UTC).replace(tzinfo=None)
    scope = as_looked_at(scope, utc)
    everything = extent.records if extent else records_of(store, scope, settings)
    history = everything.within(scope.until_its_end())
    begun = first_days(history, latest_day(scope, now))
    newest = newest_time(history, utc)
    is_current = _is_current(scope, utc)
    if not begun or newest is None or (_is_empty(scope, newest) and not is_current):
        raise no_records(store)
    extent = extent or extent_of(store, scope, settings, everything, newest, utc)
    scope = extent.of(scope)
    earlier = whole_days(scope)
    known = extent.known
    scope, last = _up_to(scope, known, extent.last)
    # Of a period that is over it is no news that it is.
    days_old = (utc.date() - newest.date()).days if is_current else 0
    first = scope.date_from or last
    period = Period(first, last, None if known == day_span(last).end else known)
    return Inspection(
        period,
        begun,
        newest,
        days_old,
        earlier,
        history,
        scope,
        settings,
        reports,
    )


def as_looked_at(scope: Scope, now: dt.datetime) -> Scope:
    """The same in whole minutes, and up to the end of today at the latest; `now` is naive, UTC."""
    return whole_minutes(_without_the_future(scope, now))


def records_of(store: ReadableStore, scope: Scope, settings: Settings) -> Database:
    """All that is needed for a look at `scope`, listed and read for it; other databases are parts of this one."""
    return Database(store, with_a_day_more(scope.until_its_end()), settings)


def extent_of(
    store: ReadableStore,
    scope: Scope,
    settings: Settings,
    records: Database,
    newest: dt.datetime,
    now: dt.datetime,
) -> Extent:
    """How far a look at `scope` goes, of whose `records` the newest up to its end is of `newest`. Naive, UTC."""
    last = scope.date_to or (now if _is_empty(scope, newest) else newest).date()
    known = end_of_records(
        lambda other: Database(store, other, settings),
        scope,
        scope.end or day_span(last).end,
        newest_time(records, now),
        now,
    )
    return Extent(records, last, known)


def _is_current(scope: Scope, now: dt.datetime) -> bool:
    """Whether a period is up to now, or to the end of today."""
    has_begun = scope.begin is None or scope.begin <= now
    return has_begun and (scope.end is None or scope.end > day_span(now.date()).begin)


def _is_empty(scope: Scope, newest: dt.datetime) -> bool:
    return scope.begin is not None and newest < scope.begin


def _up_to(scope: Scope, known: dt.datetime, last: dt.date) -> tuple[Scope, dt.date]:
    """A scope without the days that have no records yet, and the last day of it."""
    last_known = last_moment(known).date()
    if last_known >= last:
        return scope, last
    return between(scope, scope.begin, day_span(last_known).end), last_known


def _without_the_future(scope: Scope, now: dt.datetime) -> Scope:
    """The same up to the end of today, where it goes beyond."""
    today = day_span(now.date())
    if scope.end is None or scope.end <= today.end or (scope.begin and scope.begin > now):
        return scope
    return between(scope, scope.begin, today.end)


def latest_day(scope: Scope, now: dt.datetime) -> dt.date:
    """The last day that can be right, where somebody may have invented others."""
    return scope.date_to or now.date() + dt.timedelta(days=1)


def no_records(store: ReadableStore) -> UsageError:
    if not buckets(store):
        return UsageError(f"{store.url} {NO_RECORDS_YET}")
    return UsageError(
        f"{store.url}: no records of this bucket and period; `accesslake status` says what there is"
    )


def _as_words(scope: Scope, until: dt.datetime | None = None) -> dict[str, str]:
    """The bounds of a period as its options take them."""
    if scope.date_from is None or scope.date_to is None:
        raise ValueError("a period without a bound is not looked at")
    end = until or scope.time_before or scope.date_to
    return {
        "from": word_of_begin(scope.time_from or scope.date_from),
        "to": word_of_end(end),
    }


def _run(report: Report, database: Database, parameters: Mapping[str, object]) -> Answer:
    try:
        result = query_report(report, database, parameters)
        table, count = read_rows(result, _READ_ROWS)
    except (
        AccessLakeError
    ) as error:  # of a text that nobody thought of: the other reports are worth a look
        return Answer(pa.table({}), NOTHING, str(error))
    excerpt = Excerpt(table.to_pylist(), count, is_cut=parameters.get("limit") == count)
    return Answer(table, excerpt)


__all__ = ["DAYS", "FIGURES", "Answer", "Inspection", "inspect_lake"]
