"""The whole job on generated logs: two buckets, no AWS account."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import TextIO

from etl.api import Lake
from etl.cli.demo_logs import DEMO_LIFECYCLE, DEMO_WEBSITE, demo_objects, write_objects
from etl.config import Settings
from etl.ingest import Progress, RunSummary
from etl.query import Result
from etl.query.output import write_file, write_table
from etl.reports import Report

DASHBOARD = "dashboard.html"
# Of each result, so that all of them fit on a few screens.
_MAX_ROWS = 8
_EXPIRY_DAY = dt.date(2021, 7, 1)


@dataclass(frozen=True)
class _Example:
    """A report to show: of one bucket and, where `day` is set, of one day."""

    report: str
    bucket: str
    day: dt.date | None = None
    parameters: dict[str, str] = field(default_factory=dict)

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
    directory: Path, log: Callable[[str], None], progress: Progress
) -> RunSummary:
    """Generate log objects in `directory`, ingest them into a lake there, and write its dashboard."""
    logs = directory / "logs"
    count = write_objects(demo_objects(), logs)
    log(f"{count} log objects of two buckets in {logs}")
    lake = Lake(Settings(source=(str(logs),), lake=str(directory / "lake")))
    summary = lake.ingest(progress=progress)
    log(f"{summary.result.lines} new lines read into the lake {lake.url}")
    write_file(directory / DASHBOARD, lake.dashboard(bucket=DEMO_WEBSITE).encode())
    return summary


def print_demo(directory: Path, out: TextIO) -> None:
    """Print what the reports say about the demo's lake, each with its command."""
    lake_directory = directory / "lake"
    lake = Lake(Settings(lake=str(lake_directory)))
    buckets = lake.status().buckets
    out.writelines(f"{bucket.bucket}: {bucket.rows:,} records\n" for bucket in buckets)
    for example in _EXAMPLES:
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
