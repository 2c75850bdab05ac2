"""The commands that answer questions: reports, SQL, and what they can ask for."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from etl.api import Lake
from etl.cli.lakes import (
    open_lake,
    parse_parameters,
    parse_scope,
    say_what_is_compared,
    say_what_is_left_out,
    say_what_is_selected,
    settings_of,
    warn_if_empty,
    warn_if_incomplete,
)
from etl.cli.options import (
    BucketOption,
    CompareOption,
    ConfigOption,
    CsvSafeOption,
    EndpointOption,
    FormatOption,
    FromOption,
    HeaderOption,
    JsonOption,
    KeyPrefixOption,
    LakeOption,
    LastOption,
    OutputOption,
    SqlDirOption,
    ToOption,
)
from etl.cli.progress import working
from etl.cli.terminal import (
    describe_reports,
    heading_of,
    print_functions,
    print_reports,
)
from etl.errors import UsageError, nearest
from etl.query import Result
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
from etl.text import safe_lines


def reports(
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="Describe this report, or section.")
    ] = "",
    sql_dir: SqlDirOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the reports, with their parameters."""
    reports = load_reports(settings_of(config, sql_dir=sql_dir).sql_dir)
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


def report(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="As `accesslake reports` lists it.")
    ],
    lake_url: LakeOption = None,
    bucket: BucketOption = None,
    date_from: FromOption = None,
    date_to: ToOption = None,
    last: LastOption = None,
    key_prefix: KeyPrefixOption = None,
    compare: CompareOption = False,
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
    settings = settings_of(
        config, lake=lake_url, endpoint_url=endpoint_url, sql_dir=sql_dir
    )
    report = find_report(name, settings.sql_dir)
    params = parse_parameters(param or [])
    if print_sql:
        text = statement(report, params)
        typer.echo(safe_lines(text) if sys.stdout.isatty() else text, nl=False)
        return
    if chart:
        check_drawable(report, chart)
    output_format = choose_format(output_format, output)
    lake = Lake(settings)
    scope = parse_scope(bucket, date_from, date_to, last, key_prefix)
    result = _run(lake, report, {**scope, **params}, compare=compare)
    say_what_is_selected(key_prefix)
    warn_if_empty(lake)
    warn_if_incomplete(lake)
    say_what_is_left_out(lake, report)
    is_headed = chart is not None or sys.stdout.isatty()
    span = lake.span(bucket, first_day) if is_headed else None
    heading = heading_of(report, span, bucket, first_day, last_day, params)
    if chart and report.chart:
        # A result can be read once, but is needed twice: for the chart and for the output.
        table = result.to_arrow()
        image = render(
            report.chart,
            table,
            heading.title,
            chart.suffix.lower(),
            subtitles=(heading.question, heading.scope),
            until=span.newest if span else None,
        )
        write_file(chart, image)
        result = Result(table.to_reader())
    write_result(
        result,
        output_format,
        output,
        header=header,
        csv_safe=csv_safe,
        heading=heading,
    )


def _run(
    lake: Lake, report: Report, arguments: Mapping[str, Any], *, compare: bool
) -> Result:
    with working("querying") as lake.advance:
        if not compare:
            return lake.report(report, **arguments)
        comparison = lake.compare(report, **arguments)
    say_what_is_compared(comparison)
    return comparison.result


def sql(
    query: Annotated[
        str | None,
        typer.Argument(
            metavar="[SELECT]",
            help="One SELECT; `accesslake schema` lists the views. `-`: read it from standard input.",
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("-f", "--file", metavar="FILE", help="Read the SELECT from a file."),
    ] = None,
    lake_url: LakeOption = None,
    bucket: BucketOption = None,
    date_from: FromOption = None,
    date_to: ToOption = None,
    last: LastOption = None,
    key_prefix: KeyPrefixOption = None,
    output_format: FormatOption = None,
    output: OutputOption = None,
    header: HeaderOption = True,
    csv_safe: CsvSafeOption = False,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Query the lake with SQL. A query can read the lake, and nothing else; it cannot write."""
    query = _query_text(query, file)
    output_format = choose_format(output_format, output)
    scope = parse_scope(bucket, date_from, date_to, last, key_prefix)
    lake = open_lake(config, lake=lake_url, endpoint_url=endpoint_url)
    with working("querying") as lake.advance:
        result = lake.sql(query, **scope)
    say_what_is_selected(key_prefix)
    warn_if_empty(lake)
    warn_if_incomplete(lake)
    say_what_is_left_out(lake, query)
    write_result(result, output_format, output, header=header, csv_safe=csv_safe)


def _query_text(query: str | None, file: Path | None) -> str:
    """The SELECT of the argument, of a file, or of standard input where that is no terminal."""
    if query is not None and file:
        raise UsageError("write the SELECT as an argument or as --file, not both")
    if file:
        return _text_of(file)
    if query not in (None, "-"):
        return query
    if query is None and sys.stdin.isatty():
        raise UsageError(
            "write a SELECT, or -f FILE; `accesslake shell` takes one after the other"
        )
    return sys.stdin.read()


def _text_of(file: Path) -> str:
    try:
        # Editors of Windows put a byte order mark before the text.
        return file.read_text("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: not UTF-8 text") from error


def schema(
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


def _section(report: Report) -> str:
    section, _, _ = report.name.partition("/")
    return section
