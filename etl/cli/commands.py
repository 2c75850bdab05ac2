"""The commands: each parses its arguments, calls `Lake`, and prints. Data goes to stdout, all else to stderr."""

import datetime as dt
import json
import os
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
from etl.cli.interrupt import Interrupted, end_on_signals, say_farewell
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
from etl.cli.progress import Reporter, working
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
from etl.maintenance import parse_age
from etl.query import Result, parse_day
from etl.query.catalog import NOTES, as_result, functions
from etl.query.output import Format, choose_format, write_file, write_result
from etl.reports import (
    Report,
    check_drawable,
    find_report,
    load_reports,
    render,
    statement,
)
from etl.text import safe_lines, safe_text

EXIT_REJECTS = 3
EXIT_DIFFERENCES = 4
_GOES_ON = "interrupted; run it again: it goes on where this ended"

app = typer.Typer(
    name="accesslake",
    help="Amazon S3 server access logs: read the new ones into a Parquet lake, and query it with SQL.",
    epilog="Settings: flag, then ACCESSLAKE_* variable, then --config file. Credentials: the AWS chain.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def _start(
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True)
    ] = False,
) -> None:
    if show_version:
        typer.echo(f"accesslake {version('accesslake')}")
        raise typer.Exit


@app.command("ingest")
def _ingest(
    source: SourceOption = None,
    lake_url: LakeOption = None,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Ignore log objects of earlier days."),
    ] = None,
    full: Annotated[
        bool,
        typer.Option("--full", help="List everything, not only the trailing window."),
    ] = False,
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Processes; 0: one per processor.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be read; write nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Read the log objects that the lake does not have yet.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 more rejects than max_reject_fraction, 75 another run is at work.
    """
    with Reporter() as reporter:
        try:
            lake = _open_lake(
                config,
                source=source,
                lake=lake_url,
                endpoint_url=endpoint_url,
                since=since,
                workers=workers,
            )
            summary = lake.ingest(full=full, dry_run=dry_run, progress=reporter.progress)
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
    if summary.reject_fraction > lake.settings.max_reject_fraction:
        raise typer.Exit(EXIT_REJECTS)


@app.command("status")
def _status(
    lake_url: LakeOption = None,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is in the lake, how far behind it is, and what was rejected."""
    lake = _open_lake(config, lake=lake_url, endpoint_url=endpoint_url)
    with working("reading the lake"):
        status = lake.status()
    _warn_if_empty(lake)
    if as_json:
        typer.echo(json.dumps(status.as_dict(), default=json_time))
    else:
        print_status(status)


@app.command("verify")
def _verify(
    lake_url: LakeOption = None,
    source: SourceOption = None,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair", help="Read again from --source what is missing or wrong."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Prove that the lake holds what its ledger says, once; with --source, that nothing there is missing.

    Without --repair it changes nothing.

    Exit codes: 0 no differences (with --repair: none left), 1 failed, 2 wrong usage, 4 there are differences,
    75 another run is at work.
    """
    repaired = None
    if repair:
        lake = _open_lake(config, lake=lake_url, source=source, endpoint_url=endpoint_url)
        with working("repairing the lake", _GOES_ON):
            repaired = lake.repair()
        verification = repaired.after
    else:
        # Sources are compared only where a flag names them: a settings file lists them for `ingest`.
        lake = _open_lake(
            config, lake=lake_url, source=source or [], endpoint_url=endpoint_url
        )
        with working("verifying the lake") as lake.advance:
            verification = lake.verify()
    if as_json:
        payload = repaired.as_dict() if repaired else verification.as_dict()
        typer.echo(json.dumps(payload))
    else:
        if repaired:
            print_repaired(repaired)
        print_verification(verification)
    if verification.differences:
        raise typer.Exit(EXIT_DIFFERENCES)


@app.command("expire")
def _expire(
    older_than: Annotated[
        str,
        typer.Option(
            "--older-than", metavar="DAYSd", help="Keep this many days, like 400d."
        ),
    ],
    lake_url: LakeOption = None,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show what would be removed; remove nothing."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove the records and rejects of old days, for good: they are not ingested again.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 75 another run is at work.
    """
    lake = _open_lake(config, lake=lake_url, endpoint_url=endpoint_url)
    age = parse_age("--older-than", older_than)
    with working("removing old days", _GOES_ON):
        expired = lake.expire(age, dry_run=dry_run)
    if as_json:
        typer.echo(json.dumps(expired.as_dict()))
    else:
        print_expired(expired)


@app.command("reports")
def _reports(
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="Describe this report, or section.")
    ] = "",
    sql_dir: SqlDirOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the reports, with their parameters."""
    reports = load_reports(_settings(config, sql_dir=sql_dir).sql_dir)
    selected = [
        report
        for report in reports.values()
        if name in ("", report.name, _section(report))
    ]
    if not selected:
        raise UsageError(f"no report or section {name!r}{nearest(name, reports)}")
    if as_json:
        payload = [
            report.model_dump(exclude={"sql", "path", "line", "dashboard"}, mode="json")
            for report in selected
        ]
        typer.echo(json.dumps(payload))
    elif name:
        describe_reports(selected)
    else:
        print_reports(selected)


@app.command("report")
def _report(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="As `accesslake reports` lists it.")
    ],
    lake_url: LakeOption = None,
    bucket: BucketOption = None,
    date_from: FromOption = None,
    date_to: ToOption = None,
    param: Annotated[
        list[str] | None, typer.Option("-p", metavar="NAME=VALUE", help="A parameter.")
    ] = None,
    output_format: FormatOption = None,
    output: OutputOption = None,
    chart: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also draw its chart, if it has one: .svg, .png or .html.",
        ),
    ] = None,
    header: HeaderOption = True,
    csv_safe: CsvSafeOption = False,
    sql_dir: SqlDirOption = None,
    print_sql: Annotated[
        bool,
        typer.Option(
            "--print-sql", help="Print the SQL with its parameters; do not run it."
        ),
    ] = False,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Run a report over the lake."""
    settings = _settings(
        config, lake=lake_url, endpoint_url=endpoint_url, sql_dir=sql_dir
    )
    report = find_report(name, settings.sql_dir)
    params = _parse_params(param or [])
    if print_sql:
        text = statement(report, params)
        typer.echo(safe_lines(text) if sys.stdout.isatty() else text, nl=False)
        return
    if chart:
        check_drawable(report, chart)
    output_format = choose_format(output_format, output)
    lake = Lake(settings)
    first_day, last_day = _period(date_from, date_to)
    with working("querying") as lake.advance:
        result = lake.report(
            report, bucket=bucket, date_from=first_day, date_to=last_day, **params
        )
    _warn_if_empty(lake)
    _say_what_is_left_out(lake, report)
    if chart and report.chart:
        # A result can be read once, but is needed twice: for the chart and for the output.
        table = result.to_arrow()
        image = render(report.chart, table, report.title, chart.suffix.lower())
        write_file(chart, image)
        result = Result(table.to_reader())
    write_result(result, output_format, output, header=header, csv_safe=csv_safe)


@app.command("dashboard")
def _dashboard(
    output: Annotated[
        Path,
        typer.Option("--output", metavar="FILE.html", help="The HTML file to write."),
    ],
    lake_url: LakeOption = None,
    bucket: BucketOption = None,
    date_from: FromOption = None,
    date_to: ToOption = None,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Write one page of figures, charts and tables, with what is unusual first. By default of the last 7 days.

    The page is one file that needs no other: send it, open it from a disk, print it.
    """
    lake = _open_lake(config, lake=lake_url, endpoint_url=endpoint_url)
    first_day, last_day = _period(date_from, date_to)
    with working("querying") as lake.advance:
        page = lake.dashboard(bucket=bucket, date_from=first_day, date_to=last_day)
    write_file(output, page.encode("utf-8", "backslashreplace"))


@app.command("lifecycle-rules")
def _lifecycle_rules(
    bucket: Annotated[
        str, typer.Option("--bucket", metavar="B", help="The bucket with the rules.")
    ],
    lake_url: LakeOption = None,
    rules: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Its rules as JSON; read from S3 by default."),
    ] = None,
    date_from: FromOption = None,
    date_to: ToOption = None,
    output_format: FormatOption = None,
    output: OutputOption = None,
    header: HeaderOption = True,
    csv_safe: CsvSafeOption = False,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Compare the lifecycle rules of a bucket with the events in its logs, to see whether they work.

    The period is the last 30 days with records of the bucket, unless --from and --to set another.
    """
    output_format = choose_format(output_format, output)
    lake = _open_lake(config, lake=lake_url, endpoint_url=endpoint_url)
    first_day, last_day = _period(date_from, date_to)
    with working("querying") as lake.advance:
        result, period = lake.lifecycle_rules(
            bucket, rules=rules, date_from=first_day, date_to=last_day
        )
    _warn_if_empty(lake)
    typer.echo(f"accesslake: events of {period.date_from} to {period.date_to}", err=True)
    write_result(result, output_format, output, header=header, csv_safe=csv_safe)


@app.command("never-read")
def _never_read(
    inventory: Annotated[
        list[str],
        typer.Option(
            metavar="FILE",
            help="Its manifest.json, or CSV or Parquet files of it; a path or s3:// URL. Repeatable.",
        ),
    ],
    lake_url: LakeOption = None,
    bucket: BucketOption = None,
    date_from: FromOption = None,
    date_to: ToOption = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="How many objects; all of them by default."),
    ] = None,
    output_format: FormatOption = None,
    output: OutputOption = None,
    header: HeaderOption = True,
    csv_safe: CsvSafeOption = False,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """List the objects of an S3 Inventory that nobody has read, with what they cost, the costliest first.

    An object was not read as far as records go: the result says from when to when there are records of its bucket.
    """
    output_format = choose_format(output_format, output)
    lake = _open_lake(config, lake=lake_url, endpoint_url=endpoint_url)
    first_day, last_day = _period(date_from, date_to)
    with working("querying") as lake.advance:
        result = lake.never_read(
            inventory, bucket=bucket, date_from=first_day, date_to=last_day, limit=limit
        )
    write_result(result, output_format, output, header=header, csv_safe=csv_safe)


@app.command("sql")
def _sql(
    query: Annotated[
        str,
        typer.Argument(
            metavar="SELECT", help="One SELECT; `accesslake schema` lists the views."
        ),
    ],
    lake_url: LakeOption = None,
    output_format: FormatOption = None,
    output: OutputOption = None,
    header: HeaderOption = True,
    csv_safe: CsvSafeOption = False,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Query the lake with SQL. A query can read the lake, and nothing else; it cannot write."""
    output_format = choose_format(output_format, output)
    lake = _open_lake(config, lake=lake_url, endpoint_url=endpoint_url)
    with working("querying") as lake.advance:
        result = lake.sql(query)
    _warn_if_empty(lake)
    _say_what_is_left_out(lake, query)
    write_result(result, output_format, output, header=header, csv_safe=csv_safe)


@app.command("schema")
def _schema(
    view: Annotated[
        str | None,
        typer.Argument(metavar="VIEW", help="Only this one, such as access_log."),
    ] = None,
    output_format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Describe the views and functions that queries can use: columns, types, units, meanings."""
    if view is not None and view not in NOTES:
        raise UsageError(
            f"no view {view!r}{nearest(view, NOTES)} (there are: {', '.join(NOTES)})"
        )
    output_format = choose_format(output_format, output)
    write_result(as_result(view), output_format, output)
    if output_format is Format.TABLE and output is None and view is None:
        print_functions(functions())


@app.command("demo")
def _demo(
    directory: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="Where to put logs and lake.")
    ] = Path("accesslake-demo"),
) -> None:
    """Generate logs of two buckets, ingest them and run reports; no AWS account needed."""
    with Reporter() as reporter:
        build_demo(
            directory, lambda text: reporter.event("info", text), reporter.progress
        )
    print_demo(directory, sys.stdout)


def main() -> NoReturn:
    """Run the command line; every error ends it with one line on standard error and its exit code."""
    end_on_signals()
    sys.excepthook = _print_unexpected
    # A locale may lack characters that logs have: they are escaped rather than an error in the middle of the output.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        app()
    except AccessLakeError as error:
        typer.echo(f"accesslake: {safe_text(error)}", err=True)
        sys.exit(error.exit_code)
    except Interrupted:
        say_farewell()
        raise
    except MemoryError:
        typer.echo(
            "accesslake: out of memory: select fewer rows, or use CSV or JSON, which are written as they come",
            err=True,
        )
        sys.exit(1)
    except BrokenPipeError:
        # As with `| head`. At its end Python flushes standard output, which would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(0)


def _print_unexpected(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print an error that nobody foresaw as Python does, but escape control characters: its text is untrusted."""
    lines = traceback.format_exception(kind, error, trace)
    text = "".join(lines).rstrip()
    sys.stderr.write(safe_lines(text) + "\n")


def _settings(config: str | None, **flags: Any) -> Settings:
    return load_settings(flags, os.environ, config)


def _open_lake(config: str | None, **flags: Any) -> Lake:
    return Lake(_settings(config, **flags))


def _warn_if_empty(lake: Lake) -> None:
    if lake.is_empty:
        text = (
            f"accesslake: {lake.url} holds no records yet; `accesslake ingest` fills it"
        )
        typer.echo(safe_text(text), err=True)


def _say_what_is_left_out(lake: Lake, query: Report | str) -> None:
    excluded = lake.left_out(query)
    if excluded:
        text = f"accesslake: left out (exclude in the settings): {', '.join(excluded)}"
        typer.echo(safe_text(text), err=True)


def _day(flag: str, text: str | None) -> dt.date | None:
    return None if text is None else parse_day(flag, text)


def _period(
    date_from: str | None, date_to: str | None
) -> tuple[dt.date | None, dt.date | None]:
    return _day("--from", date_from), _day("--to", date_to)


def _section(report: Report) -> str:
    section, _, _ = report.name.partition("/")
    return section


def _parse_params(texts: Iterable[str]) -> Mapping[str, str]:
    params = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator:
            raise UsageError(f"-p {text}: write NAME=VALUE")
        params[name] = value
    return params
