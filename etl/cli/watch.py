"""A run of `ingest` under watch: gauges in a file and pings, whatever becomes of it."""

import contextlib
import datetime as dt
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from etl.api import Lake
from etl.cli.progress import Reporter
from etl.errors import AccessLakeError, LeaseHeldError

if TYPE_CHECKING:
    from etl.monitoring import Ping


@contextlib.contextmanager
def watched(
    lake: Lake, reporter: Reporter, metrics_file: Path | None, nothing_new: int
) -> Iterator[None]:
    """Tell how the run within ends, by `metrics_file` and the setting `ping_url`; it ends the same without them.

    The exit code `nothing_new` is a success.
    """
    started, exit_code = time.monotonic(), 0
    ping = _ping(lake, reporter)
    if ping:
        ping.start()
    try:
        yield
    except BaseException as error:
        exit_code = _exit_code(error)
        raise
    finally:
        exit_code = 0 if exit_code == nothing_new else exit_code
        if metrics_file and exit_code != LeaseHeldError.exit_code:
            seconds = time.monotonic() - started
            _write_gauges(lake, reporter, metrics_file, exit_code, seconds)
        if ping:
            summary = reporter.summary.as_dict() if reporter.summary else {}
            ping.end(exit_code, json.dumps(summary))


def _exit_code(error: BaseException) -> int:
    if isinstance(error, (typer.Exit, AccessLakeError)):
        return error.exit_code
    if isinstance(error, SystemExit) and isinstance(error.code, int):
        return error.code
    return 1


def _ping(lake: Lake, reporter: Reporter) -> "Ping | None":
    """What pings the URL of the settings, if they have one."""
    url = lake.settings.ping_url
    if url is None:
        return None
    from etl.monitoring import Ping  # noqa: PLC0415 - few runs are watched

    return Ping(url, lambda text: reporter.event("warning", text))


def _write_gauges(
    lake: Lake, reporter: Reporter, path: Path, exit_code: int, seconds: float
) -> None:
    """Write the gauges; where that fails, the run has ended as it has."""
    from etl.monitoring import RunOutcome, write_run_gauges  # noqa: PLC0415 - as above

    ended = dt.datetime.now(dt.UTC)
    outcome = RunOutcome(reporter.summary, exit_code, ended, seconds)
    try:
        # A run that brought the lake up to date tells its state, too.
        status = lake.status() if outcome.is_complete else None
        write_run_gauges(path, lake.url, outcome, status)
    except AccessLakeError as error:
        reporter.event("warning", f"--metrics-file: {error}")
