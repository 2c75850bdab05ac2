"""Attacks by SQL: C1, M3, M6, M8 and M9 of the list, and what withstood. Nothing writes, nothing else is read."""

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pytest
from attacks import every, files_of, request, write_log
from conftest import S3, ingest_local, run_cli
from pydantic import ByteSize

from etl import open_lake
from etl.api import Lake
from etl.config import Settings
from etl.errors import AccessLakeError, StoreError
from etl.query import Database, LimitError, QueryError
from etl.query.connection import open_connection, run_query
from etl.query.files import LakeFiles
from etl.query.messages import Limits
from etl.reports.loader import load_reports
from etl.reports.report import ReportFileError
from etl.store.open import open_store

MIB = 1024 * 1024
WRITES = [
    "COPY (SELECT 1 AS a, 2 AS b) TO '<target>' (FORMAT parquet, PARTITION_BY (b), OVERWRITE true)",
    "COPY (SELECT 1 AS a) TO '<target>/evil.csv' (FORMAT csv, HEADER false)",
    "COPY (SELECT 1 AS a) TO '<target>/part-00000.parquet' (FORMAT parquet)",
    "COPY access_log TO '<target>/evil.parquet'",
    "COPY access_log FROM '<target>/evil.csv'",
    "INSERT INTO access_log SELECT * FROM access_log",
    "INSERT INTO access_log SELECT * FROM access_log RETURNING bucket",
    "UPDATE access_log SET key = 'x'",
    "DELETE FROM access_log",
    "MERGE INTO access_log USING rejects ON false WHEN NOT MATCHED THEN INSERT VALUES (1)",
    "CREATE TABLE evil AS SELECT 1",
    "CREATE OR REPLACE VIEW access_log AS SELECT 1",
    "CREATE MACRO evil() AS 1",
    "DROP VIEW access_log",
    "ATTACH '<target>/evil.db'",
    "EXPORT DATABASE '<target>/evil'",
    "INSTALL httpfs",
    "SET threads = 1",
    "CALL pragma_version()",
    "EXECUTE evil",
]
FORMS = [
    "<body>",
    "WITH x AS (<body>) SELECT * FROM x",
    "WITH x AS MATERIALIZED (<body>) SELECT 1",
    "SELECT * FROM (<body>)",
    "SELECT (<body>)",
    "SELECT * FROM (WITH x AS (<body>) SELECT * FROM x)",
    "WITH y AS (WITH x AS (<body>) SELECT * FROM x) SELECT * FROM y",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL (<body>)) SELECT * FROM t",
    "SELECT 1 WHERE EXISTS (WITH x AS (<body>) SELECT * FROM x)",
    "SELECT 1 UNION ALL (WITH x AS (<body>) SELECT 1)",
    "SELECT 1; <body>",
    "<body>; SELECT 1",
    "EXPLAIN ANALYZE WITH x AS (<body>) SELECT * FROM x",
    "PREPARE p AS WITH x AS (<body>) SELECT * FROM x",
    "SELECT * FROM query('WITH x AS (<quoted>) SELECT * FROM x')",
]
TARGETS = ["<lake>/access_log", "<lake>", "lake://access_log", "lake:///evil"]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("queries")
    ingest_local(write_log(root / "logs", [request(n) for n in range(50)]), root / "lake")
    return root / "lake"


def attempts(lake: str) -> list[str]:
    """Every statement that writes, in every place where SQL has room for one, to every target."""
    bodies = [body for body in WRITES if "<target>" not in body]
    bodies += list(every("<body>", body=[one for one in WRITES if "<target>" in one], target=TARGETS, lake=[lake]))
    return [
        form.replace("<body>", body).replace("<quoted>", body.replace("'", "''")) for body in bodies for form in FORMS
    ]


def succeeded(database: Database, queries: list[str]) -> list[str]:
    """Those queries that were not refused, and gave something."""
    done = []
    for query in queries:
        try:
            if database.query(query).to_arrow().num_rows:
                done.append(query)
        except QueryError:
            continue
    return done


def test_c1_no_statement_writes(lake: Path) -> None:
    """On a disk: each is refused, and no byte of the lake differs."""
    store = open_store(str(lake))
    before = files_of(store)
    database = Database(store)
    assert succeeded(database, attempts(str(lake))) == []
    assert files_of(store) == before
    assert database.query("SELECT count(*) AS n FROM access_log").to_arrow()["n"][0].as_py() == 50


def test_c1_no_statement_writes_on_s3(s3: S3, tmp_path: Path) -> None:
    """Nor with the rights of the job on S3."""
    logs = write_log(tmp_path / "logs", [request(n) for n in range(5)])
    url = f"s3://{s3.lake}/lake"
    Lake(Settings(source=(str(logs),), lake=url, endpoint_url=s3.endpoint_url, workers=1)).ingest()
    store = open_store(url, s3.endpoint_url)
    before = files_of(store)
    writes = [query for query in attempts(url) if "COPY" in query]
    assert succeeded(Database(store, settings=Settings(endpoint_url=s3.endpoint_url)), writes) == []
    assert files_of(store) == before


def test_c1_a_report_file_writes_nothing(lake: Path, tmp_path: Path) -> None:
    """A report of one's own is refused when it is loaded, also for --print-sql."""
    before = files_of(open_store(str(lake)))
    target = tmp_path / "evil.csv"
    copy = f"WITH x AS (COPY (SELECT 1 AS a) TO '{target}') SELECT * FROM x"
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "evil.sql").write_text(f"-- /// report\n-- title = 'T'\n-- question = 'Q?'\n-- ///\n{copy}\n")
    with pytest.raises(ReportFileError, match="must be at the top level"):
        load_reports([reports])
    for option in ([], ["--print-sql"]):
        done = run_cli("report", "evil", "--lake", str(lake), "--sql-dir", str(reports), *option)
        assert (done.returncode, done.stdout) == (1, "")
    assert not target.exists()
    assert files_of(open_store(str(lake))) == before


def test_c1_the_wall_of_the_statement(tmp_path: Path) -> None:
    """Alone: in a DuckDB that may write anywhere, no such statement gets through."""
    connection = duckdb.connect()
    connection.execute("CREATE TABLE access_log (bucket VARCHAR); CREATE TABLE rejects (bucket VARCHAR)")
    target = tmp_path / "target"
    target.mkdir()
    for query in every(
        "<form>",
        form=FORMS[1:10],
        body=[w for w in WRITES if w.split()[0] in ("COPY", "INSERT", "UPDATE", "DELETE")],
        target=[str(target)],
    ):
        with pytest.raises(QueryError):
            run_query(connection, query).to_arrow()
    assert list(target.iterdir()) == []
    assert connection.execute("SELECT count(*) FROM access_log").fetchone() == (0,)


def test_c1_the_wall_of_the_file_system() -> None:
    """Alone: in a DuckDB without our settings, and without the wall of the statement, the file system refuses."""
    connection = duckdb.connect()
    connection.register_filesystem(LakeFiles({"access_log/a.csv": 2}, lambda _path, _start, _length: b"1\n"))
    assert connection.execute("SELECT * FROM read_csv('lake://access_log/a.csv', header = false)").fetchall() == [(1,)]
    for write in every("<body>", body=WRITES[:3], target=["lake://access_log", "lake://"]):
        with pytest.raises((duckdb.Error, PermissionError, NotImplementedError, FileNotFoundError)):
            connection.execute(write)


def test_c1_the_wall_of_the_settings(lake: Path) -> None:
    """Alone: without the wall of the statement, what we set lets DuckDB write nothing but its spill directory."""
    connection = open_connection(LakeFiles({}, lambda _path, _start, _length: b""), [], Limits(64 * MIB, 0, 60))
    before = files_of(open_store(str(lake)))
    for write in every("<body>", body=[one for one in WRITES if "<target>" in one], target=[str(lake)]):
        with pytest.raises(duckdb.Error):
            connection.execute(write)
    assert files_of(open_store(str(lake))) == before


CONFINED = """
import os, signal, socket, sys
from etl.query.confine import confine
parent, secret, own = int(sys.argv[1]), sys.argv[2], sys.argv[3]
listener = socket.socket()
if not confine(["/usr/lib", "/lib"], own):
    print("no Landlock"); sys.exit()
def refused(what, call):
    try:
        call()
    except (PermissionError, OSError) as error:
        if error.errno in (1, 13):
            return
    print("possible:", what)
refused("read", lambda: open(secret).read())
refused("write", lambda: open(secret, "w"))
refused("new file", lambda: open(os.path.dirname(secret) + "/new", "w"))
refused("remove", lambda: os.remove(secret))
refused("list", lambda: os.listdir("/"))
refused("environment of the parent", lambda: open(f"/proc/{parent}/environ").read())
refused("connect", lambda: socket.create_connection(("127.0.0.1", int(sys.argv[4])), timeout=5))
refused("signal", lambda: os.kill(parent, 0))
refused("program", lambda: os.execv("/bin/sh", ["sh", "-c", "true"]))
open(own + "/spilled", "w").write("x")
os.remove(own + "/spilled")
print("done")
"""


def test_c1_the_wall_of_the_process(tmp_path: Path) -> None:
    """Alone: a confined process opens no file but what it needs, connects to nothing, and signals nobody."""
    secret = tmp_path / "secret"
    secret.write_text("secret")
    own = tmp_path / "own"
    own.mkdir()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        arguments = [str(os.getpid()), str(secret), str(own), str(listener.getsockname()[1])]
        done = subprocess.run(
            [sys.executable, "-c", CONFINED, *arguments], capture_output=True, text=True, check=False, cwd="/"
        )
    assert done.stdout in ("done\n", "no Landlock\n"), done.stdout + done.stderr
    assert secret.read_text() == "secret"


def test_c1_the_process_has_no_secrets(lake: Path) -> None:
    """Whoever takes over the process that answers finds no credentials, no key and no setting in it."""
    database = Database(open_store(str(lake)))
    database.query("SELECT 1").to_arrow()
    environment = Path(f"/proc/{database._process._process.pid}/environ").read_bytes().decode()
    assert "AWS" not in environment
    assert "ACCESSLAKE" not in environment
    database.close()


READS = [
    "read_text('<outside>/secret.csv')",
    "read_text('<lake>/access_log/../../secret.csv')",
    "read_text('lake://../secret.csv')",
    "read_text('lake://access_log/../../secret.csv')",
    "read_text('<lake>/_privacy.json')",
    "read_text('file://<outside>/secret.csv')",
    "read_text('<outside>/%73ecret.csv')",
    "read_text('<outside>/[s]ecret.csv')",
    "read_text('<outside>/*')",
    "read_text(['<outside>/secret.csv'])",
    "read_blob('<outside>/secret.csv')",
    "read_csv('<outside>/secret.csv')",
    "read_json('<outside>/secret.csv')",
    "read_parquet('<outside>/secret.csv')",
    "glob('<outside>/*')",
    "glob('/etc/*')",
    "read_text('/proc/self/environ')",
    "read_text('/dev/stdin')",
    "read_text('~/.aws/credentials')",
    "read_text('s3://logs-bucket/x')",
    "read_text('http://127.0.0.1:<port>/x')",
    "read_text('https://127.0.0.1:<port>/x')",
    "read_text('hf://datasets/x')",
    "'<outside>/secret.csv'",
    "'https://127.0.0.1:<port>/x.parquet'",
    "sniff_csv('<outside>/secret.csv')",
    "parquet_metadata('<outside>/secret.csv')",
    "arrow_scan(1, 2, 3)",
    "pandas_scan(1)",
    "a_python_variable",
    "which_secret('s3://x', 's3')",
]


def test_nothing_outside_the_lake_is_read(lake: Path) -> None:
    """By no function and no spelling of a path; a lake's own documents neither."""
    a_python_variable = [1]
    assert a_python_variable
    (lake.parent / "secret.csv").write_text("secret")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
        reads = every("SELECT * FROM <read>", read=READS, outside=[str(lake.parent)], lake=[str(lake)], port=[port])
        assert succeeded(Database(open_store(str(lake))), list(reads)) == []
    assert succeeded(Database(open_store(str(lake))), ["SELECT getenv('HOME')"]) == []


def test_m3_a_symbolic_link_in_a_lake_leads_nowhere(tmp_path: Path) -> None:
    """A folder or a part that is a link is refused with its name, by queries and by runs."""
    logs = write_log(tmp_path / "logs", [request(1)])
    lake = tmp_path / "lake"
    ingest_local(logs, lake)
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    link = lake / "access_log" / "bucket=evil"
    link.symlink_to(outside)
    for query in (f"SELECT * FROM read_text('{link}/../secret.txt')", "SELECT * FROM access_log"):
        with pytest.raises((StoreError, QueryError)):
            open_lake(str(lake)).sql(query).to_arrow()
    write_log(logs, [request(2)], "2026-02-06-02-00-00-AA")
    with pytest.raises(StoreError, match="bucket=evil: is a symbolic link"):
        open_lake(str(lake)).status()
    link.unlink()
    part = next((lake / "access_log").rglob("*.parquet"))
    part.rename(tmp_path / "real")
    part.symlink_to(tmp_path / "real")
    with pytest.raises(StoreError, match="is a symbolic link"):
        open_lake(str(lake)).sql("SELECT * FROM access_log").to_arrow()


SLOW = "SELECT count(*) FROM (SELECT hash(i) AS h, count(*), min(i) FROM range(200000000) t(i) GROUP BY ALL)"


def test_m6_spill_files_are_private_and_swept(lake: Path, tmp_path: Path) -> None:
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


def test_m6_spilled_bytes_are_bounded(lake: Path) -> None:
    """A query that needs more disk than it may have is told so, and which setting says it."""
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
def test_m8_late_errors_are_messages(lake: Path, form: str) -> None:
    """An error after the first rows ends as one before: one line, its exit code, no traceback, no control sequence."""
    done = run_cli("sql", LATE, "--lake", str(lake), "--format", form)
    assert done.returncode == 2
    assert done.stderr == "accesslake: DuckDB: Invalid Input Error: late\\x1b[31m\n"


@pytest.mark.parametrize(
    "value", ["DATE '5874897-12-31'", "DATE '290309-12-22 (BC)'", "TIMESTAMP 'infinity'", "[DATE '99999-01-01']"]
)
def test_m8_values_beyond_python(lake: Path, value: str) -> None:
    """A day or time that Python has no value for is shown or refused, never a traceback."""
    for form in ("table", "csv", "json"):
        done = run_cli("sql", f"SELECT {value} AS d", "--lake", str(lake), "--format", form)
        assert "Traceback" not in done.stderr
        assert done.returncode in (0, 2)


def test_m8_what_nobody_foresaw_is_safe_on_a_terminal() -> None:
    """A traceback, too, has no control sequence in it."""
    code = "from etl.cli import commands as cli; "
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
def test_m9_memory_is_bounded(lake: Path, query: str) -> None:
    """What DuckDB does not count is refused, too, with the setting's name; the next query goes on."""
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
    ids=["stops when it is told", "does not"],
)
def test_m9_time_is_bounded(lake: Path, query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A query ends after query_seconds; one that cannot be interrupted with its process, and the next has another."""
    monkeypatch.setattr("etl.query.process._GRACE_SECONDS", 1)
    database = Database(open_store(str(lake)), settings=Settings(query_seconds=1))
    with pytest.raises(LimitError, match="query_seconds"):
        database.query(query).to_arrow()
    assert database.query("SELECT 42 AS n").to_arrow()["n"].to_pylist() == [42]


def test_threads_share_a_database(lake: Path) -> None:
    """Also for its first queries."""
    database = Database(open_store(str(lake)))
    with ThreadPoolExecutor(8) as pool:
        results = pool.map(lambda n: database.query("SELECT $n AS n", {"n": n}).to_arrow()["n"].to_pylist(), range(100))
    assert list(results) == [[n] for n in range(100)]


def test_a_result_that_is_whole_needs_no_process(lake: Path) -> None:
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
    with pytest.raises(ReportFileError, match=r"own\.sql:5: .*query_seconds"):
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
