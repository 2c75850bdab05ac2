"""The dashboard: one page with figures, what is unusual, and the results of many reports; it fetches nothing."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pyarrow as pa
from markupsafe import Markup

from etl.config import Settings
from etl.findings import (
    FIGURES,
    Excerpt,
    Finding,
    Inspection,
    ReportResult,
    Window,
    chart_failed,
    inspect_lake,
    report_failed,
)
from etl.query import Advance, Scope, left_out
from etl.reports import (
    ChartError,
    Report,
    Section,
    csp_hash,
    load_reports,
    svg,
)
from etl.resources import template, template_text
from etl.store import ReadableStore
from etl.text import in_words, safe_text

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
class Notice:
    """A finding: its sentence, the report on the page that shows it, if one does, and the command that does."""

    text: str
    is_alarm: bool
    report: str
    command: str


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
    reports = load_reports()
    inspection = inspect_lake(store, scope, settings, now, reports)
    sections = reports_by_section(reports.values())
    results = _query_all(sections, inspection, advance)
    figures, before = inspection.figures, inspection.figures_before
    period = inspection.period
    cards = _cards(sections, results)
    findings = inspection.findings(_failures(results, cards))
    return _html(
        lake=safe_text(store.url),
        bucket=safe_text(", ".join(scope.buckets)) if scope.buckets else None,
        first=scope.time_from or period.first,
        last=scope.time_before or period.last,
        days=period.days,
        now=now,
        tiles=_tiles(figures, before),
        left_out=[safe_text(name) for name in left_out(reports[FIGURES].sql, settings)],
        unusual=[_notice(finding, sections, store.url) for finding in findings],
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


def _query_all(
    sections: Mapping[Section, Iterable[Report]],
    inspection: Inspection,
    advance: Advance | None,
) -> dict[str, ReportResult]:
    """The result of each report of the page, over the period or all records up to its end."""
    reports = list(chain.from_iterable(sections.values()))
    results = {}
    for done, report in enumerate(reports, 1):
        results[report.name] = _query(report, inspection)
        if advance:
            advance(done, len(reports))
    return results


def _query(report: Report, inspection: Inspection) -> ReportResult:
    offered = {"days": inspection.period.days, "limit": _SHOWN_ROWS, "website": False}
    parameters = {name: value for name, value in offered.items() if name in report.params}
    reads_history = report.dashboard is not None and report.dashboard.history
    window = Window.HISTORY if reads_history else Window.PERIOD
    return inspection.result(report.name, parameters, window).first(_READ_ROWS)


def _failures(
    results: Mapping[str, ReportResult], cards: Mapping[Section, Iterable[Card]]
) -> Iterator[Finding]:
    """What failed or could not be drawn: an empty card is no good news."""
    for name, result in results.items():
        if result.problem:
            yield report_failed(name, result.problem)
    for card in chain.from_iterable(cards.values()):
        if card.chart_problem:
            yield chart_failed(card.report.name, card.chart_problem)


def _notice(
    finding: Finding, sections: Mapping[Section, Iterable[Report]], lake: str
) -> Notice:
    """A finding as the page shows it; names in it come from logs, and are untrusted text."""
    shown = {report.name for report in chain.from_iterable(sections.values())}
    command = finding.query.command(lake) if finding.query else ""
    return Notice(
        text=safe_text(finding.title),
        is_alarm=finding.is_alarm,
        report=finding.report if finding.report in shown else "",
        command=safe_text(command),
    )


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
    sections: Mapping[Section, Iterable[Report]], results: Mapping[str, ReportResult]
) -> dict[Section, list[Card]]:
    cards = {}
    for section, reports in sections.items():
        cards[section] = [_card(report, results[report.name]) for report in reports]
    return cards


def _card(report: Report, result: ReportResult) -> Card:
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
