"""The whole job on generated logs: two buckets, no AWS account."""

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from shlex import quote
from typing import TextIO

from etl.api import Lake
from etl.cli.demo_logs import (
    DEMO_LIFECYCLE,
    DEMO_WEBSITE,
    LIFECYCLE_LAST_DAY,
    demo_objects,
    write_objects,
)
from etl.config import Settings
from etl.errors import UsageError
from etl.ingest import Progress, RunSummary
from etl.query import Result
from etl.query.output import write_file, write_table
from etl.reports import Report

DASHBOARD = "dashboard.html"
# Of each result, so that all of them fit on a few screens.
_MAX_ROWS = 8
# The day of which the demo lists the expired objects, by the dates of the write-up.
_EXPIRY_DAY = dt.date(2021, 7, 1)
# Says that a directory holds a demo, and up to which day its records are.
_MARK = "demo.json"


class Dates(StrEnum):
    """When the records of the demo are from."""

    TODAY = "today"
    """The last weeks, up to yesterday."""
    WRITE_UP = "2021"
    """As in the write-up that the figures are from: the same every time."""


@dataclass(frozen=True)
class _Example:
    """A report to show: of one bucket and, where `day` is set, of one day of the write-up."""

    report: str
    bucket: str
    day: dt.date | None = None
    parameters: dict[str, str] = field(default_factory=dict)

    def moved(self, last_day: dt.date | None) -> "_Example":
        """The same of records up to `last_day`."""
        if self.day is None or last_day is None:
            return self
        return replace(self, day=self.day + (last_day - LIFECYCLE_LAST_DAY))

    def result(self, lake: Lake, report: Report) -> Result:
        return lake.report(
            report,
            bucket=self.bucket,
            date_from=self.day,
            date_to=self.day,
            **self.parameters,
        )

    def command(self, lake: Path) -> str:
        """The command line that prints the result."""
        period = f" --from {self.day} --to {self.day}" if self.day else ""
        parameters = "".join(
            f" -p {name}={quote(value)}" for name, value in self.parameters.items()
        )
        lake_argument = quote(str(lake))
        return f"accesslake report {self.report} --lake {lake_argument} --bucket {self.bucket}{period}{parameters}"


_EXAMPLES = (
    _Example("website/top_objects", DEMO_WEBSITE),
    _Example("website/response_codes", DEMO_WEBSITE),
    _Example("website/downloads_by_ip", DEMO_WEBSITE, parameters={"limit": "1000"}),
    _Example("website/access_denied_by_ip", DEMO_WEBSITE, parameters={"limit": "1000"}),
    _Example("website/access_denied_by_key", DEMO_WEBSITE),
    _Example("lifecycle/operation_counts", DEMO_LIFECYCLE),
    _Example("lifecycle/expired_objects", DEMO_LIFECYCLE, _EXPIRY_DAY),
    _Example("lifecycle/expired_keys", DEMO_LIFECYCLE),
    _Example(
        "lifecycle/object_events",
        DEMO_LIFECYCLE,
        parameters={"key": "expiration/test25.txt"},
    ),
)


def build_demo(
    directory: Path, dates: Dates, log: Callable[[str], None], progress: Progress
) -> RunSummary:
    """Generate log objects in `directory`, ingest them into a lake there, and write its dashboard.

    Raises UsageError where the directory holds anything else than an earlier demo of such dates.
    """
    is_earlier = (directory / _MARK).is_file()
    last_day = _claim(directory, dates)
    if is_earlier:
        log(f"{directory} holds an earlier demo: this one goes on with what is there")
    logs = directory / "logs"
    count = write_objects(demo_objects(last_day), logs)
    log(f"{count} log objects of two buckets in {logs}")
    lake = Lake(Settings(source=(str(logs),), lake=str(directory / "lake")))
    summary = lake.ingest(progress=progress)
    log(f"{summary.result.lines} new lines read into the lake {lake.url}")
    write_file(directory / DASHBOARD, lake.dashboard().encode())
    return summary


def _claim(directory: Path, dates: Dates) -> dt.date | None:
    """Make a new or an empty directory one of a demo; the last day of its records, None with those of the write-up."""
    mark = directory / _MARK
    if mark.is_file():
        last_day = _last_day(directory)
        if (last_day is None) is not (dates is Dates.WRITE_UP):
            raise UsageError(
                f"{directory} holds a demo of other dates; remove it, or name another directory with --dir"
            )
        return last_day
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise UsageError(
            f"{directory} is not empty, and no earlier demo; name a new directory with --dir, or remove it"
        )
    directory.mkdir(parents=True, exist_ok=True)
    yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
    last_day = None if dates is Dates.WRITE_UP else yesterday
    write_file(mark, json.dumps({"last_day": last_day}, default=str).encode())
    return last_day


def _last_day(directory: Path) -> dt.date | None:
    """The last day of the records of an earlier demo. Raises UsageError where that cannot be read."""
    mark = directory / _MARK
    try:
        text = json.loads(mark.read_bytes())["last_day"]
        return None if text is None else dt.date.fromisoformat(text)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(
            f"{mark} is not what a demo wrote; remove {directory}, or name another directory with --dir"
        ) from error


def print_demo(directory: Path, out: TextIO) -> None:
    """Print what the reports say about the demo's lake, each with its command."""
    last_day = _last_day(directory)
    lake_directory = directory / "lake"
    lake = Lake(Settings(lake=str(lake_directory)))
    buckets = lake.status().buckets
    out.writelines(f"{bucket.bucket}: {bucket.rows:,} records\n" for bucket in buckets)
    for example in (example.moved(last_day) for example in _EXAMPLES):
        report = lake.find_report(example.report)
        out.write(
            f"\n{report.title}: {report.question}\n$ {example.command(lake_directory)}\n"
        )
        write_table(example.result(lake, report), out, max_rows=_MAX_ROWS)
    out.write(
        f"\nThe lake stays in {lake_directory}, a dashboard of it in {directory / DASHBOARD}. Query it:\n"
    )
    sql = "SELECT operation, count(*) FROM access_log GROUP BY ALL"
    out.write(f"$ accesslake sql --lake {quote(str(lake_directory))} '{sql}'\n")
