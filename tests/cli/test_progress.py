"""What a run shows while it is at work: lines that move on a terminal, JSON elsewhere."""

import datetime as dt
import io
import re
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from conftest import events
from terminals import Terminal

from etl.cli import progress
from etl.cli.demo_logs import partitioned_objects, traffic, write_objects
from etl.cli.interrupt import cancelling
from etl.ingest import Activity, RunSummary


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_terminal_tells_reading_from_writing(tmp_path: Path, workers: str) -> None:
    """Each step has its figures while it is at work, in this process or in others, and plain words, no JSON."""
    logs = tmp_path / "logs"
    write_objects(partitioned_objects(traffic(4_000, ["a"], dt.date(2026, 1, 1), 5), ""), logs)
    lake = ("--lake", str(tmp_path / "lake"))
    run = Terminal("ingest", "--source", str(logs), *lake, "--workers", workers, ACCESSLAKE_BATCH_SIZE="100000")
    assert run.end() == 0
    assert re.search(r"listing \S+ [1-9][0-9]* new log objects", run.text)
    assert re.search(r"reading \S+ [1-9][0-9.]* kB of [0-9.]+ MB [0-9.]+ [kM]B/s 0:00:[0-9]+ left", run.text)
    assert re.search(r"writing \S+ [1-9][0-9]* of [0-9]+ parts [0-9]+ parts/s", run.text)
    assert '{"time"' not in run.text


def test_a_log_gets_lines_of_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no terminal, a line of JSON now and then has the same figures."""
    monkeypatch.setattr(progress, "_JSON_SECONDS", 0)
    stream = io.StringIO()
    activity = Activity(bytes_new=900, objects_read=2, bytes_read=200, parts_planned=7, parts_written=4)
    with progress.Reporter(stream) as reporter:
        reporter.progress(RunSummary("run", new=9, activity=activity))
    (line,) = events(stream.getvalue())
    figures = {"objects_new": 9, "objects_read": 2, "bytes_new": 900, "bytes_read": 200}
    assert line | figures | {"message": "progress", "parts_planned": 7, "parts_written": 4} == line


def test_bars_do_not_erase_the_summary(tmp_path: Path) -> None:
    """Once the figures of a run are written, nothing moves the cursor back over them."""
    logs, lake = tmp_path / "logs", tmp_path / "lake"
    write_objects(partitioned_objects(traffic(50, ["a"], dt.date(2026, 1, 1), 2), ""), logs)
    terminal = Terminal("ingest", "--source", str(logs), "--lake", str(lake))
    assert terminal.end() == 0
    bars, _, summary = terminal.output.partition("run id")
    assert "listing" in bars
    assert "\x1b[" not in summary
    assert "Next: accesslake dashboard" in summary


class ImpatientTerminal(io.StringIO):
    """A terminal on which Ctrl-C is pressed as soon as something is to be seen."""

    is_pressed = False

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        written = super().write(text)
        if not self.is_pressed and "querying" in text:
            self.is_pressed = True
            signal.raise_signal(signal.SIGINT)
        return written


def test_ctrl_c_amid_the_start_takes_the_line_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell goes on after it: nothing draws the line again, and standard error and the cursor are as before."""
    terminal = ImpatientTerminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    threads = threading.enumerate()
    with cancelling(), pytest.raises(KeyboardInterrupt), progress.working("querying"):
        time.sleep(60)
    assert sys.stderr is terminal
    assert terminal.getvalue().rpartition("\x1b[?25")[2].startswith("h")  # the cursor is shown, and last of all
    shown = terminal.getvalue()
    time.sleep(0.3)
    assert terminal.getvalue() == shown
    assert set(threading.enumerate()) <= set(threads)
