"""The command line: parses, calls the library, prints. Data goes to standard output, everything else to stderr."""

import datetime as dt
import json
import os
import signal
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from etl.config import Settings, load_settings
from etl.demo import build_demo, print_demo
from etl.errors import AccessLakeError, UsageError
from etl.expire import Expired, expire, parse_age
from etl.ingest import RunSummary, ingest, new_run_id
from etl.output import Format, choose_format, write_result
from etl.progress import Reporter
from etl.query import Scope, buckets, parse_day, query_lake
from etl.repair import Repaired, repair
from etl.report import find_report, load_reports, run_report
from etl.safe_text import safe_text
from etl.status import LakeStatus, read_status
from etl.storage import open_store
from etl.store import Store
from etl.verify import Verification, verify

EXIT_REJECTS = 3
EXIT_DIFFERENCES = 4
_SHOWN = 50

app = typer.Typer(
    name="accesslake",
    help="Amazon S3 server access logs: read the new ones into a Parquet lake, and ask it.",
    epilog="Settings: flag, then ACCESSLAKE_* variable, then --config file. Credentials: the AWS chain.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


LakeOption = Annotated[
    str | None, typer.Option("--lake", metavar="URL", help="The lake: s3://bucket/prefix or a directory.")
]
ConfigOption = Annotated[str | None, typer.Option("--config", metavar="FILE", help="Settings as TOML.")]
EndpointOption = Annotated[str | None, typer.Option("--endpoint-url", metavar="URL", help="For S3-compatible stores.")]
SourceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        metavar="URL",
        help="Where log objects are: S3 prefix, directory, or glob. May be repeated.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
FormatOption = Annotated[
    Format | None, typer.Option("--format", help="Default: by the suffix of --output, else table.")
]
OutputOption = Annotated[Path | None, typer.Option("--output", metavar="FILE", help="Write here, not to stdout.")]
CsvSafeOption = Annotated[
    bool, typer.Option("--csv-safe", help="CSV for a spreadsheet: put ' before what it would run as a formula.")
]
HeaderOption = Annotated[bool, typer.Option("--header/--no-header", help="CSV: column names in the first line.")]


@app.callback(invoke_without_command=True)
def _start(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    if show_version:
        typer.echo(f"accesslake {version('accesslake')}")
        raise typer.Exit


@app.command("ingest")
def _ingest(
    source: SourceOption = None,
    lake: LakeOption = None,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
    since: Annotated[str | None, typer.Option(metavar="DATE", help="Ignore log objects of earlier days.")] = None,
    full: Annotated[bool, typer.Option("--full", help="List everything, not only the trailing window.")] = False,
    workers: Annotated[int | None, typer.Option(metavar="N", help="Processes; 0: one per processor.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be read; write nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Read the log objects that the lake does not have yet.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 more rejects than max_reject_fraction, 75 another run is at work.
    """
    with Reporter() as reporter:
        try:
            settings = _settings(
                config, source=source, lake=lake, endpoint_url=endpoint_url, since=since, workers=workers
            )
            summary = ingest(settings, full=full, dry_run=dry_run, progress=_progress(reporter))
        except AccessLakeError as error:
            reporter.event("error", str(error))
            raise typer.Exit(error.exit_code) from error
        _report_problems(reporter, summary)
    if as_json:
        typer.echo(json.dumps(summary.as_dict()))
    else:
        _print_summary(summary)
    if summary.result.failures:
        raise typer.Exit(1)
    if summary.reject_fraction > settings.max_reject_fraction:
        raise typer.Exit(EXIT_REJECTS)


@app.command("status")
def _status(
    lake: LakeOption = None,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """What is in the lake, how far behind it is, what was rejected."""
    settings, store = _open(config, lake, endpoint_url)
    status = read_status(store, settings.endpoint_url)
    if as_json:
        typer.echo(json.dumps(status.as_dict(), default=_json_time))
    else:
        _print_status(status)


@app.command("verify")
def _verify(
    lake: LakeOption = None,
    source: SourceOption = None,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
    mend: Annotated[bool, typer.Option("--repair", help="Read what is missing or wrong again from --source.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Prove that the lake holds what its ledger says, once; with --source, that nothing there is missing.

    Without --repair it changes nothing.

    Exit codes: 0 all is right, with --repair: now; 1 failed, 2 wrong usage, 4 there are differences, 75 another run
    is at work.
    """
    if mend:
        repaired = repair(_settings(config, lake=lake, source=source, endpoint_url=endpoint_url))
        result, whole = repaired.after, repaired.as_dict()
    else:
        repaired = None
        result = verify(_settings(config, lake=lake, source=source or [], endpoint_url=endpoint_url))
        whole = result.as_dict()
    if as_json:
        typer.echo(json.dumps(whole))
    else:
        if repaired:
            _print_repaired(repaired)
        _print_verification(result)
    if result.differences:
        raise typer.Exit(EXIT_DIFFERENCES)


@app.command("expire")
def _expire(
    older_than: Annotated[str, typer.Option("--older-than", metavar="DAYSd", help="Keep so many days, like 400d.")],
    lake: LakeOption = None,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed; remove nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove the records and rejects of old days, for good: they are not ingested again.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 75 another run is at work.
    """
    settings = _settings(config, lake=lake, endpoint_url=endpoint_url)
    store = open_store(settings.lake_url, settings.endpoint_url)
    run_id = new_run_id(dt.datetime.now(dt.UTC))
    expired = expire(store, run_id, parse_age(older_than), settings.lease_seconds, dry_run=dry_run)
    if as_json:
        typer.echo(json.dumps(expired.as_dict()))
    else:
        _print_expired(expired)


@app.command("reports")
def _reports(as_json: JsonOption = False) -> None:
    """The list of reports, with their parameters."""
    reports = load_reports().values()
    if as_json:
        typer.echo(json.dumps([report.model_dump(exclude={"sql"}, mode="json") for report in reports]))
        return
    table = _table("report", "question", "parameters")
    for report in reports:
        params = [
            f"{name}: {parameter.help} ({'required' if parameter.required else f'default {parameter.default}'})"
            for name, parameter in report.params.items()
        ]
        table.add_row(report.name, report.question, "\n".join(params))
    _print(table)
    _print("Every report takes --bucket, --from and --to; -p NAME=VALUE sets a parameter.")


@app.command("report")
def _report(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `accesslake reports` lists it.")],
    lake: LakeOption = None,
    bucket: Annotated[str | None, typer.Option(metavar="B", help="Only this source bucket.")] = None,
    date_from: Annotated[str | None, typer.Option("--from", metavar="DATE", help="First UTC day.")] = None,
    date_to: Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last UTC day (it counts).")] = None,
    param: Annotated[list[str] | None, typer.Option("-p", metavar="NAME=VALUE", help="A parameter.")] = None,
    form: FormatOption = None,
    output: OutputOption = None,
    header: HeaderOption = True,
    csv_safe: CsvSafeOption = False,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Answer one question: run a report over the lake."""
    report = find_report(name)
    settings, store = _open(config, lake, endpoint_url)
    scope = Scope(bucket, _day("--from", date_from), _day("--to", date_to))
    result = run_report(store, report, scope, _pairs(param or []), settings.endpoint_url)
    write_result(result, choose_format(form, output), output, header=header, csv_safe=csv_safe)


@app.command("sql")
def _sql(
    query: Annotated[str, typer.Argument(metavar="SELECT", help="One SELECT over access_log, rejects, ledger, ...")],
    lake: LakeOption = None,
    form: FormatOption = None,
    output: OutputOption = None,
    header: HeaderOption = True,
    csv_safe: CsvSafeOption = False,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Ask the lake in SQL. Only reading, and only the lake."""
    settings, store = _open(config, lake, endpoint_url)
    result = query_lake(store, query, endpoint_url=settings.endpoint_url)
    write_result(result, choose_format(form, output), output, header=header, csv_safe=csv_safe)


@app.command("demo")
def _demo(
    directory: Annotated[Path, typer.Option("--dir", metavar="DIR", help="Where logs and lake go.")] = Path(
        "accesslake-demo"
    ),
) -> None:
    """The whole thing on generated logs of two buckets; no AWS account."""
    with Reporter() as reporter:
        build_demo(directory, lambda text: reporter.event("info", text), _progress(reporter))
    print_demo(directory, sys.stdout)


def main() -> NoReturn:
    """Run the command line; every refusal is one line on standard error and its exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the lease is given back
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # whatever the locale
    try:
        app()
    except AccessLakeError as error:
        typer.echo(f"accesslake: {safe_text(error)}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(0)


def _settings(config: str | None, **flags: Any) -> Settings:
    return load_settings(flags, os.environ, config)


def _open(config: str | None, lake: str | None, endpoint_url: str | None) -> tuple[Settings, Store]:
    """The settings and the lake's store; says so where nothing is in it."""
    settings = _settings(config, lake=lake, endpoint_url=endpoint_url)
    store = open_store(settings.lake_url, settings.endpoint_url)
    if not buckets(store):
        typer.echo(f"accesslake: {store.url} holds no records yet; `accesslake ingest` fills it", err=True)
    return settings, store


def _day(flag: str, text: str | None) -> dt.date | None:
    return None if text is None else parse_day(flag, text)


def _pairs(params: Iterable[str]) -> Mapping[str, str]:
    pairs = {}
    for text in params:
        name, separator, value = text.partition("=")
        if not separator:
            raise UsageError(f"-p {text}: write NAME=VALUE")
        pairs[name] = value
    return pairs


def _progress(reporter: Reporter) -> Any:
    def show(summary: RunSummary) -> None:
        result = summary.result
        done = result.objects_ingested + result.objects_vanished + len(result.failures)
        reporter.progress(done, summary.new, result.bytes_read)

    return show


def _report_problems(reporter: Reporter, summary: RunSummary) -> None:
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


def _print_summary(summary: RunSummary) -> None:
    figures = summary.as_dict()
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="left")
    table.add_column(justify="right")
    for key, value in figures.items():
        if key not in ("failures", "changed", "dry_run"):
            table.add_row(key.replace("_", " "), f"{value:,}" if isinstance(value, int) else str(value or "-"))
    _print(table)


def _print_status(status: LakeStatus) -> None:
    table = _table("bucket", "rows", "parts", "size", "first record (UTC)", "last record (UTC)")
    for one in status.buckets:
        table.add_row(
            Text(safe_text(one.bucket)), f"{one.rows:,}", str(one.parts), _size(one.bytes), str(one.first_time),
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


def _print_verification(result: Verification) -> None:
    for one in result.differences[:_SHOWN]:
        _print(Text(safe_text(f"{one.kind}: {one.where}: {one.message}")))
    if len(result.differences) > _SHOWN:
        _print(f"... and {len(result.differences) - _SHOWN} more; --json has them all")
    _print(
        f"{result.parts:,} parts, {result.rows:,} rows, {result.log_objects:,} log objects checked, "
        f"{result.source_objects:,} compared with the sources: "
        f"{'all is right' if not result.differences else f'{len(result.differences)} differences'}"
    )


def _print_repaired(repaired: Repaired) -> None:
    for part in repaired.set_aside:
        _print(Text(safe_text(f"set aside under _damaged/: {part}")))
    _print(f"{repaired.objects_reread:,} log objects read again")


def _print_expired(expired: Expired) -> None:
    for one in expired.partitions[:_SHOWN]:
        _print(Text(safe_text(f"{one.path} {one.parts} part{'s' if one.parts > 1 else ''}, {_size(one.bytes)}")))
    if len(expired.partitions) > _SHOWN:
        _print(f"... and {len(expired.partitions) - _SHOWN} more; --json has them all")
    _print(
        f"{len(expired.partitions):,} partitions of days before {expired.expired_before}, "
        f"{_size(sum(one.bytes for one in expired.partitions))} {'would be removed' if expired.dry_run else 'removed'}"
    )


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in ("rows", "parts", "size") else "left", overflow="fold")
    return table


def _print(what: Table | Text | str) -> None:
    terminal = sys.stdout.isatty()
    Console(width=None if terminal else 200, highlight=False, markup=False).print(what, soft_wrap=isinstance(what, str))


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:  # noqa: PLR2004
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def _ago(moment: dt.datetime | None) -> str:
    if moment is None:
        return "none"
    aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    age = max(dt.timedelta(), dt.datetime.now(dt.UTC) - aware)
    days, hours = age.days, age.seconds // 3600
    return f"{aware:%Y-%m-%d %H:%M:%S} UTC ({f'{days} days {hours} hours' if days else f'{hours} hours'} ago)"


def _json_time(moment: object) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if isinstance(moment, dt.datetime) else str(moment)
