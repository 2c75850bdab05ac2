"""The nine questions of the AWS write-up on S3 access logs, from raw log objects to answers: accesslake beside pandas.

    python tests/benchmarks/write_up.py [--lines 1000000] [--dir DIR]

Twice: everything for the first time, and one more night, where pandas reads everything again and accesslake has a lake
of the nights before. Each contender runs in a process of its own; their answers must be equal.
"""

import argparse
import datetime as dt
import multiprocessing
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from compare import BUCKETS, DAYS, FIRST_DAY, Corpus, make_corpus
from duckdb_sql import COLUMNS

from etl import open_lake
from etl.api import Lake
from etl.config import Settings

DAY = FIRST_DAY + dt.timedelta(days=1)
KEY = "site/section 7/page-00007.html"
LAST_NIGHT = FIRST_DAY + dt.timedelta(days=DAYS - 1)
Answers = dict[str, Any]


def with_pandas(corpus: Corpus, _lake: Path) -> Answers:
    """The notebook's way: each log object by read_csv, all of them put together, then a filter for each question."""
    columns = ["time", "remote_ip", "requester", "operation", "key", "http_status"]
    frames = [
        pd.read_csv(path, sep=" ", names=list(COLUMNS), usecols=columns, on_bad_lines="skip", dtype=str)
        for path in sorted(corpus.objects.rglob("*-00-00-00-*"))
    ]
    log = pd.concat(frames, ignore_index=True)
    log["time"] = pd.to_datetime(log["time"], format="[%d/%b/%Y:%H:%M:%S")
    log["key"] = log["key"].str.replace("%2520", " ").str.replace("+", " ")
    downloads = log[log["operation"].isin(["REST.GET.OBJECT", "WEBSITE.GET.OBJECT"])]
    denied = log[log["http_status"] == "403"]
    rules = log[log["requester"] == "AmazonS3"]
    expired = rules[rules["operation"] == "S3.EXPIRE.OBJECT"]
    of_day = expired[expired["time"].dt.date == DAY]
    return {
        "top objects": _top(downloads["key"]),
        "response codes": _top(log.loc[log["http_status"] != "-", "http_status"].astype(int)),
        "downloads by address": _top(downloads["remote_ip"]),
        "denied addresses": _top(denied["remote_ip"]),
        "denied objects": _top(denied["key"]),
        "lifecycle operations": _top(rules["operation"]),
        "expired on a day": len(of_day),
        "expired keys": len(set(expired["key"])),
        "events of one key": len(rules[rules["key"] == KEY]),
    }


def _top(values: Any) -> list[Any]:
    """The numbers of the twenty most frequent values: ties may stand in any order."""
    return sorted((int(count) for count in values.value_counts()), reverse=True)[:20]


def with_accesslake(corpus: Corpus, lake: Path) -> Answers:
    """Ingest what is new, and ask the lake."""
    Lake(Settings(source=(str(corpus.objects),), lake=str(lake))).ingest()
    opened = open_lake(str(lake))

    def numbers(name: str, column: str, **arguments: Any) -> list[Any]:
        counts: list[int] = opened.report(name, **arguments).to_arrow()[column].to_pylist()
        return sorted(counts, reverse=True)[:20]

    def rows(name: str, **arguments: Any) -> int:
        return int(opened.report(name, **arguments).to_arrow().num_rows)

    return {
        "top objects": numbers("website/top_objects", "requests"),
        "response codes": numbers("website/response_codes", "requests"),
        "downloads by address": numbers("website/downloads_by_ip", "requests", limit=1_000_000),
        "denied addresses": numbers("website/access_denied_by_ip", "requests"),
        "denied objects": numbers("website/access_denied_by_key", "requests"),
        "lifecycle operations": numbers("lifecycle/operation_counts", "events"),
        "expired on a day": rows("lifecycle/expired_objects", date_from=DAY, date_to=DAY),
        "expired keys": rows("lifecycle/expired_keys"),
        "events of one key": rows("lifecycle/object_events", key=KEY),
    }


def before_last_night(corpus: Corpus, lake: Path) -> None:
    """A lake of all nights but the last, whose log objects are out of the way meanwhile."""
    away = corpus.objects.with_name("last-night")
    folders = [Path("111122223333/eu-central-1", bucket, f"{LAST_NIGHT:%Y/%m/%d}") for bucket in BUCKETS]
    _move(folders, corpus.objects, away)
    try:
        Lake(Settings(source=(str(corpus.objects),), lake=str(lake))).ingest()
    finally:
        _move(folders, away, corpus.objects)


def _move(folders: list[Path], source: Path, target: Path) -> None:
    for folder in folders:
        (target / folder).parent.mkdir(parents=True, exist_ok=True)
        (source / folder).rename(target / folder)


def _run(contender: Callable[[Corpus, Path], Answers], corpus: Corpus, lake: Path, pipe: Any) -> None:
    began = time.perf_counter()
    answers = contender(corpus, lake)
    pipe.send((time.perf_counter() - began, answers))


def measure(contender: Callable[[Corpus, Path], Answers], corpus: Corpus, lake: Path) -> tuple[float, Answers]:
    """Seconds and answers of one run in a process of its own."""
    pipe, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(contender, corpus, lake, theirs))
    process.start()
    theirs.close()
    measured: tuple[float, Answers] = pipe.recv()
    process.join()
    return measured


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--lines", type=int, default=1_000_000)
    arguments.add_argument("--dir", type=Path, default=Path("/tmp/accesslake-bench"))  # noqa: S108
    arguments.add_argument("--repeat", type=int, default=3)
    given = arguments.parse_args()
    corpus = make_corpus(given.dir, given.lines, 0.0)
    lake, begun = given.dir / "out" / "write-up", given.dir / "out" / "write-up-before"
    shutil.rmtree(begun, ignore_errors=True)
    before_last_night(corpus, begun)
    print(f"{corpus.lines:,} lines, nine answers; seconds (median of {given.repeat})\n")
    print("| | pandas | accesslake | times faster |\n| --- | ---: | ---: | ---: |")
    for name, start in (("everything", None), ("one more night", begun)):
        seconds: dict[str, list[float]] = {"pandas": [], "accesslake": []}
        for _ in range(given.repeat):
            shutil.rmtree(lake, ignore_errors=True)
            if start:
                shutil.copytree(start, lake)
            for contender, run in (("pandas", with_pandas), ("accesslake", with_accesslake)):
                took, answers = measure(run, corpus, lake)
                seconds[contender].append(took)
                if contender == "pandas":
                    expected = answers
            if answers != expected:
                raise SystemExit(f"the answers differ: {expected} and {answers}")
        theirs, ours = (statistics.median(seconds[contender]) for contender in ("pandas", "accesslake"))
        print(f"| {name} | {theirs:.1f} | {ours:.1f} | {theirs / ours:.1f} |", flush=True)


if __name__ == "__main__":
    main()
