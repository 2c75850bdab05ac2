"""Reports: their files, their parameters, their period and bucket, on a small lake. `test_golden` has every result."""

import datetime as dt
import json
import os
import random
import re
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from conftest import S3, ingest_local, run_cli
from geo_databases import write_geo_databases

from etl import Lake, open_lake
from etl.cli.demo_logs import ADMIN, LineWriter
from etl.config import Settings
from etl.errors import UsageError
from etl.query import Database, QueryError, Scope
from etl.query.database import connect
from etl.reports.loader import load_reports
from etl.reports.report import ReportFileError, bind, query_report, statement
from etl.store.open import open_store
from etl.store.s3_session import S3Session

REPORTS = load_reports()
SOME = {"key": "k", "prefix": "k", "requester": ADMIN, "remote_ip": "192.0.2.1", "approved": "arn:.*"}
REQUIRED = {
    name: {key: SOME[key] for key, parameter in report.params.items() if parameter.required}
    for name, report in REPORTS.items()
}
"""Values for the parameters without a default."""


def _at(day: int, second: int) -> dt.datetime:
    return dt.datetime(2026, 1, day, 12, 0, second, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Two buckets, two days; every expected figure below was counted on these lines by hand."""
    root = tmp_path_factory.mktemp("small")
    (root / "logs").mkdir()
    site = LineWriter("site", random.Random(0))
    for second, (key, status, ip) in enumerate(
        [("a", 200, "1"), ("a", 200, "1"), ("a", 404, "2"), ("b", 206, "2"), ("b", 403, "3"), ("c", 403, "3")]
    ):
        site.request(_at(1, second), "REST.GET.OBJECT", key, ip=f"192.0.2.{ip}", status=status, bytes_sent=10)
    site.request(_at(2, 0), "WEBSITE.GET.OBJECT", "b", ip="192.0.2.1", status=304)
    site.request(_at(2, 1), "REST.PUT.OBJECT", "a", ip="192.0.2.9", requester=ADMIN)
    site.request(_at(2, 2), "REST.GET.BUCKET", None, ip="192.0.2.9", status=403)
    rules = LineWriter("rules", random.Random(1))
    rules.lifecycle(_at(1, 5), "S3.EXPIRE.OBJECT", "k", 7)
    rules.lifecycle(_at(1, 4), "S3.EXPIRE.OBJECT", "x y", 8)
    rules.lifecycle(_at(2, 4), "S3.EXPIRE.OBJECT", "k", 9)
    rules.lifecycle(_at(2, 3), "S3.TRANSITION.OBJECT", "k", 9)
    rules.request(_at(2, 3), "REST.DELETE.OBJECT", "k", requester=ADMIN, status=204)
    for writer in (site, rules):
        (root / "logs" / writer.bucket).write_text("".join(f"{line.text}\n" for line in writer.lines))
    ingest_local(f"{root}/logs/*", root / "lake")
    return open_lake(str(root / "lake"), geo_database=write_geo_databases(root))


def report_rows(lake: Lake, name: str, **arguments: Any) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in lake.report(name, **arguments).to_arrow().to_pylist()]


def naive(day: int, second: int) -> dt.datetime:
    return _at(day, second).replace(tzinfo=None)


EXPECTED: dict[str, tuple[dict[str, Any], list[tuple[Any, ...]]]] = {
    "website/top_objects": ({}, [("a", 3, 2, 1), ("b", 3, 2, 1), ("c", 1, 0, 1)]),
    "website/response_codes": (
        {"bucket": "site"},
        [(200, 3), (403, 3), (206, 1), (304, 1), (404, 1)],
    ),
    "website/downloads_by_ip": ({}, [("192.0.2.1", 2, 3, 20), ("192.0.2.2", 1, 2, 20), ("192.0.2.3", 0, 2, 20)]),
    "website/access_denied_by_ip": ({}, [("192.0.2.3", 2), ("192.0.2.9", 1)]),
    "website/access_denied_by_key": ({}, [("b", 1), ("c", 1), (None, 1)]),
    "lifecycle/operation_counts": ({}, [("S3.EXPIRE.OBJECT", 3), ("S3.TRANSITION.OBJECT", 1)]),
    "lifecycle/expired_keys": ({}, [("k",), ("x y",)]),
}


def test_expired_objects(lake: Lake) -> None:
    """Key and UTC time of every expiration, in the order of time; on a day; or another operation."""
    rows = [row[:3] for row in report_rows(lake, "lifecycle/expired_objects")]
    assert rows == [("x y", naive(1, 4), "rules"), ("k", naive(1, 5), "rules"), ("k", naive(2, 4), "rules")]
    day = {"date_from": "2026-01-02", "date_to": dt.date(2026, 1, 2)}
    assert [row[1] for row in report_rows(lake, "lifecycle/expired_objects", **day)] == [naive(2, 4)]
    moved = report_rows(lake, "lifecycle/expired_objects", operation="S3.TRANSITION.OBJECT")
    assert [row[:2] for row in moved] == [("k", naive(2, 3))]


def test_object_events(lake: Lake) -> None:
    """Every lifecycle event of one key; what people did to it is not among them."""
    rows = [row[:2] for row in report_rows(lake, "lifecycle/object_events", key="k")]
    assert rows == [
        (naive(1, 5), "S3.EXPIRE.OBJECT"),
        (naive(2, 3), "S3.TRANSITION.OBJECT"),
        (naive(2, 4), "S3.EXPIRE.OBJECT"),
    ]


@pytest.mark.parametrize(
    ("kind", "default", "value"),
    [
        ("number", "1", 1.0),
        ("number", "-2.5", -2.5),
        ("integer", "1", 1),
        ("boolean", "true", True),
        ("date", "2026-01-02", dt.date(2026, 1, 2)),
        ("string", '"1"', "1"),
    ],
)
def test_defaults_as_toml_writes_them(tmp_path: Path, kind: str, default: str, value: object) -> None:
    """A default is a value of its type: a whole number is a number, and DuckDB gets it as one."""
    head = f"-- /// report\n-- title = 't'\n-- question = 'q'\n-- [params.n]\n-- type = '{kind}'\n-- help = 'h'\n"
    (tmp_path / "own.sql").write_text(f"{head}-- default = {default}\n-- ///\nSELECT $n AS n, typeof($n) AS type\n")
    database = Database(open_store(str(tmp_path / "lake")))
    result = query_report(load_reports([tmp_path])["own"], database).to_arrow().to_pylist()
    types = {"number": "DOUBLE", "integer": "INTEGER", "boolean": "BOOLEAN", "date": "DATE", "string": "VARCHAR"}
    assert result == [{"n": value, "type": types[kind]}]


@pytest.mark.parametrize(
    ("kind", "default"),
    [("integer", "1.0"), ("integer", "true"), ("integer", "9223372036854775808"), ("number", "true"), ("string", "1")],
)
def test_defaults_of_another_type_are_refused(tmp_path: Path, kind: str, default: str) -> None:
    """The error names the file and the line before any query runs."""
    head = f"-- /// report\n-- title = 't'\n-- question = 'q'\n-- [params.n]\n-- type = '{kind}'\n-- help = 'h'\n"
    (tmp_path / "own.sql").write_text(f"{head}-- default = {default}\n-- ///\nSELECT $n AS n\n")
    with pytest.raises(ReportFileError, match=rf"own\.sql:7: .*the default .* is no {kind}"):
        load_reports([tmp_path])


def test_names_that_every_report_takes(tmp_path: Path) -> None:
    """A parameter called like an argument of every report could not be set: the file is refused."""
    head = "-- /// report\n-- title = 't'\n-- question = 'q'\n-- [params.last]\n-- type = 'integer'\n-- help = 'h'\n"
    (tmp_path / "own.sql").write_text(f"{head}-- ///\nSELECT $last AS n\n")
    with pytest.raises(ReportFileError, match=r"own\.sql:\d: .*every report takes last; give the parameter another"):
        load_reports([tmp_path])


def test_both_days_of_a_period_count(lake: Lake) -> None:
    """`--from D --to D` is one day; a limit cuts after the order is made."""
    assert report_rows(lake, "website/top_objects", date_from="2026-01-01", date_to="2026-01-01") == [
        ("a", 3, 2, 1), ("b", 2, 1, 1), ("c", 1, 0, 1),
    ]  # fmt: skip
    assert report_rows(lake, "website/top_objects", date_from="2026-01-02") == [("b", 1, 1, 0)]
    assert report_rows(lake, "website/top_objects", date_to="2025-12-31") == []
    assert report_rows(lake, "website/top_objects", limit="1") == [("a", 3, 2, 1)]


@pytest.mark.parametrize("kind", ["no lake", "an empty lake", "an empty lake on S3"])
def test_an_empty_lake_gives_an_empty_result(kind: str, s3: S3, tmp_path: Path) -> None:
    """Every report on a lake without records gives its columns, no rows and no error."""
    if kind == "an empty lake":
        (tmp_path / "logs").mkdir()
        ingest_local(tmp_path / "logs", tmp_path / "lake")
    url = f"s3://{s3.lake}/lake" if "S3" in kind else str(tmp_path / "lake")
    scope = Scope("any", dt.date(2026, 1, 1))
    database = Database(open_store(url, S3Session(s3.endpoint_url)), scope, Settings(endpoint_url=s3.endpoint_url))
    for name, report in REPORTS.items():
        result = query_report(report, database, REQUIRED[name]).to_arrow()
        assert (result.num_rows, result.num_columns > 0) == (0, True), name


def test_reports_over_s3(s3: S3, lake: Lake) -> None:
    """The same results from a lake on S3, read through s3fs."""
    logs = Path(lake.url).parent / "logs"
    settings = Settings(source=(f"{logs}/*",), lake=f"s3://{s3.lake}/deep/lake", endpoint_url=s3.endpoint_url)
    Lake(settings).ingest()
    remote = open_lake(f"s3://{s3.lake}/deep/lake", s3.endpoint_url)
    for name, (arguments, expected) in EXPECTED.items():
        assert report_rows(remote, name, **arguments) == expected
    frame = remote.report("website/top_objects").to_pandas()
    assert frame.to_dict("list")["key"] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("website/top_object", {}, "no report 'website/top_object' .*; did you mean 'website/top_objects'?"),
        ("website/top_objects", {"bucket": "sites"}, "no bucket 'sites' in .*; did you mean 'site'?"),
        ("lifecycle/object_events", {}, "lifecycle/object_events needs -p key=...: the object's key"),
        ("website/top_objects", {"limits": 1}, "no parameter 'limits'; did you mean 'limit'?"),
        ("website/top_objects", {"limit": "many"}, "-p limit=many: not a valid integer"),
        ("website/top_objects", {"date_from": "2026-01-02", "date_to": "2026-01-01"}, "is after --to 2026-01-01"),
        ("website/top_objects", {"date_from": "May"}, "date_from 'May' names no day or hour; write 2026-11-24, "),
    ],
)
def test_wrong_names_and_values_are_errors(lake: Lake, name: str, arguments: dict[str, Any], message: str) -> None:
    """The error says which name or value is wrong, and the nearest right one."""
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        lake.report(name, **arguments)


HOSTILE = "x'; DROP VIEW access_log; --\" $limit %"


def test_values_are_bound_and_escaped(lake: Lake, tmp_path: Path) -> None:
    """Keys, buckets and paths with quotes in them are values, never SQL."""
    assert report_rows(lake, "lifecycle/object_events", key=HOSTILE) == []
    with pytest.raises(UsageError, match="no bucket"):
        lake.report("website/top_objects", bucket=HOSTILE)
    logs = tmp_path / "it's [here]"
    logs.mkdir()
    source = Path(lake.url).parent / "logs" / "site"
    bucket = HOSTILE.replace(" ", "_").replace('"', "")
    (logs / "a*b").write_text(source.read_text().replace(" site ", f" {bucket} "))
    ingest_local(logs / "a*b", logs / "lake")
    hostile = open_lake(str(logs / "lake"))
    assert hostile.sql("SELECT DISTINCT bucket FROM access_log").to_arrow()["bucket"].to_pylist() == [bucket]
    assert report_rows(hostile, "website/top_objects", bucket=bucket)[0] == ("a", 3, 2, 1)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM read_csv('https://example.com/x.csv')",
        "COPY (SELECT 1) TO 'x.csv'",
        "SET threads = 1",
        "INSTALL httpfs",
        "ATTACH 'x.duckdb'",
        "SELECT 1; SELECT 2",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM read_blob('/proc/self/environ')",
        "SELECT * FROM read_parquet('s3://other/x.parquet')",
        "SELECT * FROM a_python_variable",
        "SELECT getenv('AWS_SECRET_ACCESS_KEY')",
        "LOAD httpfs",
        "PRAGMA enable_external_access = true",
        "RESET lock_configuration",
        "EXPORT DATABASE 'x'",
        "CREATE TABLE t AS SELECT 1",
        "CREATE SECRET (TYPE s3)",
        "WITH x AS (INSERT INTO access_log SELECT * FROM access_log RETURNING 1) SELECT * FROM x",
        "SELECT nothing FROM access_log",
        "not SQL",
        "",
    ],
)
def test_sql_reads_the_lake_and_nothing_else(lake: Lake, query: str) -> None:
    """No other file, no network, no variable, no write, no setting; DuckDB's own message otherwise."""
    a_python_variable = pa.table({"a": [1]})
    assert a_python_variable.num_rows == 1
    with pytest.raises(QueryError):
        lake.sql(query).to_arrow()


def test_sql_does_not_climb_out_of_the_lake(lake: Lake, s3: S3, tmp_path: Path) -> None:
    """Neither with dots in a path, nor into what begins with the lake's name, on a disk and on S3."""
    beside = Path(f"{lake.url}2")
    beside.mkdir(exist_ok=True)
    (beside / "x.csv").write_text("secret")
    (tmp_path / "x.csv").write_text("secret")
    relative = os.path.relpath(tmp_path / "x.csv", lake.url)
    for path in (beside / "x.csv", f"{lake.url}/{relative}", f"{lake.url}/../{beside.name}/x.csv"):
        with pytest.raises(QueryError):
            lake.sql(f"SELECT * FROM read_text('{path}')").to_arrow()
    for key in ("lake/_runs.json", "lake2/x.csv", "x.csv"):
        s3.client.put_object(Bucket=s3.lake, Key=key, Body=b"secret")
    s3.client.put_object(Bucket=s3.lake, Key="lake/_lake.json", Body=b'{"format": 2}')
    on_s3 = open_lake(f"s3://{s3.lake}/lake", s3.endpoint_url)
    for path in (
        f"{s3.lake}/lake/_runs.json",
        f"{s3.lake}/lake/../x.csv",
        f"{s3.lake}/lake2/x.csv",
        f"{s3.logs}/x.csv",
    ):
        with pytest.raises(QueryError):
            on_s3.sql(f"SELECT * FROM read_text('s3://{path}')").to_arrow()


def test_views(lake: Lake) -> None:
    """The views have the columns of the schema, bucket and date first."""
    assert lake.sql("FROM access_log").columns[:4] == ["bucket", "date", "bucket_owner", "time"]
    types = {
        row["column_name"]: row["column_type"]
        for row in lake.sql("SELECT * FROM (DESCRIBE access_log)").to_arrow().to_pylist()
    }
    assert (types["bucket"], types["date"], types["time"]) == ("VARCHAR", "DATE", "TIMESTAMP")
    assert (types["http_status"], types["bytes_sent"], types["total_time"]) == ("SMALLINT", "BIGINT", "INTEGER")
    assert lake.sql("SELECT count(*) AS n FROM lifecycle_events").to_arrow()["n"].to_pylist() == [4]
    assert lake.sql("SELECT count(*) AS n FROM website_requests").to_arrow()["n"].to_pylist() == [7]
    assert lake.sql("SELECT sum(rows)::INT AS n FROM ledger").to_arrow()["n"].to_pylist() == [14]


@pytest.fixture(scope="module")
def database(lake: Lake) -> Database:
    """A query process for all reports."""
    return Database(open_store(lake.url), settings=lake.settings)


@pytest.fixture(scope="module")
def connection(lake: Lake) -> Any:
    """A plain DuckDB with the views."""
    return connect(open_store(lake.url), settings=lake.settings)


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_says_what_it_draws(database: Database, connection: Any, name: str) -> None:
    """The columns of its chart are in its result; a report's own SQL runs in a plain DuckDB that has the views."""
    report, params = REPORTS[name], REQUIRED[name]
    result = query_report(report, database, params).to_arrow()
    assert set(report.chart.columns if report.chart else ()) <= set(result.column_names)
    (*prepared, query) = duckdb.extract_statements(statement(report, params))
    for one in prepared:
        connection.execute(one)
    assert connection.execute(query).fetchall() == [tuple(row.values()) for row in result.to_pylist()]


def test_a_day_is_read_from_its_own_partitions(lake: Lake) -> None:
    """DuckDB says what it has opened: for a report of one day, the files of the day; of a bucket, too, one."""
    report = REPORTS["website/top_objects"]

    def files_read(scope: Scope) -> int:
        connection = connect(open_store(lake.url), scope)
        plan = connection.execute(f"EXPLAIN ANALYZE {report.sql}", bind(report, {})).fetchall()[0][1]
        (count,) = re.findall(r"Total Files Read: (\d+)", plan)
        return int(count)

    day = dt.date(2026, 1, 1)
    assert files_read(Scope()) == 4
    assert files_read(Scope(None, day, day)) == 2
    assert files_read(Scope("site", day, day)) == 1
    assert files_read(Scope("site")) == 2


def test_own_reports(lake: Lake, tmp_path: Path) -> None:
    """A directory of one's own adds reports under the same rules; a name that there is, or no directory, is refused."""
    own = tmp_path / "own"
    own.mkdir()
    (own / "keys.sql").write_text(
        '-- /// report\n-- title = "Keys"\n-- question = "Which keys?"\n'
        '-- chart = { kind = "bar", label = "key", value = "n" }\n'
        '-- dashboard = { section = "Website", position = 1 }\n-- [params.least]\n-- type = "integer"\n'
        '-- default = 0\n-- help = "so often"\n-- ///\n'
        "SELECT key, count(*) AS n FROM website_requests GROUP BY key HAVING n >= $least ORDER BY key;\n"
    )
    command = ("report", "keys", "--lake", lake.url, "--sql-dir", str(own), "-p", "least=3", "--format", "jsonl")
    drawn = tmp_path / "keys.svg"
    done = run_cli(*command, "--chart", str(drawn))
    assert [json.loads(line) for line in done.stdout.splitlines()] == [{"key": "a", "n": 3}, {"key": "b", "n": 3}]
    assert "<svg" in drawn.read_text()
    assert "keys " in run_cli("reports", environment={"ACCESSLAKE_SQL_DIR": str(own)}).stdout
    printed = run_cli(*command, "--print-sql").stdout
    assert printed.startswith("-- Keys\nPREPARE report AS\nSELECT key")
    assert printed.endswith('EXECUTE report("least" := 3);\n')
    assert open_lake(lake.url, sql_dir=[own]).report("keys", least=4).to_arrow().num_rows == 0
    (own / "keys.sql").write_text((own / "keys.sql").read_text().replace('value = "n"', 'value = "m"'))
    wrong = run_cli(*command)
    assert f"{own}/keys.sql: the chart's column 'm' is not in the result (it has: key, n)" in wrong.stderr
    (own / "website").mkdir()
    (own / "keys.sql").rename(own / "website" / "top_objects.sql")
    again = run_cli(*command)
    assert (again.returncode, "has this name already: website/top_objects" in again.stderr) == (1, True)
    assert "no-such: no such directory" in run_cli("reports", "--sql-dir", "no-such").stderr


@pytest.mark.parametrize(
    ("name", "file", "message"),
    [
        ("website/broken_links", "x.svg", "report website/broken_links has no chart"),
        ("website/top_objects", "x.gif", "--chart x.gif: the name must end in .svg, .png, .html"),
    ],
)
def test_what_cannot_be_drawn_is_an_error(lake: Lake, name: str, file: str, message: str) -> None:
    """A chart that a report or format cannot have is an error before any query runs."""
    done = run_cli("report", name, "--lake", lake.url, "--chart", file)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


GOOD = '-- /// report\n-- title = "T"\n-- question = "Q?"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT 1", r"bad\.sql:1: a report starts with front matter"),
        ("-- /// report\n-- title = \n-- ///\nSELECT 1", r"bad\.sql:2: the front matter is not valid TOML"),
        (
            "-- /// report\n-- title = 'T'\n-- ///\nSELECT 1",
            r"bad\.sql:2: in the front matter, question: Field required",
        ),
        (GOOD + "-- tittle = 'T'\n-- ///\nSELECT 1", r"bad\.sql:4: in the front matter, tittle: Extra inputs"),
        (GOOD + "SELECT 1", r"bad\.sql:4: in the front matter, before its end"),
        (GOOD, r"bad\.sql:3: the front matter is not ended"),
        (GOOD + "--chart = 1\n-- ///\nSELECT 1", r"bad\.sql:4: in the front matter, before its end"),
        (GOOD + "-- ///\n\nSELECT 1,\n  nothing\nFROM access_log", r"bad\.sql:7:3: .*column .*nothing"),
        (
            GOOD + "-- chart = {kind='bar', label='a', value='b'}\n-- ///\nSELECT 1 AS a",
            "chart's column 'b' is not",
        ),
        (GOOD + "-- ///\nSELECT 1 AS a, 2 AS a", "two columns of the result have one name"),
        (
            GOOD + "-- [params.n]\n-- type = 'integer'\n-- help = 'h'\n-- default = 'ten'\n-- ///\nSELECT $n",
            r"bad\.sql:7: .*the default 'ten' is no integer",
        ),
        (GOOD + "-- ///\nSELECT $n", r"bad\.sql:5: .*used in the SQL differ: n"),
        (GOOD + "-- [params.n]\n-- type = 'integer'\n-- help = 'h'\n-- ///\nSELECT 1", r"differ: n"),
        (
            GOOD + "-- dashboard = {section='Shop', position=1}\n-- ///\nSELECT 1",
            r"bad\.sql:4: .*'Overview', 'Website'",
        ),
        (
            GOOD + "-- dashboard = {section='Cost', position=0}\n-- ///\nSELECT 1",
            r"dashboard\.position: .*greater than",
        ),
        (GOOD + "-- dashboard = {section='Cost'}\n-- ///\nSELECT 1", r"dashboard\.position: Field required"),
        (
            GOOD + "-- dashboard = {section='Cost', position=1}\n-- [params.n]\n-- type = 'integer'\n-- help = 'h'\n"
            "-- ///\nSELECT $n",
            r"bad\.sql:4: .*the page runs reports without parameters: give a default to n",
        ),
        (GOOD + "-- ///\nSELECT 1; SELECT 2", r"one SELECT"),
        (GOOD + "-- ///\nDROP VIEW access_log", r"one SELECT"),
        (GOOD + "-- ///\nSELEKT 1", r"bad\.sql:5:1: .*syntax error"),
    ],
)
def test_a_bad_report_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    """Front matter and SQL are checked when they are loaded, by TOML's and DuckDB's own parsers."""
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "bad.sql").write_text(text)
    with pytest.raises(ReportFileError, match=message):
        load_reports([tmp_path])
