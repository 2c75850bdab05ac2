"""Texts that break a chart, and charts and reports that fail: the rest of the dashboard is there."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pyarrow as pa
import pytest
from attacks import dashboard, is_complete, request, write_log
from conftest import ingest_local, run_cli

from etl.reports.chart import Chart, ChartError, render
from etl.reports.loader import load_reports

EMOJI = "\U0001f600"


@pytest.mark.parametrize("kind", ["pie", "bar", "line"])
def test_no_label_is_cut_within_a_letter(kind: str) -> None:
    """A chart is drawn for a letter beyond U+FFFF at every position of a long label, in names and series."""
    labels = ["a" * at + EMOJI + "b" * (60 - at) for at in range(61)] + [EMOJI * 50, "\u0644" * 8000, "\u6f22" * 40]
    chart = Chart(kind=kind, label="label", value="n", series="series" if kind == "line" else None)  # type: ignore[arg-type]
    for start in range(0, len(labels), 6):
        some = labels[start : start + 6]
        table = pa.table({"label": some, "n": list(range(1, len(some) + 1)), "series": some})
        drawn = render(chart, table, EMOJI * 60, ".svg").decode()
        assert ET.fromstring(drawn).tag.endswith("svg")  # noqa: S314 - our own
    assert render(chart, table, EMOJI, ".png").startswith(b"\x89PNG")


def test_labels_that_are_cut_alike_stay_apart() -> None:
    """Two keys that differ only in the middle, which is cut, are two bars, and show where they differ."""
    keys = [f"{'a' * 30}{n}{'b' * 30}" for n in range(3)]
    table = pa.table({"key": keys, "n": [3, 2, 1]})
    drawn = render(Chart(kind="bar", label="key", value="n"), table, "t", ".svg").decode()
    assert all(f"\u2026aa{n}bbb" in drawn for n in range(3))


def test_a_key_with_an_emoji_breaks_neither_dashboard_nor_chart(tmp_path: Path) -> None:
    """After one GET of a missing key with an emoji the dashboard has its card, and the report its chart."""
    key = "aaaaaaaaaaa%25F0%259F%2598%2580bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.html"
    line = request(1, key=f" {key} ").replace(" 200 - 113 226 7 5 ", " 404 NoSuchKey 272 - 9 - ")
    # One bar would not be drawn.
    lines = [line, line.replace(f"{1:016X}", f"{2:016X}").replace(key, "another")]
    ingest_local(write_log(tmp_path / "logs", lines), tmp_path / "lake")
    page = dashboard(tmp_path / "lake")
    assert "aaaaaaaaaaa\U0001f600bbbb" in page
    assert is_complete(page)
    chart = tmp_path / "chart.svg"
    done = run_cli("report", "website/not_found_objects", "--lake", str(tmp_path / "lake"), "--chart", str(chart))
    assert (done.returncode, chart.exists()) == (0, True)


def test_a_chart_that_fails_is_missing_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page names the chart that could not be drawn and has its table; on its own, such a chart is an error."""
    missing = request(9).replace(" 200 - 113 226 7 5 ", " 404 NoSuchKey 272 - 9 - ")
    ingest_local(write_log(tmp_path / "logs", [*map(request, range(5)), missing]), tmp_path / "lake")

    class PanicError(BaseException):
        """As PyO3 raises it where Rust code panics."""

    def fail(*_arguments: object, **_options: object) -> str:
        raise PanicError("surrogates not allowed")

    monkeypatch.setattr("vl_convert.vegalite_to_svg", fail)
    page = dashboard(tmp_path / "lake")
    assert "website/response_codes could not be drawn: " in page
    assert "surrogates not allowed" in page
    assert "Response codes" in page
    with pytest.raises(ChartError, match="--format"):
        render(Chart(kind="bar", label="a", value="n"), pa.table({"a": ["x"], "n": [1]}), "t", ".svg")


@pytest.mark.parametrize("name", ["overview/figures", "cost/by_day", "operations/completeness"])
def test_a_report_that_fails_is_missing_alone(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page names a report that could not be run, be it the figures or one with a chart, and has the others."""
    ingest_local(write_log(tmp_path / "logs", [request(1)]), tmp_path / "lake")
    reports = load_reports()
    reports[name] = reports[name].model_copy(update={"sql": "SELECT error('boom') AS date, 1 AS cost"})
    monkeypatch.setattr("etl.dashboard.page.load_reports", lambda: reports)
    assert f"{name} failed: " in dashboard(tmp_path / "lake")
