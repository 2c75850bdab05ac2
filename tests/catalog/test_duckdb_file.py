"""The catalog answers as the command line does, in every DuckDB that programs embed, and over S3."""

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import S3, ingest_local, run_cli
from lines import LINE
from small_lake import all_lines, write_log_objects

from etl import Lake, open_lake
from etl.query import Database
from etl.query.views import asks_for_locations
from etl.reports import query_report
from etl.store import open_store

ASKER = Path(__file__).with_name("asker.py")
OLD_VERSIONS = ("1.3.2", "1.4.4", "1.5.5")
# What every program that reads DuckDB knows; no list, struct, enumeration or number of 128 bits.
PLAIN_TYPES = {"BIGINT", "BOOLEAN", "DATE", "DECIMAL", "DOUBLE", "INTEGER", "SMALLINT", "TIMESTAMP", "VARCHAR"}

Ask = Callable[..., dict[str, list[list[str]]]]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    root = tmp_path_factory.mktemp("lake's")
    write_log_objects(root, all_lines())
    ingest_local(root / "logs", root / "lake")
    return open_lake(str(root / "lake"))


@pytest.fixture(scope="module")
def catalog(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("catalog") / "lake.duckdb"
    lake.catalog(path)
    return path


@pytest.fixture(scope="module")
def ask(request: pytest.FixtureRequest) -> Ask:
    """Asks a catalog in a process with this version of DuckDB, which is installed beside all others."""

    def ask(
        catalog: Path, queries: Mapping[str, str], version: str | None = None, endpoint: str = ""
    ) -> dict[str, list[list[str]]]:
        environment = dict(os.environ)
        if version:
            environment["PYTHONPATH"] = str(_installed(request, version))
        run = subprocess.run(
            [sys.executable, str(ASKER), str(catalog)],
            input=json.dumps({"queries": queries, "endpoint": endpoint}),
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        answer = json.loads(run.stdout)
        assert answer["version"] == (version or duckdb.__version__)
        return answer["rows"]  # type: ignore[no-any-return]

    return ask


def _installed(request: pytest.FixtureRequest, version: str) -> Path:
    """A folder with this version of DuckDB, and its extension for S3 where there is a wheel of it."""
    folder = request.config.cache.mkdir(f"duckdb-{version}")
    packages = [f"duckdb=={version}"]
    if version == OLD_VERSIONS[-1]:
        packages.append(f"duckdb-extension-httpfs=={version}")
    if not any(folder.iterdir()):
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), *packages]
        if subprocess.run(pip, capture_output=True, check=False).returncode:
            if request.config.getoption("--all-servers"):
                pytest.fail(f"{packages} cannot be installed")
            pytest.skip(f"{packages} cannot be installed")
    return Path(folder)


def names_in(catalog: Path) -> list[str]:
    """All views and tables of a catalog."""
    with duckdb.connect(str(catalog), read_only=True) as connection:
        return [row[0] for row in connection.execute("SHOW TABLES").fetchall()]


def shown(rows: list[dict[str, Any]]) -> list[list[str]]:
    """Rows of a report as `asker.py` writes them."""
    return sorted(
        [f"{value:.10g}" if isinstance(value, float) else str(value) for value in row.values()] for row in rows
    )


@pytest.fixture(scope="module")
def expected(lake: Lake) -> dict[str, list[list[str]]]:
    """What the command line answers, by the names of the catalog."""
    reports = [
        report
        for report in lake.reports()
        if not any(one.required for one in report.params.values()) and not asks_for_locations(report.sql)
    ]
    database = Database(open_store(lake.url))
    answers = {report.name: query_report(report, database).to_arrow() for report in reports}
    return {name.replace("/", "_"): shown(answer.to_pylist()) for name, answer in answers.items()}


@pytest.mark.parametrize("version", [*OLD_VERSIONS, None])
def test_every_report_of_the_catalog_has_the_rows_that_the_command_line_gives(
    catalog: Path, expected: dict[str, list[list[str]]], ask: Ask, version: str | None
) -> None:
    """And every other view can be read."""
    answers = ask(catalog, {name: f'FROM "{name}"' for name in names_in(catalog)}, version)
    different = [name for name, rows in expected.items() if answers[name] != rows]
    assert not different, [(name, answers[name], expected[name]) for name in different]
    assert len(answers["access_log"]) > 100


def test_reports_that_have_to_be_told_something_are_functions(lake: Lake, catalog: Path, ask: Ask) -> None:
    """Their arguments are the required parameters, in order."""
    key = "photos/a.jpg"
    rows = lake.report("lifecycle/object_events", key=key).to_arrow().to_pylist()
    answer = ask(catalog, {"events": f"FROM lifecycle_object_events('{key}')"}, OLD_VERSIONS[0])
    assert answer["events"] == shown(rows)
    required = [one for one in lake.reports() if any(value.required for value in one.params.values())]
    with duckdb.connect(str(catalog), read_only=True) as connection:
        functions = connection.execute("SELECT function_name FROM duckdb_functions() WHERE NOT internal").fetchall()
    assert {one.name.replace("/", "_") for one in required} <= {name for (name,) in functions}


def test_materialized_reports_are_tables_that_need_no_lake(
    lake: Lake, expected: dict[str, list[list[str]]], tmp_path: Path, ask: Ask
) -> None:
    """Those with a row for each day, with the rows of the moment."""
    summary = lake.catalog(tmp_path / "lake.duckdb", materialize=True)
    assert {"operations_status_by_day", "cost_by_day", "website_requests_by_day"} <= set(summary.tables)
    answers = ask(tmp_path / "lake.duckdb", {name: f"FROM {name}" for name in summary.tables}, OLD_VERSIONS[0])
    assert answers == {name: expected[name] for name in summary.tables}


def test_all_columns_have_plain_types_and_those_of_the_lake_say_what_they_are(catalog: Path) -> None:
    """Programs that read DuckDB files know few types; comments say units."""
    with duckdb.connect(str(catalog), read_only=True) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal"
        ).fetchall()
        views = dict(connection.execute("SELECT view_name, comment FROM duckdb_views() WHERE NOT internal").fetchall())
    assert {kind.partition("(")[0] for _, _, kind, _ in columns} <= PLAIN_TYPES
    notes = {(view, column): note for view, column, _, note in columns}
    assert "bytes" in notes["access_log", "bytes_sent"]
    assert all(note for (view, _), note in notes.items() if view == "access_log")
    assert views["website_top_objects"].startswith("Most requested objects: ")


def test_a_catalog_is_replaced_under_open_readers(tmp_path: Path) -> None:
    """Who has the old one open goes on with it; whoever opens it next has the new one; nothing is left beside it."""
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "2026-02-06-00-10-00-AAAA").write_text(f"{LINE}\n")
    ingest_local(logs, tmp_path / "lake")
    file = tmp_path / "lake.duckdb"
    options = ("--lake", str(tmp_path / "lake"), "--output", str(file))
    assert run_cli("catalog", *options).returncode == 0
    with duckdb.connect(str(file), read_only=True) as reader:
        assert run_cli("catalog", *options, "--materialize").returncode == 0
        assert reader.execute("SELECT count(*) FROM access_log").fetchall() == [(1,)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lake", "lake.duckdb", "logs"]
    # What is ingested after it was written is there as well.
    (logs / "2026-02-07-00-10-00-BBBB").write_text(LINE.replace("06/Feb", "07/Feb") + "\n")
    ingest_local(logs, tmp_path / "lake")
    with duckdb.connect(str(file), read_only=True) as reader:
        days = reader.execute("SELECT date FROM access_log ORDER BY date").fetchall()
    assert days == [(dt.date(2026, 2, 6),), (dt.date(2026, 2, 7),)]


def test_a_catalog_of_a_lake_on_s3_reads_it_with_the_credentials_of_whoever_asks(
    s3: S3, tmp_path: Path, ask: Ask
) -> None:
    """There is no secret in the file."""
    for bucket in ("site", "12345", "2026-01-01"):
        s3.put(f"logs/{bucket}/2026-02-06-00-10-00-AAAA", f"{LINE}\n".replace(" site ", f" {bucket} ").encode())
    options = ("--lake", f"s3://{s3.lake}/my lake", "--endpoint-url", s3.endpoint_url)
    assert run_cli("ingest", "--source", f"s3://{s3.logs}/logs/", *options).returncode == 0
    file = tmp_path / "lake.duckdb"
    run = run_cli("catalog", *options, "--output", str(file))
    assert run.returncode == 0, run.stderr
    assert "CREATE SECRET" in run.stdout
    endpoint = s3.endpoint_url.removeprefix("http://")
    queries = {"buckets": "SELECT bucket, date FROM access_log", "report": "FROM website_top_objects"}
    answer = ask(file, queries, "1.5.5", endpoint)
    assert answer["buckets"] == [[bucket, "2026-02-06"] for bucket in ("12345", "2026-01-01", "site")]
    assert answer["report"] == [["a.html", "3", "3", "0"]]
    with duckdb.connect(str(file), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM duckdb_secrets()").fetchall() == [(0,)]
