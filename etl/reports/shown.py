"""A report's result, as notebooks show it: what it tells, its chart, its rows."""

import pyarrow as pa
from markupsafe import Markup, escape

from etl.query import Result
from etl.query.page import READ, table_html
from etl.query.result import Rows
from etl.reports.chart import svg
from etl.reports.report import Report
from etl.text import safe_text

# Rows up to which a chart is drawn of all of them; of some only, it would not tell what it seems to.
_CHARTED_ROWS = 10_000
_WIDTH, _HEIGHT = 480, 240


class ReportResult(Result):
    """The rows of a report; in a notebook it shows its title, question, chart, first rows and note."""

    def __init__(self, report: Report, rows: Rows) -> None:
        super().__init__(rows)
        self.report = report

    def _repr_html_(self) -> str:
        """As HTML; the result can still be read."""
        rows = self.peek(_CHARTED_ROWS + 1)
        body = READ if rows is None else self._chart(rows) + Markup(table_html(rows))  # noqa: S704 - escaped there
        return str(self._heading() + body + _paragraph(self.report.note))

    def _heading(self) -> Markup:
        title = Markup("<h4>{}</h4>").format(safe_text(self.report.title))
        return title + _paragraph(self.report.question)

    def _chart(self, rows: pa.Table) -> Markup:
        chart = self.report.chart
        if chart is None or not 0 < rows.num_rows <= _CHARTED_ROWS:
            return Markup()
        return Markup(svg(chart, rows, width=_WIDTH, height=_HEIGHT))  # noqa: S704 - drawn and escaped by vl-convert


def _paragraph(text: str) -> Markup:
    return Markup("<p>{}</p>").format(escape(safe_text(text))) if text else Markup()
