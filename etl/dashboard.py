"""The dashboard: one page with figures, what is unusual, and the answers of many reports; it fetches nothing."""

import base64
import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from markupsafe import Markup

from etl.bundle import load_reports
from etl.chart import svg
from etl.config import Settings
from etl.errors import UsageError
from etl.figures import in_words
from etl.query import Database, Scope, check_scope
from etl.report import Report
from etl.report import answer as ask
from etl.resources import template, template_text
from etl.store import Store
from etl.unusual import Answer, find_unusual

DAYS = 7
"""The period where none is given: so many days up to the last one with records. A week, so that weekends cancel out."""
_ROWS = 100
"""What a table on the page shows at most, and what a report with a limit is asked for."""
_KEPT = 10_000
"""Rows of a report that are looked at for charts and for what is unusual."""
_FIGURES = "overview/figures"
_UNKNOWN = "no full period before"


@dataclass(frozen=True, slots=True)
class _Shown:
    """A report on the page."""

    name: str
    from_the_start: bool = False
    """It asks for the records before the period, too."""


SECTIONS: dict[str, tuple[_Shown, ...]] = {
    "Overview": (
        _Shown("operations/status_by_day"),
        _Shown("operations/buckets"),
        _Shown("operations/operation_counts"),
    ),
    "Website": (
        _Shown("website/requests_by_day"),
        _Shown("website/top_objects"),
        _Shown("website/response_codes"),
        _Shown("website/people_and_bots"),
        _Shown("website/user_agents"),
        _Shown("website/top_referrers"),
        _Shown("website/not_found_objects"),
        _Shown("website/broken_links"),
    ),
    "Lifecycle": (
        _Shown("lifecycle/events_by_day"),
        _Shown("lifecycle/operation_counts"),
        _Shown("lifecycle/transitions"),
        _Shown("lifecycle/deletions_by_actor"),
    ),
    "Security": (
        _Shown("security/access_denied_by_requester"),
        _Shown("security/anonymous_requests"),
        _Shown("security/configuration_changes"),
        _Shown("security/first_seen_requesters", from_the_start=True),
        _Shown("security/bulk_deletions"),
        _Shown("security/failure_bursts"),
        _Shown("security/large_downloads"),
        _Shown("security/insecure_transport"),
        _Shown("security/log_injection"),
    ),
    "Cost": (
        _Shown("cost/by_day"),
        _Shown("cost/requests_by_price_class"),
        _Shown("cost/egress_by_object"),
        _Shown("cost/egress_by_requester"),
        _Shown("cost/list_requests"),
        _Shown("cost/failed_requests"),
    ),
    "Operations": (
        _Shown("operations/latency"),
        _Shown("operations/errors_by_day"),
        _Shown("operations/error_codes"),
        _Shown("operations/server_errors"),
        _Shown("operations/delivery_lag"),
        _Shown("operations/completeness", from_the_start=True),
        _Shown("operations/rejects"),
        _Shown("operations/schema_drift"),
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
    """A table's cell: what is shown, what it is sorted by, and whether it is a number."""

    text: str
    sort: object
    is_number: bool


@dataclass(frozen=True, slots=True)
class Card:
    """A report's answer on the page."""

    report: Report
    columns: list[str]
    rows: list[list[Cell]]
    answer: Answer
    chart: Markup | None


def render_dashboard(store: Store, scope: Scope, settings: Settings, now: dt.datetime) -> str:
    """The page as HTML; without a period in `scope`, of the last week with records. Raises UsageError without any."""
    check_scope(store, scope)
    first, last = _period(store, scope, settings)
    length = last - first + dt.timedelta(days=1)
    database = Database(store, Scope(scope.bucket, first, last), settings)
    whole = Database(store, Scope(scope.bucket, None, last), settings)
    earlier = Database(store, Scope(scope.bucket, first - length, first - dt.timedelta(days=1)), settings)
    reports = load_reports()
    answers = {
        shown.name: _ask(reports[shown.name], whole if shown.from_the_start else database, length.days)
        for section in SECTIONS.values()
        for shown in section
    }
    figures = _figures(reports[_FIGURES], database)
    begun = _days(whole)["first"]
    before = {}
    if begun and begun <= first - length:
        before = _figures(reports[_FIGURES], earlier) or dict.fromkeys(figures, 0)
    days_old = 0 if scope.date_to else (now.date() - last).days
    page = template("dashboard.html")
    style, script = (template_text(name) for name in ("dashboard.css", "dashboard.js"))
    return str(
        page.render(
            lake=store.url,
            bucket=scope.bucket,
            first=first,
            last=last,
            days=length.days,
            now=now,
            tiles=_tiles(figures, before),
            unusual=find_unusual(figures, before, {name: one.answer for name, one in answers.items()}, days_old),
            sections={
                name: [_card(reports[shown.name], answers[shown.name]) for shown in section]
                for name, section in SECTIONS.items()
            },
            style=Markup(style),  # noqa: S704 - our own
            script=Markup(script),  # noqa: S704
            style_hash=_csp_hash(style),
            script_hash=_csp_hash(script),
        )
    )


def _period(store: Store, scope: Scope, settings: Settings) -> tuple[dt.date, dt.date]:
    newest = _days(Database(store, scope, settings))["last"]
    if newest is None:
        raise UsageError(
            f"{store.url} holds no records of this bucket and period; `accesslake status` says what it holds"
        )
    last = scope.date_to or newest
    return scope.date_from or last - dt.timedelta(days=DAYS - 1), last


def _days(database: Database) -> dict[str, dt.date | None]:
    """The first and the last day with records."""
    held = database.query("SELECT min(date) AS first, max(date) AS last FROM access_log")
    return dict(held.to_arrow().to_pylist()[0])


@dataclass(frozen=True, slots=True)
class _Asked:
    """A report's first rows, as a table for its chart and as an answer."""

    table: pa.Table
    answer: Answer


def _ask(report: Report, database: Database, days: int) -> _Asked:
    wanted = {"days": days, "limit": _ROWS, "website": False}
    given = {name: value for name, value in wanted.items() if name in report.params}
    result = ask(report, database, given)
    kept, count = [], 0
    for batch in result.batches():
        if count < _KEPT:
            kept.append(batch)
        count += batch.num_rows
    table = pa.Table.from_batches(kept, result.schema)
    return _Asked(table, Answer(table.to_pylist(), count, is_cut=given.get("limit") == count))


def _figures(report: Report, database: Database) -> dict[str, Any]:
    """The report's one row; empty where the period has no records."""
    return next(iter(ask(report, database).to_arrow().to_pylist()), {})


def _tiles(figures: Mapping[str, Any], before: Mapping[str, Any]) -> list[Tile]:
    return [
        Tile(words, in_words(name, figures.get(name)), _change(name, figures.get(name), before) if before else _UNKNOWN)
        for name, words in _TILES.items()
    ]


def _change(name: str, new: float | None, before: Mapping[str, Any]) -> str:
    new, old = new or 0, before[name] or 0
    if new == old:
        return "as before"
    if name.endswith("percent"):
        return f"{new - old:+.1f} points"
    return f"{(new - old) / old:+,.0%}" if old else "none before"


def _card(report: Report, asked: _Asked) -> Card:
    columns, rows = asked.table.column_names, asked.answer.rows[:_ROWS]
    chart = svg(report.chart, asked.table) if report.chart and rows else None
    return Card(
        report=report,
        columns=columns,
        rows=[[_cell(name, row[name]) for name in columns] for row in rows],
        answer=asked.answer,
        chart=None if chart is None else Markup(chart),  # noqa: S704 - vl-convert escapes texts
    )


def _cell(name: str, value: object) -> Cell:
    is_number = isinstance(value, (int, float))
    return Cell(in_words(name, value), value if is_number else None, is_number)


def _csp_hash(text: str) -> str:
    """How a Content-Security-Policy names this one inline text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
