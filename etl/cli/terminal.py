"""What the command line prints of runs, lakes and checks. Names come from logs, so their text is untrusted."""

import datetime as dt
import sys
from collections.abc import Iterable
from itertools import groupby, islice
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from etl.cli.progress import Reporter
from etl.ingest import RunSummary
from etl.maintenance import Expired, LakeStatus, Repaired, Verification
from etl.query.catalog import Function
from etl.reports import Report
from etl.store import Requests, Usage
from etl.text import counted, safe_lines, safe_text, size

# Of problems, differences and partitions. There may be one for each log object: --json lists all, for programs.
_MAX_SHOWN = 50
# Where there is no terminal whose width could be taken.
_DEFAULT_WIDTH = 200
# So many columns have room for questions.
_WIDE = 140
_NUMERIC_COLUMNS = ("rows", "parts", "size")
# Printed by --json or as messages, not among the figures.
_NOT_FIGURES = ("failures", "changed")
# Printed in a line of their own.
_USAGE = ("requests_", "estimated_")
_KINDS = ("list", "get", "head", "put", "delete", "other")


def report_problems(reporter: Reporter, summary: RunSummary) -> None:
    failures = summary.result.failures
    for name, problem in islice(failures.items(), _MAX_SHOWN):
        reporter.event(
            "error", f"{name}: {problem}; the next run tries it again", log_object=name
        )
    if len(failures) > _MAX_SHOWN:
        reporter.event(
            "error",
            f"... and {len(failures) - _MAX_SHOWN} more log objects; --json has them all",
        )
    for name in summary.found.changed:
        reporter.event(
            "warning",
            f"{name}: was overwritten after it was ingested; the lake keeps the older text",
            log_object=name,
        )
    if not summary.found.discovered:
        reporter.event("warning", "the sources list no log objects; check their names")
    if not reporter.is_terminal:
        reporter.event("info", "done", **_figures(summary))


def print_summary(summary: RunSummary) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="left")
    table.add_column(justify="right")
    for name, value in _figures(summary).items():
        if name != "dry_run" and not name.startswith(_USAGE):
            shown = f"{value:,}" if isinstance(value, int) else str(value or "-")
            table.add_row(name.replace("_", " "), shown)
    _print(table)
    print_usage(summary.usage)
    if summary.estimate and summary.estimate.requests != Requests():
        print_usage(summary.estimate, "the run would make about ")


def print_usage(usage: Usage, prefix: str = "") -> None:
    """What was requested of S3; nothing where that is nothing."""
    requests = usage.requests
    if requests == Requests():
        return
    counts = ((getattr(requests, name), name.upper()) for name in _KINDS)
    by_kind = ", ".join(f"{count:,} {kind}" for count, kind in counts if count)
    received, sent = size(requests.bytes_received), size(requests.bytes_sent)
    _print(
        f"{prefix}{by_kind} requests, {received} received, {sent} sent; price {usage.price:.6f}"
    )


def _figures(summary: RunSummary) -> dict[str, Any]:
    return {
        name: value
        for name, value in summary.as_dict().items()
        if name not in _NOT_FIGURES
    }


def print_status(status: LakeStatus) -> None:
    table = _table(
        "bucket", "rows", "parts", "size", "first record (UTC)", "last record (UTC)"
    )
    for bucket in status.buckets:
        name = Text(safe_text(bucket.bucket))
        first, last = str(bucket.first_time), str(bucket.last_time)
        table.add_row(
            name, f"{bucket.rows:,}", str(bucket.parts), size(bucket.bytes), first, last
        )
    _print(table)
    log_objects = counted(status.log_objects, "log object")
    lines = counted(status.lines, "line")
    accepted = f"{counted(status.rows, 'row')} + {counted(status.rejects, 'reject')}"
    duplicates = counted(status.duplicates, "duplicate")
    left_out = f"{duplicates} + {counted(status.blank_lines, 'blank line')}"
    _print(f"{log_objects}: {lines} = {accepted} + {left_out}")
    for reason, count in status.rejects_by_reason.items():
        _print(f"rejected, {reason}: {count:,}")
    _print(f"last complete run: {_ago(status.last_complete_run)}")
    _print(f"newest log object: {_ago(status.newest_log_object)}")
    _print(f"newest record: {_ago(status.newest_record)}")
    print_usage(status.usage)


def print_verification(verification: Verification) -> None:
    differences = verification.differences
    for difference in differences[:_MAX_SHOWN]:
        _print_name(f"{difference.kind}: {difference.where}: {difference.message}")
    _print_omitted(len(differences))
    parts, rows = counted(verification.parts, "part"), counted(verification.rows, "row")
    in_parts = f"{parts}, {rows}"
    log_objects = f"{counted(verification.log_objects, 'log object')} checked"
    in_sources = f"{verification.source_objects:,} compared with the sources"
    conclusion = (
        counted(len(differences), "difference") if differences else "all is right"
    )
    _print(f"{in_parts}, {log_objects}, {in_sources}: {conclusion}")
    print_usage(verification.usage)


def print_repaired(repaired: Repaired) -> None:
    for part in repaired.set_aside:
        _print_name(f"set aside under _damaged/: {part}")
    _print(f"{counted(repaired.objects_reread, 'log object')} read again")


def print_expired(expired: Expired) -> None:
    partitions = expired.partitions
    for partition in partitions[:_MAX_SHOWN]:
        parts = counted(partition.parts, "part")
        _print_name(f"{partition.path} {parts}, {size(partition.bytes)}")
    _print_omitted(len(partitions))
    total = size(sum(partition.bytes for partition in partitions))
    removed = "would be removed" if expired.dry_run else "removed"
    _print(
        f"{counted(len(partitions), 'partition')} of days before {expired.expired_before}, {total} {removed}"
    )


def print_reports(reports: Iterable[Report]) -> None:
    """The reports by section, a line each."""
    # Elsewhere a report is a line, to be looked for by other programs.
    is_wide = sys.stdout.isatty() and Console().width >= _WIDE
    table = _table("report", "question" if is_wide else "title", "parameters")
    for _, of_section in groupby(
        reports, key=lambda report: report.name.partition("/")[0]
    ):
        for report in of_section:
            parameters = Text(
                safe_text(_parameters(report)), overflow="ellipsis", no_wrap=True
            )
            table.add_row(
                Text(safe_text(report.name)),
                Text(safe_text(report.question if is_wide else report.title)),
                parameters,
            )
        table.add_section()
    _print(table)
    _print(
        "`accesslake reports NAME` (or a section) describes them, `accesslake reports WORD...` finds those about"
        " something. Every report takes --bucket, --from and --to."
    )


def _parameters(report: Report) -> str:
    """A report's parameters in a line, with the defaults of those that have one."""
    texts = []
    for name, parameter in report.params.items():
        texts.append(name if parameter.required else f"{name}={parameter.default}")
    return " ".join(texts)


def describe_reports(reports: Iterable[Report]) -> None:
    """The question of each report, and its parameters."""
    for report in reports:
        chart = f" (chart: {report.chart.kind})" if report.chart else ""
        _print(f"{report.name}: {report.title}{chart}")
        _print(f"    {report.question}")
        if report.note:
            _print(f"    Note: {report.note}")
        for name, parameter in report.params.items():
            default = (
                "required" if parameter.required else f"default {parameter.default!r}"
            )
            _print(f"    -p {name}=...  {parameter.type}, {default}: {parameter.help}")


def print_found(reports: Iterable[Report]) -> None:
    """The reports that somebody looks for, each with its question."""
    for report in reports:
        _print(f"{report.name}: {report.title}")
        _print(f"    {report.question}")


def print_functions(functions: Iterable[Function]) -> None:
    """How functions are called, and what they return."""
    table = _table("function", "returns")
    for function in functions:
        table.add_row(function.call, function.meaning)
    _print(table)


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(
            name, justify="right" if name in _NUMERIC_COLUMNS else "left", overflow="fold"
        )
    return table


def _print(content: Table | Text | str) -> None:
    width = None if sys.stdout.isatty() else _DEFAULT_WIDTH
    console = Console(width=width, highlight=False, markup=False)
    if isinstance(content, str):
        # The terminal wraps lines, not rich: a line that is copied from it stays a line.
        console.print(safe_lines(content), soft_wrap=True)
    else:
        console.print(content)


def _print_name(text: str) -> None:
    """A line with the name of a log object or a file, which may have line feeds in it."""
    _print(Text(safe_text(text)))


def _print_omitted(count: int) -> None:
    if count > _MAX_SHOWN:
        _print(f"... and {count - _MAX_SHOWN} more; --json has them all")


def _ago(moment: dt.datetime | None) -> str:
    if moment is None:
        return "none"
    aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    # A clock may be behind that of S3.
    age = max(dt.timedelta(), dt.datetime.now(dt.UTC) - aware)
    hours = counted(age.seconds // 3600, "hour")
    elapsed = f"{counted(age.days, 'day')} {hours}" if age.days else hours
    return f"{aware:%Y-%m-%d %H:%M:%S} UTC ({elapsed} ago)"


def json_time(moment: object) -> str:
    """For `json.dumps`: a time in ISO 8601, UTC."""
    if isinstance(moment, dt.datetime):
        return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    return str(moment)
