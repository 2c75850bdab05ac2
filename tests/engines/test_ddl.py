"""The printed statements say in every dialect what the lake is, and make it that table where the engine can be run."""

import datetime as dt
import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import fsspec
import pytest
import sqlglot
from conftest import S3, empty_lake, ingest_local, require_spark, run_cli
from lines import LINE
from small_lake import all_lines, write_log_objects
from sqlglot import exp

from etl import AccessLakeError, Lake, open_lake
from etl.dialects import Dialect
from etl.engines import LakeTable, read_table, write_script
from etl.engines.table import COLUMNS, PARTITIONS
from etl.errors import UsageError
from etl.store import open_store

ROOT = Path(__file__).parents[2]
ENGINES = ROOT / "config" / "engines.md"
RUNNER = Path(__file__).with_name("spark_runner.py")
HOSTILE = r"it's; `odd` \ and 'more'" + ' "still" -- /*'
TABLE = LakeTable(
    location="s3://analytics/access-lake/access_log/",
    is_remote=True,
    buckets=("12345", "2026-01-01", "web_1.example-2"),
    encoded=(),
    first_day=dt.date(2026, 2, 6),
    has_older_parts=False,
)


def parsed(dialect: Dialect, table: LakeTable = TABLE, **options: Any) -> list[Any]:
    """The statements as a parser of the dialect understands them; what it does not know it would leave as a command."""
    script = write_script(table, dialect, **options)
    trees = [one for one in sqlglot.parse(str(script), dialect=dialect) if one]
    assert len(trees) == len(script.statements)
    return trees


def columns_of(create: Any, dialect: Dialect) -> dict[str, tuple[str, str]]:
    """The columns that a CREATE TABLE defines: types as the dialect writes them, and comments."""
    columns = {}
    for column in create.find_all(exp.ColumnDef):
        comment = column.find(exp.CommentColumnConstraint)
        assert comment
        # Athena defines tables in the language of Hive.
        language = "hive" if dialect is Dialect.ATHENA else dialect
        columns[column.name] = (column.args["kind"].sql(language), comment.this.this)
    return columns


@pytest.mark.parametrize(
    ("dialect", "types"),
    [
        (Dialect.ATHENA, "STRING TIMESTAMP SMALLINT INT BIGINT DATE"),
        (Dialect.TRINO, "VARCHAR TIMESTAMP(3) SMALLINT INTEGER BIGINT DATE"),
        (Dialect.SPARK, "STRING TIMESTAMP_NTZ SMALLINT INT BIGINT DATE"),
    ],
)
def test_a_table_has_the_columns_of_the_schema_with_types_and_comments(dialect: Dialect, types: str) -> None:
    """Those of the path come last, as engines want it; the comments say units."""
    create, *_ = parsed(dialect)
    assert isinstance(create, exp.Create)
    columns = columns_of(create, dialect)
    assert list(columns) == [one.name for one in (*COLUMNS, *PARTITIONS)]
    samples = ("bucket", "time", "http_status", "total_time", "bytes_sent", "date")
    assert [columns[name][0] for name in samples] == types.split()
    assert columns["bytes_sent"][1] == "sent as the response's body; NULL means none [bytes]"
    assert columns["date"][1] == "day of time (partition) [UTC day]"


def test_athena_projects_the_buckets_and_days_of_the_lake() -> None:
    """No crawler, and no blank in the list of buckets, which would be part of a name."""
    (create,) = parsed(Dialect.ATHENA, name="logs.records")
    assert create.find(exp.Table) == exp.table_("records", db="logs", quoted=True)
    pairs = [one for one in create.find_all(exp.Property) if isinstance(one.args.get("value"), exp.Literal)]
    properties = {one.name: one.args["value"].this for one in pairs}
    expected = {
        "projection.enabled": "true",
        "projection.bucket.type": "enum",
        "projection.bucket.values": "12345,2026-01-01,web_1.example-2",
        "projection.date.type": "date",
        "projection.date.format": "yyyy-MM-dd",
        "projection.date.range": "2026-02-06,NOW",
    }
    assert {name: value for name, value in properties.items() if name in expected} == expected
    assert "'s3://analytics/access-lake/access_log/'" in create.sql("athena")


def test_a_table_may_leave_buckets_to_its_queries() -> None:
    """For lakes with too many of them, which is said; other engines know no such thing."""
    many = replace(TABLE, buckets=tuple(f"bucket-{number}" for number in range(101)))
    assert "101 buckets" in " ".join(write_script(many, Dialect.ATHENA).notes)
    script = write_script(many, Dialect.ATHENA, is_injected=True)
    assert "'projection.bucket.type' = 'injected'" in str(script)
    assert "bucket-7" not in str(script)
    assert "name its buckets" in " ".join(script.notes)
    with pytest.raises(UsageError, match="--injected is for Athena"):
        write_script(many, Dialect.SPARK, is_injected=True)


def test_buckets_that_athena_cannot_find_are_left_out_and_named() -> None:
    """Their folders are percent-encoded: no rows, without an error."""
    script = write_script(replace(TABLE, encoded=("a b', 'x",)), Dialect.ATHENA)
    assert "\"a b', 'x\"" in " ".join(script.notes)
    assert "a b" not in str(script)
    with pytest.raises(UsageError, match="no bucket"):
        write_script(replace(TABLE, buckets=(), encoded=("a b",)), Dialect.ATHENA)


@pytest.mark.parametrize("dialect", Dialect)
def test_texts_stay_texts(dialect: Dialect, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever quotes, backslashes and comments are in a location or a comment, it is the same behind the parser."""
    hostile = replace(COLUMNS[0], comment=HOSTILE)
    monkeypatch.setattr("etl.engines.statements.COLUMNS", (hostile,))
    monkeypatch.setattr("etl.engines.statements._ALL_COLUMNS", (hostile, *PARTITIONS))
    location = f"s3://analytics/{HOSTILE}/"
    trees = parsed(dialect, replace(TABLE, location=location))
    literals = {one.this for tree in trees for one in tree.find_all(exp.Literal)}
    assert HOSTILE in literals
    # In a glob, brackets take its meaning from a wildcard.
    assert location in {text.removesuffix("*/*/*.parquet").replace("[*]", "*") for text in literals}


def test_trino_is_told_where_to_look_for_partitions() -> None:
    """The procedure takes the schema and the name apart, and belongs to the catalog."""
    create, call = write_script(TABLE, Dialect.TRINO, "hive.logs.records").statements
    assert call == """CALL "hive"."system"."sync_partition_metadata"('logs', 'records', 'FULL')"""
    assert "partitioned_by = ARRAY['bucket', 'date']" in create
    assert write_script(TABLE, Dialect.TRINO).statements[1].endswith("('default', 'access_log', 'FULL')")


@pytest.mark.parametrize("name", ["", "a b", "x;y", "a.b.c.d", 'x"', "x`"])
def test_names_of_tables_are_names(name: str) -> None:
    with pytest.raises(UsageError, match="names no table"):
        write_script(TABLE, Dialect.SPARK, name)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The small lake, in a folder whose name has to be escaped, with buckets that look like numbers and dates."""
    root = tmp_path_factory.mktemp("o'ne [lake] *")
    write_log_objects(root, all_lines())
    for bucket in ("12345", "2026-01-01", "a b"):
        path = root / "logs" / f"2026-02-06-00-10-00-{bucket.encode().hex().upper()}"
        path.write_text(f"{LINE}\n".replace(" site ", f" {bucket} ").replace("a b [", "a%20b ["))
    ingest_local(root / "logs", root / "lake")
    return open_lake(str(root / "lake"))


def rows_in_duckdb(lake: Lake) -> tuple[list[list[str]], dict[str, str]]:
    """The rows of the printed view, sorted, as texts, and the types of its columns."""
    connection = duckdb.connect()
    connection.execute(str(lake.ddl("duckdb")))
    names = ", ".join(sorted(one.name for one in (*COLUMNS, *PARTITIONS)))
    rows = connection.execute(f"SELECT {names} FROM access_log").fetchall()
    types = connection.execute("SELECT column_name, column_type FROM (DESCRIBE access_log)").fetchall()
    return sorted([str(value) for value in row] for row in rows), dict(types)


def test_the_view_of_duckdb_has_all_records_and_comments(lake: Lake) -> None:
    """As many as the lake has, with the types of the schema, by whatever path."""
    rows, types = rows_in_duckdb(lake)
    ((count,),) = lake.sql("SELECT count(*) FROM access_log").to_arrow().to_pandas().to_numpy().tolist()
    assert len(rows) == count > 200
    assert (types["bucket"], types["date"], types["time"]) == ("VARCHAR", "DATE", "TIMESTAMP")
    connection = duckdb.connect()
    connection.execute(str(lake.ddl("duckdb", "main.records")))
    comments = connection.execute("SELECT column_name, comment FROM duckdb_columns() WHERE NOT internal").fetchall()
    assert dict(comments) == {one.name: one.comment for one in (*COLUMNS, *PARTITIONS)}


def test_the_view_of_duckdb_has_columns_that_older_files_lack(tmp_path: Path) -> None:
    """They are NULL, also where no file has them yet."""
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "2026-02-06-00-10-00-AAAA").write_text(f"{LINE}\n")
    ingest_local(logs, tmp_path / "lake")
    note = tmp_path / "lake" / "_lake.json"
    note.write_text(json.dumps(json.loads(note.read_text()) | {"oldest_fields": 26}))
    (part,) = (tmp_path / "lake").glob("access_log/*/*/*.parquet")
    duckdb.execute(f"COPY (SELECT * EXCLUDE (source_region) FROM '{part}') TO '{part}.new' (FORMAT parquet)")
    Path(f"{part}.new").replace(part)
    connection = duckdb.connect()
    connection.execute(str(open_lake(str(tmp_path / "lake")).ddl("duckdb")))
    assert connection.execute("SELECT bucket, key, source_region FROM access_log").fetchall() == [
        ("site", "a.html", None)
    ]


def test_spark_reads_the_same_rows_and_types(lake: Lake, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Whatever the time zone of its session; and after the last statement, which it gets again, what a run added."""
    require_spark(request)
    root = Path(lake.url).parent
    added = root / "logs" / "2026-03-20-00-10-00-CCCC"
    added_rows = "".join(LINE.replace("06/Feb", "20/Mar").replace("3E57", f"{n:04}") + "\n" for n in range(50))
    grown = root / "logs" / "2026-02-06-00-20-00-DDDD"
    ingest = [sys.executable, "-m", "etl", "ingest", "--source", str(root / "logs"), "--lake", lake.url, "--quiet"]
    task = {
        "statements": lake.ddl("spark").statements,
        "columns": sorted(one.name for one in (*COLUMNS, *PARTITIONS)),
        "files": {
            str(added): added_rows,
            str(grown): added_rows.replace("20/Mar", "06/Feb").replace(" site ", " 12345 "),
        },
        "ingest": ingest,
    }
    before, types = rows_in_duckdb(lake)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    run = subprocess.run(
        [sys.executable, str(RUNNER)],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(ROOT), "TZ": "America/New_York"},
        check=False,
    )
    assert run.returncode == 0, run.stderr
    answer = json.loads(run.stdout)
    assert answer["before"] == before
    assert answer["after"] == rows_in_duckdb(lake)[0]
    assert len(answer["after"]) == len(before) + 100
    names = {"VARCHAR": "string", "TIMESTAMP": "timestamp_ntz", "INTEGER": "int"}
    assert answer["types"] == {name: names.get(kind, kind.lower()) for name, kind in types.items()}
    assert answer["comments"] == {one.name: one.comment for one in (*COLUMNS, *PARTITIONS)}


def test_a_lake_on_s3_is_named_by_its_url(s3: S3) -> None:
    """The printed view reads it through S3; buckets and the first day are those of the lake."""
    for bucket in ("site", "12345"):
        s3.put(f"logs/2026-02-06-00-10-00-{bucket.upper()}", f"{LINE}\n".replace(" site ", f" {bucket} ").encode())
    options = ("--lake", f"s3://{s3.lake}/my lake", "--endpoint-url", s3.endpoint_url)
    open_lake(options[1], s3.endpoint_url, source=[f"s3://{s3.logs}/logs/"], workers=1).ingest()
    run = run_cli("ddl", "--dialect", "athena", *options)
    assert run.returncode == 0, run.stderr
    lake = open_lake(f"s3://{s3.lake}/my lake", s3.endpoint_url)
    assert run.stdout == str(lake.ddl("athena"))
    assert f"LOCATION 's3://{s3.lake}/my lake/access_log/'" in run.stdout
    assert "'projection.bucket.values' = '12345,site'" in run.stdout
    assert "'projection.date.range' = '2026-02-06,NOW'" in run.stdout
    assert "has no rows, without an error" in run.stderr
    connection = duckdb.connect()
    connection.register_filesystem(fsspec.filesystem("s3", endpoint_url=s3.endpoint_url))
    connection.execute(str(lake.ddl("duckdb")))
    assert connection.execute("SELECT bucket, date FROM access_log ORDER BY ALL").fetchall() == [
        ("12345", dt.date(2026, 2, 6)),
        ("site", dt.date(2026, 2, 6)),
    ]


def test_days_that_are_removed_or_impossible_do_not_count(tmp_path: Path) -> None:
    """The first day is one that the lake keeps."""
    logs = tmp_path / "logs"
    logs.mkdir()
    for number, day in enumerate(("06/Feb/2026", "08/Feb/2026")):
        (logs / f"2026-02-08-00-10-0{number}-AAAA").write_text(LINE.replace("06/Feb/2026", day) + "\n")
    lake = tmp_path / "lake"
    ingest_local(logs, lake)
    for day in ("1970-01-01", "9999-01-01", "no-day"):
        (lake / "access_log" / "bucket=site" / f"date={day}").mkdir()
    assert read_table(open_store(str(lake))).first_day == dt.date(2026, 2, 6)
    (lake / "_retention.json").write_text('{"expired_before": "2026-02-07"}')
    assert read_table(open_store(str(lake))).first_day == dt.date(2026, 2, 8)


def test_what_cannot_be_made_a_table_is_refused(tmp_path: Path, lake: Lake) -> None:
    """An empty lake, and a lake on a disk for engines that read S3."""
    with pytest.raises(AccessLakeError, match="no records yet"):
        empty_lake(tmp_path).ddl("spark")
    for dialect in ("athena", "trino"):
        with pytest.raises(UsageError, match="S3"):
            lake.ddl(dialect)
    with pytest.raises(UsageError, match="no dialect 'hive'"):
        lake.ddl("hive")


def test_days_that_are_over_can_be_copied_with_bucket_and_date_as_columns(lake: Lake, tmp_path: Path) -> None:
    """By the commands that the documentation gives instead of an export: no row is missing, and none is NULL."""
    text = ENGINES.read_text("utf-8")
    (command,) = re.findall(r"^accesslake (sql .*)$", text, re.MULTILINE)
    arguments = shlex.split(command.replace("s3://analytics/access-lake", shlex.quote(lake.url)))
    run = run_cli(*arguments, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    (copy,) = re.findall(r"^COPY .*?;$", text, re.MULTILINE | re.DOTALL)
    connection = duckdb.connect()
    connection.execute(str(lake.ddl("duckdb")))
    connection.execute(copy.replace("'records'", f"'{tmp_path}/records'"))
    for files in ("records.parquet", "records/*/*/*.parquet"):
        found = connection.execute(f"SELECT * FROM read_parquet('{tmp_path}/{files}', hive_partitioning = false)")
        names = [one[0] for one in found.description]
        columns = ", ".join(names)
        assert {"bucket", "date"} <= set(names)
        assert sorted(map(str, found.fetchall())) == sorted(
            map(str, connection.execute(f"SELECT {columns} FROM access_log").fetchall())
        )
