"""The notebook runs from its first cell to its last, and shows what the reports show."""

import html
import json
import re
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest
from conftest import run_cli

from etl.api import Lake, open_lake
from etl.text import in_words

CONFIG = Path(__file__).resolve().parent.parent / "config"
NOTEBOOK = CONFIG / "notebooks" / "access_logs.ipynb"
SITE, ARCHIVE = "demo-cf-origin", "demo-lifecycle"
DAY = {"date_from": "2021-11-04", "date_to": "2021-11-04"}
ANSWERS: dict[str, tuple[str, dict[str, Any]]] = {
    "top_objects": ("website/top_objects", {"bucket": SITE}),
    "response_codes": ("website/response_codes", {"bucket": SITE}),
    "downloads_by_ip": ("website/downloads_by_ip", {"bucket": SITE, "limit": 10}),
    "denied_by_ip": ("website/access_denied_by_ip", {"bucket": SITE, "limit": 10}),
    "denied_by_key": ("website/access_denied_by_key", {"bucket": SITE, "limit": 10}),
    "operations": ("lifecycle/operation_counts", {"bucket": ARCHIVE}),
    "expired_objects": ("lifecycle/expired_objects", {"bucket": ARCHIVE}),
    "events_by_day": ("lifecycle/events_by_day", {"bucket": ARCHIVE}),
    "expired_on_day": ("lifecycle/expired_objects", {"bucket": ARCHIVE, **DAY}),
    "events_of_object": ("lifecycle/object_events", {"bucket": ARCHIVE, "key": "expiration/test25.txt"}),
}
"""What each answer of the notebook must equal, by the variable that has it."""
CHARTS = 7
SHOWN_ROWS = 20


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo was run."""
    directory = tmp_path_factory.mktemp("notebook")
    done = run_cli("demo", "--dates", "2021", cwd=directory)
    assert done.returncode == 0, done.stderr
    return directory


@pytest.fixture(scope="module")
def outputs(directory: Path) -> dict[str, str]:
    """What each cell that ends in the name of a variable shows, by that name."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    resources = {"metadata": {"path": str(directory)}}
    nbclient.NotebookClient(notebook, timeout=120, resources=resources).execute()
    shown = {}
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.outputs:
            _, _, last_line = cell.source.rpartition("\n")
            data = cell.outputs[-1]["data"]
            shown[last_line] = data.get("text/html", data["text/plain"])
    return shown


@pytest.fixture(scope="module")
def lake(directory: Path) -> Lake:
    return open_lake(str(directory / "accesslake-demo" / "lake"))


@pytest.mark.parametrize("name", ANSWERS)
def test_each_answer_is_that_of_its_report(name: str, outputs: dict[str, str], lake: Lake) -> None:
    """The notebook shows each row of the report, or the first ones of many."""
    report, arguments = ANSWERS[name]
    rows = lake.report(report, **arguments).to_arrow().to_pylist()
    expected = [[in_words(*cell) for cell in row.items()] for row in rows[:SHOWN_ROWS]]
    found = [
        [html.unescape(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)]
        for row in re.findall(r"<tr>(.*?)</tr>", outputs[name])
    ]
    assert rows
    assert found[1:] == expected


def test_answers_have_charts(outputs: dict[str, str]) -> None:
    """The questions that reports draw are drawn."""
    assert sum("<svg" in shown for shown in outputs.values()) == CHARTS


def test_the_frames_agree_with_the_reports(outputs: dict[str, str], directory: Path, lake: Lake) -> None:
    """What pandas and SQL make of the records, and the file of keys, say the same as the reports."""
    codes = dict(zip(*lake.report("website/response_codes", bucket=SITE).to_arrow().to_pydict().values(), strict=True))
    denied = outputs['denied.groupby(denied["date"].dt.to_period("M")).size()']
    by_month = [int(count) for count in re.findall(r"^20\d\d-\d\d +(\d+)$", denied, flags=re.MULTILINE)]
    assert sum(by_month) == codes[403]
    assert re.findall(r"<td>(.*?)</td>", outputs["by_team"]) == ["data", "4609", "web", "3883"]
    expired = lake.report("lifecycle/expired_objects", bucket=ARCHIVE, **DAY).to_pandas()["key"]
    keys = (directory / "expired-keys.csv").read_text("utf-8").splitlines()
    assert keys == list(expired.drop_duplicates())
    assert str(len(keys)) in outputs["expired_keys.nunique()"]


def test_the_notebook_and_what_tells_of_it_count_its_questions() -> None:
    """As many as there are numbered headings, in all and in each part."""
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    website, rules = "\n".join(texts).split("## Lifecycle rules")
    numbers = [[int(number) for number in re.findall(r"^### (\d+)\.", part, re.MULTILINE)] for part in (website, rules)]
    assert numbers == [[1, 2, 3, 4, 5], [6, 7, 8, 9]]
    assert re.search(r"five about a website, four about lifecycle\s+rules", texts[0])
    assert "asks nine questions about a website and its lifecycle rules" in (CONFIG / "parquet.md").read_text("utf-8")


def test_the_notebook_is_stored_without_results() -> None:
    """So that a change of it can be read, and nobody's data is in it."""
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all((cell["outputs"], cell["execution_count"]) == ([], None) for cell in code)
