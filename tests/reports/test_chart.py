"""Charts: what is drawn, from what, and that untrusted texts stay texts."""

import datetime as dt
import re
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree as ET

import pyarrow as pa
import pytest
from conftest import ingest_local

from etl import Lake, open_lake
from etl.cli.demo_logs import DEMO_WEBSITE, demo_objects, write_objects
from etl.reports.chart import Chart, render, specification, svg
from etl.reports.loader import load_reports

HOSTILE = "</script><script>alert(1)</script>\"'&\x1b[2J\ufffe\uffff"
PIE = Chart(kind="pie", label="key", value="n")
LINE = Chart(kind="line", label="date", value="n", series="kind")
DRAWN = {name: report for name, report in load_reports().items() if report.chart}


def values(chart: Chart, **columns: Any) -> list[dict[str, Any]]:
    (drawn,) = specification(chart, pa.table(columns), "title")["datasets"].values()
    return cast("list[dict[str, Any]]", drawn)


def test_a_pie_has_few_slices_with_their_shares() -> None:
    """The largest are named, the rest are one slice; nothing is lost."""
    slices = values(PIE, key=list("abcdefgh"), n=[50, 20, 10, 8, 6, 3, 2, 1])
    assert [one["name"] for one in slices] == ["a 50%", "b 20%", "c 10%", "d 8%", "e 6%", "others 6%"]
    assert sum(one["value"] for one in slices) == 100
    assert [one["name"] for one in values(PIE, key=["a", None], n=[3, 1])] == ["a 75%", "(none) 25%"]


def test_a_line_invents_nothing_between_two_days() -> None:
    """A day without rows is zero where events are counted, a gap where a share or a time is drawn."""
    days = [dt.date(2026, 1, 1), dt.date(2026, 1, 3), dt.date(2026, 1, 3)]
    rows = values(LINE, date=days, n=[1, 2, 3], kind=["x", "x", "y"])
    assert [(row["label"][:10], row["series"], row["value"]) for row in rows] == [
        ("2026-01-01", "x", 1), ("2026-01-02", "x", 0), ("2026-01-03", "x", 2),
        ("2026-01-01", "y", 0), ("2026-01-02", "y", 0), ("2026-01-03", "y", 3),
    ]  # fmt: skip
    shares = values(Chart(kind="line", label="date", value="n"), date=days[:2], n=[0.5, 1.5])
    assert [row["value"] for row in shares] == [0.5, None, 1.5]
    hours = [dt.datetime(2026, 1, 1, hour) for hour in (1, 3)]  # noqa: DTZ001
    by_hour = values(Chart(kind="line", label="t", value="n"), t=pa.array(hours, pa.timestamp("us")), n=[1, 1])
    assert [row["label"] for row in by_hour] == [f"2026-01-01T0{hour}:00:00+00:00" for hour in (1, 2, 3)]
    odd = pa.array([hours[0], hours[1] + dt.timedelta(minutes=1)], pa.timestamp("us"))
    assert len(values(Chart(kind="line", label="t", value="n"), t=odd, n=[1, 2])) == 2


@pytest.mark.parametrize("kind", [pa.date32(), pa.timestamp("us")])
def test_rows_without_a_time_are_not_on_a_line(kind: pa.DataType) -> None:
    """A report of one's own may have a NULL among its days: the others are drawn."""
    line = Chart(kind="line", label="day", value="n")
    days = pa.array([dt.date(2026, 2, 6), None, dt.date(2026, 2, 8)], pa.date32()).cast(kind)
    assert [row["value"] for row in values(line, day=days, n=[1, 5, 2]) if row["value"]] == [1, 2]
    assert values(line, day=days.slice(1, 1), n=[5]) == []


def test_many_series_and_bars_are_few() -> None:
    """Small series are drawn as one, and of many bars the first."""
    series = [f"s{number}" for number in range(12)]
    drawn = values(LINE, date=[dt.date(2026, 1, 1)] * 12, n=list(range(12)), kind=series)
    assert {row["series"] for row in drawn} == {"s11", "s10", "s9", "s8", "s7", "s6", "others"}
    assert sum(row["value"] for row in drawn) == sum(range(12))
    bars = values(Chart(kind="bar", label="key", value="n"), key=[f"k{number}" for number in range(50)], n=[1] * 50)
    assert [bar["label"] for bar in bars] == [f"k{number}" for number in range(20)]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    root = tmp_path_factory.mktemp("charts")
    write_objects(demo_objects(), root / "logs")
    ingest_local(root / "logs", root / "lake")
    return open_lake(str(root / "lake"))


@pytest.mark.parametrize("name", DRAWN)
def test_every_chart_is_drawn(demo: Lake, name: str) -> None:
    """Each report that declares a chart gives well-formed SVG in the page's own color, and on an empty result, too."""
    report = DRAWN[name]
    assert report.chart
    params = {"key": "index.html"} if "key" in report.params else {}
    table = demo.report(name, **params).to_arrow()
    for result in (table, table.slice(0, 0)):
        drawn = svg(report.chart, result)
        assert ET.fromstring(drawn).tag.endswith("svg")  # noqa: S314 - our own
        assert "currentColor" in drawn
        assert "style=" not in drawn  # a strict Content-Security-Policy refuses it


def test_the_pie_of_the_write_up(demo: Lake) -> None:
    """Its five slices have the shares of the five objects."""
    report = load_reports()["website/top_objects"]
    assert report.chart
    table = demo.report(report.name, bucket=DEMO_WEBSITE, limit=5).to_arrow()
    text = render(report.chart, table, report.title, ".svg").decode()
    assert re.findall(r">([a-z]+\.[a-z]+ +\d+%)<", text) == [
        "favicon.ico 47%", "index.html 29%", "puppy.jpg 11%", "goldfish.jpg 8%", "kitten.jpg 5%",
    ]  # fmt: skip


def test_untrusted_texts_stay_texts(tmp_path: Path) -> None:
    """A key with a script, quotes and control characters is a label in SVG, and in a page no end of its script."""
    table = pa.table({"key": [HOSTILE], "n": [1]})
    drawn = render(PIE, table, HOSTILE, ".svg").decode()
    assert "<script" not in drawn
    assert "\x1b" not in drawn
    assert ET.fromstring(drawn).tag.endswith("svg")  # noqa: S314 - our own
    page = render(PIE, table, HOSTILE, ".html").decode()
    assert page.count("</script>") == 1
    assert "alert(1)</script>" not in page
    assert render(PIE, table, "t", ".png").startswith(b"\x89PNG")
    (tmp_path / "x.html").write_text(page)
