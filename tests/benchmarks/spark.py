"""Ingest on Spark: two executors beside one, and beside worker processes.

    python tests/benchmarks/spark.py [--repeat 3] [--dir DIR]

20,000 log objects of a disk, as in `s3.py`. Each contender runs in a process of its own, `--repeat` times, of which the
median counts. What Spark takes to start is not counted; that Python processes import accesslake is, with each engine.
CPU seconds are those of all processes: Java's, Python's, and those that they have started. What the driver takes of
them is printed, too, and how much faster more executors are where that is all that bounds them. Seconds say this only
where the driver and each executor have a core of their own, and no other work is done there.
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
# What is told apart of CPU seconds: this process, Java beside it, and who ingests batches.
DRIVER, JAVA, EXECUTORS = PARTS = ("driver", "java", "executors")
TICKS = os.sysconf("SC_CLK_TCK")


def run(logs: Path, lake: Path, engine: str, workers: int = 0, executors: int = 0) -> dict[str, Any]:
    """One run, in this process: rows, seconds, and CPU seconds of its parts."""
    stop = start_spark(executors) if executors else lambda: None
    settings = Settings.model_validate(
        {"source": (str(logs),), "lake": str(lake), "engine": engine, "workers": workers}
    )
    before, began = cpu_seconds(), time.perf_counter()
    summary = Lake(settings).ingest()
    figures = {
        "rows": summary.result.rows,
        "seconds": time.perf_counter() - began,
        **{part: seconds - before[part] for part, seconds in cpu_seconds().items()},
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


def cpu_seconds() -> dict[str, float]:
    """What this process, its Java, and the executors or workers have taken so far, those that have ended included."""
    parents, names, own, ended = {}, {}, {}, {}
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            fields = (directory / "stat").read_text().rpartition(")")[2].split()
            name = (directory / "cmdline").read_text(errors="replace")
        except OSError:  # gone meanwhile
            continue
        pid = int(directory.name)
        parents[pid], names[pid] = int(fields[1]), name
        own[pid], ended[pid] = (sum(map(int, fields[at : at + 2])) / TICKS for at in (11, 13))
    seconds = dict.fromkeys(PARTS, 0.0)
    for pid, taken in own.items():
        line = ancestry(pid, parents)
        if line[-1] == os.getpid():
            part = part_of([names[one] for one in line])
            seconds[part] += taken
            # Workers that have ended are with this process.
            seconds[part if len(line) > 1 else EXECUTORS] += ended[pid]
    return seconds


def ancestry(pid: int, parents: dict[int, int]) -> list[int]:
    """A process and those above it, up to this one, or to the first."""
    line = [pid]
    while line[-1] in parents and line[-1] != os.getpid():
        line.append(parents[line[-1]])
    return line


def part_of(names: list[str]) -> str:
    """Which part a process belongs to, by its command line and those above it."""
    if len(names) == 1:
        return DRIVER
    is_java = Path(names[0].partition("\0")[0]).name == "java"
    is_executor = any("CoarseGrainedExecutorBackend" in name for name in names)
    return JAVA if is_java and not is_executor else EXECUTORS


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
    print(f"load of the machine, of {os.cpu_count()} processors: {os.getloadavg()[0]:.1f}\n")
    print("| contender | rows/s | s | CPU s | driver | its Java | executors |\n| --- |" + " ---: |" * 6)
    medians = {name: median(figures) for name, figures in runs.items()}
    for name, one in medians.items():
        parts = " | ".join(f"{one[part]:.1f}" for part in PARTS)
        print(f"| {name} | {one['rows'] / one['seconds']:,.0f} | {one['seconds']:.1f} | {cpu_of(one):.1f} | {parts} |")
    two, single = medians["Spark, 2 executors"], medians["Spark, 1 executor"]
    print(f"\ntwo executors are {single['seconds'] / two['seconds']:.2f} times as fast as one")
    ratio = cpu_of(two) / cpu_of(medians["worker processes, 2"])
    print(f"Spark takes {ratio:.2f} times the CPU of worker processes")
    print_bounds(single)


def median(figures: list[dict[str, Any]]) -> dict[str, float]:
    return {key: statistics.median(one[key] for one in figures) for key in figures[0]}


def cpu_of(figures: dict[str, float]) -> float:
    return sum(figures[part] for part in PARTS)


def print_bounds(single: dict[str, float]) -> None:
    """How much faster more executors are than one, if only the driver's CPU time bounds them, on a core of its own.

    Either nobody works while the driver does, or it works while executors do; a run is between the two.
    """
    driver, executors = single[DRIVER] + single[JAVA], single[EXECUTORS]
    share = driver / (driver + executors)
    print(f"\nthe driver takes {driver:.1f} of {driver + executors:.1f} CPU s ({share:.0%})\n")
    print("| executors | before and after the driver | at the same time |\n| ---: | ---: | ---: |")
    for number in (2, 10, 100):
        in_turn = (driver + executors) / (driver + executors / number)
        at_once = max(driver, executors) / max(driver, executors / number)
        print(f"| {number} | {in_turn:.1f} | {at_once:.1f} |")


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
