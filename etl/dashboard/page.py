"""The dashboard: one page with figures, what is unusual, and the results of many reports; it fetches nothing."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import pyarrow as pa

from etl.config import Settings
from etl.dashboard.cards import SHOWN_ROWS, Card, card_of, sizes_of
from etl.dashboard.render import page_of
from etl.dashboard.series import read_rows
from etl.dashboard.tiles import Tile, tiles_of
from etl.dates import FIRST_DAY, shifted
from etl.errors import AccessLakeError, UsageError
from etl.findings import FIGURES, Excerpt, Notice, find_unusual
from etl.query import Advance, Database, Scope, check_days, left_out
from etl.reports import Report, Section, load_reports, query_report
from etl.store import ReadableStore
from etl.text import safe_text

DAYS = 7
"""The period where none is given: so many days up to the last one with records. A week, so that weekends cancel out."""
# About so many rows of a result, the first or the newest, are read for charts and for what is unusual.
_READ_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Page:
    """A page, and what an index of pages tells of it."""

    html: str
    tiles: list[Tile]
    notices: list[Notice]


def reports_by_section(reports: Iterable[Report]) -> dict[Section, list[Report]]:
    """The reports that are on the page, in its order, as their front matter places them."""
    placed = [(report.dashboard, report) for report in reports if report.dashboard]
    placed.sort(key=lambda pair: (pair[0].position, pair[1].name))
    sections: dict[Section, list[Report]] = {section: [] for section in Section}
    for placement, report in placed:
        sections[placement.section].append(report)
    return sections


def render_dashboard(
    store: ReadableStore,
    scope: Scope,
    settings: Settings,
    now: dt.datetime,
    advance: Advance | None = None,
) -> str:
    """The page as HTML; without a period in `scope`, of the last week with records. Raises UsageError without any.

    `advance` is called with the number of reports that are done, and of all on the page.
    """
    return render_page(store, scope, settings, now, advance).html


def render_page(
    store: ReadableStore,
    scope: Scope,
    settings: Settings,
    now: dt.datetime,
    advance: Advance | None = None,
    *,
    whole: Database | None = None,
    index: str | None = None,
) -> Page:
    """The page and its figures; see `render_dashboard`.

    Of a page that is one of several, `whole` has the records of all, and `index` is the name of their list.
    """
    check_days(scope)
    # All that the page needs is listed and read for it; the other databases are parts of this one.
    until = Scope(scope.bucket, None, scope.date_to)
    history = whole.within(until) if whole else Database(store, until, settings)
    begun, newest = _days(history, latest_day(scope, now))
    if begun is None or newest is None or (scope.date_from and newest < scope.date_from):
        raise no_records(store)
    last = scope.date_to or newest
    first = scope.date_from or shifted(last, 1 - DAYS)
    length = last - first + dt.timedelta(days=1)
    database = history.within(Scope(scope.bucket, first, last))
    reports = load_reports()
    sections = reports_by_section(reports.values())
    results = _query_all(sections, database, history, length.days, advance)
    results[FIGURES] = _query(reports[FIGURES], database, length.days)
    figures = _first_row(results[FIGURES])
    before: dict[str, Any] = {}
    if begun <= (first_before := shifted(first, -length.days)):
        earlier = history.within(Scope(scope.bucket, first_before, shifted(first, -1)))
        result = _query(reports[FIGURES], earlier, length.days)
        before = _figures_before(result, figures)
    cards = _cards(sections, results, scope.bucket)
    # Of a period that was chosen it is no news that it is over.
    days_old = 0 if scope.date_to else (now.date() - last).days
    notices = _notices(results, before, cards, days_old)
    tiles = tiles_of(figures, before)
    html = page_of(
        "dashboard.html",
        lake=safe_text(store.url),
        bucket=safe_text(scope.bucket) if scope.bucket else None,
        index=index,
        first=first,
        last=last,
        days=length.days,
        is_compared=bool(before),
        now=now,
        tiles=tiles,
        left_out=[safe_text(name) for name in left_out(reports[FIGURES].sql, settings)],
        unusual=notices,
        sections=cards,
        sizes_of=sizes_of,
    )
    return Page(html, tiles, notices)


def latest_day(scope: Scope, now: dt.datetime) -> dt.date:
    """The last day that can be right, where somebody may have invented others."""
    return scope.date_to or now.date() + dt.timedelta(days=1)


def no_records(store: ReadableStore) -> UsageError:
    return UsageError(
        f"{store.url}: no records of this bucket and period; `accesslake status` says what there is"
    )


def _cards(
    sections: Mapping[Section, Iterable[Report]],
    results: Mapping[str, "_ReportResult"],
    bucket: str | None,
) -> dict[Section, list[Card]]:
    cards = {}
    for section, reports in sections.items():
        found = [(report, results[report.name]) for report in reports]
        cards[section] = [
            card_of(report, result.table, result.excerpt, result.problem, bucket)
            for report, result in found
        ]
    return cards


def _days(database: Database, latest: dt.date) -> tuple[dt.date | None, dt.date | None]:
    """The first and the last day with records, of those that can be right: somebody may have invented others."""
    sql = "SELECT min(date) AS first, max(date) AS last FROM access_log WHERE date BETWEEN $earliest AND $latest"
    (row,) = (
        database.query(sql, {"earliest": FIRST_DAY, "latest": latest}, reads_all=True)
        .to_arrow()
        .to_pylist()
    )
    return row["first"], row["last"]


@dataclass(frozen=True, slots=True)
class _ReportResult:
    """A report's first rows, as a table for its chart and as an excerpt; or why there are none."""

    table: pa.Table
    excerpt: Excerpt
    problem: str | None = None


def _query_all(
    sections: Mapping[Section, Iterable[Report]],
    database: Database,
    history: Database,
    days: int,
    advance: Advance | None,
) -> dict[str, _ReportResult]:
    """The result of each report of the page, over the period or all records up to its end."""
    reports = list(chain.from_iterable(sections.values()))
    results = {}
    for done, report in enumerate(reports, 1):
        reads_history = report.dashboard is not None and report.dashboard.history
        results[report.name] = _query(
            report, history if reads_history else database, days
        )
        if advance:
            advance(done, len(reports))
    return results


def _query(report: Report, database: Database, days: int) -> _ReportResult:
    offered = {"days": days, "limit": SHOWN_ROWS, "website": False}
    parameters = {name: value for name, value in offered.items() if name in report.params}
    try:
        result = query_report(report, database, parameters)
        table, count = read_rows(result, _READ_ROWS)
    except (
        AccessLakeError
    ) as error:  # of a text that nobody thought of: the other reports are worth a page
        return _ReportResult(pa.table({}), Excerpt([], 0), str(error))
    excerpt = Excerpt(table.to_pylist(), count, is_cut=parameters.get("limit") == count)
    return _ReportResult(table, excerpt)


def _first_row(result: _ReportResult) -> dict[str, Any]:
    """The one row of a report of figures; empty where the period has no records."""
    return dict(next(iter(result.excerpt.rows), {}))


def _figures_before(result: _ReportResult, figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of the period before: zeros where it has no records, none where they could not be queried."""
    row = _first_row(result)
    return row if row or result.problem else dict.fromkeys(figures, 0)


def _notices(
    results: Mapping[str, _ReportResult],
    before: Mapping[str, Any],
    cards: Mapping[Section, Iterable[Card]],
    days_old: int,
) -> list[Notice]:
    """What is unusual, and first of all what failed or could not be drawn: an empty card is no good news."""
    excerpts = {name: result.excerpt for name, result in results.items()}
    unusual = find_unusual(_first_row(results[FIGURES]), before, excerpts, days_old)
    notices = [*_failed_queries(results), *_failed_charts(cards), *unusual]
    # They quote names from logs, which are untrusted text.
    return [replace(notice, text=safe_text(notice.text)) for notice in notices]


def _failed_queries(results: Mapping[str, _ReportResult]) -> Iterator[Notice]:
    for name, result in results.items():
        if result.problem:
            yield Notice(f"{name} failed.", name, is_alarm=True)


def _failed_charts(cards: Mapping[Section, Iterable[Card]]) -> Iterator[Notice]:
    for card in chain.from_iterable(cards.values()):
        if card.chart_problem:
            yield Notice(f"{card.report.name} could not be drawn.", card.report.name)
