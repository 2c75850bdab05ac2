"""SQL from files, from standard input and at a prompt; and finding reports."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import events, ingest_local, run_cli
from lines import LINE
from terminals import Terminal

from etl.lake.lease import hold_lease
from etl.reports.loader import load_reports
from etl.reports.search import find_reports
from etl.store import open_store


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("shell")
    (root / "logs").mkdir()
    (root / "logs/2026-02-06-01-00-00-AA").write_text(f"{LINE}\n")
    ingest_local(root / "logs", root / "lake")
    return str(root / "lake")


def with_input(data: bytes, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "etl", *arguments]
    return subprocess.run(command, input=data, capture_output=True, check=False)


def test_sql_from_a_file_or_a_pipe(lake: str, tmp_path: Path) -> None:
    """The SELECT may come from a file or standard input, with a semicolon; what is no text is refused."""
    query = "SELECT count(*) AS n, 'é' AS e\nFROM access_log; -- all\n"
    base = ("sql", "--lake", lake, "--format", "csv")
    file = tmp_path / "query.sql"
    file.write_bytes(b"\xef\xbb\xbf" + query.encode())
    expected = "n,e\r\n1,é\r\n".encode()
    assert with_input(b"", *base, "-f", str(file)).stdout.replace(b"\r", b"") == expected.replace(b"\r", b"")
    for dash in ((), ("-",), ("-f", "-")):
        assert with_input(query.encode(), *base, *dash).stdout.split() == expected.split()
    for arguments, data, message in (
        (("-f", str(tmp_path / "none")), b"", b"none: cannot be read: No such file"),
        (("-f", str(file), "SELECT 1"), b"", b"as an argument or as --file, not both"),
        ((), b"SELECT '\xff'", b"standard input: not UTF-8 text"),
    ):
        done = with_input(data, *base, *arguments)
        assert (done.returncode, message in done.stderr) == (2, True), done.stderr


def test_statements_from_a_pipe(lake: str) -> None:
    """Each is run, also after one that failed; the exit code says that one did, and nothing can be written."""
    text = b"SELECT 1 AS a; SELECT b;\n.reports\n.nope\nSELECT\n2 AS c;DROP VIEW access_log; "
    text += b"SELECT count(*) AS n FROM requests"
    done = with_input(text, "shell", "--lake", lake, "--format", "jsonl", "--from", "2026-02-06T00")
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]
    assert (done.returncode, rows) == (2, [{"a": 1}, {"c": 2}, {"n": 1}])
    assert b"website/top_objects: Most requested objects\n" in done.stdout
    for message in (b'column "b" was not found', b"no command '.nope'", b"one SELECT statement is expected"):
        assert message in done.stderr
    assert b"\\n" not in done.stderr


def test_what_is_not_in_an_answer(lake: str, tmp_path: Path) -> None:
    """The shell says at its start, and after `.reload`, that the last run was not complete, as `sql` does."""
    copy = str(tmp_path / "lake")
    shutil.copytree(lake, copy)
    with hold_lease(open_store(copy), "a run that fails", 60, ingests=True):
        pass
    of_sql = run_cli("sql", "SELECT 1", "--lake", copy).stderr
    of_shell = with_input(b"SELECT 1;\n.reload\n", "shell", "--lake", copy).stderr.decode()
    assert "records may be missing until a run is complete" in of_sql
    assert of_shell == of_sql * 2


def test_a_prompt(lake: str, tmp_path: Path) -> None:
    """A statement has several lines; Ctrl-C cancels a query, and Ctrl-D ends; what was entered is remembered."""
    terminal = Terminal("shell", "--lake", lake, HOME=str(tmp_path), PROMPT_TOOLKIT_NO_CPR="1")
    terminal.wait_for("accesslake>")
    terminal.type("SELECT count(*) * 41 +\r1 AS answer FROM access_log;\r")
    terminal.wait_for("1 row accesslake>")  # a key that comes before the prompt is lost
    terminal.forget()  # the first query was waited for, too
    terminal.type("SELECT count(*) FROM range(99999999) a, range(99999999) b WHERE a.range * b.range = 7;\r")
    terminal.wait_for("querying")
    terminal.press_ctrl_c()
    terminal.wait_for("canceled accesslake>")
    terminal.type("SELECT 'still ' || 'here' AS it;\r")
    terminal.wait_for("still here 1 row accesslake>")
    terminal.type("\x04")
    assert terminal.end() == 0
    history = tmp_path / ".local/state/accesslake/shell_history"
    assert "+1 AS answer FROM access_log;" in history.read_text()
    assert history.stat().st_mode & 0o077 == 0


def test_what_to_do_next(lake: str) -> None:
    """A run on a terminal ends with a line that says it; elsewhere there are log lines in JSON only."""
    arguments = ("ingest", "--source", str(Path(lake).parent / "logs"), "--lake", lake)
    terminal = Terminal(*arguments)
    assert terminal.end() == 0
    assert f"Next: accesslake dashboard --lake {lake} --output site.html, or accesslake reports" in terminal.text
    assert "Next" not in "".join(event["message"] for event in events(run_cli(*arguments).stderr))


def test_reports_are_found_by_what_they_are_about() -> None:
    """All words have to be found, in names and questions first, and among columns and parameters."""
    reports = load_reports().values()
    names = [report.name for report in find_reports(["Delete"], reports)]
    assert {"security/deleters", "security/bulk_deletions", "lifecycle/undo_list", "security/deletions"} < set(names)
    assert names[0] in ("lifecycle/delete_markers", "security/deleters")
    assert [report.name for report in find_reports(["turn_around_p95"], reports)] == [
        "operations/latency",
        "operations/latency_by_day",
    ]
    assert find_reports(["delete", "no such word"], reports) == []


def test_searching_on_the_command_line() -> None:
    """A name or a section describes; other words find; nothing found is an error, with the nearest name."""
    assert "-p limit=...  integer" in run_cli("reports", "website/top_objects").stdout
    found = run_cli("reports", "egress", "address").stdout
    assert found.startswith("cost/egress_by_ip: Egress by address\n    Which addresses cause most egress")
    assert "-p limit" not in found
    nothing = run_cli("reports", "webpage/top_object")
    assert (nothing.returncode, "did you mean 'website/top_objects'?" in nothing.stderr) == (2, True)
    nameless = run_cli("report")
    assert (nameless.returncode, "which report? `accesslake reports` lists them" in nameless.stderr) == (2, True)


def test_a_parameter_written_as_an_option() -> None:
    """The error says how to write it, with its value; an option that is no parameter is named as ever."""
    for arguments in (("--limit", "5"), ("--limit=5",)):
        done = run_cli("report", "website/top_objects", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert "--limit is a parameter of the report, not an option: write -p limit=5" in done.stderr
    assert "No such option: --formt" in run_cli("report", "website/top_objects", "--formt", "csv").stderr
