"""Queries in the process that runs them: what they may use is bounded, and what they give is complete or an error."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from attacks import request, write_log
from conftest import ingest_local, run_cli
from pydantic import ByteSize

from etl import open_lake
from etl.config import Settings
from etl.errors import AccessLakeError
from etl.query import Database, LimitError
from etl.reports.loader import load_reports
from etl.reports.report import ReportFileError
from etl.store.open import open_store

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("queries")
    ingest_local(write_log(root / "logs", [request(n) for n in range(50)]), root / "lake")
    return root / "lake"


SLOW = "SELECT count(*) FROM (SELECT hash(i) AS h, count(*), min(i) FROM range(200000000) t(i) GROUP BY ALL)"


def test_spill_files_are_private_and_removed(lake: Path, tmp_path: Path) -> None:
    """Nobody else can look into the directory of a query; what a killed one leaves is removed by the next."""
    environment = {**os.environ, "TMPDIR": str(tmp_path), "ACCESSLAKE_QUERY_MEMORY": "64MiB"}
    with subprocess.Popen([sys.executable, "-m", "etl", "sql", SLOW, "--lake", str(lake)], env=environment) as process:
        directory = wait_for_spill(tmp_path)
        assert directory.stat().st_mode & 0o777 == 0o700
        worker = children(process.pid)
        process.send_signal(signal.SIGKILL)
    wait_until(lambda: not any(Path(f"/proc/{one}").exists() for one in worker))
    assert directory.exists()
    assert run_cli("sql", "SELECT 1", "--lake", str(lake), environment={"TMPDIR": str(tmp_path)}).returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_spilled_bytes_are_bounded(lake: Path) -> None:
    """A query that needs more disk than it may use is an error that names the settings."""
    settings = Settings(query_memory=ByteSize(64 * MIB), query_spill=ByteSize(16 * MIB))
    with pytest.raises(LimitError, match="query_memory and query_spill"):
        Database(open_store(str(lake)), settings=settings).query(SLOW).to_arrow()


def wait_for_spill(folder: Path) -> Path:
    def spilled() -> bool:
        return any(path.stat().st_size for path in folder.glob("accesslake-query-*/duckdb*"))

    wait_until(spilled)
    return next(folder.glob("accesslake-query-*"))


def children(process: int) -> list[int]:
    """The processes that a process started."""
    return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def wait_until(holds: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


LATE = "SELECT CASE WHEN i = 350000 THEN error('late' || chr(27) || '[31m') ELSE i END AS n FROM range(400000) t(i)"


@pytest.mark.parametrize("form", ["table", "csv", "json", "jsonl", "markdown"])
def test_late_errors_are_messages(lake: Path, form: str) -> None:
    """An error after the first rows ends as one before: one line, its exit code, no traceback, no control sequence."""
    done = run_cli("sql", LATE, "--lake", str(lake), "--format", form)
    assert done.returncode == 2
    assert done.stderr == "accesslake: DuckDB: Invalid Input Error: late\\x1b[31m\n"


@pytest.mark.parametrize(
    "value", ["DATE '5874897-12-31'", "DATE '290309-12-22 (BC)'", "TIMESTAMP 'infinity'", "[DATE '99999-01-01']"]
)
def test_values_beyond_python(lake: Path, value: str) -> None:
    """A day or time that Python has no value for is shown or refused, never a traceback."""
    for form in ("table", "csv", "json"):
        done = run_cli("sql", f"SELECT {value} AS d", "--lake", str(lake), "--format", form)
        assert "Traceback" not in done.stderr
        assert done.returncode in (0, 2)


def test_an_unforeseen_error_is_safe_on_a_terminal() -> None:
    """A traceback, too, has no control sequence in it."""
    code = "from etl.cli import app as cli; "
    code += "cli.app = lambda: (_ for _ in ()).throw(ValueError('x\x1b[31m')); cli.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith("ValueError: x\\x1b[31m\n")


HUNGRY = [
    "SELECT len(range(0, 400000000))",
    "SELECT length(repeat('x', 3000000000))",
    "SELECT length(array_to_string(range(400000000), ','))",
]


@pytest.mark.parametrize("query", HUNGRY)
def test_memory_is_bounded(lake: Path, query: str) -> None:
    """Memory that DuckDB does not count is limited, too; the error names the setting, and the next query runs."""
    database = Database(open_store(str(lake)), settings=Settings(query_memory=ByteSize(64 * MIB)))
    with pytest.raises(LimitError, match="query_memory"):
        database.query(query).to_arrow()
    assert database.query("SELECT 42 AS n").to_arrow()["n"].to_pylist() == [42]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM range(100000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3",
        "SELECT levenshtein(repeat('x', 1000000), repeat('y', 1000000))",
    ],
    ids=["can be interrupted", "cannot"],
)
def test_time_is_bounded(lake: Path, query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A query ends after query_seconds; one that cannot be interrupted with its process, and the next has another."""
    monkeypatch.setattr("etl.query.process._GRACE_SECONDS", 1)
    # Within this time the next process has to start, on a busy machine, too.
    database = Database(open_store(str(lake)), settings=Settings(query_seconds=4))
    with pytest.raises(LimitError, match="query_seconds"):
        database.query(query).to_arrow()
    assert database.query("SELECT 42 AS n").to_arrow()["n"].to_pylist() == [42]


def test_threads_share_a_database(lake: Path) -> None:
    """Also for its first queries."""
    database = Database(open_store(str(lake)))
    with ThreadPoolExecutor(8) as pool:
        results = pool.map(lambda n: database.query("SELECT $n AS n", {"n": n}).to_arrow()["n"].to_pylist(), range(100))
    assert list(results) == [[n] for n in range(100)]


def test_a_complete_result_needs_no_process(lake: Path) -> None:
    """A small one from the start, a large one once it is read: many of them may be kept."""
    small, large = (open_lake(str(lake)).sql(f"SELECT * FROM range({n})") for n in (10, 500_000))
    assert len(children(os.getpid())) > 0
    before = len(children(os.getpid()))
    assert large.to_arrow().num_rows == 500_000
    assert len(children(os.getpid())) == before - 1
    assert small.to_arrow().num_rows == 10


@pytest.mark.parametrize(
    "sql",
    ["SELECT 1 AS a; -- c", "SELECT 1 AS a;;", ";SELECT 1 AS a", "/* ; */ SELECT 1 AS a -- ;", "SELECT ';' AS a;"],
)
def test_semicolons_and_comments_around_a_query(lake: Path, tmp_path: Path, sql: str) -> None:
    """On the command line and in a report of one's own."""
    assert open_lake(str(lake)).sql(sql).to_arrow().num_rows == 1
    (tmp_path / "own.sql").write_text(f"-- /// report\n-- title = 'T'\n-- question = 'Q?'\n-- ///\n{sql}\n")
    assert open_lake(str(lake), sql_dir=[tmp_path]).report("own").to_arrow().num_rows == 1


def test_a_report_that_never_ends_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried over an empty lake, for a short time."""
    monkeypatch.setattr("etl.reports.loader._FOR_CHECKS", Settings(query_seconds=1))
    sql = "SELECT count(*) AS n FROM range(100000000000000)"
    (tmp_path / "own.sql").write_text(f"-- /// report\n-- title = 'T'\n-- question = 'Q?'\n-- ///\n{sql}\n")
    with pytest.raises(ReportFileError, match=r"own\.sql:5:1: .*query_seconds"):
        load_reports([tmp_path])


def test_a_process_that_dies_is_an_error(lake: Path) -> None:
    """Killed from outside, in the middle of a result: no rows are missing without a word."""
    database = Database(open_store(str(lake)))
    result = database.query("SELECT i, repeat('x', 1000) AS x FROM range(3000000) t(i)")
    database._process._process.kill()
    with pytest.raises(LimitError, match="died"):
        result.to_arrow()
    assert database.query("SELECT 42 AS n").to_arrow()["n"].to_pylist() == [42]


def test_several_results_are_open_at_a_time(lake: Path) -> None:
    """Each has its own rows; one that is not read to its end costs nothing."""
    database = Database(open_store(str(lake)))
    results = [database.query("SELECT i + $n AS i FROM range(200000) t(i)", {"n": n}) for n in range(3)]
    database.query("SELECT * FROM range(10000000)")
    for n, result in enumerate(results):
        assert result.to_arrow()["i"].to_pylist() == list(range(n, 200000 + n))
    with pytest.raises(AccessLakeError, match="read already") as caught:
        results[0].to_arrow()
    try:
        raise caught.value
    except AccessLakeError:  # while another error is handled
        assert database.query("SELECT 42 AS n").to_arrow()["n"].to_pylist() == [42]


def test_a_query_sees_the_lake_as_it_was_listed(tmp_path: Path) -> None:
    """Where a part was replaced before it was read, all is listed anew: no row is missing, none is there twice."""
    logs, copy = write_log(tmp_path / "logs", [request(n) for n in range(10)]), tmp_path / "lake"
    ingest_local(logs, copy)
    listed, read = Database(open_store(str(copy))), Database(open_store(str(copy)))
    listed._running()
    sql = "SELECT count(*) AS n, max(request_id) FROM access_log"
    assert read.query(sql).to_arrow()["n"].to_pylist() == [10]
    write_log(logs, [request(n) for n in range(10, 30)], "2026-02-06-02-00-00-AA")
    ingest_local(logs, copy)
    assert listed.query(sql).to_arrow()["n"].to_pylist() == [30]
    assert read.query(sql).to_arrow()["n"].to_pylist() == [10]


def test_parameters_are_values(lake: Path) -> None:
    """SQL in a parameter is text; numbers that are none are refused with the parameter's name."""
    here = open_lake(str(lake))
    assert here.report("lifecycle/object_events", key="x' OR 1=1 --").to_arrow().num_rows == 0
    for limit in ("1; DROP VIEW access_log", "NaN", "1e9", "9" * 400, ""):
        done = run_cli("report", "website/top_objects", "--lake", str(lake), "-p", f"limit={limit}")
        assert (done.returncode, done.stdout) == (2, "")
        assert "limit" in done.stderr
