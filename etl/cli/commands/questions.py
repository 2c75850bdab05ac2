"""The commands that answer questions: reports, SQL, and what they can ask for."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from etl.api import Lake
from etl.cli.lakes import (
    open_lake,
    parse_parameters,
    parse_period,
    say_what_is_left_out,
    settings_of,
    warn_if_empty,
)
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
    SqlDirOption,
    ToOption,
)
from etl.cli.progress import working
from etl.cli.terminal import describe_reports, print_functions, print_reports
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
    first_day, last_day = parse_period(date_from, date_to)
    with working("querying") as lake.advance:
        result = lake.report(
            report, bucket=bucket, date_from=first_day, date_to=last_day, **params
        )
    warn_if_empty(lake)
    say_what_is_left_out(lake, report)
    if chart and report.chart:
        # A result can be read once, but is needed twice: for the chart and for the output.
        table = result.to_arrow()
        image = render(report.chart, table, report.title, chart.suffix.lower())
        write_file(chart, image)
        result = Result(table.to_reader())
    write_result(result, output_format, output, header=header, csv_safe=csv_safe)


def sql(
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
    lake = open_lake(config, lake=lake_url, endpoint_url=endpoint_url)
    with working("querying") as lake.advance:
        result = lake.sql(query)
    warn_if_empty(lake)
    say_what_is_left_out(lake, query)
    write_result(result, output_format, output, header=header, csv_safe=csv_safe)


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


def mcp(
    lake_url: LakeOption = None,
    sql_dir: SqlDirOption = None,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Serve the lake to an assistant, by the Model Context Protocol on standard input and output.

    It can run reports, see findings and run SELECT statements: it reads this lake, and nothing else.
    """
    try:
        from etl.assistant import make_server  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{error.name} is not installed: pip install 'accesslake[mcp]'"
        ) from error
    lake = open_lake(config, lake=lake_url, endpoint_url=endpoint_url, sql_dir=sql_dir)
    make_server(lake).run("stdio")
