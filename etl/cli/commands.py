"""The command line: parses, calls the library, prints. Data goes to standard output, everything else to stderr."""

import datetime as dt
import json
import os
import signal
import sys
import traceback
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, NoReturn

import typer

from etl.api import Lake
from etl.cli.demo import build_demo, print_demo
from etl.cli.options import (
    BucketOption,
    ConfigOption,
    CsvSafeOption,
    EndpointOption,
    FormatOption,
    FromOption,
    HeaderOption,
    JsonOption,
    LakeOption,
    OutputOption,
    SourceOption,
    SqlDirOption,
    ToOption,
)
from etl.cli.progress import Reporter
from etl.cli.terminal import (
    describe_reports,
    json_time,
    print_expired,
    print_functions,
    print_repaired,
    print_reports,
    print_status,
    print_summary,
    print_verification,
    report_problems,
)
from etl.config import Settings, load_settings
from etl.errors import AccessLakeError, UsageError, nearest
from etl.ingest import RunSummary
from etl.query import Result, parse_day
from etl.query.catalog import NOTES, as_result, functions
from etl.query.output import Format, choose_format, write_file, write_result
from etl.reports import (
    check_drawable,
    find_report,
    load_reports,
    render,
    statement,
)
from etl.text import safe_lines, safe_text

EXIT_REJECTS = 3
EXIT_DIFFERENCES = 4

app = typer.Typer(
    name="accesslake",
    help="Amazon S3 server access logs: read the new ones into a Parquet lake, and ask it.",
    epilog="Settings: flag, then ACCESSLAKE_* variable, then --config file. Credentials: the AWS chain.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


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
            found = _lake(config, source=source, lake=lake, endpoint_url=endpoint_url, since=since, workers=workers)
            summary = found.ingest(full=full, dry_run=dry_run, progress=_progress(reporter))
        except AccessLakeError as error:
            reporter.event("error", str(error))
            raise typer.Exit(error.exit_code) from error
        report_problems(reporter, summary)
    if as_json:
        typer.echo(json.dumps(summary.as_dict()))
    else:
        print_summary(summary)
    if summary.result.failures:
        raise typer.Exit(1)
    if summary.reject_fraction > found.settings.max_reject_fraction:
        raise typer.Exit(EXIT_REJECTS)


@app.command("status")
def _status(
    lake: LakeOption = None,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """What is in the lake, how far behind it is, what was rejected."""
    found = _lake(config, lake=lake, endpoint_url=endpoint_url)
    status = found.status()
    _warn_if_empty(found)
    if as_json:
        typer.echo(json.dumps(status.as_dict(), default=json_time))
    else:
        print_status(status)


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
        repaired = _lake(config, lake=lake, source=source, endpoint_url=endpoint_url).repair()
        result, whole = repaired.after, repaired.as_dict()
    else:
        repaired = None
        result = _lake(config, lake=lake, source=source or [], endpoint_url=endpoint_url).verify()
        whole = result.as_dict()
    if as_json:
        typer.echo(json.dumps(whole))
    else:
        if repaired:
            print_repaired(repaired)
        print_verification(result)
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
    expired = _lake(config, lake=lake, endpoint_url=endpoint_url).expire(older_than, dry_run=dry_run)
    if as_json:
        typer.echo(json.dumps(expired.as_dict()))
    else:
        print_expired(expired)


@app.command("reports")
def _reports(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Say more: of a report, or a section.")] = "",
    sql_dir: SqlDirOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """The list of reports, with their parameters."""
    reports = load_reports(_settings(config, sql_dir=sql_dir).sql_dir)
    found = [one for one in reports.values() if name in ("", one.name, one.name.partition("/")[0])]
    if not found:
        raise UsageError(f"no report or section {name!r}{nearest(name, reports)}")
    if as_json:
        typer.echo(json.dumps([report.model_dump(exclude={"sql", "path", "line"}, mode="json") for report in found]))
    elif name:
        describe_reports(found)
    else:
        print_reports(found)


@app.command("report")
def _report(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `accesslake reports` lists it.")],
    lake: LakeOption = None,
    bucket: BucketOption = None,
    date_from: FromOption = None,
    date_to: ToOption = None,
    param: Annotated[list[str] | None, typer.Option("-p", metavar="NAME=VALUE", help="A parameter.")] = None,
    form: FormatOption = None,
    output: OutputOption = None,
    chart: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw it, too: .svg, .png or .html, where the report says how.")
    ] = None,
    header: HeaderOption = True,
    csv_safe: CsvSafeOption = False,
    sql_dir: SqlDirOption = None,
    print_sql: Annotated[bool, typer.Option("--print-sql", help="Print the SQL with its parameters only.")] = False,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Answer one question: run a report over the lake."""
    settings = _settings(config, lake=lake, endpoint_url=endpoint_url, sql_dir=sql_dir)
    report = find_report(name, settings.sql_dir)
    params = _pairs(param or [])
    if print_sql:
        text = statement(report, params)
        typer.echo(safe_lines(text) if sys.stdout.isatty() else text, nl=False)
        return
    if chart:
        check_drawable(report, chart)
    form = choose_format(form, output)
    found = Lake(settings)
    result = found.report(
        report, bucket=bucket, date_from=_day("--from", date_from), date_to=_day("--to", date_to), **params
    )
    _warn_if_empty(found)
    if chart and report.chart:
        table = result.to_arrow()
        write_file(chart, render(report.chart, table, report.title, chart.suffix.lower()))
        result = Result(table.to_reader())
    write_result(result, form, output, header=header, csv_safe=csv_safe)


@app.command("dashboard")
def _dashboard(
    output: Annotated[Path, typer.Option("--output", metavar="FILE.html", help="The page.")],
    lake: LakeOption = None,
    bucket: BucketOption = None,
    date_from: FromOption = None,
    date_to: ToOption = None,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """One page of figures, charts and tables, and first of all what is unusual. By default of the last 7 days.

    The page needs nothing but itself: send it, open it from a disk, print it.
    """
    found = _lake(config, lake=lake, endpoint_url=endpoint_url)
    page = found.dashboard(bucket=bucket, date_from=_day("--from", date_from), date_to=_day("--to", date_to))
    write_file(output, page.encode("utf-8", "backslashreplace"))


@app.command("lifecycle-rules")
def _lifecycle_rules(
    bucket: Annotated[str, typer.Option("--bucket", metavar="B", help="The bucket with the rules.")],
    lake: LakeOption = None,
    rules: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Its rules as JSON; else they are asked for from S3.")
    ] = None,
    date_from: FromOption = None,
    date_to: ToOption = None,
    form: FormatOption = None,
    output: OutputOption = None,
    header: HeaderOption = True,
    csv_safe: CsvSafeOption = False,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Are the lifecycle rules of a bucket working? Each rule's actions beside the events that fit them.

    The period is the last 30 days with records of the bucket, unless --from and --to say otherwise.
    """
    form = choose_format(form, output)
    found = _lake(config, lake=lake, endpoint_url=endpoint_url)
    result, period = found.lifecycle_rules(
        bucket, rules=rules, date_from=_day("--from", date_from), date_to=_day("--to", date_to)
    )
    _warn_if_empty(found)
    typer.echo(f"accesslake: events of {period.date_from} to {period.date_to}", err=True)
    write_result(result, form, output, header=header, csv_safe=csv_safe)


@app.command("sql")
def _sql(
    query: Annotated[str, typer.Argument(metavar="SELECT", help="One SELECT; `accesslake schema` says over what.")],
    lake: LakeOption = None,
    form: FormatOption = None,
    output: OutputOption = None,
    header: HeaderOption = True,
    csv_safe: CsvSafeOption = False,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Ask the lake in SQL. Only reading, and only the lake."""
    form = choose_format(form, output)
    found = _lake(config, lake=lake, endpoint_url=endpoint_url)
    result = found.sql(query)
    _warn_if_empty(found)
    write_result(result, form, output, header=header, csv_safe=csv_safe)


@app.command("schema")
def _schema(
    view: Annotated[str | None, typer.Argument(metavar="VIEW", help="Only this one, such as access_log.")] = None,
    form: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """The views and functions that SQL may use: columns, types, units, meanings."""
    if view is not None and view not in NOTES:
        raise UsageError(f"no view {view!r}{nearest(view, NOTES)} (there are: {', '.join(NOTES)})")
    form = choose_format(form, output)
    write_result(as_result(view), form, output)
    if form is Format.TABLE and output is None and view is None:
        print_functions(functions())


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
    sys.excepthook = _print_unexpected
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # whatever the locale
    try:
        app()
    except AccessLakeError as error:
        typer.echo(f"accesslake: {safe_text(error)}", err=True)
        sys.exit(error.exit_code)
    except MemoryError:
        typer.echo(
            "accesslake: out of memory: ask for fewer rows, or for CSV or JSON, which are written as they come",
            err=True,
        )
        sys.exit(1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(0)


def _print_unexpected(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What nobody foresaw, as Python prints it, but for control characters: the text may be a stranger's."""
    sys.stderr.write(safe_lines("".join(traceback.format_exception(kind, error, trace)).rstrip()) + "\n")


def _settings(config: str | None, **flags: Any) -> Settings:
    return load_settings(flags, os.environ, config)


def _lake(config: str | None, **flags: Any) -> Lake:
    return Lake(_settings(config, **flags))


def _warn_if_empty(lake: Lake) -> None:
    if lake.is_empty:
        text = f"accesslake: {lake.url} holds no records yet; `accesslake ingest` fills it"
        typer.echo(safe_text(text), err=True)


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
