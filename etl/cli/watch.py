"""A run of `ingest` under watch: gauges in a file and pings, whatever becomes of it."""

import contextlib
import datetime as dt
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from etl.api import Lake
from etl.cli import events
from etl.cli.exits import EXIT_FAILED, EXITS_DONE, exit_code_of
from etl.cli.progress import Reporter
from etl.errors import AccessLakeError, LeaseHeldError

if TYPE_CHECKING:
    from etl.monitoring import Ping


@dataclass(frozen=True, slots=True)
class _End:
    """How a run ended: with which exit code, of those that mean the same for every run."""

    exit_code: int
    is_news: bool = True
    """Not of a run that gives way to another: that one tells of itself."""


@contextlib.contextmanager
def watched(lake: Lake, reporter: Reporter, metrics_file: Path | None) -> Iterator[None]:
    """Tell how the run within ends, by `metrics_file` and the setting `ping_url`; it ends the same without them.

    A run that is not broken off leaves its summary with the reporter.
    """
    began, started = dt.datetime.now(dt.UTC), time.monotonic()
    end = _End(EXIT_FAILED)
    ping = _ping(lake, reporter)
    if ping:
        ping.start()
    try:
        yield
        if reporter.summary:
            code = exit_code_of(
                reporter.summary, lake.settings, has_stale_table=reporter.has_stale_table
            )
            end = _End(code)
    except BaseException as error:
        end = _broken_off(error)
        raise
    finally:
        if metrics_file and end.is_news:
            seconds = time.monotonic() - started
            _write_gauges(lake, reporter, metrics_file, end, began, seconds)
        if ping:
            summary = reporter.summary.as_dict() if reporter.summary else {}
            ping.end(end.exit_code, json.dumps(summary))


def _broken_off(error: BaseException) -> _End:
    if isinstance(error, AccessLakeError):
        is_news = not isinstance(error, LeaseHeldError)
        return _End(error.exit_code, is_news=is_news)
    if isinstance(error, SystemExit) and isinstance(error.code, int):
        return _End(error.code)
    return _End(EXIT_FAILED)


def _ping(lake: Lake, reporter: Reporter) -> "Ping | None":
    """What pings the URL of the settings, if they have one."""
    url = lake.settings.ping_url
    if url is None:
        return None
    from etl.monitoring import Ping  # noqa: PLC0415 - few runs are watched

    return Ping(url, lambda text: reporter.event(events.PING_FAILED, text))


def _write_gauges(
    lake: Lake,
    reporter: Reporter,
    path: Path,
    end: _End,
    began: dt.datetime,
    seconds: float,
) -> None:
    """Write the gauges; where that fails, the run has ended as it has."""
    from etl.monitoring import RunOutcome, write_run_gauges  # noqa: PLC0415 - as above

    outcome = RunOutcome(reporter.summary, end.exit_code, began, seconds)
    try:
        # A run that did its work tells the state of the lake, too.
        status = lake.status() if outcome.exit_code in EXITS_DONE else None
        write_run_gauges(path, lake.url, outcome, status)
    except AccessLakeError as error:
        reporter.event(events.GAUGES_FAILED, f"--metrics-file: {error}")
