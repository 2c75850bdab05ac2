"""The whole job on generated logs: two buckets, no AWS account."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import TextIO

from etl.cli.demo_logs import DEMO_LIFECYCLE, DEMO_WEBSITE, demo_objects, write_objects
from etl.config import Settings
from etl.dashboard import render_dashboard
from etl.ingest import Progress, RunSummary, run_ingest
from etl.maintenance import read_status
from etl.query import Scope
from etl.query.output import write_file, write_table
from etl.reports import find_report, run_report
from etl.store import open_store

_ROWS = 8
DASHBOARD = "dashboard.html"


@dataclass(frozen=True)
class _Question:
    report: str
    scope: Scope
    params: dict[str, str] = field(default_factory=dict)


_EXPIRY_DAY = dt.date(2021, 7, 1)
_QUESTIONS = (
    _Question("website/top_objects", Scope(DEMO_WEBSITE)),
    _Question("website/response_codes", Scope(DEMO_WEBSITE)),
    _Question("website/downloads_by_ip", Scope(DEMO_WEBSITE), {"limit": "1000"}),
    _Question("website/access_denied_by_ip", Scope(DEMO_WEBSITE), {"limit": "1000"}),
    _Question("website/access_denied_by_key", Scope(DEMO_WEBSITE)),
    _Question("lifecycle/operation_counts", Scope(DEMO_LIFECYCLE)),
    _Question("lifecycle/expired_objects", Scope(DEMO_LIFECYCLE, _EXPIRY_DAY, _EXPIRY_DAY)),
    _Question("lifecycle/expired_keys", Scope(DEMO_LIFECYCLE)),
    _Question("lifecycle/object_events", Scope(DEMO_LIFECYCLE), {"key": "expiration/test25.txt"}),
)


def build_demo(directory: Path, say: Callable[[str], None], progress: Progress) -> RunSummary:
    """Generate log objects in `directory`, ingest them into a lake there, and draw its dashboard."""
    logs, lake = directory / "logs", directory / "lake"
    count = write_objects(demo_objects(), logs)
    say(f"{count} log objects of two buckets in {logs}")
    summary = run_ingest(Settings(source=(str(logs),), lake=str(lake)), progress=progress)
    say(f"{summary.result.lines} new lines read into the lake {lake}")
    settings = Settings(lake=str(lake))
    page = render_dashboard(open_store(str(lake)), Scope(DEMO_WEBSITE), settings, dt.datetime.now(dt.UTC))
    write_file(directory / DASHBOARD, page.encode())
    return summary


def print_demo(directory: Path, out: TextIO) -> None:
    """What the reports say about the demo's lake, each with the command that asks for it."""
    lake = directory / "lake"
    store = open_store(str(lake))
    out.writelines(f"{bucket.bucket}: {bucket.rows:,} records\n" for bucket in read_status(store).buckets)
    for question in _QUESTIONS:
        report = find_report(question.report)
        out.write(f"\n{report.title}: {report.question}\n$ {_command(question, lake)}\n")
        write_table(run_report(store, report, question.scope, question.params), out, most=_ROWS)
    out.write(f"\nThe lake stays in {lake}, a dashboard of it in {directory / DASHBOARD}. Ask it yourself:\n")
    out.write(f"$ accesslake sql --lake {quote(str(lake))} 'SELECT operation, count(*) FROM access_log GROUP BY ALL'\n")


def _command(question: _Question, lake: Path) -> str:
    scope = question.scope
    words = [
        "accesslake",
        "report",
        question.report,
        "--lake",
        quote(str(lake)),
        "--bucket",
        scope.bucket or "",
    ]
    if scope.date_from and scope.date_to:
        words += ["--from", str(scope.date_from), "--to", str(scope.date_to)]
    for name, value in question.params.items():
        words += ["-p", f"{name}={quote(value)}"]
    return " ".join(words)
