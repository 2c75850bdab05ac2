"""The dashboard: one page with figures, what is unusual, and the answers of many reports; it fetches nothing."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from markupsafe import Markup

from etl.config import Settings
from etl.dashboard.findings import Answer, Notice, find_unusual
from etl.dates import FIRST_DAY, shifted
from etl.errors import AccessLakeError, UsageError
from etl.query import Database, Scope, check_scope
from etl.reports import ChartError, Report, csp_hash, load_reports, svg
from etl.reports import answer as ask
from etl.resources import template, template_text
from etl.store import ReadableStore
from etl.text import in_words, safe_text

DAYS = 7
"""The period where none is given: so many days up to the last one with records. A week, so that weekends cancel out."""
_ROWS = 100
"""What a table on the page shows at most, and what a report with a limit is asked for."""
_KEPT = 10_000
"""About so many rows of a report, the first, are looked at for charts and for what is unusual."""
_FIGURES = "overview/figures"
_UNKNOWN = "no full period before"


_FROM_THE_START = frozenset({"security/first_seen_requesters", "operations/completeness"})
"""Reports that ask for the records before the period, too."""
SECTIONS: dict[str, tuple[str, ...]] = {
    "Overview": (
        "operations/status_by_day",
        "operations/buckets",
        "operations/operation_counts",
    ),
    "Website": (
        "website/requests_by_day",
        "website/top_objects",
        "website/response_codes",
        "website/people_and_bots",
        "website/user_agents",
        "website/top_referrers",
        "website/not_found_objects",
        "website/broken_links",
    ),
    "Lifecycle": (
        "lifecycle/events_by_day",
        "lifecycle/operation_counts",
        "lifecycle/transitions",
        "lifecycle/deletions_by_actor",
    ),
    "Security": (
        "security/access_denied_by_requester",
        "security/anonymous_requests",
        "security/configuration_changes",
        "security/first_seen_requesters",
        "security/bulk_deletions",
        "security/failure_bursts",
        "security/large_downloads",
        "security/insecure_transport",
        "security/log_injection",
    ),
    "Cost": (
        "cost/by_day",
        "cost/requests_by_price_class",
        "cost/egress_by_object",
        "cost/egress_by_requester",
        "cost/list_requests",
        "cost/failed_requests",
    ),
    "Operations": (
        "operations/latency",
        "operations/errors_by_day",
        "operations/error_codes",
        "operations/server_errors",
        "operations/delivery_lag",
        "operations/completeness",
        "operations/rejects",
        "operations/schema_drift",
    ),
}


_TILES = {
    "requests": "Requests",
    "error_percent": "Errors",
    "bytes_sent": "Bytes sent",
    "visitors": "Visitors",
    "expired": "Expired objects",
    "rejects": "Rejects",
    "lag_minutes": "Delivery lag (p95)",
}
"""The figures at the top of the page, and what they are called."""


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
    """A report's answer on the page."""

    report: Report
    columns: list[str]
    rows: list[list[Cell]]
    answer: Answer
    problem: str | None
    chart_problem: str | None
    chart: Markup | None


def render_dashboard(store: ReadableStore, scope: Scope, settings: Settings, now: dt.datetime) -> str:
    """The page as HTML; without a period in `scope`, of the last week with records. Raises UsageError without any."""
    check_scope(store, scope)
    whole = Database(store, Scope(scope.bucket, None, scope.date_to), settings)
    begun, newest = _days(whole, scope.date_to or now.date() + dt.timedelta(days=1))
    if begun is None or newest is None or (scope.date_from and newest < scope.date_from):
        raise UsageError(f"{store.url}: no records of this bucket and period; `accesslake status` says what there is")
    last = scope.date_to or newest
    first = scope.date_from or shifted(last, 1 - DAYS)
    length = last - first + dt.timedelta(days=1)
    database = Database(store, Scope(scope.bucket, first, last), settings)
    earlier = Database(store, Scope(scope.bucket, shifted(first, -length.days), shifted(first, -1)), settings)
    reports = load_reports()
    answers = {
        name: _ask(reports[name], whole if name in _FROM_THE_START else database, length.days)
        for section in SECTIONS.values()
        for name in section
    }
    answers[_FIGURES] = _ask(reports[_FIGURES], database, length.days)
    figures, before = _first_row(answers[_FIGURES]), {}
    if begun <= shifted(first, -length.days):
        asked = _ask(reports[_FIGURES], earlier, length.days)
        before = _first_row(asked) if asked.problem else _first_row(asked) or dict.fromkeys(figures, 0)
    cards = {name: _card(reports[name], answers[name]) for names in SECTIONS.values() for name in names}
    days_old = 0 if scope.date_to else (now.date() - last).days
    page = template("dashboard", "dashboard.html")
    style, script = (template_text("dashboard", name) for name in ("dashboard.css", "dashboard.js"))
    return str(
        page.render(
            lake=safe_text(store.url),
            bucket=safe_text(scope.bucket) if scope.bucket else None,
            first=first,
            last=last,
            days=length.days,
            now=now,
            tiles=_tiles(figures, before),
            unusual=_notices(figures, before, answers, cards.values(), days_old),
            sections={title: [cards[name] for name in names] for title, names in SECTIONS.items()},
            style=Markup(style),  # noqa: S704 - our own
            script=Markup(script),  # noqa: S704
            style_hash=csp_hash(style),
            script_hash=csp_hash(script),
        )
    )


def _notices(
    figures: Mapping[str, Any],
    before: Mapping[str, Any],
    answers: Mapping[str, "_Asked"],
    cards: Iterable[Card],
    days_old: int,
) -> list[Notice]:
    """What is unusual, and first of all what could not be answered or drawn: that is no answer, neither."""
    failed = [
        Notice(f"{name} could not be answered.", name, is_alarm=True) for name in answers if answers[name].problem
    ]
    failed += [Notice(f"{one.report.name} could not be drawn.", one.report.name) for one in cards if one.chart_problem]
    usable = {name: one.answer for name, one in answers.items()}
    return [
        replace(one, text=safe_text(one.text)) for one in (*failed, *find_unusual(figures, before, usable, days_old))
    ]


def _days(database: Database, latest: dt.date) -> tuple[dt.date | None, dt.date | None]:
    """The first and the last day with records, of those that can be right: somebody may have invented others."""
    sql = "SELECT min(date) AS first, max(date) AS last FROM access_log WHERE date BETWEEN $earliest AND $latest"
    (held,) = database.query(sql, {"earliest": FIRST_DAY, "latest": latest}).to_arrow().to_pylist()
    return held["first"], held["last"]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A report's first rows, as a table for its chart and as an answer; or why it has none."""

    table: pa.Table
    answer: Answer
    problem: str | None = None


def _ask(report: Report, database: Database, days: int) -> _Asked:
    wanted = {"days": days, "limit": _ROWS, "website": False}
    given = {name: value for name, value in wanted.items() if name in report.params}
    kept, count = [], 0
    try:
        result = ask(report, database, given)
        for batch in result.batches():
            if count < _KEPT:
                kept.append(batch)
            count += batch.num_rows
    except AccessLakeError as error:  # of a text that nobody thought of: the other reports are worth a page
        return _Asked(pa.table({}), Answer([], 0), str(error))
    table = pa.Table.from_batches(kept, result.schema)
    return _Asked(table, Answer(table.to_pylist(), count, is_cut=given.get("limit") == count))


def _first_row(asked: _Asked) -> dict[str, Any]:
    """The one row of a report of figures; empty where the period has no records."""
    return dict(next(iter(asked.answer.rows), {}))


def _tiles(figures: Mapping[str, Any], before: Mapping[str, Any]) -> list[Tile]:
    return [
        Tile(words, in_words(name, figures.get(name)), _change(name, figures.get(name), before) if before else _UNKNOWN)
        for name, words in _TILES.items()
    ]


def _change(name: str, new: float | None, before: Mapping[str, Any]) -> str:
    new, old = new or 0, before.get(name) or 0
    if new == old:
        return "as before"
    if name.endswith("percent"):
        return f"{new - old:+.1f} points"
    return f"{(new - old) / old:+,.0%}" if old else "none before"


def _card(report: Report, asked: _Asked) -> Card:
    columns, rows = asked.table.column_names, asked.answer.rows[:_ROWS]
    chart, chart_problem = None, None
    try:
        chart = svg(report.chart, asked.table) if report.chart and rows else None
    except ChartError as error:
        chart_problem = safe_text(error)
    return Card(
        report=report,
        columns=columns,
        rows=[[_cell(name, row[name]) for name in columns] for row in rows],
        answer=asked.answer,
        problem=None if asked.problem is None else safe_text(asked.problem),
        chart_problem=chart_problem,
        chart=None if chart is None else Markup(chart),  # noqa: S704 - vl-convert escapes texts
    )


def _cell(name: str, value: object) -> Cell:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return Cell(in_words(name, value), value if is_number else None)  # type: ignore[arg-type]
