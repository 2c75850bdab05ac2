"""Results show themselves in a notebook: as tables, and reports with their charts."""

import re
from pathlib import Path

import pytest
from conftest import ingest_local
from lines import LINE

from etl.api import Lake, open_lake


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """50 records, one of them of somebody who tries to write HTML."""
    directory: Path = tmp_path_factory.mktemp("shown")
    logs = directory / "logs"
    logs.mkdir()
    lines = [LINE.replace("3E57427F3EXAMPLE", f"ID{number:02d}") for number in range(50)]
    lines[7] = lines[7].replace("curl/7.79.1", "<script>alert(1)</script>")
    (logs / "2026-02-07-01-00-00-AA").write_text("".join(f"{line}\n" for line in lines))
    ingest_local(logs, directory / "lake")
    return open_lake(str(directory / "lake"))


def test_a_report_shows_title_chart_and_rows(lake: Lake) -> None:
    """What is shown can still be read afterwards; then it says that it was."""
    result = lake.report("website/response_codes")
    for _ in range(2):
        html = result._repr_html_()
        assert result.report.title in html
        assert "<svg" in html
        assert "1 row" in html
    assert result.to_pandas()["requests"].tolist() == [50]
    assert "was read already" in result._repr_html_()


def test_many_rows_are_cut(lake: Lake) -> None:
    """The first rows are shown, and that they are the first; all can still be read."""
    result = lake.sql("SELECT request_id, bytes_sent FROM access_log ORDER BY request_id")
    html = result._repr_html_()
    assert len(re.findall(r"<tr>", html)) == 1 + 20
    assert "ID19" in html
    assert "ID20" not in html
    assert "the first 20 rows" in html
    assert result.to_arrow().num_rows == 50


def test_log_text_is_text(lake: Lake) -> None:
    """Nothing that a client sent becomes HTML, in tables or charts."""
    shown = [
        lake.sql("SELECT user_agent FROM access_log WHERE request_id = 'ID07'")._repr_html_(),
        lake.report("website/user_agents")._repr_html_(),
    ]
    assert "&lt;script&gt;alert" in shown[0]
    assert all("<script" not in html for html in shown)


def test_a_result_without_rows_has_no_chart(lake: Lake) -> None:
    """It says that there are none."""
    html = lake.report("website/response_codes", key_prefix="no such key")._repr_html_()
    assert "<svg" not in html
    assert "0 rows" in html
