"""accesslake beside other ways to read S3 access logs, on one generated corpus, in one run.

    python tests/benchmarks/compare.py [--lines 1000000] [--hard 0.01] [--dir DIR]

Every contender runs in a process of its own, one after the other, `--repeat` times, of which the median counts.
Printed are ratios as well as figures: figures drift with the machine, ratios hold. GoAccess takes part where it
is installed.
"""

import argparse
import datetime as dt
import json
import multiprocessing
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from duckdb_sql import COLUMNS, NUMBERS, TIME, copy_to_parquet, select_lines

from etl.cli.demo_logs import GeneratedObject, LogLine, traffic, write_objects
from etl.parser.line import parse_line
from etl.parser.parser import Parser

BUCKETS = ("site-a", "site-b", "site-c")
LINES_PER_OBJECT = 50
PIECE_BYTES = 1 << 20
FIRST_DAY = dt.date(2026, 1, 1)
DAYS = 5
NOW = dt.datetime(2027, 2, 1)  # noqa: DTZ001
LINE = re.compile(
    r'(\S+) (\S+) \[([^\]]+)\] (\S+) (\S+) (\S+) (\S+) (\S+) (?:"([^"]*)"|-) (\d{3}|-) (\S+) (\d+|-) (\d+|-) (\d+|-)'
    r' (\d+|-) (?:"([^"]*)"|-) (?:"([^"]*)"|-)' + r" (\S+)" * 9
)


@dataclass(frozen=True)
class Corpus:
    """The same lines as many small log objects and as one file."""

    objects: Path
    whole: Path
    lines: int
    size: int


@dataclass(frozen=True)
class Measure:
    """One run of a contender."""

    rows: int
    seconds: float
    cpu_seconds: float
    peak_mib: float


def make_corpus(directory: Path, lines: int, hard: float) -> Corpus:
    """`lines` lines of three buckets, of which the fraction `hard` has an unescaped quote in its user agent."""
    corpus = directory / f"{lines}-{hard}"
    objects, whole = corpus / "objects", corpus / "whole.log"
    if not whole.exists():
        # In a process of its own: contenders would inherit its peak memory.
        process = multiprocessing.get_context("spawn").Process(target=_write_corpus, args=(objects, whole, lines, hard))
        process.start()
        process.join()
    return Corpus(objects, whole, lines, whole.stat().st_size)


def _write_corpus(objects: Path, whole: Path, lines: int, hard: float) -> None:
    texts = list(_texts(lines, hard))
    write_objects(_objects(texts), objects)
    whole.write_text("".join(f"{line.text}\n" for line in texts))


def _texts(lines: int, hard: float) -> Iterator[LogLine]:
    every = round(1 / hard) if hard else 0
    for number, line in enumerate(traffic(lines, BUCKETS, FIRST_DAY, DAYS)):
        if every and number % every == 0:
            line = LogLine(line.bucket, line.time, line.text.replace("Mozilla/5.0", 'Mo"zilla/5.0'))  # noqa: PLW2901
        yield line


def _objects(texts: list[LogLine]) -> Iterator[GeneratedObject]:
    by_bucket: dict[tuple[str, dt.date], list[LogLine]] = {}
    for line in texts:
        by_bucket.setdefault((line.bucket, line.time.date()), []).append(line)
    for (bucket, day), lines in by_bucket.items():
        for start in range(0, len(lines), LINES_PER_OBJECT):
            name = f"{day}-00-00-00-{start:016X}"
            key = f"111122223333/eu-central-1/{bucket}/{day:%Y/%m/%d}/{name}"
            text = "".join(f"{line.text}\n" for line in lines[start : start + LINES_PER_OBJECT])
            yield GeneratedObject(key, text.encode())


def accesslake_parse(corpus: Corpus, _out: Path) -> int:
    """The parser of accesslake, to typed Arrow; the file in pieces, as the job gets log objects."""
    parser = Parser(NOW)
    rest = b""
    with corpus.whole.open("rb") as file:
        for number in count():
            piece = file.read(PIECE_BYTES)
            whole_lines, feed, begun = (rest + piece).rpartition(b"\n")
            parser.add(f"piece {number}", whole_lines + feed)
            rest = begun
            if not piece:
                break
    return int(parser.finish().records.num_rows)


def accesslake_exact_path(corpus: Corpus, _out: Path) -> int:
    """Its slow path alone, line by line, without building Arrow arrays."""
    return sum(1 for line in corpus.whole.read_bytes().splitlines() if parse_line(line))


def regex_per_line(corpus: Corpus, _out: Path) -> int:
    """A regular expression per line, to Arrow arrays of texts, times and numbers."""
    rows = [match.groups() for line in corpus.whole.read_text().splitlines() if (match := LINE.fullmatch(line))]
    columns = dict(zip((name for name in COLUMNS if name != "zone"), zip(*rows, strict=True), strict=True))
    arrays = {name: pa.array([None if text == "-" else text for text in texts]) for name, texts in columns.items()}
    arrays["time"] = pc.strptime(arrays["time"], "%d/%b/%Y:%H:%M:%S +0000", "us")
    arrays |= {name: arrays[name].cast(pa.int64()) for name in NUMBERS}
    return int(pa.table(arrays).num_rows)


def duckdb_read_csv(corpus: Corpus, _out: Path) -> int:
    """DuckDB's read_csv of the one file into a table with times and numbers, one thread."""
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("SET enable_progress_bar = false")
    select = f"SELECT * REPLACE ({TIME} AS time) FROM ({select_lines(str(corpus.whole))})"
    connection.execute(f"CREATE TABLE t AS {select}")
    return int(connection.execute("SELECT count(*) FROM t").fetchone()[0])  # type: ignore[index]


def accesslake_ingest(corpus: Corpus, out: Path) -> int:
    """The whole job as its users run it: provenance, duplicates, rejects, sorting, bloom filters, fsync."""
    command = [sys.executable, "-m", "etl", "ingest", "--source", str(corpus.objects), "--lake", str(out), "--json"]
    summary = subprocess.run(command, check=True, capture_output=True)
    return int(json.loads(summary.stdout)["rows"])


def duckdb_to_parquet(corpus: Corpus, out: Path) -> int:
    """DuckDB's read_csv of all objects, copied to Parquet partitioned by bucket and date."""
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    connection.execute(copy_to_parquet(f"{corpus.objects}/**/*", str(out)))
    return sum(pq.read_metadata(path).num_rows for path in out.rglob("*.parquet"))


def pandas_loop(corpus: Corpus, _out: Path) -> int:
    """The write-up's notebook: read_csv of each object, then concat."""
    frames = [
        pd.read_csv(path, sep=" ", names=list(COLUMNS), on_bad_lines="skip")
        for path in sorted(corpus.objects.rglob("*-00-00-00-*"))
    ]
    return len(pd.concat(frames))


def goaccess(corpus: Corpus, out: Path) -> int:
    """GoAccess, to its JSON report."""
    out.mkdir(parents=True)
    report = out / "report.json"
    subprocess.run(
        ["goaccess", str(corpus.whole), "--log-format=AWSS3", "-o", str(report), "--no-progress"],  # noqa: S607
        check=True, capture_output=True,
    )  # fmt: skip
    match = re.search(r'"valid_requests":\s*(\d+)', report.read_text())
    return int(match[1]) if match else 0


Contender = Callable[[Corpus, Path], int]
PARSERS: tuple[Contender, ...] = (accesslake_parse, accesslake_exact_path, regex_per_line, duckdb_read_csv)
PIPELINES: tuple[Contender, ...] = (accesslake_ingest, duckdb_to_parquet, pandas_loop, goaccess)


def measure(contender: Contender, corpus: Corpus, out: Path) -> Measure:
    """One run in a process of its own; peak memory is that of its largest process."""
    shutil.rmtree(out, ignore_errors=True)
    pipe, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(contender, corpus, out, theirs))
    process.start()
    theirs.close()
    result: Measure = pipe.recv()
    process.join()
    return result


def _run(contender: Contender, corpus: Corpus, out: Path, pipe: Any) -> None:
    began, cpu = time.perf_counter(), _cpu()
    rows = contender(corpus, out)
    seconds = time.perf_counter() - began
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    pipe.send(Measure(rows, seconds, _cpu() - cpu, peak / 1024))


def _cpu() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def compare(title: str, contenders: tuple[Contender, ...], corpus: Corpus, directory: Path, repeat: int) -> None:
    """Print a table of the contenders; the ratio is to the first, by time."""
    print(f"\n{title}\n")
    print("| contender | rows/s | MB/s | CPU s | peak MiB | lines lost | times slower |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    first: float | None = None
    for contender in contenders:
        if contender is goaccess and not shutil.which("goaccess"):
            continue
        runs = [measure(contender, corpus, directory / "out" / contender.__name__) for _ in range(repeat)]
        seconds = statistics.median(run.seconds for run in runs)
        first = first or seconds
        run = min(runs, key=lambda one: abs(one.seconds - seconds))
        print(
            f"| {contender.__name__} | {run.rows / seconds:,.0f} "
            f"| {corpus.size * run.rows / corpus.lines / seconds / 1e6:,.0f} "
            f"| {run.cpu_seconds:.1f} | {run.peak_mib:,.0f} | {corpus.lines - run.rows:,} | {seconds / first:.2f} |"
        )


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--lines", type=int, default=1_000_000)
    arguments.add_argument("--hard", type=float, default=0.01, help="fraction of lines with an unescaped quote")
    arguments.add_argument("--dir", type=Path, default=Path("/tmp/accesslake-bench"))  # noqa: S108
    arguments.add_argument("--repeat", type=int, default=3)
    given = arguments.parse_args()
    plain, hard = (make_corpus(given.dir, given.lines, fraction) for fraction in (0.0, given.hard))
    versions = ", ".join(f"{one.__name__} {one.__version__}" for one in (duckdb, pa, pd))
    print(f"{plain.lines:,} lines, {plain.size / 1e6:,.0f} MB; {os.cpu_count()} cores, {versions}")
    compare("Parsing regular lines, one core:", PARSERS, plain, given.dir, given.repeat)
    compare(f"The same with {given.hard:.0%} hard lines:", PARSERS, hard, given.dir, given.repeat)
    compare(f"{LINES_PER_OBJECT} lines per log object, to a lake:", PIPELINES, plain, given.dir, given.repeat)


if __name__ == "__main__":
    main()
