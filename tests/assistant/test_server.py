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

from etl.assistant.server import MOST_BYTES, MOST_ROWS, _limited


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("assistant")
    logs = root / "logs"
    logs.mkdir()
    lines = [LINE.replace("a.html", f"{number}.html") for number in range(MOST_ROWS + 1)]
    (logs / "2026-02-06-00-10-00-AAAA").write_text("".join(f"{line}\n" for line in lines))
    ingest_local(logs, root / "lake")
    return root / "lake"


def served(lake: Path) -> StdioServerParameters:
    return StdioServerParameters(command=sys.executable, args=["-m", "etl", "mcp", "--lake", str(lake)])


def call(lake: Path, *calls: tuple[str, dict[str, Any]]) -> list[tuple[bool, str]]:
    """Whether each call failed, and its text, which is all that is sent."""

    async def talk() -> list[tuple[bool, str]]:
        async with Client(served(lake)) as client:
            results = [await client.call_tool(name, arguments) for name, arguments in calls]
        assert all((len(one.content), one.structured_content) == (1, None) for one in results)
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
    assert "website/top_objects" in {one["name"] for one in json.loads(names[1])["reports"]}
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
    assert json.loads(long[1])["reason"] == f"these are the first {MOST_ROWS} rows; ask for fewer"
    assert file[0]
    assert "root:" not in file[1]
    assert write[0]
    assert "only read" in write[1]
    assert unknown[0]
    assert "did you mean 'website/top_objects'" in unknown[1]


def test_an_answer_is_bounded_in_bytes_as_they_are_sent(lake: Path) -> None:
    """Not in characters, of which some take three; and a row that is too long alone says why it is left out."""
    query = "SELECT repeat('€', 1000) AS text FROM range(100)"
    many, one = call(lake, ("select", {"query": query}), ("select", {"query": "SELECT repeat('€', 100_000) AS text"}))
    answer = json.loads(many[1])
    assert MOST_BYTES * 0.95 < len(many[1].encode()) <= MOST_BYTES
    assert len(answer["rows"]) == pytest.approx(MOST_BYTES / 3_000, abs=2)
    assert not answer["is_complete"]
    answer = json.loads(one[1])
    assert (answer["rows"], answer["is_complete"]) == ([], False)
    assert "at most 200,000 bytes, and the next one of these rows has 300,012" in answer["reason"]


def test_findings_and_views_are_told(lake: Path) -> None:
    """Findings as objects, views with their columns, and one view with the meaning of each."""
    findings, views, view, unknown = call(
        lake,
        ("show_findings", {}),
        ("describe_views", {}),
        ("describe_views", {"view": "access_log"}),
        ("describe_views", {"view": "acces_log"}),
    )
    assert not findings[0]
    assert isinstance(json.loads(findings[1])["findings"], list)
    assert json.loads(findings[1])["is_complete"]
    names = {one["view"]: one["columns"] for one in json.loads(views[1])["views"]}
    assert "bytes_sent" in names["visits"]
    assert "is_request(operation)" in json.loads(views[1])["functions"]
    (time,) = (one for one in json.loads(view[1])["columns"] if one["column"] == "time")
    assert time == {"column": "time", "type": "TIMESTAMP", "meaning": "when S3 received the request [UTC]"}
    assert unknown[0]
    assert "did you mean 'access_log'" in unknown[1]


def test_many_findings_are_bounded_too() -> None:
    """Whatever a list is of: what stands beside it counts, too."""
    answer = _limited("findings", ({"title": "x" * 1000} for _ in range(400)), {"buckets": ["b" * 60] * 1000})
    assert MOST_BYTES * 0.95 < len(answer) <= MOST_BYTES
    assert len(json.loads(answer)["buckets"]) == 1000
    assert not json.loads(answer)["is_complete"]


def test_tools_are_described_without_the_indentation_of_their_source(lake: Path) -> None:
    """What a client reads about a tool."""

    async def described() -> dict[str, str]:
        async with Client(served(lake)) as client:
            return {tool.name: tool.description or "" for tool in (await client.list_tools()).tools}

    tools = asyncio.run(described())
    assert len(tools) == 6
    assert all(line == line.strip() for text in tools.values() for line in text.split("\n"))
    assert "\n\nIts first and last day" in tools["run_report"]


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
