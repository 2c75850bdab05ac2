"""A condition on `time` opens the parts of its days only, and changes no result."""

from pathlib import Path
from typing import Any

import pytest
from conftest import ingest_local
from lines import LINE

from etl.api import Lake
from etl.config import Settings
from etl.query.database import Database
from etl.query.reader import SharedReader, SnapshotReader
from etl.query.scope import EVERYTHING
from etl.store import open_store

DAYS = range(1, 11)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten days of two buckets with two records each, and a reject."""
    directory = tmp_path_factory.mktemp("days")
    logs = directory / "logs"
    logs.mkdir()
    lines = ["nonsense"]
    for day in DAYS:
        for bucket in ("site", "other"):
            line = LINE.replace("06/Feb", f"{day:02d}/Feb").replace(" site ", f" {bucket} ")
            lines += [
                line.replace("3E57427F3EXAMPLE", f"{bucket}{day}A"),
                line.replace("3E57427F3EXAMPLE", f"{bucket}{day}B").replace(":00:00:38", ":23:59:59"),
            ]
    (logs / "2026-02-11-01-00-00-AA").write_text("".join(f"{line}\n" for line in lines))
    ingest_local(logs, directory / "lake")
    return directory / "lake"


def ask(lake: Path, monkeypatch: pytest.MonkeyPatch, sql: str, **parameters: object) -> tuple[list[Any], int]:
    """The rows of a query, and on how many days there are parts that were opened."""
    opened = set()
    read = SnapshotReader.read

    def noted(self: SnapshotReader, path: str, position: int, length: int) -> bytes:
        if path.startswith("access_log/"):
            opened.add(path.rpartition("/")[0].rpartition("/")[2])
        return read(self, path, position, length)

    monkeypatch.setattr(SnapshotReader, "read", noted)
    store, settings = open_store(str(lake)), Settings(lake=str(lake))
    database = Database(store, settings=settings, shared=SharedReader(store, EVERYTHING, 0))
    rows = database.query(sql, parameters).to_arrow().to_pylist()
    # What DuckDB looks up the columns in.
    return rows, len(opened - {"date=2026-02-01"})


@pytest.mark.parametrize(
    ("condition", "records", "days"),
    [
        ("time >= '2026-02-09'", 8, 2),
        ("time > TIMESTAMP '2026-02-09 23:59:58'", 6, 2),
        ("time BETWEEN '2026-02-04' AND '2026-02-05 12:00:00'", 6, 2),
        ("time < '2026-02-03' AND time >= '2026-02-02' AND operation = 'REST.GET.OBJECT'", 4, 2),
        ("time = '2026-02-07 00:00:38' AND bucket = 'site'", 1, 1),
        ("'2026-02-09' <= time", 8, 2),
        ("time >= '2031-01-01'", 0, 0),
        ("(time >= '2026-02-09' OR key = 'a.html')", 40, 9),
        ("NOT time < '2026-02-09'", 8, 2),
        ("time >= '2026-02-09' AND request_id <> '(time >= ''2031-01-01''::TIMESTAMP)'", 8, 2),
        ("request_id <> 'x' AND time IN ('2026-02-03 00:00:38', '2026-02-08 00:00:38')", 4, 9),
    ],
)
def test_a_condition_opens_its_days(
    condition: str, records: int, days: int, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many records as without pruning, and no more days than can be in question."""
    sql = f"SELECT count(*) AS n FROM access_log WHERE {condition}"
    rows, opened = ask(lake, monkeypatch, sql)
    assert rows == [{"n": records}]
    assert opened <= days


TWICE = """
SELECT (SELECT count(*) FROM access_log WHERE time >= '2026-02-10') AS late,
    (SELECT count(*) FROM access_log WHERE time < '2026-02-02') AS early
"""
NEWEST = "SELECT count(*) AS n FROM access_log WHERE time >= (SELECT max(time) - INTERVAL 1 DAY FROM access_log)"
BESIDE_ALL = """
WITH recent AS (SELECT key, time FROM requests WHERE time >= '2026-02-09')
SELECT count(*) AS n, (SELECT count(*) FROM access_log) AS every FROM recent
"""
BESIDE_REJECTS = """
SELECT count(*) AS n, (SELECT count(*) FROM rejects) AS rejects FROM access_log WHERE time >= '2026-02-10'
"""
BOUND = "SELECT count(*) AS n FROM access_log WHERE time >= $since"
ANOTHER_TIME = """
SELECT count(*) AS n FROM (SELECT time + INTERVAL 9 DAY AS time FROM access_log) WHERE time >= '2026-02-18'
"""
OF_GROUPS = """
SELECT sum(n)::INT AS n FROM (SELECT count(*) AS n, max(time) AS time FROM access_log GROUP BY date)
WHERE time >= '2026-02-09'
"""
OUTER_JOIN = """
SELECT count(*) AS n, count(late.time) AS late FROM access_log AS a
LEFT JOIN access_log AS late ON late.request_id = a.request_id AND late.time >= '2026-02-09'
"""
BEFORE_CHRIST = "SELECT count(*) AS n FROM access_log WHERE time > TIMESTAMP '3000-03-15 (BC)'"
BESIDE_LISTS = """
SELECT count(*) AS n, (SELECT count(*) FROM parquet_scan('lake://access_log/*')) AS scanned,
    (SELECT count(*) FROM glob('lake://access_log/*')) AS files
FROM access_log WHERE time >= '2026-02-10'
"""


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (TWICE, {"late": 4, "early": 4}),
        (NEWEST, {"n": 6}),
        (BESIDE_ALL, {"n": 8, "every": 40}),
        (BESIDE_REJECTS, {"n": 4, "rejects": 1}),
        (BOUND, {"n": 8}),
        (ANOTHER_TIME, {"n": 8}),
        (OF_GROUPS, {"n": 8}),
        (OUTER_JOIN, {"n": 40, "late": 8}),
        (BEFORE_CHRIST, {"n": 40}),
        (BESIDE_LISTS, {"n": 4, "scanned": 40, "files": 20}),
    ],
)
def test_no_record_is_missed(sql: str, expected: dict[str, int], lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever a query says something of times, once or several times, it gets each record that it asks for."""
    parameters = {"since": "2026-02-09"} if "$since" in sql else {}
    rows, _ = ask(lake, monkeypatch, sql, **parameters)
    assert rows == [expected]


def test_queries_of_one_database_see_their_own_days(lake: Path) -> None:
    """What one query leaves out is there for the next, and for one that is open at the same time."""
    database = Lake(Settings(lake=str(lake))).database()
    first = database.query("SELECT count(*) AS n FROM access_log WHERE time >= '2026-02-10'")
    every = database.query("SELECT count(*) AS n FROM access_log")
    assert [one.to_arrow()["n"].to_pylist() for one in (first, every)] == [[4], [40]]
