"""Attacks by SQL: no query writes, and none reads anything outside the lake."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from attacks import every, files_of, request, write_log
from conftest import S3, ingest_local, run_cli

from etl import open_lake
from etl.api import Lake
from etl.config import Settings
from etl.errors import StoreError
from etl.query import Database, QueryError
from etl.query.connection import open_connection, run_query
from etl.query.files import LakeFiles
from etl.query.messages import Limits
from etl.reports.loader import load_reports
from etl.reports.report import ReportFileError
from etl.store.open import open_store
from etl.store.s3_session import S3Session

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


def test_no_statement_writes(lake: Path) -> None:
    """On a disk each statement is refused, and no byte of the lake differs."""
    store = open_store(str(lake))
    before = files_of(store)
    database = Database(store)
    assert succeeded(database, attempts(str(lake))) == []
    assert files_of(store) == before
    assert database.query("SELECT count(*) AS n FROM access_log").to_arrow()["n"][0].as_py() == 50


def test_no_statement_writes_on_s3(s3: S3, tmp_path: Path) -> None:
    """With the credentials of the job on S3 each is refused, too."""
    logs = write_log(tmp_path / "logs", [request(n) for n in range(5)])
    url = f"s3://{s3.lake}/lake"
    Lake(Settings(source=(str(logs),), lake=url, endpoint_url=s3.endpoint_url, workers=1)).ingest()
    store = open_store(url, S3Session(s3.endpoint_url))
    before = files_of(store)
    writes = [query for query in attempts(url) if "COPY" in query]
    assert succeeded(Database(store, settings=Settings(endpoint_url=s3.endpoint_url)), writes) == []
    assert files_of(store) == before


def test_a_report_file_writes_nothing(lake: Path, tmp_path: Path) -> None:
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


def test_the_check_of_the_statement_suffices(tmp_path: Path) -> None:
    """In a DuckDB that may write anywhere, this check alone lets no such statement through."""
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


def test_the_file_system_suffices() -> None:
    """In a DuckDB without our settings, and without the check of the statement, the file system refuses to write."""
    connection = duckdb.connect()
    connection.register_filesystem(LakeFiles({"access_log/a.csv": 2}, lambda _path, _start, _length: b"1\n"))
    assert connection.execute("SELECT * FROM read_csv('lake://access_log/a.csv', header = false)").fetchall() == [(1,)]
    for write in every("<body>", body=WRITES[:3], target=["lake://access_log", "lake://"]):
        with pytest.raises((duckdb.Error, PermissionError, NotImplementedError, FileNotFoundError)):
            connection.execute(write)


def test_the_settings_suffice(lake: Path) -> None:
    """Without the check of the statement, our settings let DuckDB write nothing but its spill directory."""
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


def test_the_confinement_of_the_process_suffices(tmp_path: Path) -> None:
    """A confined process opens no file but what it needs, connects to nothing, and signals nobody."""
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


def test_the_process_has_no_secrets(lake: Path) -> None:
    """Whoever takes over the process that runs queries finds no credentials, no key and no setting in it."""
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


def test_a_symbolic_link_in_a_lake_leads_nowhere(tmp_path: Path) -> None:
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
