"""The server as a client of the protocol sees it, over standard input and output."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ingest_local, run_cli
from lines import LINE
from mcp import Client, StdioServerParameters

from etl.assistant.server import MOST_ROWS


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("assistant")
    logs = root / "logs"
    logs.mkdir()
    lines = [LINE.replace("a.html", f"{number}.html") for number in range(MOST_ROWS + 1)]
    (logs / "2026-02-06-00-10-00-AAAA").write_text("".join(f"{line}\n" for line in lines))
    ingest_local(logs, root / "lake")
    return root / "lake"


def call(lake: Path, *calls: tuple[str, dict[str, Any]]) -> list[tuple[bool, str]]:
    """Whether each call failed, and its text."""

    async def talk() -> list[tuple[bool, str]]:
        server = StdioServerParameters(command=sys.executable, args=["-m", "etl", "mcp", "--lake", str(lake)])
        async with Client(server) as client:
            results = [await client.call_tool(name, arguments) for name, arguments in calls]
        return [(bool(one.is_error), str(getattr(one.content[0], "text", ""))) for one in results]

    return asyncio.run(talk())


def test_a_lake_that_is_none(tmp_path: Path) -> None:
    """It ends the server before it serves, as it ends every command."""
    done = run_cli("mcp", "--lake", str(tmp_path / "nosuch"))
    assert (done.returncode, done.stdout, "there is no lake here" in done.stderr) == (2, "", True)


def test_reports_are_found_described_and_run(lake: Path) -> None:
    """As by the command line, with its parameters."""
    arguments = {"name": "website/top_objects", "bucket": "site", "parameters": {"limit": 2}}
    names, description, rows = call(
        lake,
        ("list_reports", {}),
        ("describe_report", {"name": "website/top_objects"}),
        ("run_report", arguments),
    )
    assert "website/top_objects" in {one["name"] for one in json.loads(names[1])}
    assert json.loads(description[1])["parameters"]["limit"]["default"] == 20
    answer = json.loads(rows[1])
    assert [row["requests"] for row in answer["rows"]] == [1, 1]
    assert answer["is_complete"]


def test_a_select_reads_the_lake_and_nothing_else(lake: Path) -> None:
    """Not files, no writes; a long result is cut, and says so; errors are messages that say what to do."""
    count, long, file, write, unknown = call(
        lake,
        ("select", {"query": "SELECT count(*) AS records FROM access_log"}),
        ("select", {"query": "SELECT key FROM access_log"}),
        ("select", {"query": "SELECT * FROM read_text('/etc/passwd')"}),
        ("select", {"query": "CREATE TABLE t AS SELECT 1"}),
        ("run_report", {"name": "website/top_object"}),
    )
    assert json.loads(count[1])["rows"] == [{"records": MOST_ROWS + 1}]
    assert len(json.loads(long[1])["rows"]) == MOST_ROWS
    assert not json.loads(long[1])["is_complete"]
    assert file[0]
    assert "root:" not in file[1]
    assert write[0]
    assert "only read" in write[1]
    assert unknown[0]
    assert "did you mean 'website/top_objects'" in unknown[1]


def test_findings_and_views_are_told(lake: Path) -> None:
    """Findings as objects, views with the meaning of each column."""
    findings, views = call(lake, ("show_findings", {}), ("describe_views", {}))
    assert not findings[0]
    assert isinstance(json.loads(findings[1])["findings"], list)
    assert {"access_log", "visits"} <= {one["view"] for one in json.loads(views[1])["columns"]}


def test_text_of_strangers_stays_text(tmp_path: Path) -> None:
    """Control characters are escaped, so that nothing that shows an answer obeys them."""
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "2026-02-06-00-10-00-AAAA").write_text(LINE.replace("curl/7.79.1", "curl \x1b[2J\u202e") + "\n")
    ingest_local(logs, tmp_path / "lake")
    ((failed, text),) = call(tmp_path / "lake", ("select", {"query": "SELECT user_agent FROM access_log"}))
    assert not failed
    assert not set(text) & {"\x1b", "\u202e"}
    assert json.loads(text)["rows"][0]["user_agent"].startswith("curl ")
