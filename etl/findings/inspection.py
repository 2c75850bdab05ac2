"""A lake looked at: the period, and the results of reports over it and what was before it."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from etl.config import Settings
from etl.dates import FIRST_DAY, shifted
from etl.errors import AccessLakeError, UsageError
from etl.findings.case import NOTHING, RECENT_DAYS, Case, Question, Window, first_row
from etl.findings.figures import BEFORE, FIGURES, NOW
from etl.findings.find import find, questions, report_failed
from etl.findings.finding import Excerpt, Finding, Period
from etl.findings.series import is_by_time, read_rows
from etl.query import Advance, Database, Scope, check_days
from etl.query.scope import moved_back
from etl.reports import Report, query_report
from etl.store import ReadableStore

DAYS = 7
"""The period where none is given: so many days up to the last one with records. A week, so that weekends cancel out."""
# About so many rows of a result, the first, are kept.
_READ_ROWS = 100_000
# After the end of a day that was chosen, so long may its records come.
_LATE = dt.timedelta(days=1)
# Of a day that has records of its last hour, hardly any are to come.
_LAST_HOUR = 23


@dataclass(frozen=True, slots=True)
class ReportResult:
    """A report's first rows, as a table for its chart and as an excerpt; or why there are none."""

    table: pa.Table
    excerpt: Excerpt
    problem: str | None = None

    def first(self, rows: int) -> "ReportResult":
        """The same with no more rows: the last ones of a series."""
        more = self.table.num_rows - rows
        if more <= 0:
            return self
        begin = more if is_by_time(self.table) else 0
        excerpt = replace(self.excerpt, rows=self.excerpt.rows[begin : begin + rows])
        return replace(self, table=self.table.slice(begin, rows), excerpt=excerpt)


_Key = tuple[str, Window, tuple[tuple[str, object], ...]]


@dataclass(slots=True)
class Inspection:
    """A period of a lake, and the reports that were run over it and before it, each once."""

    period: Period
    begun: dt.date
    """The first day with records."""
    days_old: int
    """How old the newest record is, where the period is up to now."""
    _history: Database
    _scope: Scope
    _settings: Settings
    _reports: Mapping[str, Report]
    _databases: dict[Window, Database] = field(default_factory=dict)
    _results: dict[_Key, ReportResult] = field(default_factory=dict)

    @property
    def has_before(self) -> bool:
        """Whether the lake goes back to the beginning of the period before."""
        return self.begun <= self.period.before().first

    def result(
        self,
        report: str,
        parameters: Mapping[str, object],
        window: Window = Window.PERIOD,
    ) -> ReportResult:
        """The result of a report, run once with these parameters over these records."""
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
            # What begins amid a day has only a part of it.
            begun=self.period.first if self._scope.time_from else self.begun,
            has_before=self.has_before,
            days_old=self.days_old,
        )

    def _answer(self, question: Question) -> ReportResult:
        # What was before the first record is not known, rather than nothing.
        if question.window is Window.BEFORE and not self.has_before:
            return ReportResult(pa.table({}), NOTHING)
        if question.window is Window.RECENT and self.begun >= self.period.first:
            return ReportResult(pa.table({}), NOTHING)
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
        if window is Window.BEFORE:
            open_end = period.until or self._scope.time_before
            return moved_back(
                replace(self._scope, time_before=open_end), _length(self._scope)
            )
        if window is Window.RECENT:
            return replace(
                self._scope,
                date_from=max(self.begun, shifted(period.first, -RECENT_DAYS)),
                date_to=shifted(period.first, -1),
                time_from=None,
                time_before=None,
            )
        return self._scope


def inspect_lake(
    store: ReadableStore,
    scope: Scope,
    settings: Settings,
    now: dt.datetime,
    reports: Mapping[str, Report],
    whole: Database | None = None,
) -> Inspection:
    """Look at the lake's part in `scope`; without days, at the last week with records.

    `whole` has the records of this part and of others, where these are looked at, too. Raises UsageError where there
    are no records.
    """
    check_days(scope)
    # All that is needed is listed and read for it; the other databases are parts of this one.
    until = scope.until_its_end()
    history = whole.within(until) if whole else Database(store, until, settings)
    begun, newest = _days(history, latest_day(scope, now))
    if begun is None or newest is None or (scope.date_from and newest < scope.date_from):
        raise no_records(store)
    last = scope.date_to or newest
    first = scope.date_from or shifted(last, 1 - DAYS)
    newest_time = None if _is_over(scope, now) else _newest_time(history, last)
    # Of a period that was chosen it is no news that it is over.
    days_old = 0 if scope.date_to else (now.date() - last).days
    period = Period(first, last, scope.time_before or newest_time)
    scope = scope.within_days(first, last)
    return Inspection(period, begun, days_old, history, scope, settings, reports)


def latest_day(scope: Scope, now: dt.datetime) -> dt.date:
    """The last day that can be right, where somebody may have invented others."""
    return scope.date_to or now.date() + dt.timedelta(days=1)


def no_records(store: ReadableStore) -> UsageError:
    return UsageError(
        f"{store.url}: no records of this bucket and period; `accesslake status` says what there is"
    )


def _length(scope: Scope) -> dt.timedelta:
    """How long a period with both bounds is."""
    if scope.begin is None or scope.end is None:
        raise ValueError("a period without a bound has no length")
    return scope.end - scope.begin


def _days(database: Database, latest: dt.date) -> tuple[dt.date | None, dt.date | None]:
    """The first and the last day with records, of those that can be right: somebody may have invented others."""
    sql = "SELECT min(date) AS first, max(date) AS last FROM access_log WHERE date BETWEEN $earliest AND $latest"
    row = _one_row(database, sql, {"earliest": FIRST_DAY, "latest": latest})
    return row["first"], row["last"]


def _is_over(scope: Scope, now: dt.datetime) -> bool:
    """Whether the last day is one that was chosen, and has all of its records by now."""
    if scope.date_to is None:
        return False
    end = dt.datetime.combine(shifted(scope.date_to, 1), dt.time(), dt.UTC)
    return now - _LATE >= end


def _newest_time(database: Database, last: dt.date) -> dt.datetime | None:
    """Just after the newest record of a day that is not over; None where it has records up to its end, or none."""
    sql = "SELECT max(time) AS newest FROM access_log WHERE date = $last"
    newest: dt.datetime | None = _one_row(database, sql, {"last": last})["newest"]
    if newest is None or newest.hour == _LAST_HOUR:
        return None
    return newest.replace(microsecond=0) + dt.timedelta(seconds=1)


def _one_row(
    database: Database, sql: str, parameters: Mapping[str, object]
) -> dict[str, Any]:
    (row,) = database.query(sql, parameters, reads_all=True).to_arrow().to_pylist()
    return dict(row)


def _run(
    report: Report, database: Database, parameters: Mapping[str, object]
) -> ReportResult:
    try:
        result = query_report(report, database, parameters)
        table, count = read_rows(result, _READ_ROWS)
    except (
        AccessLakeError
    ) as error:  # of a text that nobody thought of: the other reports are worth a look
        return ReportResult(pa.table({}), NOTHING, str(error))
    excerpt = Excerpt(table.to_pylist(), count, is_cut=parameters.get("limit") == count)
    return ReportResult(table, excerpt)


__all__ = ["DAYS", "FIGURES", "Inspection", "ReportResult", "inspect_lake"]
