"""What the command line shows of runs, lakes and checks. Names come from logs, and so from strangers."""

import datetime as dt
import sys
from collections.abc import Iterable
from itertools import groupby, islice

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from etl.cli.progress import Reporter
from etl.ingest import RunSummary
from etl.maintenance import Expired, LakeStatus, Repaired, Verification
from etl.query.catalog import Function
from etl.reports import Report
from etl.text import safe_lines, safe_text, size

_SHOWN = 50


def report_problems(reporter: Reporter, summary: RunSummary) -> None:
    failures = summary.result.failures
    for name, problem in islice(failures.items(), _SHOWN):
        reporter.event("error", f"{name}: {problem}; the next run tries it again", log_object=name)
    if len(failures) > _SHOWN:
        reporter.event("error", f"... and {len(failures) - _SHOWN} more log objects; --json has them all")
    for name in summary.found.changed:
        reporter.event(
            "warning",
            f"{name}: was overwritten after it was ingested; the lake keeps the older text",
            log_object=name,
        )
    if not summary.found.discovered:
        reporter.event("warning", "the sources list no log objects; check their names")
    if not reporter.is_terminal:
        figures = {key: value for key, value in summary.as_dict().items() if key not in ("failures", "changed")}
        reporter.event("info", "done", **figures)


def print_summary(summary: RunSummary) -> None:
    figures = summary.as_dict()
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="left")
    table.add_column(justify="right")
    for key, value in figures.items():
        if key not in ("failures", "changed", "dry_run"):
            table.add_row(key.replace("_", " "), f"{value:,}" if isinstance(value, int) else str(value or "-"))
    _print(table)


def print_status(status: LakeStatus) -> None:
    table = _table("bucket", "rows", "parts", "size", "first record (UTC)", "last record (UTC)")
    for one in status.buckets:
        table.add_row(
            Text(safe_text(one.bucket)), f"{one.rows:,}", str(one.parts), size(one.bytes), str(one.first_time),
            str(one.last_time),
        )  # fmt: skip
    _print(table)
    _print(
        f"{status.log_objects:,} log objects: {status.lines:,} lines = {status.rows:,} rows + "
        f"{status.rejects:,} rejects + {status.duplicates:,} duplicates + {status.blank_lines:,} blank lines"
    )
    for reason, lines in status.rejects_by_reason.items():
        _print(f"rejected, {reason}: {lines:,}")
    for label, moment in (
        ("last complete run", status.last_complete_run),
        ("newest log object", status.newest_log_object),
        ("newest record", status.newest_record),
    ):
        _print(f"{label}: {_ago(moment)}")


def print_verification(result: Verification) -> None:
    for one in result.differences[:_SHOWN]:
        _print(Text(safe_text(f"{one.kind}: {one.where}: {one.message}")))
    if len(result.differences) > _SHOWN:
        _print(f"... and {len(result.differences) - _SHOWN} more; --json has them all")
    _print(
        f"{result.parts:,} parts, {result.rows:,} rows, {result.log_objects:,} log objects checked, "
        f"{result.source_objects:,} compared with the sources: "
        f"{'all is right' if not result.differences else f'{len(result.differences)} differences'}"
    )


def print_repaired(repaired: Repaired) -> None:
    for part in repaired.set_aside:
        _print(Text(safe_text(f"set aside under _damaged/: {part}")))
    _print(f"{repaired.objects_reread:,} log objects read again")


def print_expired(expired: Expired) -> None:
    for one in expired.partitions[:_SHOWN]:
        _print(Text(safe_text(f"{one.path} {one.parts} part{'s' if one.parts > 1 else ''}, {size(one.bytes)}")))
    if len(expired.partitions) > _SHOWN:
        _print(f"... and {len(expired.partitions) - _SHOWN} more; --json has them all")
    _print(
        f"{len(expired.partitions):,} partitions of days before {expired.expired_before}, "
        f"{size(sum(one.bytes for one in expired.partitions))} {'would be removed' if expired.dry_run else 'removed'}"
    )


def print_reports(reports: Iterable[Report]) -> None:
    """The reports by section, a line each."""
    table = _table("report", "title", "parameters")
    for _, of_section in groupby(reports, key=lambda report: report.name.partition("/")[0]):
        for report in of_section:
            params = (name if one.required else f"{name}={one.default}" for name, one in report.params.items())
            words = (report.name, report.title, " ".join(params))
            name, title, parameters = (Text(safe_text(one)) for one in words)
            parameters.overflow, parameters.no_wrap = "ellipsis", True
            table.add_row(name, title, parameters)
        table.add_section()
    _print(table)
    _print("`accesslake reports NAME` (or a section) says more. Every report takes --bucket, --from and --to.")


def describe_reports(reports: Iterable[Report]) -> None:
    """What each report answers, and its parameters."""
    for report in reports:
        _print(f"{report.name}: {report.title}{f' (chart: {report.chart.kind})' if report.chart else ''}")
        _print(f"    {report.question}")
        for name, parameter in report.params.items():
            default = "required" if parameter.required else f"default {parameter.default!r}"
            _print(f"    -p {name}=...  {parameter.type}, {default}: {parameter.help}")


def print_functions(functions: Iterable[Function]) -> None:
    """How functions are called, and what they give."""
    table = _table("function", "gives")
    for one in functions:
        table.add_row(one.call, one.meaning)
    _print(table)


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in ("rows", "parts", "size") else "left", overflow="fold")
    return table


def _print(what: Table | Text | str) -> None:
    terminal = sys.stdout.isatty()
    what = safe_lines(what) if isinstance(what, str) else what
    Console(width=None if terminal else 200, highlight=False, markup=False).print(what, soft_wrap=isinstance(what, str))


def _ago(moment: dt.datetime | None) -> str:
    if moment is None:
        return "none"
    aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    age = max(dt.timedelta(), dt.datetime.now(dt.UTC) - aware)
    days, hours = age.days, age.seconds // 3600
    return f"{aware:%Y-%m-%d %H:%M:%S} UTC ({f'{days} days {hours} hours' if days else f'{hours} hours'} ago)"


def json_time(moment: object) -> str:
    """For `json.dumps`: a time in ISO 8601, UTC."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if isinstance(moment, dt.datetime) else str(moment)
