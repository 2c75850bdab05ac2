"""The reports on Spark give what they give in DuckDB: columns, types, rows and their order, on a real local Spark."""

import datetime as dt
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import empty_lake, ingest_local, require_spark, run_cli
from golden_file import GoldenFile, read_golden_file
from odd_lake import HOSTILE, NUMBER, SITE, odd_lake
from small_lake import ADMIN, ALICE, all_lines, write_log_objects

from etl import Lake, Result, open_lake
from etl.config import EngineName
from etl.dialects import Dialect, NotOfferedError, translate
from etl.engines import spark as engine
from etl.errors import UsageError
from etl.fields import LARGEST_OBJECT
from etl.lake import partition_path
from etl.query import ChangedError, Database, scope_of
from etl.reports import Report, load_reports, query_report
from etl.schema import ACCESS_LOG
from etl.spark.context import start
from etl.store import open_store

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # of pyspark's sockets

EXPECTED = Path(__file__).parents[1] / "reports" / "expected"
REPORTS = load_reports()
SCOPE = ("bucket", "date_from", "date_to", "last", "key_prefix")
VIEW = "records"
# A statement takes longer to be compiled than small lakes take to be read.
FAST = {
    "spark.master": "local[1]",
    "spark.ui.enabled": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}
Row = tuple[Any, ...]


@cache
def golden(name: str) -> GoldenFile:
    return read_golden_file(EXPECTED / f"{name}.csv")


def parameters_of(name: str) -> dict[str, Any]:
    return {key: value for key, value in golden(name).arguments.items() if key not in SCOPE}


NOT_OFFERED = {
    "cost/list_requests": "decodes",
    "operations/delivery_lag": "reads the ledger",
    "operations/rejects": "lines that could not be parsed",
    "overview/completeness": "reads the ledger",
    "overview/figures": "reads the ledger",
    "security/countries_by_principal": "where addresses are",
    "security/networks": "where addresses are",
    "website/countries": "where addresses are",
}
OFFERED = sorted(set(REPORTS) - set(NOT_OFFERED))


def test_most_reports_are_offered() -> None:
    """Each new one should be; tests below ask all that are."""
    assert len(OFFERED) >= 112


@pytest.mark.parametrize("name", NOT_OFFERED)
def test_a_report_that_is_not_offered_says_why(name: str) -> None:
    with pytest.raises(
        NotOfferedError, match=f"{name} is not offered .*{NOT_OFFERED[name]}.*accesslake itself"
    ) as error:
        translate(REPORTS[name], Dialect.SPARK, parameters_of(name))
    assert isinstance(error.value, UsageError)


@pytest.fixture(scope="module")
def context(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A Spark that runs already, as in a notebook."""
    require_spark(request)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        for name in [one for one in os.environ if one.startswith("COV")]:
            patch.delenv(name)
        running = start(FAST)
        running.setLogLevel("OFF")
        yield running
        running.stop()


class OnBoth:
    """A lake in DuckDB and in Spark, each opened once for all reports."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        store = open_store(lake.url)
        self.database = Database(store, settings=lake.settings)
        self.session = engine._new_session()
        rows = engine._Rows(None, store, scope_of(), VIEW, "", {})
        # All in one file, kept in memory: what is compared is what is made of it.
        records = rows._records(self.session, rows._parts()).coalesce(1).cache()
        records.createOrReplaceTempView(VIEW)

    def assert_same(self, report: Report, parameters: Mapping[str, Any]) -> int:
        """Assert that both give the same, and return the number of rows."""
        expected = query_report(report, self.database, parameters).to_arrow()
        sql = translate(report, Dialect.SPARK, parameters, settings=self.lake.settings, table=VIEW)
        frame = self.session.sql(sql)
        assert frame.columns == expected.column_names
        batches = engine._batches(iter(frame.collect()), expected.schema)
        rows = [tuple(row.values()) for batch in batches for row in batch.to_pylist()]
        assert rows == exact([tuple(row.values()) for row in expected.to_pylist()])
        return len(rows)


def exact(rows: Sequence[Row]) -> list[Row]:
    """Rows to compare with: sums of prices differ in the last digits with the order in which they are added."""
    return [tuple(_about(value) if isinstance(value, float) else value for value in row) for row in rows]


def _about(value: float) -> Any:
    return pytest.approx(value, rel=1e-9, nan_ok=True)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, context: Any) -> OnBoth:  # noqa: ARG001 - runs already
    root = tmp_path_factory.mktemp("golden")
    write_log_objects(root, all_lines())
    ingest_local(root / "logs", root / "lake")
    return OnBoth(open_lake(str(root / "lake")))


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory, context: Any) -> OnBoth:  # noqa: ARG001 - runs already
    """With settings that leave out some, and change what is counted."""
    settings: dict[str, Any] = {
        "accounts": ["111122223333"],
        "requester_pays": [NUMBER],
        "site_hosts": [SITE, "cdn.example.org"],
        "exclude": {"addresses": ["192.0.2.2", "2001:db8::/32"], "requesters": ["'"], "user_agents": ["it's", "%"]},
        "prices": {"get_and_others": 0.0012345, "put_copy_post_list": 0.1},
    }
    return OnBoth(odd_lake(tmp_path_factory.mktemp("odd"), **settings))


@pytest.mark.parametrize("name", OFFERED)
def test_a_report_gives_the_same_on_the_small_lake(name: str, small: OnBoth) -> None:
    small.assert_same(REPORTS[name], parameters_of(name))


CHANGED: dict[str, Any] = {
    "people": True,
    "pages": True,
    "depth": 2,
    "unsized": True,
    "website": False,
    "timezone": "America/New_York",
    "limit": 1000,
    "days": 40,
    "threshold": 1,
    "requests": 1,
    "bytes": 1000,
    "keys": 1,
}
"""Values other than the defaults, where the SQL takes another way; many rows, as all of them are compared."""


def changed_parameters(name: str) -> dict[str, Any]:
    given = {"key": "photos/a.JPG", "remote_ip": ALICE, "requester": ADMIN, "prefix": "photos/", "approved": ADMIN}
    changed = {key: {**given, **CHANGED}.get(key) for key in REPORTS[name].params}
    return {key: value for key, value in changed.items() if value is not None}


@pytest.mark.parametrize("name", OFFERED)
def test_a_report_gives_the_same_on_an_odd_lake(name: str, odd: OnBoth) -> None:
    """Sundays, changes of clocks, days without records, hostile texts, numbers at their bounds, ties."""
    odd.assert_same(REPORTS[name], changed_parameters(name))


@pytest.mark.parametrize("name", ["cost/usage_types", "website/requests_by_day", "website/folders"])
@pytest.mark.parametrize("buckets", [(), (HOSTILE,)])
def test_a_lake_of_nothing_and_of_one_bucket(name: str, buckets: Sequence[str], tmp_path: Path, context: Any) -> None:  # noqa: ARG001
    lake = odd_lake(tmp_path, buckets, count=60 if buckets else 0)
    expected = lake.report(name)
    result = lake.report(name, engine="spark")
    assert result.schema == expected.schema
    assert rows_of(result) == exact(rows_of(expected))


@pytest.mark.usefixtures("context")
def test_sums_beyond_64_bits(tmp_path: Path) -> None:
    """Of more than 2^63 bytes both tell the largest number that there is."""
    lake = empty_lake(tmp_path)
    count = 2**63 // LARGEST_OBJECT + 2
    record = dict.fromkeys(ACCESS_LOG.schema.names)
    record |= {"http_status": 200, "requester": ADMIN, "bytes_sent": LARGEST_OBJECT, "object_size": LARGEST_OBJECT}
    record |= {"time": dt.datetime.fromisoformat("2026-03-08 07:00"), "operation": "REST.GET.OBJECT", "key": "big"}
    rows = pa.Table.from_pylist([record], ACCESS_LOG.schema).take(pa.array([0] * count))
    folder = tmp_path / "lake" / partition_path(ACCESS_LOG, bucket=SITE, date=dt.date(2026, 3, 8))
    folder.mkdir(parents=True)
    pq.write_table(rows, folder / "part-00000.parquet")
    expected = rows_of(lake.report("operations/traffic_by_day"))
    assert expected == [(dt.date(2026, 3, 8), SITE, count, 2**63 - 1)]
    assert rows_of(lake.report("operations/traffic_by_day", engine="spark")) == expected


def rows_of(result: Result) -> list[Row]:
    return [tuple(row.values()) for row in result.to_arrow().to_pylist()]


def test_a_session_of_others_stays_as_it_is(small: OnBoth) -> None:
    """Its time zone and its tables are its own, and do not change what a report gives; a scope counts."""
    from pyspark.sql import SparkSession  # noqa: PLC0415

    session = SparkSession.builder.getOrCreate()
    own = {"spark.sql.session.timeZone": "America/New_York", "spark.sql.ansi.enabled": "false"}
    for name, value in own.items():
        session.conf.set(name, value)
    session.range(1).createOrReplaceTempView("access_log")
    scope = {"date_from": "2026-03-06T08", "date_to": "2026-03-08", "bucket": "www*", "key_prefix": "p"}
    nothing = {"date_from": "2020-01-01", "date_to": "2020-01-02"}
    assert rows_of(small.lake.report("website/requests_by_day", engine=EngineName.SPARK, **nothing)) == []
    for name in ("website/hours_of_day", "website/requests_by_day"):
        expected = small.lake.report(name, **scope)
        result = small.lake.report(name, engine=EngineName.SPARK, **scope)
        assert result.schema == expected.schema
        assert rows_of(result) == exact(rows_of(expected))
    assert {name: session.conf.get(name) for name in own} == own
    assert [row["tableName"] for row in session.sql("SHOW TABLES").collect()] == ["access_log"]
    assert session.table("access_log").count() == 1
    assert SparkSession.getActiveSession() is session


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize("times", [1, 2])
def test_a_part_that_is_replaced_meanwhile(times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spark may leave out rows then, without a word: the lake is read again once, and then it is an error."""
    lake = odd_lake(tmp_path, count=60)
    part = next((tmp_path / "lake" / "access_log").rglob("*.parquet"))
    batches = engine._batches
    replaced: list[Path] = []

    def replace_first(*arguments: Any) -> Iterator[pa.RecordBatch]:
        if len(replaced) < times:
            replaced.append(part)
            table = pq.ParquetFile(part).read()
            pq.write_table(pa.concat_tables([table, table]), part)
        return batches(*arguments)

    monkeypatch.setattr(engine, "_batches", replace_first)
    if times == 1:
        assert rows_of(lake.report("website/requests_by_day", engine="spark")) == exact(
            rows_of(lake.report("website/requests_by_day"))
        )
    else:
        with pytest.raises(ChangedError, match="between two runs"):
            lake.report("website/requests_by_day", engine="spark")


def test_executors_of_another_version(small: OnBoth, monkeypatch: pytest.MonkeyPatch) -> None:
    """They say so, as they do for batches."""
    monkeypatch.setattr("etl.dialects.user_functions.version", lambda _name: "9.9")
    with pytest.raises(UsageError, match=r"^executor \S+, \S+: has accesslake .*, and the driver 9\.9; .*spark\.md$"):
        small.lake.report("website/user_agents", engine="spark")


def test_a_printed_report_runs_in_a_session(small: OnBoth) -> None:
    """As it is, where the functions that its comments name are registered; bucket and period are in it."""
    scope = {"bucket": "www*", "date_to": "2026-03-07", "key_prefix": "i"}
    text = small.lake.print_sql("website/user_agents", "spark", "global_temp.logs", **scope, limit=3)
    assert "register_spark_functions" in text
    assert "timeZone=UTC" in text
    small.session.table(VIEW).createOrReplaceGlobalTempView("logs")
    expected = rows_of(small.lake.report("website/user_agents", **scope, limit=3))
    assert [tuple(row) for row in small.session.sql(text).collect()] == expected


def test_the_command_line(small: OnBoth, tmp_path: Path) -> None:
    """The same output as without Spark, which starts and ends with the command."""
    options = [text for name, value in FAST.items() for text in ("--spark-conf", f"{name}={value}")]
    report = ["report", "website/requests_by_day", "--lake", small.lake.url, "--from", "2026-03-06", "--csv-safe"]
    here, there = tmp_path / "here.csv", tmp_path / "spark.csv"
    assert run_cli(*report, "--output", str(here)).returncode == 0
    done = run_cli(*report, "--output", str(there), "--engine", "spark", *options)
    assert done.returncode == 0, done.stderr
    assert there.read_text() == here.read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dialect", "spark"], "--dialect is for --print-sql"),
        (["--print-sql", "--table", "logs"], "--table is for --print-sql --dialect"),
        (["--print-sql", "--dialect", "spark", "--table", "a b"], "'a b' names no table"),
        (["--engine", "spark", "--compare"], "--compare is not made for --engine spark"),
    ],
)
def test_options_that_mean_nothing_together(options: list[str], message: str, tmp_path: Path) -> None:
    done = run_cli("report", "website/requests_by_day", "--lake", str(tmp_path), *options)
    assert done.returncode == 2
    assert message in done.stderr
