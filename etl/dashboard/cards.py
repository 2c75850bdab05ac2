"""What the page shows of each report: its chart, its most important columns first, and the newest end of a series."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
from markupsafe import Markup

from etl.findings import Excerpt
from etl.findings.series import is_by_time
from etl.reports import ChartError, Report, svg
from etl.reports.chart import Chart
from etl.text import in_words, safe_text

SHOWN_ROWS = 100
"""A table on the page shows so many rows at most; it is also the limit of a report that has one."""
STEPS: tuple[int, ...] = (*range(12, 60, 4), *range(60, 121, 10))
"""Widths in rem that a table may need. On less than that, each of its rows is a list of names and values."""
# The widths that a card of one and of two columns of the page has for its table, in rem.
_NARROW, _WIDE = 24, 54
# In rem: a character of a table, the space around a cell, and a chart beside the table.
_CHARACTER, _PADDING, _CHART = 0.54, 1.0, 21.5
# A longer text is broken into lines of at least so many characters.
_LINE = 16
_WHO = ("principal", "requester")


@dataclass(frozen=True, slots=True)
class Cell:
    """A table's cell: what is shown, and the number by which it is sorted, where it is one."""

    text: str
    number: float | None
    is_long: bool


@dataclass(frozen=True, slots=True)
class Card:
    """A report's result on the page."""

    report: Report
    columns: list[str]
    rows: list[list[Cell]]
    problem: str | None
    chart_problem: str | None
    chart: Markup | None
    extent: str | None
    """Which rows these are, where they are not all."""
    is_series: bool
    """Whether the rows are in the order of time, so that the last are the newest."""

    @property
    def is_empty(self) -> bool:
        return not self.rows and not self.problem

    @property
    def are_numbers(self) -> list[bool]:
        """Of each column, whether it has numbers; where it has none in a row, there is a dash."""
        return [
            any(row[position].number is not None for row in self.rows)
            for position in range(len(self.columns))
        ]

    @property
    def width(self) -> int:
        """The width that the table needs in rem, as one of STEPS."""
        cells = zip(*self.rows, strict=True) if self.rows else ()
        columns = zip(self.columns, cells, strict=False)
        return step_of(sum(_width(name, column) for name, column in columns))

    @property
    def size(self) -> str:
        """How many columns of the page it takes: `narrow`, `wide` or `full`."""
        if self.width <= _NARROW or len(self.rows) == 1:
            return "narrow"
        width = self.width + (_CHART if self.chart else 0)
        return "wide" if width <= _WIDE else "full"


def sizes_of(cards: Iterable[Card]) -> dict[str, str]:
    """The size of each card of a section, by its report; `tall` are narrow ones with a chart above their table.

    A tall one takes two rows of the page. Where there are too few others to fill the place beside it, it has its chart
    beside the table, and is wide.
    """
    shown = [card for card in cards if not card.is_empty]
    sizes = {card.report.name: card.size for card in shown}
    tall = [card.report.name for card in shown if card.chart and card.size == "narrow"]
    small = [name for name, size in sizes.items() if size != "full"]
    has_neighbors = len(small) > 2 * len(tall)
    return sizes | dict.fromkeys(tall, "narrow tall" if has_neighbors else "wide")


def card_of(
    report: Report,
    table: pa.Table,
    excerpt: Excerpt,
    problem: str | None,
    bucket: str | None = None,
    until: dt.datetime | None = None,
) -> Card:
    """The card of a report: of the rows that were read, an excerpt of its result, and why it failed, if it did.

    That of a page about one `bucket` does not repeat its name in each row. `until` is the time of the newest record
    where the last day is not over: charts draw it as open.
    """
    is_series = is_by_time(table)
    rows = excerpt.rows[-SHOWN_ROWS:] if is_series else excerpt.rows[:SHOWN_ROWS]
    columns = _in_order(table.column_names, report.chart, bucket)
    chart, chart_problem = _chart(report, table, until)
    return Card(
        report=report,
        columns=columns,
        rows=[[_cell(name, row[name]) for name in columns] for row in rows],
        problem=None if problem is None else safe_text(problem),
        chart_problem=chart_problem,
        chart=chart,
        extent=_extent(len(rows), excerpt, is_series=is_series),
        is_series=is_series,
    )


def _extent(shown: int, excerpt: Excerpt, *, is_series: bool) -> str | None:
    if is_series and excerpt.count > shown:
        return f"The last {shown} of {excerpt.count:,} rows, the newest at the end."
    if excerpt.is_cut:
        return f"The first {shown} rows."
    if excerpt.count > shown:
        return f"The first {shown} of {excerpt.count:,} rows."
    return None


def _in_order(columns: list[str], chart: Chart | None, bucket: str | None) -> list[str]:
    """The columns with the important ones first: those of the chart, or whoever it was."""
    of_chart = (chart.label, chart.series, chart.value) if chart else ()
    names = of_chart or (*columns[:1], *_WHO)
    first = [name for name in names if name in columns]
    ordered = list(dict.fromkeys([*first, *columns]))
    if bucket is not None and len(ordered) > 1:
        ordered = [name for name in ordered if name != "bucket"]
    return ordered


def _chart(
    report: Report, table: pa.Table, until: dt.datetime | None
) -> tuple[Markup | None, str | None]:
    """The chart of a result, or why it cannot be drawn; none where it would have a single bar or point."""
    if report.chart is None or not _has_shape(report.chart, table):
        return None, None
    try:
        image = svg(report.chart, table, until=until)
        return Markup(image), None  # noqa: S704 - vl-convert escapes texts
    except ChartError as error:
        return None, safe_text(error)


def _has_shape(chart: Chart, table: pa.Table) -> bool:
    """Whether there is something to compare: two labels or more."""
    return table.num_rows > 1 and len(table[chart.label].unique()) > 1


def _cell(name: str, value: object) -> Cell:
    text = in_words(name, value)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number:
        return Cell(text, value, is_long=False)  # type: ignore[arg-type]
    return Cell(text, None, isinstance(value, str) and len(text) > _LINE)


def _width(name: str, cells: Iterable[Cell]) -> float:
    longest_cell = max(_LINE if cell.is_long else len(cell.text) for cell in cells)
    return column_width(name.replace("_", " "), longest_cell)


def column_width(header: str, longest_cell: int) -> float:
    """What a column needs, in rem; a header is broken between its words."""
    longest_word = max(len(word) for word in header.split(" "))
    # The arrow of the column by which the table is sorted has its place, too.
    return max(longest_word + 1, longest_cell) * _CHARACTER + _PADDING


def step_of(width: float) -> int:
    """The least of STEPS that is not below a width; the last one where all are."""
    return next((step for step in STEPS if step >= width), STEPS[-1])
