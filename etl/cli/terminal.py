"""What the command line prints of runs, lakes and checks. Names come from logs, so their text is untrusted."""

import datetime as dt
import sys
from collections.abc import Iterable, Mapping
from itertools import groupby, islice
from shlex import quote
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from etl.api import Lake
from etl.cli import events
from etl.cli.exits import exceeds_rejects
from etl.cli.progress import Reporter
from etl.config import Settings
from etl.dates import Span, day_span
from etl.ingest import RunSummary
from etl.lake import Skip
from etl.maintenance import Expired, Extent, LakeStatus, Repaired, Verification
from etl.query.catalog import Function
from etl.query.output import Heading
from etl.query.table import Column, Overflow, print_table, width_of
from etl.reports import Report
from etl.shorten import shortened
from etl.store import Requests, Usage
from etl.text import counted, safe_lines, safe_text, size

# Of problems, differences and partitions. There may be one for each log object: --json lists all, for programs.
_MAX_SHOWN = 50
# Where there is no terminal whose width could be taken.
_DEFAULT_WIDTH = 200
# Of a parameter's default in the list of reports, such as a pattern.
_LONGEST_DEFAULT = 24
# Printed by --json or as messages, not among the figures.
_NOT_FIGURES = ("failures", "reject_reasons", "changed", "set_aside_changed")
# Printed in a line of their own.
_USAGE = ("requests_", "estimated_")
# Of rejected lines, in a message.
_REASONS = 3


def report_problems(reporter: Reporter, summary: RunSummary, lake: Lake) -> None:
    failures = summary.result.failures
    for name, problem in islice(failures.items(), _MAX_SHOWN):
        reporter.event(
            events.LOG_OBJECT_FAILED,
            f"{name}: {problem}; the next run tries it again, "
            "unless `accesslake ingest --skip NAME` sets it aside for good",
            log_object=name,
        )
    more = len(failures) - _MAX_SHOWN
    if more > 0:
        reporter.event(
            events.MORE_LOG_OBJECTS_FAILED,
            f"... and {more} more log objects; --json has them all",
            objects_failed=more,
        )
    for name in summary.found.changed:
        reporter.event(
            events.LOG_OBJECT_OVERWRITTEN,
            f"{name}: was overwritten after it was ingested; the lake keeps the older text",
            log_object=name,
        )
    for name in summary.found.set_aside_changed:
        reporter.event(
            events.SKIPPED_LOG_OBJECT_OVERWRITTEN,
            f"{name}: was overwritten after it was set aside, and stays so; `accesslake ingest --unskip NAME` reads it",
            log_object=name,
        )
    if not summary.found.discovered:
        reporter.event(events.NO_LOG_OBJECTS, _why_no_log_objects(lake.settings))
    if not reporter.is_terminal:
        reporter.event(events.RUN_DONE, "done", **_figures(summary))


def _why_no_log_objects(settings: Settings) -> str:
    if settings.until is not None and settings.since is None:
        return (
            f"the sources list no log objects from the look-back window up to {settings.until}; "
            "where that is before the window, give --since, too"
        )
    if settings.until is not None or settings.since is not None:
        return (
            "the sources list no log objects of the days that --since and --until leave"
        )
    return "the sources list no log objects; check their names, unless nothing was delivered yet"


def report_rejects(reporter: Reporter, summary: RunSummary, lake: Lake) -> None:
    """Say where more lines were rejected than the settings allow, which, and where they are."""
    if not exceeds_rejects(summary, lake.settings):
        return
    allowed = lake.settings.max_reject_fraction
    result = summary.result
    worst = result.reject_reasons.most_common(_REASONS)
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in worst)
    reporter.event(
        events.TOO_MANY_REJECTS,
        f"{result.rejects:,} of {result.lines:,} lines ({summary.reject_fraction:.2%}) could not be parsed, more than "
        f"max_reject_fraction allows ({allowed:.2%}); most of them: {reasons}. They are kept: "
        f"`accesslake report operations/rejects --lake {quote(lake.url)}` shows them",
        reject_fraction=round(summary.reject_fraction, 6),
        max_reject_fraction=allowed,
    )


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
    counts = requests.by_kind.items()
    by_kind = ", ".join(f"{count:,} {kind.upper()}" for kind, count in counts if count)
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
    _print_table(
        Column("bucket", [safe_text(bucket.bucket) for bucket in status.buckets]),
        _numbers("rows", (f"{bucket.rows:,}" for bucket in status.buckets)),
        _numbers("parts", (f"{bucket.parts:,}" for bucket in status.buckets)),
        _numbers("size", (size(bucket.bytes) for bucket in status.buckets)),
        Column(
            "first record (UTC)", [str(bucket.first_time) for bucket in status.buckets]
        ),
        Column("last record (UTC)", [str(bucket.last_time) for bucket in status.buckets]),
    )
    log_objects = counted(status.log_objects, "log object")
    lines = counted(status.lines, "line")
    accepted = f"{counted(status.rows, 'row')} + {counted(status.rejects, 'reject')}"
    duplicates = counted(status.duplicates, "duplicate")
    left_out = f"{duplicates} + {counted(status.blank_lines, 'blank line')}"
    _print(f"{log_objects}: {lines} = {accepted} + {left_out}")
    for reason, count in status.rejects_by_reason.items():
        _print(f"rejected, {reason}: {count:,}")
    _print(f"last complete run: {_ago(status.last_complete_run)}")
    is_known = status.newest_log_object is not None or not status.log_objects
    delivered = _ago(status.newest_log_object) if is_known else "not in the names"
    _print(f"newest log object: {delivered}")
    _print(f"newest record: {_ago(status.newest_record)}")
    _print_set_aside(status.set_aside)
    print_usage(status.usage)


def _print_set_aside(skipped: Mapping[str, Skip]) -> None:
    if not skipped:
        return
    _print(f"set aside, and not read until `ingest --unskip NAME`: {len(skipped):,}")
    for name, skip in islice(skipped.items(), _MAX_SHOWN):
        reason = f": {skip.reason}" if skip.reason else ""
        _print_name(f"  {name} (by {skip.who}, {skip.at:%Y-%m-%d %H:%M} UTC{reason})")
    _print_omitted(len(skipped))


def print_verification(verification: Verification) -> None:
    differences = verification.differences
    for difference in differences[:_MAX_SHOWN]:
        _print_name(f"{difference.kind}: {difference.where}: {difference.message}")
    _print_omitted(len(differences))
    parts, rows = counted(verification.parts, "part"), counted(verification.rows, "row")
    in_parts = f"{parts}, {rows}"
    log_objects = f"{counted(verification.log_objects, 'log object')} checked"
    in_sources = f"{verification.source_objects:,} compared with the sources"
    if verification.set_aside:
        in_sources += f" ({verification.set_aside:,} set aside)"
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
    """The reports by section: what each is called, its parameters, and below that the question that it answers."""
    sections = groupby(reports, key=lambda report: report.name.partition("/")[0])
    for name, section in sections:
        _print(Text(safe_text(name.capitalize()), "bold"))
        for report in section:
            _print(_with_parameters(report))
            print_prose(report.question, 4)
        _print("")
    print_prose(
        "`accesslake reports NAME` (or a section) describes them, `accesslake reports WORD...` finds those about"
        " something. Every report takes --bucket, --from and --to.",
        0,
    )


def _with_parameters(report: Report) -> Text:
    """A report's name and its parameters, with the defaults of those that have one."""
    texts = []
    for name, parameter in report.params.items():
        default = shortened(str(parameter.default), _LONGEST_DEFAULT)
        texts.append(name if parameter.required else f"{name}={default}")
    line = Text(safe_text(f"  {report.name}"), "cyan")
    return line.append(safe_text(f"  {', '.join(texts)}"), "dim") if texts else line


def describe_reports(reports: Iterable[Report]) -> None:
    """The question of each report, and its parameters."""
    for report in reports:
        chart = f" (chart: {report.chart.kind})" if report.chart else ""
        _print(f"{report.name}: {report.title}{chart}")
        print_prose(report.question, 4)
        if report.note:
            print_prose(f"Note: {report.note}", 4)
        for name, parameter in report.params.items():
            default = (
                "required" if parameter.required else f"default {parameter.default!r}"
            )
            _print(f"    -p {name}=...  {parameter.type}, {default}: {parameter.help}")


def heading_of(
    report: Report,
    extent: Extent | None,
    selection: Mapping[str, Any],
    params: Mapping[str, object] | None = None,
) -> Heading:
    """What stands above a report: also of which period, buckets, keys and parameters it is.

    `selection` has the arguments of a lake's queries; where it has no period, that of the records is meant.
    """
    buckets, prefix = selection.get("bucket"), selection.get("key_prefix")
    # What is beyond a limit is in no table and in no chart: it is worth a word where nobody has set it.
    limit = report.params.get("limit")
    in_effect = ({"limit": limit.default} if limit else {}) | dict(params or {})
    scope = [
        _period(extent, selection.get("date_from"), selection.get("date_to")),
        f"bucket {', '.join(buckets)}" if buckets else "all buckets",
        *([f"keys that begin with {prefix}"] if prefix else []),
        *(f"{name}={value}" for name, value in in_effect.items()),
    ]
    return Heading(report.title, report.question, ", ".join(scope), report.note)


def _period(extent: Extent | None, begin: Span | None, end: Span | None) -> str:
    """The period of the selection; that of the records where it has no begin or no end."""
    if extent:
        begin = begin or day_span(extent.first_day)
        end = end or day_span(extent.last_day)
    # What was asked for matters the more where nothing is in it.
    described = _between(begin.begin if begin else None, end.end if end else None)
    if extent is None:
        return f"{described} (no records)" if described else "no records"
    return described


def _between(first: dt.datetime | None, after: dt.datetime | None) -> str:
    if first and after and first.time() == after.time() == dt.time():
        return f"{first:%Y-%m-%d} to {after - dt.timedelta(days=1):%Y-%m-%d}"
    begin = f"{first:%Y-%m-%d %H:%M}" if first else ""
    end = f"until {after:%Y-%m-%d %H:%M}" if after else ""
    if begin and not end:
        return f"from {begin}"
    return f"{begin} {end}".strip()


def print_found(reports: Iterable[Report]) -> None:
    """The reports that somebody looks for, each with its question."""
    for report in reports:
        _print(f"{report.name}: {report.title}")
        print_prose(report.question, 4)


def print_prose(text: str, indent: int, start: str = "") -> None:
    """A text after `indent` spaces, of which `start` takes the first; on a terminal in lines that end between words."""
    console = _console()
    prose = Text(safe_text(text))
    is_terminal = sys.stdout.isatty()
    lines = prose.wrap(console, console.width - indent) if is_terminal else [prose]
    for line in lines:
        line.rstrip()
        console.print(Text(start.ljust(indent)) + line, soft_wrap=True)
        start = ""


def print_functions(functions: Iterable[Function]) -> None:
    """How functions are called, and what they return."""
    listed = list(functions)
    _print_table(
        Column("function", [function.call for function in listed], Overflow.WRAP),
        Column("returns", [function.meaning for function in listed], Overflow.WRAP),
    )


def _numbers(name: str, texts: Iterable[str]) -> Column:
    return Column(name, list(texts), is_numeric=True)


def _print_table(*columns: Column) -> None:
    console = _console()
    print_table(console, columns, console.width)


def _print(content: Table | Text | str) -> None:
    console = _console()
    if isinstance(content, str):
        # The terminal wraps lines, not rich: a line that is copied from it stays a line.
        console.print(safe_lines(content), soft_wrap=True)
    else:
        console.print(content)


def _console() -> Console:
    width = width_of(sys.stdout) or _DEFAULT_WIDTH
    return Console(width=width, highlight=False, markup=False)


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
    return f"{aware:%Y-%m-%d %H:%M:%S} UTC ({_in_units(age)} ago)"


def _in_units(age: dt.timedelta) -> str:
    """An age in days and hours, or in minutes where it is less than an hour."""
    hours, minutes = divmod(age.seconds // 60, 60)
    if age.days:
        return f"{counted(age.days, 'day')} {counted(hours, 'hour')}"
    return counted(hours, "hour") if hours else counted(minutes, "minute")


def json_time(moment: object) -> str:
    """For `json.dumps`: a time in ISO 8601, UTC."""
    if isinstance(moment, dt.datetime):
        return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    return str(moment)
