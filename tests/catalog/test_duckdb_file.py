"""The catalog answers as the command line does, in every DuckDB that programs embed, and over S3."""

import datetime as dt
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from conftest import S3, ingest_local, run_cli
from geo_databases import write_geo_databases
from golden_file import read_golden_file
from lines import LINE
from small_lake import all_lines, write_log_objects

from etl import Lake, open_lake
from etl.catalog.networks import NETWORK_FUNCTIONS
from etl.query import Database
from etl.query.networks import is_in_network
from etl.reports import Report, literal, query_report
from etl.store import open_store

EXPECTED = Path(__file__).parents[1] / "reports" / "expected"
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
    return open_lake(str(root / "lake"), geo_database=write_geo_databases(root))


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


def arguments_of(report: Report) -> dict[str, Any]:
    """What the report's expected result is of, without periods and buckets, which no catalog knows."""
    arguments = read_golden_file(EXPECTED / f"{report.name}.csv").arguments
    return {name: value for name, value in arguments.items() if name in report.params}


def call_of(report: Report) -> str:
    """The report's function with these arguments: first those that have to be given."""
    arguments = arguments_of(report)
    required = [literal(arguments.pop(name)) for name, one in report.params.items() if one.required]
    optional = [f"p_{name} := {literal(value)}" for name, value in arguments.items()]
    return f"{report.name.replace('/', '_')}({', '.join([*required, *optional])})"


@pytest.fixture(scope="module")
def expected(lake: Lake) -> dict[str, list[list[str]]]:
    """What the command line answers, by what is read of the catalog: views, and functions with arguments."""
    database = Database(open_store(lake.url), settings=lake.settings)
    answers = {}
    for report in lake.reports():
        with_arguments = shown(query_report(report, database, arguments_of(report)).to_arrow().to_pylist())
        if report.params:
            answers[call_of(report)] = with_arguments
        if not arguments_of(report):
            answers[report.name.replace("/", "_")] = with_arguments
        elif not any(one.required for one in report.params.values()):
            rows = query_report(report, database).to_arrow().to_pylist()
            answers[report.name.replace("/", "_")] = shown(rows)
    return answers


@pytest.mark.parametrize("version", [*OLD_VERSIONS, None])
def test_every_report_of_the_catalog_has_the_rows_that_the_command_line_gives(
    lake: Lake, catalog: Path, expected: dict[str, list[list[str]]], ask: Ask, version: str | None
) -> None:
    """Its view, and its function with the arguments of its expected result; and every other view can be read."""
    reports = {report.name.replace("/", "_") for report in lake.reports()}
    assert {name.partition("(")[0] for name in expected} == reports
    others = set(names_in(catalog)) - reports
    answers = ask(catalog, {name: f"FROM {name}" for name in (*expected, *others)}, version)
    different = [name for name, rows in expected.items() if answers[name] != rows]
    assert not different, [(name, answers[name], expected[name]) for name in different]
    assert len(answers["access_log"]) > 100


def test_what_comes_after_a_catalog_and_its_refresh_under_open_readers(tmp_path: Path) -> None:
    """Views have new days at once: who is excluded stays out, and user agents that nobody knew are `unclassified`.

    Tables have them after a refresh, which replaces the file in one step.
    """
    logs, file = tmp_path / "logs", tmp_path / "lake.duckdb"
    logs.mkdir()
    (logs / "2026-02-06-00-10-00-AAAA").write_text(f"{LINE}\n")
    ingest_local(logs, tmp_path / "lake")
    lake = open_lake(str(tmp_path / "lake"), exclude={"addresses": ["198.51.100.0/24", "2001:db8::/32"]})
    lake.catalog(file, materialize=True)
    later = LINE.replace("06/Feb", "07/Feb")
    address, agent = "192.0.2.3", "curl/7.79.1"
    assert address in later
    assert agent in later
    new = [
        later.replace(agent, "Newcomer/1.0"),
        *(later.replace(address, excluded) for excluded in ("198.51.100.9", "2001:db8::5")),
    ]
    (logs / "2026-02-07-00-10-00-BBBB").write_text("".join(f"{line}\n" for line in new))
    ingest_local(logs, tmp_path / "lake")

    def answers() -> list[list[Any]]:
        queries = (
            "SELECT kind, requests FROM website_user_agents() ORDER BY ALL",
            "SELECT date, requests FROM website_requests_by_day ORDER BY ALL",
            "SELECT requests FROM website_top_objects(p_people := true)",
        )
        with duckdb.connect(str(file), read_only=True) as connection:
            return [connection.execute(query).fetchall() for query in queries]

    first, second = dt.date(2026, 2, 6), dt.date(2026, 2, 7)
    assert answers() == [[("program", 1), ("unclassified", 1)], [(first, 1)], []]
    with duckdb.connect(str(file), read_only=True) as reader:
        lake.catalog(file, materialize=True)
        # Who has the old one open goes on with it; in this process that is everybody.
        assert reader.execute("SELECT date FROM website_requests_by_day").fetchall() == [(first,)]
    assert answers() == [[("program", 1), ("program", 1)], [(first, 1), (second, 1)], []]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lake", "lake.duckdb", "logs"]


def test_networks_are_the_same_without_python() -> None:
    """The function that the catalog has answers as the one of Python does, whatever way addresses are written."""
    addresses = [
        *("192.0.2.7", "192.0.2.127", "192.0.2.128", "192.0.3.7", "::ffff:192.0.2.7", "::ffff:c000:207", "0.0.0.1"),
        *("2001:db8:1::7", "2001:DB8:0001:0:0:0:0:7", "2001:db8:2::7", "::", "::1", "1::", "1:2:3:4:5:6:7:8"),
        *("0:0:0:0:0:FFFF:192.0.2.7", "64:ff9b::192.0.2.7", "64:ff9b::c000:207", "::192.0.2.7", "fe80::1%eth0"),
        *("0123456789abcdef0123456789abcdef", "", "192.0.2", "192.0.2.300", "1:2:3", "::1::", "12345::1", "a:", None),
        *("01.2.3.4", "1.2.3.4", "1.2.3.4.", "1.2.3.4\n", "::ffff:01.2.3.4", "1:2:3:4::5:6:7:8", "1:2:3:4:5:6:7::"),
    ]
    bits = ["", "/0", "/8", "/25", "/32", "/33", "/96", "/104", "/121", "/128", "/129"]
    bits += ["/", "/08", "/+8", "/-1", "/8/8", "/255.0.0.0", "/99999999999"]
    pairs: list[tuple[str | None, str | None]] = [("192.0.2.7", None)]
    pairs += [(one, f"{other}{some}") for one in addresses for other in addresses for some in bits]
    table = pa.table(dict(zip(("address", "network"), zip(*pairs, strict=True), strict=True)))
    with duckdb.connect() as connection:
        for statement in duckdb.extract_statements(NETWORK_FUNCTIONS):
            connection.execute(statement)
        connection.register("pairs", table)
        rows = connection.execute("SELECT *, is_in_network(address, network) FROM pairs").fetchall()
    assert [row for row in rows if row[2] is not is_in_network(*row[:2])] == []
    assert {answer for _, _, answer in rows} == {True, False}


def test_materialized_reports_are_tables_that_need_no_lake(
    lake: Lake, expected: dict[str, list[list[str]]], tmp_path: Path, ask: Ask
) -> None:
    """Those with a row for each day, with the rows of the moment."""
    summary = lake.catalog(tmp_path / "lake.duckdb", materialize=True)
    assert {"operations_status_by_day", "cost_by_day", "website_requests_by_day"} <= set(summary.tables)
    answers = ask(tmp_path / "lake.duckdb", {name: f"FROM {name}" for name in summary.tables}, OLD_VERSIONS[0])
    assert answers == {name: expected[name] for name in summary.tables}
    with duckdb.connect(str(tmp_path / "lake.duckdb"), read_only=True) as connection:
        comments = dict(connection.execute("SELECT table_name, comment FROM duckdb_tables()").fetchall())
        columns = dict(
            connection.execute(
                "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'cost_by_day'"
            ).fetchall()
        )
    assert re.search(r"\? .*As of \d{4}-\d\d-\d\d \d\d:\d\d UTC\.$", comments["cost_by_day"])
    assert columns["egress_cost"] == "[currency]"


def test_all_columns_have_plain_types_and_those_of_the_lake_say_what_they_are(catalog: Path) -> None:
    """Programs that read DuckDB files know few types; comments say units."""
    with duckdb.connect(str(catalog), read_only=True) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal"
        ).fetchall()
        views = dict(connection.execute("SELECT view_name, comment FROM duckdb_views() WHERE NOT internal").fetchall())
        (about,) = connection.execute(
            "SELECT comment FROM duckdb_functions() WHERE function_name = 'website_top_objects' AND NOT internal"
        ).fetchall()
    assert {kind.partition("(")[0] for _, _, kind, _ in columns} <= PLAIN_TYPES
    notes = {(view, column): note for view, column, _, note in columns}
    assert "bytes" in notes["access_log", "bytes_sent"]
    assert all(note for (view, _), note in notes.items() if view == "access_log")
    assert notes["access_log", "time"] == "when S3 received the request [UTC]"
    assert notes["cost_by_day", "egress_bytes"] == "[bytes]"
    assert views["website_top_objects"].startswith("Most requested objects: ")
    assert "p_limit: how many objects" in about[0]


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
