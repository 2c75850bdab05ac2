"""The dashboard: one page with figures, what is unusual, and the results of many reports; it fetches nothing."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import pyarrow as pa
from markupsafe import Markup

from etl.config import Settings
from etl.dates import FIRST_DAY, shifted
from etl.errors import AccessLakeError, UsageError
from etl.findings import FIGURES, Excerpt, Notice, find_unusual
from etl.query import (
    Advance,
    Database,
    Scope,
    check_days,
    left_out,
    period_before,
)
from etl.reports import (
    ChartError,
    Report,
    Section,
    csp_hash,
    load_reports,
    query_report,
    svg,
)
from etl.resources import template, template_text
from etl.store import ReadableStore
from etl.text import in_words, safe_text

DAYS = 7
"""The period where none is given: so many days up to the last one with records. A week, so that weekends cancel out."""
# What a table on the page shows at most, and the limit of a report that has one.
_SHOWN_ROWS = 100
# About so many rows of a result, the first, are read for charts and for what is unusual.
_READ_ROWS = 10_000
_UNKNOWN = "no full period before"
# Of a figure that nobody knows, such as how many people are behind CloudFront.
_NOT_COUNTED = "not known"

# The figures at the top of the page, and what they are called.
_TILES = {
    "requests": "Requests",
    "error_percent": "Errors",
    "bytes_sent": "Bytes sent",
    "visitors": "Visitors",
    "expired": "Expired objects",
    "rejects": "Rejects",
    "lag_minutes": "Delivery lag (p95)",
}


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure at the top of the page, and how it changed against the period before."""

    name: str
    value: str
    change: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A table's cell: what is shown, and the number by which it is sorted, where it is one."""

    text: str
    number: float | None


@dataclass(frozen=True, slots=True)
class Card:
    """A report's result on the page."""

    report: Report
    columns: list[str]
    rows: list[list[Cell]]
    excerpt: Excerpt
    problem: str | None
    chart_problem: str | None
    chart: Markup | None


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
    check_days(scope)
    # All that the page needs is listed and read for it; the other databases are parts of this one.
    history = Database(store, scope.until_its_end(), settings)
    begun, newest = _days(history, scope.date_to or now.date() + dt.timedelta(days=1))
    if begun is None or newest is None or (scope.date_from and newest < scope.date_from):
        raise UsageError(
            f"{store.url}: no records of this bucket and period; `accesslake status` says what there is"
        )
    last = scope.date_to or newest
    first = scope.date_from or shifted(last, 1 - DAYS)
    length = last - first + dt.timedelta(days=1)
    period = scope.within_days(first, last)
    database = history.within(period)
    reports = load_reports()
    sections = reports_by_section(reports.values())
    results = _query_all(sections, database, history, length.days, advance)
    results[FIGURES] = _query(reports[FIGURES], database, length.days)
    figures = _first_row(results[FIGURES])
    before: dict[str, Any] = {}
    if begun <= shifted(first, -length.days):
        earlier = history.within(period_before(period))
        result = _query(reports[FIGURES], earlier, length.days)
        before = _figures_before(result, figures)
    cards = _cards(sections, results)
    # Of a period that was chosen it is no news that it is over.
    days_old = 0 if scope.date_to else (now.date() - last).days
    return _html(
        lake=safe_text(store.url),
        bucket=safe_text(", ".join(scope.buckets)) if scope.buckets else None,
        first=period.time_from or first,
        last=period.time_before or last,
        days=length.days,
        now=now,
        tiles=_tiles(figures, before),
        left_out=[safe_text(name) for name in left_out(reports[FIGURES].sql, settings)],
        unusual=_notices(results, before, cards, days_old),
        sections=cards,
    )


def _html(**contents: Any) -> str:
    """The page with these contents; its policy allows no style and no script but its own."""
    page = template("dashboard", "dashboard.html")
    style, script = (
        template_text("dashboard", name) for name in ("dashboard.css", "dashboard.js")
    )
    html = page.render(
        **contents,
        style=Markup(style),  # noqa: S704 - our own
        script=Markup(script),  # noqa: S704
        style_hash=csp_hash(style),
        script_hash=csp_hash(script),
    )
    return str(html)


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
    offered = {"days": days, "limit": _SHOWN_ROWS, "website": False}
    parameters = {name: value for name, value in offered.items() if name in report.params}
    batches, count = [], 0
    try:
        result = query_report(report, database, parameters)
        for batch in result.batches():
            if count < _READ_ROWS:
                batches.append(batch)
            count += batch.num_rows
    except (
        AccessLakeError
    ) as error:  # of a text that nobody thought of: the other reports are worth a page
        return _ReportResult(pa.table({}), Excerpt([], 0), str(error))
    table = pa.Table.from_batches(batches, result.schema)
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


def _tiles(figures: Mapping[str, Any], before: Mapping[str, Any]) -> list[Tile]:
    tiles = []
    for name, label in _TILES.items():
        value = figures.get(name)
        change = _change(name, value, before) if before else _UNKNOWN
        tiles.append(Tile(label, in_words(name, value), change))
    return tiles


def _change(name: str, new: float | None, before: Mapping[str, Any]) -> str:
    if name == "visitors" and None in (new, before.get(name, 0)):
        return _NOT_COUNTED
    new, old = new or 0, before.get(name) or 0
    if new == old:
        return "as before"
    if name.endswith("percent"):
        return f"{new - old:+.1f} points"
    return f"{(new - old) / old:+,.0%}" if old else "none before"


def _cards(
    sections: Mapping[Section, Iterable[Report]], results: Mapping[str, _ReportResult]
) -> dict[Section, list[Card]]:
    cards = {}
    for section, reports in sections.items():
        cards[section] = [_card(report, results[report.name]) for report in reports]
    return cards


def _card(report: Report, result: _ReportResult) -> Card:
    columns = result.table.column_names
    rows = result.excerpt.rows[:_SHOWN_ROWS]
    problem = None if result.problem is None else safe_text(result.problem)
    chart, chart_problem = _chart(report, result.table)
    return Card(
        report=report,
        columns=columns,
        rows=[_cells(columns, row) for row in rows],
        excerpt=result.excerpt,
        problem=problem,
        chart_problem=chart_problem,
        chart=chart,
    )


def _chart(report: Report, table: pa.Table) -> tuple[Markup | None, str | None]:
    """The chart of a result that has rows, or why it cannot be drawn: the table is worth its place without it."""
    if report.chart is None or not table.num_rows:
        return None, None
    try:
        return Markup(svg(report.chart, table)), None  # noqa: S704 - vl-convert escapes texts
    except ChartError as error:
        return None, safe_text(error)


def _cells(columns: Iterable[str], row: Mapping[str, Any]) -> list[Cell]:
    return [_cell(name, row[name]) for name in columns]


def _cell(name: str, value: object) -> Cell:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return Cell(in_words(name, value), value if is_number else None)  # type: ignore[arg-type]
