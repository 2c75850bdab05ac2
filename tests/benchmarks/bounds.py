"""How time and memory grow with a history: what is bounded by the work at hand, and what is not.

    python tests/benchmarks/bounds.py [--only noop,listing,partitions,memory,append,state] [--scale 0.1] [--dir DIR]

Each row of the tables is one command in a process of its own. `--scale` shrinks the histories. They are kept in DIR.
"""

import argparse
import datetime as dt
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import histories
import pyarrow.parquet as pq

SOURCE = "s3://log-bucket/logs/"
LISTING_SERVER = Path(__file__).parents[1] / "listing_server.py"
TODAY = dt.datetime.now(dt.UTC).date()
HISTORY_DAYS = 60
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1"}


@dataclass(frozen=True)
class Measure:
    """One run of a command, and what it printed; `peak_mib` is that of its largest process."""

    output: str
    seconds: float
    cpu_seconds: float
    peak_mib: float


def measure(*arguments: object, **environment: str) -> Measure:
    """Run the command line. Raises SystemExit where it fails."""
    command = [sys.executable, "-m", "etl", *map(str, arguments)]
    environment = {**os.environ, **CREDENTIALS, **environment}
    began = time.perf_counter()
    with (
        tempfile.TemporaryFile("w+") as messages,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=messages, text=True, env=environment) as process,
    ):
        output = process.stdout.read() if process.stdout else ""
        # What all its processes took, which subprocess does not tell.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        if process.returncode:
            messages.seek(0)
            raise SystemExit(f"{' '.join(command)}: {messages.read()}")
    return Measure(output, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def measure_run(*arguments: object, new: int, **environment: str) -> Measure:
    """Run `ingest`. Raises SystemExit where it does not find so many new log objects."""
    run = measure("ingest", "--json", *arguments, **environment)
    found = json.loads(run.output)["objects_new"]
    if found != new:
        raise SystemExit(f"{new} new log objects expected, {found} found")
    return run


def print_table(title: str, rows: Mapping[str, Measure]) -> None:
    print(f"\n{title}:\n\n| | s | CPU s | peak MiB |\n| --- | ---: | ---: | ---: |")
    for name, one in rows.items():
        print(f"| {name} | {one.seconds:.1f} | {one.cpu_seconds:.1f} | {one.peak_mib:,.0f} |", flush=True)


def noop(directory: Path, scale: float) -> None:
    """A run that finds nothing new: the window is listed, and compared with the ledger."""
    days, per_day = history(scale)
    make_ledger = partial(histories.make_ledger, source=SOURCE, days=days, per_day=per_day)
    lake = made(directory / f"ledger-{TODAY}-{per_day}", make_ledger)
    with listing(directory, days, per_day) as url:
        run = measure_run("--source", SOURCE, "--lake", lake, "--endpoint-url", url, new=0)
    window = json.loads(run.output)["objects_discovered"]
    name = f"{per_day * len(days):,} log objects in the ledger, {window:,} in the window"
    print_table("A run that finds nothing new", {name: run})


def first_listing(directory: Path, scale: float) -> None:
    """All keys of a bucket, without reading one."""
    days, per_day = history(scale)
    count = per_day * len(days)
    with listing(directory, days, per_day) as url:
        where = ("--source", SOURCE, "--lake", directory / "no-lake", "--endpoint-url", url)
        run = measure_run(*where, "--dry-run", new=count)
    print_table("The first listing", {f"{count:,} keys": run})


def partitions(directory: Path, scale: float) -> None:
    """What takes time in proportion to the partitions, and what does not."""
    buckets = [f"bucket-{number:03d}" for number in range(round(200 * scale))]
    days = histories.days_until(TODAY - dt.timedelta(days=1), 100)
    count = len(buckets) * len(days)
    make_partitions = partial(histories.make_partitions, buckets=buckets, days=days)
    template = made(directory / f"partitions-{TODAY}-{count}", make_partitions)
    make_night = partial(histories.make_log_objects, buckets=buckets, days=[TODAY], per_day=2 * len(buckets), lines=50)
    night = made(directory / f"night-{TODAY}-{len(buckets)}", make_night)
    lake = copied(template, directory / "partitions")
    report = ("report", "website/top_objects", "--lake", lake)
    rows = {
        "ingest of one more night": measure_run("--source", night, "--lake", lake, new=2 * len(buckets)),
        "a report of one day": measure(*report, "--from", days[-1], "--to", days[-1]),
        "a report of one bucket": measure(*report, "--bucket", buckets[0]),
        "`status`": measure("status", "--lake", lake),
    }
    print_table(f"A lake of {count:,} partitions", rows)


def memory(directory: Path, scale: float) -> None:
    """The same batches, and more of them: memory depends on what is in hand."""
    per_day = 10_000
    rows = {}
    for count in (1, round(10 * scale), round(100 * scale)):
        days = histories.days_until(dt.date(2026, 1, 31), count)
        make = partial(histories.make_log_objects, buckets=["site-a"], days=days, per_day=per_day, lines=1)
        source = made(directory / f"objects-{count}", make)
        lake = directory / "objects-lake"
        shutil.rmtree(lake, ignore_errors=True)
        where = ("--source", source, "--lake", lake, "--workers", 1)
        # About a batch for each day.
        run = measure_run(*where, new=count * per_day, ACCESSLAKE_BATCH_SIZE="36MB")
        rows[f"{count * per_day:,} log objects of one line"] = run
    print_table("Memory", rows)


def append(directory: Path, scale: float) -> None:
    """A log object for a day that has many records already."""
    day, rows, part_rows = dt.date(2026, 1, 31), round(50_000_000 * scale), 500_000
    make_large = partial(histories.make_large_partition, bucket="site-a", day=day, rows=rows, part_rows=part_rows)
    template = made(directory / f"large-{rows}", make_large)
    measures = {}
    for name, hour in (("later than all that is there", 22), ("amid what is there", 11)):
        hour_of_day = dt.datetime.combine(day, dt.time(hour))
        make_hour = partial(histories.make_hour, bucket="site-a", hour=hour_of_day, lines=1_000)
        source = made(directory / f"late-{hour}", make_hour)
        lake = copied(template, directory / "large")
        where = ("--source", source, "--lake", lake)
        run = measure_run(*where, new=1, ACCESSLAKE_MIN_PART_SIZE=str(histories.SEALED_FROM))
        measures[f"1,000 records, {name}"] = run
    print_table(f"An append to a partition of {rows:,} rows in {rows // part_rows} parts", measures)


def state(directory: Path, scale: float) -> None:
    """What the lake keeps of each log object beside its records: in the ledger, and in the footers of parts."""
    per_day = round(20_000 * scale)
    day = dt.date(2026, 1, 31)
    make_ledger = partial(histories.make_ledger, source=SOURCE, days=[day], per_day=per_day)
    lake = made(directory / f"state-{per_day}", make_ledger)
    make_records = partial(
        histories.make_large_partition, bucket="site-a", day=day, rows=50 * per_day, part_rows=50 * per_day
    )
    records = made(directory / f"state-records-{per_day}", make_records)
    ledger = sum(part.stat().st_size for part in lake.glob("_ledger/*/*.parquet"))
    (part,) = records.glob("access_log/*/*/*.parquet")
    footer = len(pq.read_metadata(part).metadata[b"accesslake.log_objects"])
    print("\nState:\n\n| bytes for each log object | |\n| --- | ---: |")
    for name, size in (("ledger", ledger), ("footers of parts with its records", footer), ("both", ledger + footer)):
        print(f"| {name} | {size / per_day:.1f} |")


BOUNDS: dict[str, Callable[[Path, float], None]] = {
    "noop": noop,
    "listing": first_listing,
    "partitions": partitions,
    "memory": memory,
    "append": append,
    "state": state,
}


def history(scale: float) -> tuple[list[dt.date], int]:
    """The days of a million log objects, and how many there are on each."""
    days = histories.days_until(TODAY, HISTORY_DAYS)
    return days, round(1_000_000 * scale / len(days))


def made(path: Path, make: Callable[[Path], None]) -> Path:
    """What `make` makes once: under another name until it is complete."""
    if not path.exists():
        unfinished = path.with_name(f"{path.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        # In a process of its own: commands would inherit its peak memory.
        process = multiprocessing.get_context("spawn").Process(target=make, args=(unfinished,))
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit(f"{path} could not be made")
        unfinished.rename(path)
    return path


def copied(template: Path, lake: Path) -> Path:
    """A lake of the same files, linked: a run replaces files, and writes into none."""
    shutil.rmtree(lake, ignore_errors=True)
    shutil.copytree(template, lake, copy_function=os.link)
    return lake


@contextmanager
def listing(directory: Path, days: list[dt.date], per_day: int) -> Iterator[str]:
    """The URL of a server that lists the log objects of these days, in a process of its own."""
    make_keys = partial(histories.make_keys, days=days, per_day=per_day)
    keys = made(directory / f"keys-{TODAY}-{per_day}", make_keys)
    with subprocess.Popen([sys.executable, LISTING_SERVER, keys], stdout=subprocess.PIPE, text=True) as server:
        yield server.stdout.readline().strip() if server.stdout else ""
        server.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(BOUNDS))
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--dir", type=Path, default=Path("/tmp/accesslake-bounds"))  # noqa: S108
    options = parser.parse_args()
    options.dir.mkdir(parents=True, exist_ok=True)
    for name in options.only.split(","):
        BOUNDS[name](options.dir, options.scale)


if __name__ == "__main__":
    main()
