"""Charts: what is drawn, from what, and that untrusted texts stay texts."""

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pyarrow as pa
import pytest
from conftest import ingest_local

from etl import Lake, open_lake
from etl.cli.demo_logs import DEMO_WEBSITE, demo_objects, write_objects
from etl.reports.chart import Chart, render, specification, svg
from etl.reports.drawn import Drawn, drawn
from etl.reports.loader import load_reports

HOSTILE = "</script><script>alert(1)</script>\"'&\x1b[2J\ufffe\uffff"
PIE = Chart(kind="pie", label="key", value="n")
LINE = Chart(kind="line", label="date", value="n", series="kind")


def figure(chart: Chart, until: dt.datetime | None = None, **columns: Any) -> Drawn:
    return drawn(chart, pa.table(columns), until)


def values(chart: Chart, **columns: Any) -> list[dict[str, Any]]:
    return figure(chart, **columns).rows


def test_a_pie_has_few_slices_with_their_shares() -> None:
    """The largest are named, the rest are one slice; nothing is lost."""
    slices = values(PIE, key=list("abcdefgh"), n=[50, 20, 10, 8, 6, 3, 2, 1])
    assert [one["name"] for one in slices] == ["a 50%", "b 20%", "c 10%", "d 8%", "e 6%", "3 others 6%"]
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


def test_many_series_are_few() -> None:
    """Small series are drawn as one; where they have no sum, the others are counted."""
    series = [f"s{number}" for number in range(12)]
    drawn = values(LINE, date=[dt.date(2026, 1, 1)] * 12, n=list(range(12)), kind=series)
    assert {row["series"] for row in drawn} == {"s11", "s10", "s9", "s8", "s7", "s6", "6 others"}
    assert sum(row["value"] for row in drawn) == sum(range(12))
    slow = LINE.model_copy(update={"value": "p95"})
    drawn_slow = figure(slow, date=[dt.date(2026, 1, 1)] * 12, p95=list(range(12)), kind=series)
    assert ({row["value"] for row in drawn_slow.rows}, drawn_slow.remark) == (set(range(7)), "5 more kind")


BARS = Chart(kind="bar", label="key", value="requests")


def test_of_many_bars_the_first_are_drawn_and_the_others_summed_up() -> None:
    """Nobody takes the first 20 for all; what has no sum is counted."""
    keys, counts = [f"k{number}" for number in range(121)], [1000] * 121
    top = figure(BARS, key=keys, requests=counts)
    assert [bar["name"] for bar in top.rows] == keys[:20]
    assert top.remark == "101 more: 101,000 requests"
    sizes = figure(BARS.model_copy(update={"value": "bytes_sent"}), key=keys, bytes_sent=counts)
    assert sizes.remark == "101 more: 101.0 kB"
    slow = figure(BARS.model_copy(update={"value": "total_p95"}), key=keys, total_p95=counts)
    assert slow.remark == "101 more"


def test_bars_of_equal_labels_are_told_apart() -> None:
    """Equal keys of two buckets are two bars, named after what differs; no bar is a sum of 95th percentiles."""
    chart = Chart(kind="bar", label="key", value="p95")
    columns = {"key": ["a", "b", "a", None], "bucket": ["x", "y", "z", "y"], "class": ["S", "S", "S", "S"]}
    bars = values(chart, **columns, p95=[900, 500, 300, 100])
    assert [(bar["name"], bar["value"]) for bar in bars] == [
        ("a (x)", 900), ("b", 500), ("a (z)", 300), ("(none)", 100),
    ]  # fmt: skip
    long = values(chart, key=["k" * 60] * 2, bucket=["shop-web", "shop-data"], p95=[2, 1])
    assert ["web" in bar["name"] for bar in long] == [True, False]


def test_an_axis_with_an_order_is_drawn_to_its_end() -> None:
    """All 24 hours, also those without events; of a hundred days, bins of five with the sums; months as such."""
    hours = Chart(kind="bar", label="hour", value="requests")
    rows = values(hours, hour=[0, 23], requests=[3, 4])
    assert [(row["name"], row["value"]) for row in rows] == [("0", 3), *((str(n), 0) for n in range(1, 23)), ("23", 4)]
    ages = Chart(kind="bar", label="days", value="objects")
    rows = values(ages, days=list(range(1, 101)), objects=[1] * 100)
    names = [f"{start}\u2013{start + 4}" for start in range(0, 101, 5)]
    assert [(row["name"], row["value"]) for row in rows] == list(zip(names, [4, *[5] * 19, 1], strict=True))
    slow = values(Chart(kind="bar", label="days", value="p95"), days=list(range(100)), p95=[7] * 100)
    assert [row["value"] for row in slow] == [7] * 100
    months = Chart(kind="bar", label="month", value="visits")
    assert [row["name"] for row in values(months, month=[dt.date(2026, 9, 1)], visits=[1])] == ["2026-09"]
    sizes = Chart(kind="bar", label="size_class", value="objects", ordered=True)
    rows = values(sizes, size_class=[f"s{number:02}" for number in range(60)], objects=[1] * 60)
    assert [(row["name"], row["value"]) for row in rows[:2]] == [("s00 to s01", 2), ("s02 to s03", 2)]
    assert len(rows) == 30


def test_codes_are_no_axis_with_an_order() -> None:
    """Between 200 and 404 there are no codes to be drawn, where the chart says so."""
    codes = Chart(kind="bar", label="http_status", value="n", ordered=False)
    assert [row["name"] for row in values(codes, http_status=[200, 404], n=[1, 2])] == ["200", "404"]


def test_a_day_that_may_not_be_complete_is_open() -> None:
    """The records end within it: it is marked, and said so. A day that they go beyond is not."""
    days = [dt.date(2026, 1, 1), dt.date(2026, 1, 2)]
    line = Chart(kind="line", label="date", value="n")
    open_day = figure(line, dt.datetime(2026, 1, 2, 6, 12), date=days, n=[9, 2])  # noqa: DTZ001
    assert [row["open"] for row in open_day.rows] == [False, True]
    assert open_day.remark == "records until 2026-01-02 06:12 UTC; the last day may not be complete"
    for until in (None, dt.datetime(2026, 1, 3), dt.datetime(2026, 1, 3, tzinfo=dt.UTC)):  # noqa: DTZ001
        whole = figure(line, until, date=days, n=[9, 2])
        assert not any(row.get("open") for row in whole.rows)
        assert whole.remark == ""
    month = Chart(kind="bar", label="month", value="visits")
    begun = figure(month, dt.datetime(2026, 1, 31), month=[dt.date(2026, 1, 1)], visits=[1])  # noqa: DTZ001
    assert "the last month may not be complete" in begun.remark


def test_errors_have_colors_of_their_own() -> None:
    """In every chart of classes of status: 4xx is not green, and 5xx is not 4xx."""
    table = pa.table({"date": [dt.date(2026, 1, 1)] * 2, "kind": ["2xx", "4xx"], "n": [1, 2]})
    text = json.dumps(specification(LINE, table, "title"))
    assert '"scale": {"domain": ["2xx", "4xx"], "range": ["#3d7dd8", "#cf8314"]}' in text


@pytest.mark.parametrize("card", ["#ffffff", "#1c222c"])
def test_colors_are_seen_on_light_and_on_dark_cards(card: str) -> None:
    """With the contrast that WCAG 2.2 asks of graphics (1.4.11): 3 to 1."""
    status = [f"{number}xx" for number in range(1, 6)]
    table = pa.table({"date": [dt.date(2026, 1, 1)] * 5, "kind": status, "n": [1] * 5})
    spec = specification(LINE, table, "title")
    colors = [*spec["config"]["range"]["category"], *spec["layer"][0]["encoding"]["color"]["scale"]["range"]]
    assert len(colors) == 13
    assert [color for color in colors if contrast(color, card) < 3] == []


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: str) -> float:
    """The relative luminance of `#rrggbb`, as WCAG defines it."""
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_a_mark_says_what_it_is() -> None:
    """To a pointer on an image without a script: the whole label, not what there was room for, and the value."""
    key = "a" * 40 + "&<\"'" + "b" * 40
    table = pa.table({"key": [key], "requests": [1234567]})
    root = ET.fromstring(svg(BARS, table))  # noqa: S314 - our own
    titles = [element.text for element in root.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == [f"key: {key}, requests: 1,234,567"]


def test_a_chart_of_nothing_says_so() -> None:
    """No axes, which would look like a chart that failed: also where a line has days, but no values."""
    for table in (
        pa.table({"date": pa.array([], pa.date32()), "kind": pa.array([], pa.string()), "n": pa.array([], pa.int64())}),
        pa.table({"date": [dt.date(2026, 1, 1)], "kind": ["x"], "n": pa.array([None], pa.float64())}),
    ):
        drawn_svg = svg(LINE, table)
        assert "no data in this period" in drawn_svg
        assert "role-axis" not in drawn_svg


def test_a_chart_has_title_question_and_period() -> None:
    """Long texts are in several lines."""
    subtitles = ["Which objects do people read, " * 8, "2026-01-01 to 2026-01-31, bucket site"]
    text = render(PIE, pa.table({"key": ["a"], "n": [1]}), "Objects", ".svg", subtitles=subtitles).decode()
    lines = re.findall(r">([^<>]+)</t(?:ext|span)>", text)
    assert {"Objects", subtitles[1]} <= set(lines)
    assert max(map(len, lines)) <= 90


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    root = tmp_path_factory.mktemp("charts")
    write_objects(demo_objects(), root / "logs")
    ingest_local(root / "logs", root / "lake")
    return open_lake(str(root / "lake"))


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
