"""Ingest on Spark: two executors beside one, and beside worker processes.

    python tests/benchmarks/spark.py [--repeat 3] [--dir DIR]

20,000 log objects of a disk, as in `s3.py`. Each contender runs in a process of its own, `--repeat` times, of which the
median counts. What Spark takes to start is not counted; that Python processes import accesslake is, with each engine.
CPU seconds are those of all processes: Java's, Python's, and those that they have started.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from corpora import make_logs

from etl.api import Lake
from etl.config import Settings

CONTENDERS = {
    "worker processes, 2": {"engine": "local", "workers": 2},
    "Spark, 2 executors": {"engine": "spark", "executors": 2},
    "worker processes, 1": {"engine": "local", "workers": 1},
    "Spark, 1 executor": {"engine": "spark", "executors": 1},
}
START = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.log.level": "ERROR",
}
TICKS = os.sysconf("SC_CLK_TCK")


def run(logs: Path, lake: Path, engine: str, workers: int = 0, executors: int = 0) -> dict[str, Any]:
    """One run, in this process: rows, seconds, and CPU seconds with all descendants."""
    stop = start_spark(executors) if executors else lambda: None
    settings = Settings.model_validate(
        {"source": (str(logs),), "lake": str(lake), "engine": engine, "workers": workers}
    )
    cpu_before, began = cpu_seconds(), time.perf_counter()
    summary = Lake(settings).ingest()
    figures = {
        "rows": summary.result.rows,
        "seconds": time.perf_counter() - began,
        "cpu_seconds": cpu_seconds() - cpu_before,
    }
    stop()
    return figures


def start_spark(executors: int) -> Callable[[], None]:
    """Start Spark with so many executors of one core, and their Python processes; what stops it."""
    from pyspark import SparkConf, SparkContext  # noqa: PLC0415 - not in worker processes

    os.environ["PYSPARK_PYTHON"] = sys.executable
    conf = SparkConf().setMaster(f"local-cluster[{executors},1,1024]").setAppName("benchmark")
    context = SparkContext(conf=conf.setAll(list(START.items())))
    # The driver is among them.
    while context._jsc.sc().getExecutorMemoryStatus().size() <= executors:
        time.sleep(0.1)
    context.parallelize(range(executors * 4), executors * 4).map(lambda _: time.sleep(0.5)).count()
    stop: Callable[[], None] = context.stop
    return stop


def cpu_seconds() -> float:
    """What this process and all its descendants have taken so far, those that have ended included."""
    parents, ticks = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # gone meanwhile
            continue
        pid = int(stat.parent.name)
        parents[pid] = int(fields[1])
        ticks[pid] = sum(map(int, fields[11:15]))
    return sum(amount for pid, amount in ticks.items() if is_below(pid, parents)) / TICKS


def is_below(pid: int, parents: dict[int, int]) -> bool:
    """Whether a process is this one, or was started by it or its descendants."""
    while pid in parents and pid != os.getpid():
        pid = parents[pid]
    return pid == os.getpid()


def compare(logs: Path, directory: Path, repeat: int) -> None:
    """Let contenders take turns, and print the medians."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTENDERS}
    for _ in range(repeat):
        for name, options in CONTENDERS.items():
            with tempfile.TemporaryDirectory(dir=directory) as out:
                task = {"logs": str(logs), "lake": f"{out}/lake", **options}
                command = [sys.executable, __file__, "--task", json.dumps(task)]
                result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            runs[name].append(json.loads(result.stdout.splitlines()[-1]))
    print("| contender | rows/s | s | CPU s |\n| --- | ---: | ---: | ---: |")
    for name, figures in runs.items():
        rows, seconds, cpu = (statistics.median(one[key] for one in figures) for key in figures[0])
        print(f"| {name} | {rows / seconds:,.0f} | {seconds:.1f} | {cpu:.1f} |")
    two, one = (statistics.median(run["seconds"] for run in runs[f"Spark, {n}"]) for n in ("2 executors", "1 executor"))
    print(f"\ntwo executors are {one / two:.2f} times as fast as one")
    spark, local = (
        statistics.median(run["cpu_seconds"] for run in runs[name])
        for name in ("Spark, 2 executors", "worker processes, 2")
    )
    print(f"Spark takes {spark / local:.2f} times the CPU of worker processes")


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--repeat", type=int, default=3)
    arguments.add_argument("--dir", type=Path, default=Path("/tmp/accesslake-s3-bench"))  # noqa: S108
    arguments.add_argument("--task", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.task:
        task = json.loads(given.task)
        logs, lake = Path(task.pop("logs")), Path(task.pop("lake"))
        print(json.dumps(run(logs, lake, **task)))
        shutil.rmtree(lake)
    else:
        compare(make_logs(given.dir), given.dir, given.repeat)


if __name__ == "__main__":
    main()
