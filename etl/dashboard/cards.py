"""What the page shows of each report: its chart, its most important columns first, and the newest end of a series."""

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
from markupsafe import Markup, escape

from etl.findings import Excerpt
from etl.findings.series import is_by_time
from etl.reports import ChartError, Report, svg
from etl.reports.chart import Chart
from etl.text import column_in_words, header, safe_text

SHOWN_ROWS = 100
"""A table on the page shows so many rows at most; it is also the limit of a report that has one."""
STEPS: tuple[int, ...] = (*range(12, 121, 3),)
"""Widths in rem that a table or a card may need. On less, each row of a table is a list of names and values."""
# In rem: a character of a table, the space around a cell, and around a card's content.
_CHARACTER, _PADDING, _FRAME = 0.54, 1.0, 2.25
CHART = 18.5
"""The width in rem that a chart beside a table takes at least, with the space between them."""
# A longer text is broken into lines of at least so many characters.
_LINE = 16
# Texts are broken before a word that follows one of these, so that numbers, dates and addresses stay in one piece.
_BREAK = re.compile(r"(?<=[:/.])(?=[^:/.\d\s])")
_WORDS = re.compile(r"(\s+)")
# An operation is looked up by its whole name.
_OPERATION = re.compile(r"[A-Z0-9]+(\.[A-Z_]+)+")
# A table of so many rows is shown whole where there is room: nobody scrolls for a row or two.
_FEW_ROWS = 24
# What is longer without a place to break is no word, but perhaps a key that somebody has made up.
_LONGEST_PIECE = 24
_WHO = ("principal", "requester")


@dataclass(frozen=True, slots=True)
class Cell:
    """A table's cell: what is shown, and the number by which it is sorted, where it is one."""

    html: Markup
    number: float | None
    width: int
    """How many characters it needs beside each other."""
    style: str = ""
    """`long` where it is broken into lines, between words; `endless` where also within one."""


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
    def is_single(self) -> bool:
        """Whether there is no more to it than one row."""
        return len(self.rows) == 1 and not self.problem and not self.chart_problem

    @property
    def is_short(self) -> bool:
        return len(self.rows) <= _FEW_ROWS

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
    def room(self) -> int:
        """The width that the card needs in rem, as one of STEPS, to have its chart beside its table."""
        return step_of(self.width + (CHART if self.chart else 0) + _FRAME)


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
    cells = [_cells(name, [row[name] for row in rows]) for name in columns]
    return Card(
        report=report,
        columns=[header(name).replace("_", " ") for name in columns],
        rows=list(map(list, zip(*cells, strict=True))),
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
    if report.chart is None or not table.num_rows or not _has_shape(report.chart, table):
        return None, None
    try:
        image = svg(report.chart, table, until=until)
        return Markup(image), None  # noqa: S704 - vl-convert escapes texts
    except ChartError as error:
        return None, safe_text(error)


def _has_shape(chart: Chart, table: pa.Table) -> bool:
    """Whether there is something to compare: two labels or more, and of one of them something."""
    values = table[chart.value].to_pylist()
    return len(table[chart.label].unique()) > 1 and any(values)


def _cells(name: str, values: Sequence[object]) -> list[Cell]:
    texts = column_in_words(name, values)
    return [_cell(value, text) for value, text in zip(values, texts, strict=True)]


def _cell(value: object, text: str) -> Cell:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Cell(escape(text), value, len(text))
    if not isinstance(value, str) or len(text) <= _LINE or _OPERATION.fullmatch(text):
        return Cell(unbroken(text), None, len(text))
    pieces = _BREAK.split(text)
    longest = max(len(word) for piece in pieces for word in piece.split() or [""])
    style = "long endless" if longest > _LONGEST_PIECE else "long"
    width = max(_LINE, min(longest, _LONGEST_PIECE))
    return Cell(Markup("<wbr>").join(map(unbroken, pieces)), None, width, style)


def unbroken(text: str) -> Markup:
    """A text as HTML; browsers would break dates, and names such as those of buckets, after a hyphen."""
    return Markup().join(map(_unbroken_word, _WORDS.split(text)))


def _unbroken_word(word: str) -> Markup:
    is_name = "-" in word and len(word) <= _LONGEST_PIECE
    return Markup('<span class="one">{}</span>').format(word) if is_name else escape(word)


def _width(name: str, cells: Iterable[Cell]) -> float:
    return column_width(name, max(cell.width for cell in cells))


def column_width(header: str, longest_cell: int) -> float:
    """What a column needs, in rem; a header is broken between its words."""
    longest_word = max(len(word) for word in header.split(" "))
    # The arrow of the column by which the table is sorted has its place, too.
    return max(longest_word + 1, longest_cell) * _CHARACTER + _PADDING


def step_of(width: float) -> int:
    """The least of STEPS that is not below a width; the last one where all are."""
    return next((step for step in STEPS if step >= width), STEPS[-1])
