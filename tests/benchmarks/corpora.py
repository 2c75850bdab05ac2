"""The log objects and the lake of `s3.py`: the same every time, kept for the next run."""

import datetime as dt
import multiprocessing
import random
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from etl.cli.demo_logs import GeneratedObject, LogLine, partitioned_objects, traffic, write_objects

FIRST_DAY = dt.date(2026, 1, 1)
BUCKETS = ("site-a", "site-b", "site-c")
LINES = 1_000_000
LINES_PER_OBJECT = 50
LAKE_BUCKETS = tuple(f"site-{number:02d}" for number in range(60))
LAKE_DAYS = 30
LAKE_LINES = 108_000


@dataclass(frozen=True)
class Corpora:
    """Where each corpus is; every log object has lines of one source bucket, as AWS's have."""

    buckets: Path
    """A folder for each bucket of S3: `logs` and `lake`."""
    logs: Path
    """20,000 objects of three source buckets and a week, in partitioned naming; half a million keys."""
    few_keys: Path
    """As many, with 5,000 keys and five user agents."""
    one_day: Path
    """As many of one day in simple naming: a batch has lines of each of the three partitions."""
    many: Path
    """The log objects of `lake`: 60 lines for each of 1,800 partitions."""
    lake: Path
    """60 buckets and 30 days, 1,830 parts."""


def make_corpora(directory: Path) -> Corpora:
    """Whatever of them is not in `directory` yet is generated."""
    buckets = directory / "s3"
    corpora = Corpora(
        buckets=buckets,
        logs=buckets / "logs",
        few_keys=directory / "few-keys",
        one_day=directory / "one-day",
        many=directory / "many",
        lake=buckets / "lake",
    )
    _make(corpora.logs, _write_logs)
    _make(corpora.few_keys, _write_few_keys)
    _make(corpora.one_day, _write_one_day)
    _make(corpora.many, _write_many)
    if not corpora.lake.exists():
        partial = directory / "lake.partial"
        shutil.rmtree(partial, ignore_errors=True)
        command = [sys.executable, "-m", "etl", "ingest", "--source", str(corpora.many), "--lake", str(partial)]
        subprocess.run(command, check=True)
        partial.rename(corpora.lake)
    return corpora


def make_logs(directory: Path) -> Path:
    """Only `Corpora.logs`, generated where it is not there yet."""
    logs = directory / "s3" / "logs"
    logs.parent.mkdir(parents=True, exist_ok=True)
    _make(logs, _write_logs)
    return logs


def varied(line: LogLine, rng: random.Random) -> LogLine:
    """Half a million keys, many versions of browsers, referrers of the site and of others, some presigned requests."""
    number = f"/{rng.randrange(100)}-page-"
    text = (
        line.text.replace("/page-", number)
        .replace("%252Fpage-", number.replace("/", "%252F"))
        .replace("Safari/", f"Safari/{rng.randrange(600)}.")
    )
    chance = rng.random()
    if chance < 0.3:
        text = text.replace('"-" "Mozilla', f'"https://site-{rng.choice("abc")}.example/{rng.randrange(500)}" "Mozilla')
    elif chance < 0.5:
        text = text.replace('"-" "Mozilla', f'"https://blog{rng.randrange(900)}.example/p" "Mozilla')
    elif chance < 0.52:
        text = text.replace("- TLS_AES_128_GCM_SHA256 -", "SigV4 TLS_AES_128_GCM_SHA256 QueryString")
    return LogLine(line.bucket, line.time, text)


def _make(corpus: Path, write: Callable[[Path], None]) -> None:
    """Write a corpus, whole or not at all, in a process of its own: contenders would inherit its peak memory."""
    if corpus.exists():
        return
    partial = corpus.with_suffix(".partial")
    process = multiprocessing.get_context("spawn").Process(target=write, args=(partial,))
    process.start()
    process.join()
    corpus.parent.mkdir(exist_ok=True)
    partial.rename(corpus)


def _write_logs(directory: Path) -> None:
    write_objects(partitioned_objects(_lines(days=7), "", LINES_PER_OBJECT), directory)


def _write_few_keys(directory: Path) -> None:
    lines = traffic(LINES, BUCKETS, FIRST_DAY, days=7)
    write_objects(partitioned_objects(lines, "", LINES_PER_OBJECT), directory)


def _write_one_day(directory: Path) -> None:
    write_objects(_objects_of_one_day(), directory)


def _write_many(directory: Path) -> None:
    lines = traffic(LAKE_LINES, LAKE_BUCKETS, FIRST_DAY, LAKE_DAYS)
    write_objects(partitioned_objects(lines, ""), directory)


def _lines(days: int) -> Iterator[LogLine]:
    rng = random.Random(days)
    for line in traffic(LINES, BUCKETS, FIRST_DAY, days):
        yield varied(line, rng)


def _objects_of_one_day() -> Iterator[GeneratedObject]:
    """Whenever a bucket has lines for an object, they become one."""
    waiting: dict[str, list[LogLine]] = {bucket: [] for bucket in BUCKETS}
    for line in _lines(days=1):
        lines = waiting[line.bucket]
        lines.append(line)
        if len(lines) == LINES_PER_OBJECT:
            yield _simple_object(lines)
            lines.clear()
    yield from (_simple_object(lines) for lines in waiting.values() if lines)


def _simple_object(lines: list[LogLine]) -> GeneratedObject:
    """A log object named by the time of its last line."""
    last = lines[-1]
    text = "".join(f"{line.text}\n" for line in lines).encode()
    return GeneratedObject(f"{last.time:%Y-%m-%d-%H-%M-%S}-{zlib.crc32(text):016X}", text)
