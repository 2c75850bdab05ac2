"""The whole job over S3 and local disks: incremental, late, doubled, damaged and vanishing objects."""

import datetime as dt
import gzip
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
import zstandard
from conftest import S3, ingest_local, rows_of, run_cli
from lines import LINE
from pydantic import ByteSize

from etl import open_lake
from etl.api import Lake
from etl.cli.demo_logs import GeneratedObject, LogLine, partitioned_objects, simple_objects, traffic, write_objects
from etl.config import Settings
from etl.errors import AccessLakeError, AccountingError, StoreError, UsageError
from etl.ingest.batch import ingest_batch
from etl.ingest.plan import _OBJECT_WEIGHT, Batch, plan_batches
from etl.ingest.result import BatchResult
from etl.ingest.run import RunSummary
from etl.lake.coverage import Covered, write_covered
from etl.sources.fetch import fetch_objects
from etl.sources.log_object import LogObject
from etl.store.open import open_store
from etl.store.s3_session import S3Session

TODAY = dt.datetime.now(dt.UTC).date()
FIRST_DAY = TODAY - dt.timedelta(days=8)


def lake_of(s3: S3) -> dict[str, Any]:
    return {"lake": f"s3://{s3.lake}/lake", "endpoint_url": s3.endpoint_url, "workers": 1}


def totals(result: BatchResult) -> tuple[int, int, int, int]:
    return result.lines, result.rows, result.rejects, result.duplicates


def records_in(s3: S3) -> Counter[str]:
    lake = open_lake(f"s3://{s3.lake}/lake", s3.endpoint_url)
    return Counter(lake.sql("SELECT request_id FROM access_log").to_arrow()["request_id"].to_pylist())


def request_id(line: LogLine) -> str:
    return line.text.split("]")[1].split(" ")[3]


def test_thousands_of_objects_in_both_layouts(s3: S3) -> None:
    """Two sources in one run, every record once; a second run reads nothing; late objects are found."""
    lines = list(traffic(9_000, ["site-a", "site-b", "site-c"], FIRST_DAY, 7, seed=3))
    simple = [line for line in lines if line.bucket == "site-a"]
    partitioned = [line for line in lines if line.bucket != "site-a"]
    objects = [
        *simple_objects(simple, "simple/logs", minutes=6),
        *partitioned_objects(partitioned, "by-day/", lines_per_object=8),
    ]
    assert len(objects) > 2_000
    for one in objects:
        s3.put(one.key, one.data)
    s3.put("simple/README.md", b"these are logs")
    settings = Settings(source=(f"s3://{s3.logs}/simple/logs", f"s3://{s3.logs}/by-day/"), **lake_of(s3))

    first = Lake(settings).ingest()
    assert totals(first.result) == (9_000, 9_000, 0, 0)
    assert (first.new, first.result.objects_ingested) == (len(objects), len(objects))
    assert records_in(s3) == Counter(request_id(line) for line in lines)

    second = Lake(settings).ingest()
    assert (second.found.discovered, second.new, second.result) == (len(objects), 0, BatchResult())

    late = list(traffic(60, ["site-a", "site-b"], FIRST_DAY, 1, seed=4))
    late_objects = [
        # The names sort before every name of their day.
        GeneratedObject(f"simple/logs{FIRST_DAY}-00-00-00-0", _data(line for line in late if line.bucket == "site-a")),
        GeneratedObject(
            f"by-day/111122223333/eu-central-1/site-b/{FIRST_DAY:%Y/%m/%d}/{FIRST_DAY}-00-00-00-0",
            _data(line for line in late if line.bucket == "site-b"),
        ),
    ]
    for one in late_objects:
        s3.put(one.key, one.data)
    third = Lake(settings).ingest()
    assert (third.new, third.result.rows) == (2, 60)
    assert records_in(s3) == Counter(request_id(line) for line in [*lines, *late])

    checked = Lake(settings).verify()
    assert checked.differences == []
    assert (checked.rows, checked.log_objects, checked.source_objects) == (9_060, len(objects) + 2, len(objects) + 2)


def _data(lines: Any) -> bytes:
    return "".join(f"{line.text}\n" for line in lines).encode()


def test_worker_processes_give_the_same_lake(tmp_path: Path) -> None:
    """Several processes write the lake that one process writes."""
    write_objects(partitioned_objects(traffic(3_000, ["a", "b"], FIRST_DAY, 5), ""), tmp_path / "logs")
    one = ingest_local(tmp_path / "logs", tmp_path / "one", batch_size=200_000)
    several = Lake(
        Settings(
            source=(str(tmp_path / "logs"),), lake=str(tmp_path / "several"), workers=2, batch_size=ByteSize(200_000)
        )
    ).ingest()
    assert one.result.rows == several.result.rows == 3_000
    assert rows_of(tmp_path / "one") == rows_of(tmp_path / "several")
    assert Lake(Settings(lake=str(tmp_path / "several"))).verify().differences == []


def test_a_second_delivery_is_dropped_and_counted(tmp_path: Path) -> None:
    """The same record in another log object, in a later run, is a duplicate, and is counted as one."""
    logs, lake = tmp_path / "logs", tmp_path / "lake"
    logs.mkdir()
    (logs / "2026-02-06-01-00-00-AA").write_text(f"{LINE}\n\n{LINE.replace('EXAMPLE', 'OTHER')}\nnonsense\n")
    first = ingest_local(logs, lake)
    assert totals(first.result) == (4, 2, 1, 0)
    (logs / "2026-02-06-02-00-00-BB").write_text(f"{LINE}\n")
    second = ingest_local(logs, lake)
    assert totals(second.result) == (1, 0, 0, 1)
    assert len(rows_of(lake)) == 2
    entries = open_lake(str(lake)).sql("FROM ledger ORDER BY log_object").to_arrow().to_pylist()
    columns = ("lines", "rows", "rejects", "duplicates", "blank_lines")
    assert [tuple(entry[name] for name in columns) for entry in entries] == [(4, 2, 1, 0, 1), (1, 0, 0, 1, 0)]
    assert Lake(Settings(lake=str(lake), source=(str(logs),))).verify().differences == []


def test_compressed_objects_are_told_by_their_bytes(tmp_path: Path) -> None:
    """Gzip and zstd, several frames too, whatever the name says."""
    logs = tmp_path / "logs"
    logs.mkdir()
    texts = [f"{LINE.replace('EXAMPLE', str(n))}\n".encode() for n in range(4)]
    zstd = zstandard.ZstdCompressor()
    (logs / "a").write_bytes(gzip.compress(texts[0]) + gzip.compress(texts[1]))
    (logs / "b.txt").write_bytes(zstd.compress(texts[2]) + zstd.compress(texts[3]))
    summary = ingest_local(f"{logs}/*", tmp_path / "lake")
    assert totals(summary.result) == (4, 4, 0, 0)
    assert summary.result.bytes_read == sum(len(text) for text in texts)


def test_an_object_that_cannot_be_read_stops_no_other(tmp_path: Path) -> None:
    """A damaged object is reported and tried again by the next run; the others are ingested."""
    logs, lake = tmp_path / "logs", tmp_path / "lake"
    logs.mkdir()
    (logs / "2026-02-06-01-00-00-AA").write_bytes(gzip.compress(LINE.encode())[:-9])
    (logs / "2026-02-06-02-00-00-BB").write_text(LINE)
    first = ingest_local(logs, lake)
    assert (first.result.objects_ingested, first.result.rows) == (1, 1)
    assert list(first.result.failures) == [str(logs / "2026-02-06-01-00-00-AA")]
    assert "cannot be decompressed" in first.result.failures[str(logs / "2026-02-06-01-00-00-AA")]
    (logs / "2026-02-06-01-00-00-AA").write_bytes(gzip.compress(LINE.replace("EXAMPLE", "X").encode()))
    assert totals(ingest_local(logs, lake).result) == (1, 1, 0, 0)


def test_vanished_and_overwritten_objects(s3: S3, tmp_path: Path) -> None:
    """Gone between listing and reading is counted; other bytes than were listed are not taken for them."""
    s3.put("2026-02-06-01-00-00-AA", LINE.encode())
    now = dt.datetime(2026, 2, 6, tzinfo=dt.UTC)
    objects = [
        LogObject(f"s3://{s3.logs}/2026-02-06-01-00-00-AA", len(LINE), "e", now, now.date()),
        LogObject(f"s3://{s3.logs}/2026-02-06-01-00-00-BB", 5, "e", now, now.date()),
        LogObject(f"s3://{s3.logs}/2026-02-06-01-00-00-AA", len(LINE) + 1, "e", now, now.date()),
    ]
    good, gone, changed = fetch_objects(objects, S3Session(s3.endpoint_url), 4)
    assert (good.data, gone.data, gone.problem) == (LINE.encode(), None, "")
    assert "changed while it was read" in changed.problem
    settings = Settings(source=(f"s3://{s3.logs}/",), lake=str(tmp_path / "lake"), endpoint_url=s3.endpoint_url)
    result = ingest_batch(
        Batch(tuple(objects[:2]), settings, "run"), open_store(settings.lake_url), S3Session(s3.endpoint_url)
    )
    assert (result.objects_ingested, result.objects_vanished, result.rows) == (1, 1, 1)


def test_overwritten_after_ingest_is_reported(tmp_path: Path) -> None:
    """An ingested object that changed is not read again, but not passed over in silence; verify finds it."""
    logs, lake = tmp_path / "logs", tmp_path / "lake"
    logs.mkdir()
    path = logs / "2026-02-06-01-00-00-AA"
    path.write_text(LINE)
    ingest_local(logs, lake)
    path.write_text(f"{LINE}\n{LINE.replace('EXAMPLE', 'X')}")
    summary = ingest_local(logs, lake)
    assert (summary.found.changed, summary.result.rows) == ([str(path)], 0)
    differences = Lake(Settings(lake=str(lake), source=(str(logs),))).verify().differences
    assert [one.kind for one in differences] == ["changed"]


def test_sources_that_overlap_are_read_once(tmp_path: Path) -> None:
    """An object that two sources list is ingested once."""
    logs = tmp_path / "logs" / "a"
    logs.mkdir(parents=True)
    (logs / "2026-02-06-01-00-00-AA").write_text(LINE)
    settings = Settings(source=(str(tmp_path / "logs"), str(logs), f"{logs}/*"), lake=str(tmp_path / "lake"))
    assert totals(Lake(settings).ingest().result) == (1, 1, 0, 0)


def test_sources_on_s3_and_on_disk_in_one_batch(s3: S3, tmp_path: Path) -> None:
    """A batch may hold objects of both kinds."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "2026-02-06-01-00-00-AA").write_text(LINE)
    s3.put("2026-02-06-02-00-00-BB", LINE.replace("EXAMPLE", "X").encode())
    sources = (str(tmp_path / "logs"), f"s3://{s3.logs}/")
    assert totals(Lake(Settings(source=sources, **lake_of(s3))).ingest().result) == (2, 2, 0, 0)


def test_a_worker_that_dies_is_an_error(tmp_path: Path) -> None:
    """A worker process killed from outside ends the run with a clear line; the next run completes it."""
    write_objects(partitioned_objects(traffic(4_000, ["a"], FIRST_DAY, 5), ""), tmp_path / "logs")
    settings = Settings(source=(str(tmp_path / "logs"),), lake=str(tmp_path / "lake"), workers=2)
    killed: list[int] = []

    def kill_a_worker(_summary: RunSummary) -> None:
        if not killed:
            killed.extend(child.pid or 0 for child in multiprocessing.active_children())
            for pid in killed:
                os.kill(pid, signal.SIGKILL)

    with pytest.raises(AccessLakeError, match="a worker process died"):
        Lake(settings.model_copy(update={"batch_size": ByteSize(100_000)})).ingest(progress=kill_a_worker)
    assert len(killed) == 2
    Lake(settings).ingest()
    assert len(rows_of(tmp_path / "lake")) == 4_000


def test_no_worker_outlives_an_error(tmp_path: Path) -> None:
    """Not even one that was still starting: a handle that is used again begins with none."""
    write_objects(partitioned_objects(traffic(4_000, ["a"], FIRST_DAY, 5), ""), tmp_path / "logs")
    settings = Settings(
        source=(str(tmp_path / "logs"),), lake=str(tmp_path / "lake"), workers=2, batch_size=ByteSize(100_000)
    )

    def fail_once_there_are_workers(_summary: RunSummary) -> None:
        if multiprocessing.active_children():
            raise RuntimeError

    with pytest.raises(RuntimeError):
        Lake(settings).ingest(progress=fail_once_there_are_workers)
    assert multiprocessing.active_children() == []
    Lake(settings).ingest()
    assert len(rows_of(tmp_path / "lake")) == 4_000


def test_a_single_log_object_starts_no_worker(tmp_path: Path) -> None:
    """However large it is, it is one batch."""
    write_objects(partitioned_objects(traffic(4_000, ["a"], FIRST_DAY, 1), "", 4_000), tmp_path / "logs")
    settings = Settings(
        source=(str(tmp_path / "logs"),), lake=str(tmp_path / "lake"), workers=2, batch_size=ByteSize(100_000)
    )
    workers: set[int] = set()
    summary = Lake(settings).ingest(progress=lambda _: workers.add(len(multiprocessing.active_children())))
    assert (summary.new, summary.result.rows) == (1, 4_000)
    assert workers == {0}


def test_since_dry_run_and_full(s3: S3) -> None:
    """--since leaves out, --dry-run writes nothing, and what was left out is read once --since is gone.

    What appears before the trailing window is found by --full.
    """
    for one in partitioned_objects(traffic(300, ["a"], dt.date(2026, 1, 1), 10), "", 10):
        s3.put(one.key, one.data)
    since = {"since": dt.date(2026, 1, 6)}
    settings = Settings(source=(f"s3://{s3.logs}/",), **lake_of(s3))
    dry = Lake(settings.model_copy(update=since)).ingest(dry_run=True)
    assert (dry.new, dry.result) == (15, BatchResult())
    assert "Contents" not in s3.client.list_objects_v2(Bucket=s3.lake)
    assert Lake(settings.model_copy(update=since)).ingest().result.rows == 150
    assert Lake(settings).ingest().result.rows == 150
    s3.put("111122223333/eu-central-1/a/2026/01/01/2026-01-01-00-00-00-0", LINE.encode())
    assert Lake(settings).ingest().new == 0
    assert Lake(settings).ingest(full=True).new == 1


def test_since_leaves_no_gap_in_what_is_covered(s3: S3) -> None:
    """After an outage, a run with --since does not make the days before it look covered."""
    settings = Settings(source=(f"s3://{s3.logs}/",), **lake_of(s3))
    Lake(settings).ingest()
    store = open_store(f"s3://{s3.lake}/lake", S3Session(s3.endpoint_url))
    long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(days=60)
    write_covered(store, {f"s3://{s3.logs}/": Covered(since=None, listed_at=long_ago)})
    for age in (50, 20, 5, 1):
        s3.put(f"{TODAY - dt.timedelta(days=age)}-01-00-00-AA", LINE.replace("EXAMPLE", str(age)).encode())
    assert Lake(settings.model_copy(update={"since": TODAY - dt.timedelta(days=2)})).ingest().new == 1
    assert Lake(settings).ingest().new == 3


def test_until_leaves_later_days_to_later_runs(s3: S3) -> None:
    """A backfill part by part, in any order and with late log objects, gives the lake of one whole run."""
    settings = Settings(source=(f"s3://{s3.logs}/",), **lake_of(s3))
    lines = list(traffic(300, ["a"], TODAY - dt.timedelta(days=29), 30))
    for one in partitioned_objects(lines, "", 10):
        s3.put(one.key, one.data)
    whole = Lake(settings.model_copy(update={"lake": f"s3://{s3.lake}/whole"}))
    whole.ingest()
    ages = [(TODAY - line.time.date()).days for line in lines]
    read: set[int] = set()
    # In days before today: old ones, some within the window of past days, older ones again, and all but the newest.
    for first, last in ((29, 20), (9, 3), (19, 10), (19, 10), (None, 2)):
        days = {"since": None if first is None else TODAY - dt.timedelta(first), "until": TODAY - dt.timedelta(last)}
        part = Lake(settings.model_copy(update=days))
        new = set(range(last, (first or 29) + 1)) - read
        assert part.ingest().result.rows == sum(age in new for age in ages)
        read |= new
    assert part.verify().differences == []
    late = f"111122223333/eu-central-1/a/{TODAY - dt.timedelta(days=5):%Y/%m/%d/%Y-%m-%d}-00-00-00-LATE"
    s3.put(late, LINE.encode())
    whole.ingest()
    assert Lake(settings).ingest().result.rows == sum(age not in read for age in ages) + 1
    assert Lake(settings).verify().differences == []
    fields = "SELECT * FROM access_log ORDER BY ALL"
    assert Lake(settings).sql(fields).to_arrow().equals(whole.sql(fields).to_arrow())


def test_a_prefix_that_ends_within_a_name(s3: S3) -> None:
    """The window lists nothing that does not start with the source's prefix."""
    day = TODAY - dt.timedelta(days=1)
    for key in (f"x{day}-01-00-00-AA", f"x{TODAY}-01-00-00-AA"):
        s3.put(key, LINE.encode())
    settings = Settings(source=(f"s3://{s3.logs}/x{day}",), **lake_of(s3))
    assert [Lake(settings).ingest().found.discovered for _ in range(2)] == [1, 1]


def test_workers_die_with_their_run(tmp_path: Path) -> None:
    """Nothing of a killed run is left working; its successor completes the lake."""
    write_objects(partitioned_objects(traffic(20_000, ["a"], FIRST_DAY, 5), ""), tmp_path / "logs")
    arguments = ("--source", str(tmp_path / "logs"), "--lake", str(tmp_path / "lake"))
    command = [sys.executable, "-m", "etl", "ingest", *arguments, "--workers", "2"]
    with subprocess.Popen(command, env={**os.environ, "ACCESSLAKE_BATCH_SIZE": "500000"}) as run:
        workers = _wait_for(lambda: _children(run.pid), at_least=3)
        run.kill()
    _wait_for(lambda: [pid for pid in workers if not Path(f"/proc/{pid}").exists()], at_least=len(workers))
    assert run_cli("ingest", *arguments).returncode == 0
    assert len(rows_of(tmp_path / "lake")) == 20_000


def _children(pid: int) -> list[int]:
    """Two workers and multiprocessing's resource tracker."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _wait_for(what: Callable[[], list[int]], at_least: int) -> list[int]:
    deadline = time.monotonic() + 30
    while len(found := what()) < at_least:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found


def test_two_runs_at_once(tmp_path: Path) -> None:
    """One does the work, the other says that it is busy or finds nothing to do."""
    write_objects(partitioned_objects(traffic(2_000, ["a"], FIRST_DAY, 5), ""), tmp_path / "logs")
    arguments = ("ingest", "--source", str(tmp_path / "logs"), "--lake", str(tmp_path / "lake"))
    with ThreadPoolExecutor(2) as pool:
        codes = {done.returncode for done in pool.map(lambda _: run_cli(*arguments), range(2))}
    assert codes <= {0, 75}
    assert 0 in codes
    assert len(rows_of(tmp_path / "lake")) == 2_000


def test_a_store_without_conditional_writes_is_refused(s3: S3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A look-alike that ignores preconditions would lose records; nothing is written to it."""
    strip_conditions(monkeypatch)
    (tmp_path / "2026-02-06-01-00-00-AA").write_text(LINE)
    settings = Settings(source=(str(tmp_path),), **lake_of(s3))
    with pytest.raises(StoreError, match=r"ignores conditional writes .*If-None-Match: \* and a stale If-Match"):
        Lake(settings).ingest()
    names = [item["Key"] for item in s3.client.list_objects_v2(Bucket=s3.lake).get("Contents", [])]
    assert names == ["lake/_probe.json"]


def strip_conditions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the conditions off every PUT on its way out: to the job, the store then ignores them."""
    create = boto3.session.Session.client

    def client(self: Any, *args: Any, **kwargs: Any) -> Any:
        made = create(self, *args, **kwargs)

        def strip(request: Any, **_: Any) -> None:
            for name in ("If-Match", "If-None-Match"):
                del request.headers[name]

        made.meta.events.register("before-sign.s3.PutObject", strip)
        return made

    monkeypatch.setattr(boto3.session.Session, "client", client)


@pytest.mark.parametrize("new_lines", [3, 1])
def test_overwritten_between_a_crash_and_the_next_run(new_lines: int, tmp_path: Path) -> None:
    """A log file that a killed run read half copied is named, its rows are not mixed, and a repair puts it right."""
    logs, lake = tmp_path / "logs", tmp_path / "lake"
    logs.mkdir()
    path = logs / "2026-02-06-01-00-00-AA"
    other_day = LINE.replace("06/Feb", "05/Feb").replace("EXAMPLE", "Z")
    texts = [LINE, LINE.replace("EXAMPLE", "X"), LINE.replace("EXAMPLE", "LONGER")]
    path.write_text("\n".join([*texts[:2], other_day]) + "\n")
    ingest_local(logs, lake)
    shutil.rmtree(lake / "_ledger")  # as if the run had been killed right before
    path.write_text("\n".join(texts[:new_lines]) + "\n")
    (logs / "2026-02-06-01-00-00-BB").write_text(LINE.replace("EXAMPLE", "OTHER"))
    summary = ingest_local(logs, lake)
    assert (summary.result.rows, summary.result.objects_ingested) == (1, 1)
    assert "was overwritten after a run that was killed" in summary.result.failures[str(path)]
    assert len(rows_of(lake)) == 4
    Lake(Settings(lake=str(lake), source=(str(logs),))).repair()
    assert len(rows_of(lake)) == new_lines + 1
    assert Lake(Settings(lake=str(lake), source=(str(logs),))).verify().differences == []


def test_accounting_that_does_not_add_up_fails_the_run(tmp_path: Path) -> None:
    """If a partition holds more rows of an object than it has lines, the object is not committed."""
    logs, lake = tmp_path / "logs", tmp_path / "lake"
    logs.mkdir()
    path = logs / "2026-02-06-01-00-00-AA"
    path.write_text(f"{LINE}\n{LINE.replace('EXAMPLE', 'X')}\n")
    ingest_local(logs, lake)
    (lake / "_ledger/date=2026-02-06/part-00000.parquet").unlink()
    path.write_text(LINE.ljust(path.stat().st_size))  # other text with the same ETag
    with pytest.raises(AccountingError, match="1 lines, but 2 rows"):
        ingest_local(logs, lake)
    assert not list((lake / "_ledger").rglob("*.parquet"))


def planned(objects: list[LogObject], workers: int = 1) -> list[int]:
    """How many objects are in each batch of 1 MB; none is lost, and just the last batch is marked as that."""
    settings = Settings(batch_size=ByteSize(1_000_000), lake="/lake")
    batches = list(plan_batches(objects, settings, "run", workers=workers))
    assert [one for batch in batches for one in batch.objects] == objects
    assert [batch.is_last for batch in batches] == [False] * (len(batches) - 1) + [True] * bool(batches)
    return [len(batch.objects) for batch in batches]


def small_object(number: int, suffix: str = "", day: int = 1) -> LogObject:
    """A log object that weighs 100 kB, its name included."""
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    return LogObject(f"/l/{number}{suffix}", 100_000 - _OBJECT_WEIGHT, "e", now, dt.date(2026, 1, day))


def test_batches_are_cut_at_days() -> None:
    """A batch ends at a change of day in its second half, and compressed objects count with their text."""
    assert planned([small_object(n, day=1 + n // 8) for n in range(24)]) == [8, 8, 8]
    assert planned([small_object(n, day=1 + n // 3) for n in range(24)]) == [9, 9, 6]
    assert planned([small_object(n, ".gz") for n in range(4)]) == [1, 1, 1, 1]
    assert planned([replace(small_object(1), size=2_000_000)]) == [1]


def test_workers_share_what_is_left_evenly() -> None:
    """The last batches are as many as there are workers, and about the same size, unless there is little."""
    objects = [small_object(n) for n in range(27)]
    assert planned(objects) == [10, 10, 7]
    assert planned(objects, workers=2) == [10, 8, 9]
    assert planned(objects, workers=3) == [9, 9, 9]
    assert planned(objects[:5], workers=2) == [5]
    assert planned([], workers=2) == []


def test_many_workers_are_no_reason_to_hold_much_back() -> None:
    """With hundreds of workers, sixteen batches are held back and shared, and no share is less than an eighth."""
    objects = [small_object(n) for n in range(200)]
    batches = planned(objects, workers=400)
    assert batches[:4] == [10, 10, 10, 10]
    assert len(batches[4:]) == 16 * 8
    assert set(batches[4:]) == {1, 2}


def test_batches_of_one_day_hardly_rewrite(tmp_path: Path) -> None:
    """Batches that follow each other into the same partitions fill parts of their own."""
    lines = traffic(12_000, ["a", "b", "c"], dt.date(2026, 1, 1), 1)
    write_objects(simple_objects(lines, "", minutes=5), tmp_path / "logs")
    # As the defaults are to each other.
    summary = ingest_local(tmp_path / "logs", tmp_path / "lake", batch_size=2_000_000, min_part_size=31_250)
    assert summary.result.rows == 12_000
    assert summary.as_dict()["write_amplification"] < 1.3


def test_a_backfill_hardly_rewrites(tmp_path: Path) -> None:
    """Many batches over many days write little more than the lake grows by (design.md: below 1.5)."""
    write_objects(partitioned_objects(traffic(20_000, ["a"], dt.date(2026, 1, 1), 10), "", 100), tmp_path / "logs")
    summary = ingest_local(tmp_path / "logs", tmp_path / "lake", batch_size=2_000_000, min_part_size=100_000)
    assert summary.result.rows == 20_000
    assert summary.as_dict()["write_amplification"] < 1.5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"source": ["/etc"]}, "no lake given"),
        ({"lake": "/var/x"}, "no source given"),
        ({"lake": "/etc", "source": ["/etc"]}, "inside the lake"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    """Nothing runs without a lake and a source outside it."""
    with pytest.raises(UsageError, match=message):
        Lake(Settings(**settings)).ingest()


def test_summary_names_what_the_contract_names(tmp_path: Path) -> None:
    """`--json` prints one object with at least the keys of design.md 4."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "2026-02-06-01-00-00-AA").write_text(LINE)
    done = run_cli("ingest", "--source", str(tmp_path / "logs"), "--lake", str(tmp_path / "lake"), "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary.keys() >= {
        "objects_discovered", "objects_ingested", "lines", "rows", "rejects", "duplicates", "blank_lines",
        "bytes_read", "bytes_written", "parts_written", "write_amplification", "seconds",
    }  # fmt: skip
    assert (summary["lines"], summary["rows"], summary["parts_written"]) == (1, 1, 2)
    assert {*RunSummary("x").as_dict(), "exit_code"} == summary.keys()


def test_an_unreachable_or_missing_store_is_an_error(s3: S3, tmp_path: Path) -> None:
    """A lake or source that cannot be reached, or does not exist, is an error of one clear line."""
    (tmp_path / "2026-02-06-01-00-00-AA").write_text(LINE)
    with pytest.raises(StoreError, match=r"no-such-bucket.*NoSuchBucket to GetObject: check the bucket's name"):
        Lake(Settings(source=(str(tmp_path),), lake="s3://no-such-bucket/l", endpoint_url=s3.endpoint_url)).ingest()
    with pytest.raises(StoreError, match=r"missing-logs.*NoSuchBucket"):
        Lake(Settings(source=("s3://missing-logs/",), **lake_of(s3))).ingest()
