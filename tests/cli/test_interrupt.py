"""Ctrl-C and SIGTERM, as a terminal and a scheduler send them to real processes."""

import datetime as dt
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest import events, ingest_local, rows_of, run_cli, wait_until
from terminals import Terminal

from etl import open_lake
from etl.cli.demo_logs import partitioned_objects, traffic, write_objects

LINES = 6_000
# A batch for every few log objects, and an append for each: such a run takes long.
SMALL_BATCHES = {"ACCESSLAKE_BATCH_SIZE": "20000"}
ENDLESS = "SELECT count(*) FROM range(1000000000) a, range(1000000000) b"
INTERRUPTED = re.compile(
    r"interrupted: ([0-9,]+) of the ([0-9,]+) new log objects found so far are in the lake; "
    r"run it again: it goes on where this ended"
)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("logs")
    write_objects(partitioned_objects(traffic(LINES, ["a"], dt.date(2026, 1, 1), 5), ""), directory)
    return directory


@pytest.fixture
def silent_store() -> Iterator[socket.socket]:
    """A store that takes connections, and never responds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_ends_a_run(logs: Path, tmp_path: Path, workers: str) -> None:
    """It says how much is in the lake and how to go on, leaves no process, and the next run goes on there."""
    lake = tmp_path / "lake"
    run = Terminal("ingest", "--source", str(logs), "--lake", str(lake), "--workers", workers, **SMALL_BATCHES)
    run.wait_for("parts/s")
    run.press_ctrl_c()
    assert run.end() == 130
    said = INTERRUPTED.findall(run.text)
    assert len(said) == 1
    committed, found = (int(count.replace(",", "")) for count in said[0])
    # A worker may have committed a batch that the run had not heard of yet.
    assert committed <= log_objects(lake) < sum(path.is_file() for path in logs.rglob("*"))
    assert committed <= found
    assert "was interrupted, or did not read everything; records may be missing" in warning(lake)
    ingest_local(logs, lake)
    assert len(rows_of(lake)) == LINES
    assert warning(lake) == ""


def warning(lake: Path) -> str:
    """What a query of the lake says beside its result."""
    return run_cli("sql", "SELECT 1", "--lake", str(lake)).stderr


def log_objects(lake: Path) -> int:
    """How many the ledger has."""
    return sum(pq.read_metadata(part).num_rows for part in lake.glob("_ledger/*/*.parquet"))


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (("ingest", "--source", "s3://bucket/logs/"), "listing"),
        (("status",), "reading"),
        (("verify",), "verifying"),
        (("sql", "SELECT 1"), "querying"),
        (("dashboard", "--output", "page.html"), "querying"),
    ],
)
def test_ctrl_c_ends_what_waits_for_a_store(
    command: tuple[str, ...], shown: str, silent_store: socket.socket, tmp_path: Path
) -> None:
    """No time-out of a request is waited for."""
    _, port = silent_store.getsockname()
    endpoint = ("--lake", "s3://bucket/lake", "--endpoint-url", f"http://127.0.0.1:{port}")
    waiting = Terminal(*command, *endpoint, PWD=str(tmp_path))
    waiting.wait_for(shown)
    connection, _ = silent_store.accept()
    with connection:
        waiting.press_ctrl_c()
        assert waiting.end() == 130
    assert waiting.text.count("interrupted") == 1


def test_reports_say_that_a_run_was_killed(logs: Path, tmp_path: Path) -> None:
    """Also after `expire`, until a run is complete; status and Python have it, too."""
    lake = tmp_path / "lake"
    command = [sys.executable, "-m", "etl", "ingest", "--source", str(logs), "--lake", str(lake), "--workers", "1"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ, **SMALL_BATCHES}) as run:
        try:
            wait_until((lake / "_ledger").exists, "a batch is committed")
        finally:
            run.kill()
    assert "has not ended: it is at work, or was killed; records may be missing" in warning(lake)
    open_lake(str(lake)).expire("36500d")
    assert "has not ended" in warning(lake)
    killed = json.loads(run_cli("status", "--lake", str(lake), "--json").stdout)["incomplete_run"]
    assert killed["ended"] is None
    ingest_local(logs, lake)
    assert (warning(lake), open_lake(str(lake)).status().incomplete_run) == ("", None)


def test_ctrl_c_ends_a_query(logs: Path, tmp_path: Path) -> None:
    """The query process ends too, in the middle of whatever it does."""
    lake = tmp_path / "lake"
    ingest_local(logs, lake)
    query = Terminal("sql", "--lake", str(lake), ENDLESS, TMPDIR=str(tmp_path))
    query.wait_for("0:00:02")
    query.press_ctrl_c()
    assert query.end() == 130
    assert query.text.endswith("accesslake: interrupted")


def test_sigterm_ends_a_run(logs: Path, tmp_path: Path) -> None:
    """A scheduler's signal does the same, with its own exit code and a line of JSON."""
    lake = tmp_path / "lake"
    command = [sys.executable, "-m", "etl", "ingest", "--source", str(logs), "--lake", str(lake), "--workers", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **SMALL_BATCHES}) as run:
        try:
            wait_until((lake / "_ledger").exists, "a batch is committed")
            run.send_signal(signal.SIGTERM)
            _, stderr = run.communicate(timeout=60)
        finally:
            run.kill()
    assert run.returncode == 143
    *_, said = events(stderr)  # where it took long, after lines of progress
    assert INTERRUPTED.fullmatch(said["message"])
    assert said["level"] == "warning"
