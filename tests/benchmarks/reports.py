"""How long each report and the dashboard take on a large lake, and the memory that they need.

    python tests/benchmarks/reports.py [--lines 10000000] [--dir DIR]

Generates log objects of three buckets and thirty days, ingests them with the command line, and runs every report in
one process and the dashboard in another. Log objects and lake are kept in DIR for the next time.
"""

import argparse
import datetime as dt
import multiprocessing
import os
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from corpora import varied

from etl.cli.demo_logs import GeneratedObject, LogLine, traffic, write_objects
from etl.query import Database
from etl.reports.loader import load_reports
from etl.reports.report import query_report
from etl.store.open import open_store

BUCKETS = ("site-a", "site-b", "site-c")
FIRST_DAY = dt.date(2026, 1, 1)
DAYS = 30
LINES_PER_OBJECT = 2000
REQUIRED = {
    "key": "site/section 1/page-00001.html",
    "prefix": "site/section 1/",
    "requester": "arn:aws:iam::111122223333:user/site-admin",
    "remote_ip": "198.51.3.7",
    "approved": "arn:.*",
}
"""Values for the parameters without a default."""


def generate(directory: Path, lines: int) -> None:
    """Each process generates a run of days; a log object has lines of one bucket and day."""
    with multiprocessing.get_context("spawn").Pool() as pool:
        pool.starmap(_generate_day, [(directory, lines // DAYS, day) for day in range(DAYS)])


def _generate_day(directory: Path, lines: int, day: int) -> None:
    rng = random.Random(day)
    date = FIRST_DAY + dt.timedelta(days=day)
    by_bucket: dict[str, list[LogLine]] = {}
    for line in traffic(lines, BUCKETS, date, 1, seed=day):
        by_bucket.setdefault(line.bucket, []).append(varied(line, rng))
    write_objects(_objects(by_bucket, date), directory)


def _objects(by_bucket: dict[str, list[LogLine]], date: dt.date) -> Iterator[GeneratedObject]:
    for bucket, lines in by_bucket.items():
        for start in range(0, len(lines), LINES_PER_OBJECT):
            key = f"111122223333/eu-central-1/{bucket}/{date:%Y/%m/%d}/{date}-00-00-00-{start:016X}"
            text = "".join(f"{line.text}\n" for line in lines[start : start + LINES_PER_OBJECT])
            yield GeneratedObject(key, text.encode())


def run_reports(lake: Path, repeat: int, pipe: Any) -> None:
    """Send name, seconds (median) and rows of each report, then the peak memory in MiB."""
    database = Database(open_store(str(lake)))
    for name, report in load_reports().items():
        params = {key: REQUIRED[key] for key, parameter in report.params.items() if parameter.required}
        seconds, rows = [], 0
        for _ in range(repeat):
            began = time.perf_counter()
            rows = sum(batch.num_rows for batch in query_report(report, database, params).batches())
            seconds.append(time.perf_counter() - began)
        pipe.send((name, statistics.median(seconds), rows))
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--lines", type=int, default=10_000_000)
    arguments.add_argument("--dir", type=Path, default=Path("/tmp/accesslake-bench-reports"))  # noqa: S108
    arguments.add_argument("--repeat", type=int, default=3)
    given = arguments.parse_args()
    logs, lake = given.dir / f"{given.lines}" / "logs", given.dir / f"{given.lines}" / "lake"
    if not lake.exists():
        generate(logs, given.lines)
        command = [sys.executable, "-m", "etl", "ingest", "--source", str(logs), "--lake", str(lake), "--full"]
        subprocess.run(command, check=True)
    print(f"{given.lines:,} records, {len(BUCKETS)} buckets, {DAYS} days; {os.cpu_count()} cores\n")
    print("| report | seconds | rows |\n| --- | ---: | ---: |")
    pipe, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=run_reports, args=(lake, given.repeat, theirs))
    process.start()
    theirs.close()
    measured = []
    while not isinstance(got := pipe.recv(), float):
        measured.append(got)
        print(f"| {got[0]} | {got[1]:.2f} | {got[2]:,} |", flush=True)
    process.join()
    slowest = max(measured, key=lambda one: one[1])
    print(f"\n{len(measured)} reports in {sum(one[1] for one in measured):.1f} s, {got:,.0f} MiB at most")
    print(f"the slowest: {slowest[0]}, {slowest[1]:.2f} s")
    last = FIRST_DAY + dt.timedelta(days=DAYS - 1)
    for first in (last - dt.timedelta(days=6), FIRST_DAY):
        print(_dashboard(lake, first, last, given.dir / "dashboard.html"))


def _dashboard(lake: Path, first: dt.date, last: dt.date, page: Path) -> str:
    command = [sys.executable, "-m", "etl", "dashboard", "--lake", str(lake), "--output", str(page)]
    began = time.perf_counter()
    subprocess.run([*command, "--from", str(first), "--to", str(last)], check=True)
    seconds, peak = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return (
        f"dashboard of {first} to {last}: {seconds:.1f} s, {peak:,.0f} MiB at most, {page.stat().st_size / 1e6:.1f} MB"
    )


if __name__ == "__main__":
    main()
