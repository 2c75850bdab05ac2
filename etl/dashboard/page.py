"""The dashboard: one page with figures, what is unusual, and the results of many reports; it fetches nothing."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from markupsafe import Markup

from etl.config import Settings
from etl.dashboard.cards import SHOWN_ROWS, Card, card_of, unbroken
from etl.dashboard.render import page_of
from etl.dashboard.tiles import Tile, place_tiles_of, tiles_of
from etl.findings import (
    FIGURES,
    Answer,
    Finding,
    Inspection,
    Window,
    chart_failed,
    inspect_lake,
    report_failed,
)
from etl.findings.inspection import Extent, no_records
from etl.query import Advance, Scope, left_out
from etl.query.scope import is_pattern
from etl.reports import Report, Section, load_reports
from etl.store import ReadableStore
from etl.text import safe_text

# About so many rows of a result, the first or the newest, are read for charts and for what is unusual.
_READ_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Notice:
    """A finding: its sentence, the report on the page that shows it, if one does, and the command that does."""

    text: Markup
    is_alarm: bool
    report: str
    command: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page, and what an index of pages tells of it."""

    html: str
    tiles: list[Tile]
    notices: list[Notice]


@dataclass(slots=True)
class _Steps:
    """How far the page is: its reports first, then what findings ask of others."""

    advance: Advance | None
    total: int
    done: int = 0

    def take(self, *_: int) -> None:
        """One more is done."""
        self.done += 1
        if self.advance:
            self.advance(self.done, self.total)


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

    `advance` is called with the number of questions that are asked, those of findings too, and of all.
    """
    return render_page(store, scope, settings, now, advance).html


def render_page(
    store: ReadableStore,
    scope: Scope,
    settings: Settings,
    now: dt.datetime,
    advance: Advance | None = None,
    *,
    extent: Extent | None = None,
    index: str | None = None,
    reports: Mapping[str, Report] | None = None,
) -> Page:
    """The page and its figures; see `render_dashboard`.

    Of a page that is one of several, `extent` is that of all, `index` is the name of their list, and `reports` are
    those that were loaded for all.
    """
    reports = load_reports() if reports is None else reports
    inspection = inspect_lake(store, scope, settings, now, reports, extent)
    if inspection.is_empty:
        raise no_records(store)
    sections = reports_by_section(reports.values())
    steps = _Steps(advance, sum(map(len, sections.values())) + inspection.questions)
    results = _query_all(sections, inspection, steps)
    figures, before = inspection.figures, inspection.figures_before
    period = inspection.period
    cards = _cards(sections, results, scope.buckets, period.until)
    findings = inspection.findings(_failures(results, cards), steps.take)
    notices = [_notice(finding, sections, store.url) for finding in findings]
    tiles = tiles_of(figures, before)
    tiles += place_tiles_of(inspection.places, inspection.places_before)
    shown = [card for card in chain.from_iterable(cards.values()) if card.rows]
    html = page_of(
        "dashboard.html",
        lake=safe_text(store.url),
        bucket=safe_text(", ".join(scope.buckets)) if scope.buckets else None,
        index=index,
        period=inspection.period_in_words,
        compared_with=inspection.compared_with,
        note=inspection.note,
        now=now,
        tiles=tiles,
        left_out=[safe_text(name) for name in left_out(reports[FIGURES].sql, settings)],
        unusual=notices,
        sections=cards,
        steps=sorted({step for card in shown for step in (card.width, card.room)}),
    )
    return Page(html, tiles, notices)


def _cards(
    sections: Mapping[Section, Iterable[Report]],
    results: Mapping[str, Answer],
    buckets: tuple[str, ...],
    until: dt.datetime | None,
) -> dict[Section, list[Card]]:
    cards = {}
    # A pattern may be of several.
    bucket = next(
        (name for name in buckets if len(buckets) == 1 and not is_pattern(name)), None
    )
    for section, reports in sections.items():
        found = [(report, results[report.name]) for report in reports]
        cards[section] = [
            card_of(report, result.table, result.excerpt, result.problem, bucket, until)
            for report, result in found
        ]
    return cards


def _query_all(
    sections: Mapping[Section, Iterable[Report]], inspection: Inspection, steps: _Steps
) -> dict[str, Answer]:
    """The result of each report of the page, over the period or all records up to its end."""
    results = {}
    for report in chain.from_iterable(sections.values()):
        results[report.name] = _query(report, inspection)
        steps.take()
    return results


def _query(report: Report, inspection: Inspection) -> Answer:
    offered = {"days": inspection.period.days, "limit": SHOWN_ROWS, "website": False}
    parameters = {name: value for name, value in offered.items() if name in report.params}
    reads_history = report.dashboard is not None and report.dashboard.history
    window = Window.HISTORY if reads_history else Window.PERIOD
    return inspection.result(report.name, parameters, window).first(_READ_ROWS)


def _failures(
    results: Mapping[str, Answer], cards: Mapping[Section, Iterable[Card]]
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
        text=unbroken(safe_text(finding.title)),
        is_alarm=finding.is_alarm,
        report=finding.report if finding.report in shown else "",
        command=safe_text(command),
    )
