"""What a driver takes to plan millions of log objects: listing, looking up in the ledger, planning; and its memory.

    python tests/benchmarks/plan.py [--millions 1 10] [--days 10]

A made-up store answers the listings in this process, so that S3's share, and that of boto3's XML, are not in it. Each
run is a process of its own: one over a source that is all new, on 100 executors' cores, one over the same source when
all of it is in the ledger.
"""

import argparse
import datetime as dt
import resource
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from etl.config import Settings
from etl.ingest import run_ingest
from etl.schema import LEDGER
from etl.store import S3Session, open_store

FIRST_DAY = dt.date(2026, 1, 1)
BUCKETS = tuple(f"111122223333/us-east-1/site-{number:02d}/" for number in range(10))
PAGE = 1000
ROWS_OF_A_PART = 100_000
CORES = 100
SIZE = 2048
MODIFIED = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


class Listings:
    """As boto3's client: lists log objects in partitioned naming, as many in each folder of a bucket and day."""

    def __init__(self, days: int, in_folder: int) -> None:
        self._days = [FIRST_DAY + dt.timedelta(days=number) for number in range(days)]
        self._in_folder = in_folder

    def get_paginator(self, _operation: str) -> "Listings":
        return self

    def paginate(self, **options: str) -> Iterator[dict[str, Any]]:
        prefix = options["Prefix"]
        folders = [f"{bucket}{day:%Y/%m/%d/}" for bucket in BUCKETS for day in self._days]
        below = [one for one in folders if one.startswith(prefix)]
        if "Delimiter" in options:
            names = {one[: one.index("/", len(prefix)) + 1] for one in below}
            yield {"CommonPrefixes": [{"Prefix": name} for name in sorted(names)]}
            return
        after = options.get("StartAfter", "")
        for folder in below:
            first = bisect_right(range(self._in_folder), after, key=partial(key, folder))
            for start in range(first, self._in_folder, PAGE):
                stop = min(start + PAGE, self._in_folder)
                yield {"Contents": [listed(folder, number) for number in range(start, stop)]}


def key(folder: str, number: int) -> str:
    return f"{folder}{folder[-11:-1].replace('/', '-')}-00-00-00-{number:016X}"


def listed(folder: str, number: int) -> dict[str, Any]:
    """One object of a listing, whose ETag is not like another's."""
    etag = f'"{number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128:032x}"'
    return {"Key": key(folder, number), "ETag": etag, "Size": SIZE, "LastModified": MODIFIED}


def write_ledger(lake: Path, days: int, in_folder: int) -> None:
    """A ledger that has all of it, in parts as large as those of a lake."""
    for offset in range(days):
        day = FIRST_DAY + dt.timedelta(days=offset)
        directory = lake / LEDGER.name / f"date={day}"
        directory.mkdir(parents=True)
        folders = [f"{bucket}{day:%Y/%m/%d/}" for bucket in BUCKETS]
        parts = [(folder, start) for folder in folders for start in range(0, in_folder, ROWS_OF_A_PART)]
        for number, (folder, start) in enumerate(parts):
            objects = [listed(folder, at) for at in range(start, min(start + ROWS_OF_A_PART, in_folder))]
            names = [f"s3://logs/{one['Key']}" for one in objects]
            table = pa.table({"log_object": names, "etag": [one["ETag"].strip('"') for one in objects]})
            pq.write_table(table, directory / f"part-{number:05d}.parquet", compression="zstd")


def plan(lake: Path, days: int, in_folder: int) -> None:
    """A dry run, and what it took."""
    session = S3Session("http://127.0.0.1:1")
    session.__dict__["_client"] = Listings(days, in_folder)
    settings = Settings(source=("s3://logs/",), lake=str(lake), since=FIRST_DAY, workers=CORES)
    before, began = time.process_time(), time.perf_counter()
    summary = run_ingest(open_store(str(lake)), settings, session, dry_run=True)
    cpu, seconds = time.process_time() - before, time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = summary.found
    print(
        f"| {found.discovered:,} | {summary.new:,} | {days} | {seconds:,.0f} | {cpu:,.0f} | {peak:,.0f} |", flush=True
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--millions", type=float, nargs="+", default=[1, 10])
    arguments.add_argument("--days", type=int, default=10)
    arguments.add_argument("--plan", nargs=3, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.plan:
        lake, days, in_folder = given.plan
        plan(Path(lake), int(days), int(in_folder))
        return
    print(
        "| log objects | new | days | s | CPU s | peak MiB |\n| ---: | ---: | ---: | ---: | ---: | ---: |", flush=True
    )
    for millions in given.millions:
        in_folder = round(millions * 1_000_000 / given.days / len(BUCKETS))
        with tempfile.TemporaryDirectory() as directory:
            lake = Path(directory) / "lake"
            command = [sys.executable, __file__, "--plan", str(lake), str(given.days), str(in_folder)]
            subprocess.run(command, check=True)
            write_ledger(lake, given.days, in_folder)
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
