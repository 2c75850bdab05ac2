"""Every report as people see it, on terminals and as a chart: its expected result on the small lake, laid out."""

import datetime as dt
import io
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pyarrow as pa
import pytest
from browsers import Opened
from golden_file import read_golden_file
from rich.cells import cell_len

from etl.query import Result
from etl.query.output import Heading, write_table
from etl.reports.chart import render, svg
from etl.reports.drawn import drawn
from etl.reports.loader import load_reports
from etl.text import column_in_words, header

EXPECTED = Path(__file__).parent / "expected"
REPORTS = load_reports()
DRAWN = {name: report.chart for name, report in REPORTS.items() if report.chart}
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_CUT = """
() => [...document.querySelectorAll('svg')].flatMap(svg => {
    const outer = svg.getBoundingClientRect();
    const isCut = (inner) => inner.left < outer.left || inner.right > outer.right
        || inner.top < outer.top || inner.bottom > outer.bottom;
    const texts = [...svg.querySelectorAll('text')].filter(text => isCut(text.getBoundingClientRect()));
    return texts.map(text => `${svg.parentElement.id}: ${text.textContent}`);
})
"""
"""Texts of charts that reach beyond their chart."""


class Screen(io.StringIO):
    """A terminal, as far as tables are concerned."""

    def isatty(self) -> bool:
        return True

    @property
    def lines(self) -> list[str]:
        return _CONTROL.sub("", self.getvalue()).splitlines()


@cache
def expected(name: str) -> pa.Table:
    golden = read_golden_file(EXPECTED / f"{name}.csv")
    columns = zip(*golden.rows, strict=True)
    return pa.table(dict(zip(golden.columns, map(list, columns), strict=True)))


@pytest.mark.parametrize("width", [80, 160])
@pytest.mark.parametrize("name", REPORTS)
def test_a_table_splits_no_number_time_or_name(name: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """No line is wider than the terminal, none is wrapped, and every number and time is there in one piece."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    table = expected(name)
    screen = Screen()
    write_table(Result(table.to_reader()), screen)
    *lines, count = screen.lines
    assert max(map(cell_len, lines)) <= width
    rows = table.num_rows
    assert len(lines) == rows + 2 or rows == 1 or lines[0].startswith(" 1 \u2500")
    assert count == f"{rows} row{'' if rows == 1 else 's'}"
    whole = {
        text
        for column in table.column_names
        for value, text in in_words_of(column, table[column].to_pylist())
        if is_whole(value)
    }
    words = " ".join(lines)
    assert [text for text in whole if text not in words] == []
    assert [column for column in table.column_names if header(column) not in words] == []


def in_words_of(column: str, values: list[Any]) -> Iterator[tuple[Any, str]]:
    return zip(values, column_in_words(column, values), strict=True)


def is_whole(value: object) -> bool:
    return isinstance(value, (int, float, dt.date)) and not isinstance(value, bool)


@pytest.mark.parametrize("name", DRAWN)
def test_every_chart_is_drawn(name: str) -> None:
    """Each report that declares a chart gives well-formed SVG in the page's own color, and on an empty result, too."""
    for result in (expected(name), expected(name).slice(0, 0)):
        image = svg(DRAWN[name], result)
        assert ET.fromstring(image).tag.endswith("svg")  # noqa: S314 - our own
        assert "currentColor" in image
        assert "style=" not in image  # a strict Content-Security-Policy refuses it


@pytest.mark.parametrize("name", [name for name, chart in DRAWN.items() if chart.kind == "line"])
def test_every_series_ends_with_its_newest_day(name: str) -> None:
    """However long it is, what is newest is drawn, of every series."""
    chart, table = DRAWN[name], expected(name)
    rows = drawn(chart, table).rows
    newest = max(table[chart.label].drop_null().to_pylist())
    at_end = {row.get("series") for row in rows if row["label"].startswith(f"{newest}"[:10])}
    assert at_end == {row.get("series") for row in rows}


def test_no_text_of_a_chart_is_cut_off(tmp_path: Path, browser: Any) -> None:
    """Every chart of the page in a real browser: labels, legends and remarks are within it, and nothing complains."""
    charts = (f'<div id="{name}">{svg(chart, expected(name))}</div>' for name, chart in DRAWN.items())
    page = tmp_path / "charts.html"
    page.write_text(f"<!DOCTYPE html><meta charset=utf-8><title>x</title>{''.join(charts)}")
    with Opened(browser, page) as opened:
        assert opened.page.evaluate(_CUT) == []
        assert opened.page.locator("svg").count() == len(DRAWN)
        assert opened.page.locator("svg path > title").count() > len(DRAWN)
        assert opened.messages == []


def test_an_empty_chart_draws_without_a_warning(tmp_path: Path, browser: Any) -> None:
    """Each kind on a page of its own says that there is no data, and Vega has nothing to say of it."""
    for name in ("website/top_objects", "website/hours_of_day", "operations/status_by_day"):
        page = tmp_path / "empty.html"
        page.write_bytes(render(DRAWN[name], expected(name).slice(0, 0), name, ".html"))
        with Opened(browser, page) as opened:
            opened.page.locator("svg, canvas").first.wait_for()
            assert opened.messages == []


def test_a_heading_is_for_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """There the title, question, days and buckets are above the table and the note is below; in a pipe is the table."""
    monkeypatch.setenv("COLUMNS", "80")
    heading = Heading("Objects", "Which are read?", "2026-02-01 to 2026-02-06, bucket site", "No HEAD.")
    screen, pipe = Screen(), io.StringIO()
    for stream in (screen, pipe):
        write_table(Result(pa.table({"key": ["a"], "requests": [1234]}).to_reader()), stream, heading=heading)
    table = [" key  requests", " ─────────────", " a       1,234", "1 row"]
    assert screen.lines == [
        "Objects",
        "Which are read?",
        "2026-02-01 to 2026-02-06, bucket site",
        "",
        *table,
        "No HEAD.",
    ]
    assert pipe.getvalue().splitlines() == table
