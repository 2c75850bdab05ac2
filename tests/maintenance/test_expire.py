"""Old days are removed whole, once and for all, whoever reads or is killed meanwhile."""

import datetime as dt
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import S3, ingest_local, rows_of, run_cli

from etl import open_lake
from etl.api import Lake
from etl.cli.demo_logs import LogLine, partitioned_objects, simple_objects, traffic, write_objects
from etl.config import Settings
from etl.errors import LeaseHeldError, StoreError, UsageError
from etl.lake.lease import hold_lease
from etl.lake.retention import read_retention
from etl.maintenance.expire import expire_partitions, parse_age
from etl.store.open import open_store
from etl.store.s3_session import S3Session

TODAY = dt.datetime.now(dt.UTC).date()
DAYS = 10
KEPT = 4
FIRST_KEPT = TODAY - dt.timedelta(days=KEPT)
AGE = f"{KEPT}d"


def lines(buckets: tuple[str, ...] = ("a", "b")) -> list[LogLine]:
    return list(traffic(400, buckets, TODAY - dt.timedelta(days=DAYS - 1), DAYS))


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    directory = tmp_path / "logs"
    write_objects(partitioned_objects(lines(), "", 10), directory)
    for path in sorted(directory.rglob("*-00-00-00-*")):
        path.write_bytes(path.read_bytes() + b"nonsense\n")
    return directory


@pytest.fixture
def lake(logs: Path) -> Path:
    ingest_local(logs, logs.parent / "lake", max_reject_fraction=1)
    return logs.parent / "lake"


def expired(lake: Path) -> Any:
    return expire_partitions(open_store(str(lake)), "run", parse_age("age", AGE), 60)


def days(lake: Path, table: str) -> set[str]:
    return {path.name.removeprefix("date=") for path in (lake / table).rglob("date=*")}


def test_old_days_are_removed_and_stay_so(lake: Path, logs: Path) -> None:
    """Partitions of records and rejects go; the ledger stays; no later run brings a record back; all adds up."""
    before = rows_of(lake)
    kept = [row for row in before if row["date"] >= FIRST_KEPT]
    assert 0 < len(kept) < len(before)
    result = expired(lake)
    assert result.expired_before == FIRST_KEPT
    assert len(result.partitions) == 2 * (DAYS - 1 - KEPT) + (DAYS - 1 - KEPT)
    assert rows_of(lake) == kept
    for table in ("access_log", "rejects"):
        assert min(days(lake, table)) == FIRST_KEPT.isoformat()
    assert len(days(lake, "_ledger")) == DAYS
    assert Lake(Settings(lake=str(lake), source=(str(logs),))).verify().differences == []
    for full in (False, True):
        summary = Lake(Settings(source=(str(logs),), lake=str(lake), workers=1)).ingest(full=full)
        assert (summary.new, summary.result.rows) == (0, 0)
    assert expired(lake).partitions == []
    assert open_lake(str(lake)).status().buckets[0].first_time.date() >= FIRST_KEPT


def test_a_day_is_not_ingested_again_without_its_ledger(lake: Path, logs: Path) -> None:
    """The first day that is kept is written down in the lake: it does not depend on the ledger."""
    expired(lake)
    kept = rows_of(lake)
    for path in (lake / "_ledger").rglob("*.parquet"):
        path.unlink()
    ingest_local(logs, lake, max_reject_fraction=1)
    assert rows_of(lake) == kept
    assert Lake(Settings(lake=str(lake), source=(str(logs),))).verify().differences == []


def test_late_records_of_a_removed_day_are_counted_and_not_written(tmp_path: Path) -> None:
    """In simple naming a log object may hold records of the day before: the accounting counts them all the same."""
    logs, lake = tmp_path / "logs", tmp_path / "lake"
    objects = sorted(simple_objects(lines(("a",)), "", minutes=1440), key=lambda one: one.key)
    write_objects(objects[: -KEPT - 2], logs)
    ingest_local(logs, lake)
    expired(lake)
    write_objects(objects, logs)
    summary = ingest_local(logs, lake)
    assert summary.result.rows_expired > 0
    assert summary.result.lines == summary.result.rows
    assert {row["date"] >= FIRST_KEPT for row in rows_of(lake)} == {True}
    assert Lake(Settings(lake=str(lake), source=(str(logs),))).verify().differences == []


@pytest.mark.parametrize(("days", "hours"), [(-5, 0), (0, 0), (0, 5), (1, 1)])
def test_an_age_is_a_whole_number_of_days(lake: Path, days: int, hours: int) -> None:
    """Whoever calls: a negative age would remove everything, for good, and what comes after it."""
    age = dt.timedelta(days=days, hours=hours)
    before = rows_of(lake)
    with pytest.raises(UsageError, match="give a whole number of days, at least 1"):
        Lake(Settings(lake=str(lake))).expire(age)
    with pytest.raises(UsageError, match="older_than -5d: write a number of days, like 400d"):
        Lake(Settings(lake=str(lake))).expire("-5d")
    assert rows_of(lake) == before
    assert read_retention(open_store(str(lake))).expired_before is None


def test_dry_run_and_the_command_line(lake: Path) -> None:
    """--dry-run names what would go and removes nothing; wrong ages are errors; a working run is waited for."""
    before = rows_of(lake)
    shown = run_cli("expire", "--older-than", AGE, "--lake", str(lake), "--dry-run")
    assert f"partitions of days before {FIRST_KEPT}" in shown.stdout
    assert "would be removed" in shown.stdout
    assert rows_of(lake) == before
    assert read_retention(open_store(str(lake))).expired_before is None
    done = json.loads(run_cli("expire", "--older-than", AGE, "--lake", str(lake), "--json").stdout)
    assert (done["expired_before"], done["dry_run"]) == (FIRST_KEPT.isoformat(), False)
    assert done["partitions"][0].keys() == {"path", "parts", "bytes"}
    for wrong in ("400", "0d", "-1d", "d", "1y", "999999999d"):
        with pytest.raises(UsageError, match="write a number of days, like 400d"):
            parse_age("age", wrong)
    with pytest.raises(UsageError, match="there is no lake here"):
        expired(lake.parent / "nowhere")
    store = open_store(str(lake))
    with hold_lease(store, "other", 60), pytest.raises(LeaseHeldError):
        expired(lake)
    (lake / "_retention.json").write_text("{garbled")
    with pytest.raises(StoreError, match=r"_retention.json: not readable; write the first day"):
        expired(lake)


def test_what_a_repair_set_aside_goes_too(lake: Path, logs: Path) -> None:
    """An expired day is nowhere in the lake."""
    for part in (lake / "access_log").rglob("part-00000.parquet"):
        part.write_bytes(part.read_bytes()[:-9])
    Lake(Settings(lake=str(lake), source=(str(logs),))).repair()
    assert min(days(lake, "_damaged")) < FIRST_KEPT.isoformat()
    expired(lake)
    assert min(days(lake, "_damaged")) == FIRST_KEPT.isoformat()
    assert Lake(Settings(lake=str(lake), source=(str(logs),))).verify().differences == []


def test_the_first_day_never_moves_back(lake: Path) -> None:
    """A longer age later does not bring removed days into runs again."""
    expired(lake)
    expire_partitions(open_store(str(lake)), "run", parse_age("age", "400d"), 60)
    assert read_retention(open_store(str(lake))).expired_before == FIRST_KEPT


def test_readers_see_a_day_whole_or_not_at_all(lake: Path) -> None:
    """Reports leave removed days out from one moment on; whoever reads files may meet one gone, never half a day."""
    whole = {row["date"]: 0 for row in rows_of(lake)}
    for row in rows_of(lake):
        whole[row["date"]] += 1
    seen: list[dict[dt.date, int]] = []
    is_over = threading.Event()
    query = (
        "SELECT date, count(*) FROM read_parquet($1, hive_partitioning = true, hive_types = {date: DATE}) GROUP BY ALL"
    )

    def look() -> None:
        while not is_over.is_set():
            try:
                pattern = f"{lake}/access_log/*/*/*.parquet"
                seen.append(dict(duckdb.connect().sql(query, params=[pattern]).fetchall()))
            except duckdb.IOException:
                seen.append({})
            report = open_lake(str(lake)).sql("SELECT date, count(*) AS n FROM access_log GROUP BY ALL").to_arrow()
            seen.append({row["date"]: row["n"] for row in report.to_pylist()})

    reader = threading.Thread(target=look)
    reader.start()
    try:
        expired(lake)
    finally:
        is_over.set()  # otherwise this process would never end
        reader.join()
    seen_days = {(day, count) for one in seen for day, count in one.items() if day >= FIRST_KEPT}
    assert seen_days <= set(whole.items())


KILLER = """
import os, signal, sys
from etl.cli.app import main
left = int(sys.argv.pop(1))
def count(event, arguments):
    global left
    if event in ("os.rename", "os.remove", "os.rmdir"):
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(count)
main()
"""


def test_a_killed_run_is_completed_by_the_next(logs: Path, tmp_path: Path) -> None:
    """Killed before any change on the disk; reports are right at once, the next run removes the rest."""
    kills = 0
    for at in range(1, 40, 3):
        lake = tmp_path / f"lake-{at}"
        ingest_local(logs, lake, max_reject_fraction=1)
        kept = [row for row in rows_of(lake) if row["date"] >= FIRST_KEPT]
        arguments = [str(at), "expire", "--older-than", AGE, "--lake", str(lake)]
        done = subprocess.run([sys.executable, "-c", KILLER, *arguments], capture_output=True, check=False)
        assert done.returncode in (0, -9), done.stderr
        kills += done.returncode == -9
        if read_retention(open_store(str(lake))).expired_before:
            assert open_lake(str(lake)).sql("SELECT * FROM access_log").to_arrow().num_rows == len(kept)
        expired(lake)
        assert rows_of(lake) == kept
        ingest_local(logs, lake, max_reject_fraction=1)
        assert rows_of(lake) == kept
        assert Lake(Settings(lake=str(lake))).verify().differences == []
    assert kills > 5


def test_on_s3(s3: S3) -> None:
    """The same on S3, object by object."""
    for one in partitioned_objects(lines(), "", 20):
        s3.put(one.key, one.data)
    settings = Settings(
        source=(f"s3://{s3.logs}/",), lake=f"s3://{s3.lake}/lake", endpoint_url=s3.endpoint_url, workers=1
    )
    Lake(settings).ingest()
    store = open_store(settings.lake_url, S3Session(s3.endpoint_url))
    expire_partitions(store, "run", parse_age("age", AGE), 60)
    assert min(_dates(store.entries("access_log/"))) == f"date={FIRST_KEPT}"
    assert Lake(settings).verify().differences == []
    assert Lake(settings).ingest(full=True).new == 0


def _dates(entries: list[Any]) -> Iterator[str]:
    return (one.name.split("/")[2] for one in entries)
