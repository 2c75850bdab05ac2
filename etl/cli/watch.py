"""A run of `ingest` under watch: gauges in a file and pings, whatever becomes of it."""

import contextlib
import datetime as dt
import json
import time
from collections.abc import Iterator
from pathlib import Path

import typer

from etl.api import Lake
from etl.cli.progress import Reporter
from etl.errors import AccessLakeError, LeaseHeldError
from etl.maintenance import LakeStatus
from etl.monitoring import Ping, RunOutcome, write_run_gauges


@contextlib.contextmanager
def watched(
    lake: Lake, reporter: Reporter, metrics_file: Path | None, nothing_new: int
) -> Iterator[None]:
    """Tell how the run within ends, by `metrics_file` and the setting `ping_url`; it ends the same without them.

    The exit code `nothing_new` is a success.
    """
    started, exit_code = time.monotonic(), 0
    url = lake.settings.ping_url
    ping = Ping(url, lambda text: reporter.event("warning", text)) if url else None
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
            outcome = RunOutcome(
                reporter.summary,
                exit_code,
                dt.datetime.now(dt.UTC),
                time.monotonic() - started,
            )
            _write_gauges(lake, reporter, metrics_file, outcome)
        if ping:
            summary = reporter.summary.as_dict() if reporter.summary else {}
            ping.end(exit_code, json.dumps(summary))


def _exit_code(error: BaseException) -> int:
    if isinstance(error, (typer.Exit, AccessLakeError)):
        return error.exit_code
    if isinstance(error, SystemExit) and isinstance(error.code, int):
        return error.code
    return 1


def _write_gauges(
    lake: Lake, reporter: Reporter, path: Path, outcome: RunOutcome
) -> None:
    """Write the gauges; where that fails, the run has ended as it has."""
    try:
        write_run_gauges(path, lake.url, outcome, _status(lake, outcome))
    except AccessLakeError as error:
        reporter.event("warning", f"--metrics-file: {error}")


def _status(lake: Lake, outcome: RunOutcome) -> LakeStatus | None:
    """The state of the lake after a run that brought it up to date."""
    return lake.status() if outcome.is_complete else None
