"""The command line as a user has it: what goes where, and with which exit code."""

import csv
import inspect
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.rich_utils
from conftest import events, run_cli
from lines import LINE
from typer.main import get_command
from typer.testing import CliRunner

from etl.cli.app import app
from etl.lake.lease import hold_lease
from etl.reports.loader import load_reports
from etl.store.open import open_store


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    text = "".join(f"{LINE.replace('EXAMPLE', str(n))}\n" for n in range(5))
    (tmp_path / "logs" / "2026-02-06-01-00-00-AA").write_text(text)
    return tmp_path / "logs"


@pytest.fixture
def lake(logs: Path) -> str:
    lake = str(logs.parent / "lake")
    done = run_cli("ingest", "--source", str(logs), "--lake", lake)
    assert done.returncode == 0, done.stderr
    return lake


COMMANDS = (
    "ingest", "status", "verify", "expire", "reports", "report", "dashboard", "findings", "lifecycle-rules",
    "sql", "shell", "schema", "demo",
)  # fmt: skip


def test_help_names_every_command_and_flag() -> None:
    """Without arguments there is help; every command explains itself in a line."""
    text = run_cli("--help", environment={"COLUMNS": "200"}).stdout
    for command in COMMANDS:
        assert re.search(rf"^\W*{command} +\w", text, flags=re.MULTILINE), command
    flags = "--source --lake --config --endpoint-url --since --until --full --workers --dry-run --json"
    ingest = run_cli("ingest", "--help", environment={"COLUMNS": "200"}).stdout
    assert all(flag in ingest for flag in flags.split())
    report = run_cli("report", "--help", environment={"COLUMNS": "200"}).stdout
    assert all(flag in report for flag in ["--bucket", "--from", "--to", "-p", "--format", "--output", "--lake"])
    assert "accesslake 0." in run_cli("--version").stdout


@pytest.mark.parametrize("name", get_command(app).commands)  # type: ignore[attr-defined]
def test_help_is_printed_as_it_is_written(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No word of the command or of an option is lost, above all none in brackets, which are markup to Rich."""
    monkeypatch.setattr(typer.rich_utils, "MAX_WIDTH", 400)
    printed = " ".join(CliRunner().invoke(app, [name, "--help"]).stdout.replace("│", " ").split())
    command = get_command(app).commands[name]  # type: ignore[attr-defined]
    written = [inspect.getdoc(command.callback), *(option.help for option in command.params)]
    lost = [text for text in written if text and " ".join(text.split()) not in printed]
    assert lost == []


def test_ingest_prints_figures_and_logs_json(logs: Path) -> None:
    """The summary is data on stdout; stderr has one JSON object a line."""
    done = run_cli("ingest", "--source", str(logs), "--lake", str(logs.parent / "lake"))
    assert re.search(r"^rows +5$", done.stdout, flags=re.MULTILINE)
    (line,) = events(done.stderr)
    assert {"level": "info", "event": "run_done", "message": "done", "rows": 5}.items() <= line.items()


def test_exit_codes(logs: Path, lake: str) -> None:
    """0 done, 1 failed, 2 wrong usage, 3 too many rejects, 4 a difference, 75 another run at work."""
    source = ("--source", str(logs))
    assert run_cli("ingest", *source, "--lake", lake).returncode == 0
    assert run_cli("verify", *source, "--lake", lake).returncode == 0
    assert run_cli("ingest", *source, "--lake", lake, "--no-such-flag").returncode == 2
    assert run_cli("ingest", *source, "--lake", lake, "--since", "soon").returncode == 2
    (logs / "2026-02-06-02-00-00-BB").write_text(f"{LINE}\nnonsense\n")
    assert run_cli("verify", *source, "--lake", lake).returncode == 4
    rejected = run_cli("ingest", *source, "--lake", lake)
    assert rejected.returncode == 3
    (why,) = [one["message"] for one in events(rejected.stderr) if one["level"] == "error"]
    assert why == (
        "1 of 2 lines (50.00%) could not be parsed, more than max_reject_fraction allows (1.00%); most of them: "
        f"not_a_record 1. They are kept: `accesslake report operations/rejects --lake {lake}` shows them"
    )
    (logs / "2026-02-06-02-00-00-CC").write_bytes(b"\x1f\x8bnot gzip")
    failed = run_cli("ingest", *source, "--lake", lake)
    assert failed.returncode == 1
    assert "2026-02-06-02-00-00-CC: cannot be decompressed" in events(failed.stderr)[0]["message"]
    with hold_lease(open_store(lake), "the other run", 60):
        busy = run_cli("ingest", *source, "--lake", lake)
    assert busy.returncode == 75
    assert "run the other run, since" in events(busy.stderr)[0]["message"]


def test_settings_reach_the_job(logs: Path, tmp_path: Path) -> None:
    """A file, a variable and a flag together; an unknown variable is refused by every command."""
    config = tmp_path / "c.toml"
    config.write_text(f'source = ["{logs}"]\nmax_reject_fraction = 0.9\n')
    (logs / "2026-02-06-02-00-00-BB").write_text("nonsense\n")
    done = run_cli("ingest", "--config", str(config), "--json", environment={"ACCESSLAKE_LAKE": str(tmp_path / "lake")})
    assert done.returncode == 0
    assert json.loads(done.stdout)["rejects"] == 1
    for command in ("ingest", "status"):
        wrong = run_cli(command, environment={"ACCESSLAKE_WORKRES": "3"})
        assert (wrong.returncode, "did you mean 'ACCESSLAKE_WORKERS'" in wrong.stderr) == (2, True)


def test_report_formats_and_files(lake: str, tmp_path: Path) -> None:
    """Every format to stdout or to a file, chosen by flag or by suffix."""
    base = ("report", "website/top_objects", "--lake", lake, "--bucket", "site", "--from", "2026-02-06")
    assert "a.html" in run_cli(*base).stdout
    assert json.loads(run_cli(*base, "--format", "json").stdout) == [
        {"key": "a.html", "requests": 5, "successful": 5, "failed": 0}
    ]
    out = tmp_path / "out.csv"
    assert run_cli(*base, "-p", "limit=3", "--output", str(out)).stdout == ""
    assert [row["requests"] for row in csv.DictReader(io.StringIO(out.read_text()))] == ["5"]
    assert run_cli(*base, "--format", "markdown").stdout.startswith("| key |")
    assert run_cli(*base, "--format", "parquet").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("report", "website/top_object"), "(`accesslake reports` lists them); did you mean 'website/top_objects'?"),
        (("report", "website/top_objects", "--bucket", "cite"), "no bucket 'cite' in "),
        (("report", "lifecycle/object_events"), "needs -p key=...: the object's key, also as it is in a URL"),
        (("report", "website/top_objects", "-p", "limit"), "-p limit: write NAME=VALUE"),
        (
            ("report", "website/top_objects", "--from", "1 May"),
            "--from '1 May' names no day or hour; write 2026-11-24, 2026-11, ",
        ),
        (("findings", "--fail-on", "bad"), "Invalid value for '--fail-on': 'bad' is not one of 'alarm',"),
        (("report", "--format", "xml"), "Invalid value for '--format': 'xml' is not one of 'table',"),
        (("sql", "SELECT x FROM access_log"), 'Referenced column "x" not found'),
        (("sql", "DROP VIEW access_log"), "one SELECT statement is expected"),
    ],
)
def test_wrong_usage_is_one_clear_line(lake: str, arguments: tuple[str, ...], message: str) -> None:
    """Exit code 2, the reason on stderr, nothing on stdout, no traceback."""
    done = run_cli(*arguments, "--lake", lake)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_lake_has_to_be_named() -> None:
    """Without --lake it says how to give one."""
    missing = run_cli("status")
    assert (missing.returncode, "use --lake URL, ACCESSLAKE_LAKE" in missing.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("status", "--lake", "/etc/hostname"), "is a file; a lake is a directory"),
        (("status", "--lake", "s3://b/l", "--endpoint-url", "foo"), "cannot set up an S3 client"),
        (("ingest", "--lake", "/var/x", "--source", "s3://b/*/2026*"), "a glob may stand in the last part only"),
    ],
)
def test_wrong_places_are_one_clear_line(arguments: tuple[str, ...], message: str) -> None:
    """A lake or a source that cannot be one."""
    done = run_cli(*arguments)
    assert (done.returncode, message in done.stderr, "Traceback" in done.stderr) == (2, True, False), done.stderr


def test_times_that_python_lacks_and_any_locale(lake: str) -> None:
    """DuckDB's farthest dates are printed, and a locale without the characters escapes them."""
    far = run_cli("sql", "SELECT DATE '20000-01-01' AS d", "--lake", lake, "--format", "csv")
    assert far.stdout.splitlines()[0] == "d"
    plain = run_cli(
        "sql", "SELECT 'grün' AS c", "--lake", lake, "--format", "csv", environment={"PYTHONIOENCODING": "ascii"}
    )
    assert (plain.stdout, plain.stderr) == ("c\ngr\\xfcn\n", "")


def test_a_lake_that_is_too_far_behind(lake: str) -> None:
    """`status --max-lag` exits with 5 and names what is too old; a lake without records is, too."""
    behind = run_cli("status", "--lake", lake, "--max-lag", "2d", "--json")
    assert behind.returncode == 5
    assert json.loads(behind.stdout)["rows"] == 5
    assert behind.stderr == "accesslake: the newest record is of 2026-02-06 00:00 UTC (--max-lag 2d)\n"
    assert run_cli("status", "--lake", lake, "--max-lag", "9999999h").returncode == 0
    wrong = run_cli("status", "--lake", lake, "--max-lag", "0h")
    assert (wrong.returncode, wrong.stderr) == (
        2,
        "accesslake: --max-lag 0h: write a duration of more than 0, like 90m, 26h or 2d\n",
    )


def test_sql_and_status_and_verify(lake: str, logs: Path) -> None:
    """Queries in SQL; the state of the lake as text and as JSON."""
    rows = run_cli("sql", "SELECT count(*) AS n FROM access_log", "--lake", lake, "--format", "csv", "--no-header")
    assert rows.stdout == "5\n"
    status = run_cli("status", "--lake", lake)
    assert "5 lines = 5 rows + 0 rejects + 0 duplicates + 0 blank lines" in status.stdout
    assert re.search(r"newest record: 2026-02-06 00:00:38 UTC \(\d+ days? \d+ hours? ago\)", status.stdout)
    assert re.search(r"last complete run: .* UTC \(\d+ minutes? ago\)", status.stdout)
    as_json = json.loads(run_cli("status", "--lake", lake, "--json").stdout)
    assert (as_json["rows"], as_json["newest_record"]) == (5, "2026-02-06T00:00:38Z")
    proved = run_cli("verify", "--lake", lake, "--source", str(logs))
    assert "5 rows, 1 log object checked, 1 compared with the sources: all is right" in proved.stdout
    assert json.loads(run_cli("verify", "--lake", lake, "--json").stdout)["differences"] == []


def test_reports_lists_every_report() -> None:
    """The list has each report with its parameters."""
    text = run_cli("reports").stdout
    assert all(name in text for name in load_reports())
    described = run_cli("reports", "lifecycle/object_events").stdout
    assert "-p key=...  string, required: the object's key, also as it is in a URL" in described
    listed = [line.partition(":")[0] for line in run_cli("reports", "lifecycle").stdout.splitlines() if line[0] != " "]
    assert listed == [name for name in load_reports() if name.startswith("lifecycle/")]
    assert "no report or section 'lifecycel'" in run_cli("reports", "lifecycel").stderr
    assert {one["name"] for one in json.loads(run_cli("reports", "--json").stdout)} == set(load_reports())


@pytest.mark.parametrize(
    "command",
    [
        "sql --lake {lake} --format csv 'SELECT range FROM range(300000)'",
        "report website/requests_by_day --lake {lake}",
        "status --lake {lake}",
        "dashboard --output - --lake {lake}",
        "reports",
        "--help",
    ],
)
def test_a_reader_may_stop(lake: str, command: str) -> None:
    """`accesslake ... | head` ends quietly, as a program that SIGPIPE has ended; a full disk is told."""
    command = f"{sys.executable} -m etl {command.format(lake=lake)}"
    for rest, code, said in (
        ("| true; exit ${PIPESTATUS[0]}", 141, ""),
        ("2>&1 | true; exit ${PIPESTATUS[0]}", 141, ""),
        ("> /dev/full", 1, "accesslake: cannot write the output: No space left on device\n"),
    ):
        shell = ["/bin/bash", "-c", f"{command} {rest}"]
        done = subprocess.run(shell, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (code, said), rest
