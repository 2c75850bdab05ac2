"""Runs contenders one after the other, and prints a table of what each took.

A contender is a command. Whatever processes it starts, their CPU time counts; what the server takes does not.
"""

import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from object_server import ObjectServer, Requests

_BLOCK = 512
_COLUMNS = (
    "contender", "s", "CPU s", "peak MiB", "LIST", "GET", "HEAD", "PUT, POST", "MB received", "MB sent", "MB stored",
    "write amplification", "times slower",
)  # fmt: skip


@dataclass(frozen=True)
class Contender:
    """A command, and what it prints: a number of rows, or the rows themselves."""

    name: str
    command: Sequence[str | Path]
    environ: Mapping[str, str] = field(default_factory=dict)
    out: Path | None = None
    writes_to_s3: bool = False
    result_of: Callable[[str], Any] = json.loads
    is_warm: bool = False
    """It says when it is ready, and is measured from then on."""
    share: int = 1
    """Its work is one of so many parts of that of the others."""


@dataclass(frozen=True)
class Measure:
    """One run of a contender: all its processes; `peak_mib` is that of the largest."""

    result: Any
    seconds: float
    cpu_seconds: float
    peak_mib: float
    requests: Requests
    written: int
    """Bytes, also of what was written over later."""
    stored: int


def measure(contender: Contender, server: ObjectServer, limit: int) -> Measure | None:
    """One run, or None where it failed or took more than `limit` seconds, which standard error says."""
    if contender.out:
        shutil.rmtree(contender.out, ignore_errors=True)
    if contender.writes_to_s3:
        server.empty_written()
    with tempfile.TemporaryFile("w+") as messages, _started(contender, messages, limit) as process:
        cpu_before = float(process.stdout.readline() or 0) if contender.is_warm else 0.0
        server.new_requests()
        began = time.perf_counter()
        output = _output(process, contender)
        seconds = time.perf_counter() - began
        requests = server.new_requests()
        # What all its processes took, which subprocess does not tell.
        _, process.returncode, usage = os.wait4(process.pid, 0)
        if process.returncode:
            messages.seek(0)
            reason = f"{limit} s are over" if process.returncode == signal.SIGKILL else messages.read()
            print(f"{contender.name}: {reason}", file=sys.stderr)
            return None
    cpu_seconds = usage.ru_utime + usage.ru_stime - cpu_before
    return Measure(
        result=contender.result_of(output),
        seconds=seconds * contender.share,
        cpu_seconds=cpu_seconds * contender.share,
        peak_mib=usage.ru_maxrss / 1024,
        requests=requests,
        written=usage.ru_oublock * _BLOCK,
        stored=_stored(contender.out),
    )


@contextlib.contextmanager
def _started(contender: Contender, messages: Any, limit: int) -> Iterator[Any]:
    """The process of a contender, killed with those that it started after `limit` seconds or an interrupt."""
    process = subprocess.Popen(
        contender.command,
        env={**os.environ, **contender.environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=messages,
        start_new_session=True,
        text=True,
    )
    timer = threading.Timer(limit, os.killpg, (process.pid, signal.SIGKILL))
    timer.start()
    try:
        yield process
    except KeyboardInterrupt:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    finally:
        timer.cancel()


def _output(process: Any, contender: Contender) -> str:
    """What it prints until it ends; of one that is warm, whose end does not count, the line with the result."""
    if contender.is_warm:
        with contextlib.suppress(BrokenPipeError):  # killed while it got ready
            process.stdin.write("\n")
            process.stdin.flush()
        return str(process.stdout.readline())
    return str(process.stdout.read())


def _stored(directory: Path | None) -> int:
    """The bytes that its files take of the disk: in whole blocks, as those written are counted."""
    files = directory.rglob("*") if directory else ()
    return sum(path.stat().st_blocks * _BLOCK for path in files if path.is_file())


def compare(title: str, contenders: Sequence[Contender], server: ObjectServer, repeat: int, limit: int) -> None:
    """Print a table of the contenders; the ratio is to the first, by time. Raises SystemExit where they disagree."""
    runs = _take_turns(contenders, server, repeat, limit)
    print(f"\n{title}\n")
    print(f"| {' | '.join(_COLUMNS)} |")
    print("| --- |" + " ---: |" * (len(_COLUMNS) - 1))
    first = next((_median(measures) for measures in runs.values() if measures), None)
    for one in contenders:
        if first and runs[one.name]:
            _print_row(one, _median(runs[one.name]), first)
        else:
            print(f"| {one.name} | none |" + " |" * (len(_COLUMNS) - 2), flush=True)
    _check_results(contenders, runs)


def _take_turns(
    contenders: Sequence[Contender], server: ObjectServer, repeat: int, limit: int
) -> dict[str, list[Measure]]:
    """The runs of each contender; none of one that failed or was too slow."""
    runs: dict[str, list[Measure]] = {one.name: [] for one in contenders}
    waiting = list(contenders)
    for _ in range(repeat):
        for one in list(waiting):
            run = measure(one, server, limit)
            if run:
                runs[one.name].append(run)
            else:
                runs[one.name].clear()
                waiting.remove(one)
    return runs


def _median(measures: list[Measure]) -> Measure:
    middle = statistics.median_low(run.seconds for run in measures)
    return next(run for run in measures if run.seconds == middle)


def _print_row(contender: Contender, run: Measure, first: Measure) -> None:
    requests, share = run.requests, contender.share
    counts = [requests.counts[kind] * share for kind in ("LIST", "GET", "HEAD")]
    counts.append(requests.counts["PUT"] + requests.counts["POST"])
    sizes = (requests.received * share, requests.sent, run.stored)
    cells = (
        f"{run.seconds:.2f}",
        f"{run.cpu_seconds:.2f}",
        f"{run.peak_mib:,.0f}",
        *(f"{count:,}" for count in counts),
        *(f"{size / 1e6:,.1f}" for size in sizes),
        f"{run.written / run.stored:.2f}" if run.stored else "",
        f"{run.seconds / first.seconds:.2f}",
    )
    print(f"| {contender.name} | {' | '.join(cells)} |", flush=True)


def _check_results(contenders: Sequence[Contender], runs: Mapping[str, list[Measure]]) -> None:
    results = [run.result for one in contenders if one.share == 1 for run in runs[one.name]]
    for result in results:
        if result != results[0]:
            raise SystemExit(f"the results differ: {results[0]} and {result}")
