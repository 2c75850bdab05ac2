"""How time and memory grow with a history: what is bounded by the work at hand, and what is not.

    python tests/benchmarks/bounds.py [--only noop,listing,partitions,memory,append,state] [--scale 0.1] [--dir DIR]

Each row of the tables is one command in a process of its own. `--scale` shrinks the histories. They are kept in DIR.
"""

import argparse
import datetime as dt
import json
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
    per_day = round(1_000_000 * scale / HISTORY_DAYS)
    days = histories.days_until(TODAY, HISTORY_DAYS)
    lake = made(
        directory / f"ledger-{TODAY}-{per_day}", lambda path: histories.make_ledger(path, SOURCE, days, per_day)
    )
    keys = sorted(key for day in days for key in histories.keys_of(day, per_day))
    in_window = 12 * per_day
    with listing(keys, directory) as url:
        run = measure_run("--source", SOURCE, "--lake", lake, "--endpoint-url", url, new=0)
    entries = per_day * HISTORY_DAYS
    print_table("A run that finds nothing new", {f"{entries:,} in the ledger, {in_window:,} in the window": run})


def first_listing(directory: Path, scale: float) -> None:
    """All keys of a bucket, without reading one."""
    per_day = round(1_000_000 * scale / HISTORY_DAYS)
    days = histories.days_until(TODAY, HISTORY_DAYS)
    keys = sorted(key for day in days for key in histories.keys_of(day, per_day))
    with listing(keys, directory) as url:
        arguments = ("--source", SOURCE, "--lake", directory / "no-lake", "--endpoint-url", url, "--dry-run")
        run = measure_run(*arguments, new=len(keys))
    print_table("The first listing", {f"{len(keys):,} keys": run})


def partitions(directory: Path, scale: float) -> None:
    """What takes time in proportion to the partitions, and what does not."""
    buckets = [f"bucket-{number:03d}" for number in range(round(200 * scale))]
    days = histories.days_until(TODAY - dt.timedelta(days=1), 100)
    count = len(buckets) * len(days)
    template = made(
        directory / f"partitions-{TODAY}-{count}", lambda path: histories.make_partitions(path, buckets, days)
    )
    night = made(
        directory / f"night-{TODAY}-{len(buckets)}",
        lambda path: histories.make_log_objects(path, buckets, [TODAY], 2 * len(buckets), 50),
    )
    lake = directory / "partitions"
    shutil.rmtree(lake, ignore_errors=True)
    shutil.copytree(template, lake, copy_function=os.link)
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
    for days in (1, round(100 * scale)):
        dates = histories.days_until(dt.date(2026, 1, 31), days)
        make = partial(histories.make_log_objects, buckets=histories.BUCKETS, days=dates, per_day=per_day, lines=1)
        source = made(directory / f"objects-{days}", make)
        lake = directory / "objects-lake"
        shutil.rmtree(lake, ignore_errors=True)
        # A batch for each day.
        arguments = ("--source", source, "--lake", lake, "--workers", 1)
        run = measure_run(*arguments, new=days * per_day, ACCESSLAKE_BATCH_SIZE="5MB")
        rows[f"{days * per_day:,} log objects of one line"] = run
    print_table("Memory", rows)


def append(directory: Path, scale: float) -> None:
    """A log object for a day that has many records already."""
    day, rows, part_rows = dt.date(2026, 1, 31), round(50_000_000 * scale), 500_000
    template = made(
        directory / f"large-{rows}",
        lambda path: histories.make_large_partition(path, "site-a", day, rows, part_rows),
    )
    measures = {}
    for name, hour in (("later than all that is there", 22), ("amid what is there", 11)):
        source = directory / f"late-{hour}"
        histories.make_hour(source, "site-a", dt.datetime.combine(day, dt.time(hour)), 1_000)
        lake = directory / "large"
        shutil.rmtree(lake, ignore_errors=True)
        shutil.copytree(template, lake, copy_function=os.link)
        measures[f"1,000 records, {name}"] = measure_run("--source", source, "--lake", lake, new=1)
    print_table(f"An append to a partition of {rows:,} rows in {rows // part_rows} parts", measures)


def state(directory: Path, scale: float) -> None:
    """What the lake keeps of each log object beside its records: in the ledger, and in the footers of parts."""
    per_day = round(20_000 * scale)
    day = dt.date(2026, 1, 31)
    lake = made(directory / f"state-{per_day}", lambda path: histories.make_ledger(path, SOURCE, [day], per_day))
    ledger = sum(part.stat().st_size for part in lake.glob("_ledger/*/*.parquet"))
    large = made(
        directory / f"state-records-{per_day}",
        lambda path: histories.make_large_partition(path, "site-a", day, 50 * per_day, 50 * per_day),
    )
    (part,) = large.glob("access_log/*/*/*.parquet")
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


def made(path: Path, make: Callable[[Path], None]) -> Path:
    """A history that is made once: under another name until it is complete."""
    if not path.exists():
        unfinished = path.with_name(f"{path.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        make(unfinished)
        unfinished.rename(path)
    return path


@contextmanager
def listing(keys: list[str], directory: Path) -> Iterator[str]:
    """The URL of a server that lists these keys, in a process of its own."""
    file = directory / "keys"
    file.write_text("\n".join(keys))
    with subprocess.Popen([sys.executable, LISTING_SERVER, file], stdout=subprocess.PIPE, text=True) as server:
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
