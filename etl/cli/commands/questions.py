"""The commands that answer questions: reports, SQL, and what they can ask for."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from etl.api import Lake
from etl.cli.choice import choose_report
from etl.cli.completion import complete_report, complete_section_or_report
from etl.cli.lakes import (
    open_lake,
    parse_parameters,
    parse_scope,
    say_what_is_compared,
    say_what_to_know,
    settings_of,
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
    SparkConfOption,
    SqlDirOption,
    ToOption,
)
from etl.cli.progress import working
from etl.cli.terminal import (
    describe_reports,
    heading_of,
    print_found,
    print_functions,
    print_reports,
)
from etl.config import EngineName, Settings
from etl.dialects import Dialect
from etl.errors import UsageError, nearest
from etl.maintenance import Extent
from etl.query import Result, scope_of
from etl.query.catalog import NOTES, as_result, functions
from etl.query.output import Format, choose_format, write_file, write_result
from etl.reports import (
    Report,
    bind,
    check_drawable,
    find_report,
    find_reports,
    load_reports,
    render,
    statement,
)
from etl.text import safe_lines


def reports(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME|WORD",
            autocompletion=complete_section_or_report,
            help="Describe this report or section, or find the reports about these words.",
        ),
    ] = None,
    sql_dir: SqlDirOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the reports, with their parameters, or find those about something."""
    reports = load_reports(settings_of(config, sql_dir=sql_dir).sql_dir)
    named = [one for one in reports.values() if not words or _is_named(one, words)]
    selected = named or find_reports(words or [], reports.values())
    if not selected:
        sections = {_section(report) for report in reports.values()}
        text = " ".join(words or [])
        suggestion = nearest(text, [*sections, *reports])
        raise UsageError(f"no report or section {text!r}, nor any about it{suggestion}")
    if as_json:
        payload = [
            report.model_dump(exclude={"sql", "path", "line", "dashboard"}, mode="json")
            for report in selected
        ]
        typer.echo(json.dumps(payload))
    elif not words:
        print_reports(selected)
    elif named:
        describe_reports(named)
    else:
        print_found(selected)


def report(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            autocompletion=complete_report,
            help="As `accesslake reports` lists it.",
        ),
    ] = None,
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
    dialect: Annotated[
        Dialect | None,
        typer.Option(help="With --print-sql: the engine that is to run it."),
    ] = None,
    table: Annotated[
        str | None,
        typer.Option(
            metavar="[DATABASE.]NAME",
            help="With --dialect: what `ddl` has called the table. Default: access_log.",
        ),
    ] = None,
    engine: Annotated[
        EngineName, typer.Option(help="What runs it: DuckDB on this machine, or Spark.")
    ] = EngineName.LOCAL,
    spark_conf: SparkConfOption = None,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Run a report over the lake."""
    settings = settings_of(
        config,
        lake=lake_url,
        endpoint_url=endpoint_url,
        sql_dir=sql_dir,
        spark_conf=spark_conf,
    )
    report = find_report(name or choose_report(settings.sql_dir), settings.sql_dir)
    params = parse_parameters(param or [])
    bind(report, params)  # before the lake is looked at
    scope = parse_scope(bucket, date_from, date_to, last, key_prefix)
    _check_engines(
        print_sql=print_sql, dialect=dialect, table=table, engine=engine, compare=compare
    )
    if print_sql:
        text = _statement(settings, report, dialect, table, scope, params)
        typer.echo(safe_lines(text) if sys.stdout.isatty() else text, nl=False)
        return
    if chart:
        check_drawable(report, chart)
    output_format = choose_format(output_format, output)
    lake = Lake(settings)
    result = _run(lake, report, {**scope, **params}, engine, compare=compare)
    say_what_to_know(lake, report, key_prefix)
    is_headed = chart is not None or sys.stdout.isatty()
    extent = _extent(lake, scope) if is_headed else None
    heading = heading_of(report, extent, scope, params)
    if chart and report.chart:
        # A result can be read once, but is needed twice: for the chart and for the output.
        rows = result.to_arrow()
        image = render(
            report.chart,
            rows,
            heading.title,
            chart.suffix.lower(),
            subtitles=(heading.question, heading.scope),
            until=extent.newest if extent else None,
        )
        write_file(chart, image)
        result = Result(rows.to_reader())
    write_result(
        result,
        output_format,
        output,
        header=header,
        csv_safe=csv_safe,
        heading=heading,
    )


def _extent(lake: Lake, selection: Mapping[str, Any]) -> Extent | None:
    """The days with records of what is selected."""
    names = ("bucket", "date_from", "date_to")
    return lake.extent(**{name: selection[name] for name in names})


def _check_engines(
    *,
    print_sql: bool,
    dialect: Dialect | None,
    table: str | None,
    engine: EngineName,
    compare: bool,
) -> None:
    """Raise UsageError for options that have no meaning together."""
    if dialect and not print_sql:
        raise UsageError(
            "--dialect is for --print-sql; to have Spark run the report, give --engine spark"
        )
    if table is not None and dialect in (None, Dialect.DUCKDB):
        raise UsageError("--table is for --print-sql --dialect athena, trino or spark")
    if print_sql and (compare or engine is not EngineName.LOCAL):
        raise UsageError(
            "--print-sql runs nothing: leave out --compare and --engine; --dialect names the engine of the SQL"
        )
    if compare and engine is not EngineName.LOCAL:
        raise UsageError(
            f"--compare is not made for --engine {engine}; run the report for each of the two periods"
        )


def _statement(
    settings: Settings,
    report: Report,
    dialect: Dialect | None,
    table: str | None,
    scope: Mapping[str, Any],
    params: Mapping[str, str],
) -> str:
    """The report's SQL for DuckDB with the lake's views, or as one statement for another engine."""
    if dialect and dialect is not Dialect.DUCKDB:
        from etl.dialects import printed  # noqa: PLC0415 - few ask for it, and it is slow to import

        # It is of any lake: none needs to be named.
        selected = scope_of(
            scope["bucket"], scope["date_from"], scope["date_to"], scope["key_prefix"]
        )
        return printed(report, dialect, params, selected, settings, table)
    if any(value is not None for value in scope.values()):
        text = "the printed SQL is about all that its views have; the period, buckets and keys are not in it"
        typer.echo(f"accesslake: {text}", err=True)
    return statement(report, params)


def _run(
    lake: Lake,
    report: Report,
    arguments: Mapping[str, Any],
    engine: EngineName,
    *,
    compare: bool,
) -> Result:
    with working("querying") as lake.advance:
        if not compare:
            return lake.report(report, engine=engine, **arguments)
        comparison = lake.compare(report, **arguments)
    say_what_is_compared(comparison)
    return comparison.result


def _views(incomplete: str) -> list[str]:
    return [view for view in NOTES if view.startswith(incomplete)]


def schema(
    view: Annotated[
        str | None,
        typer.Argument(
            metavar="VIEW",
            autocompletion=_views,
            help="Only this one, such as access_log.",
        ),
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


def _is_named(report: Report, words: Sequence[str]) -> bool:
    return list(words) in ([report.name], [_section(report)])


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
    # A client may ask its first question much later, and shows an error of then to nobody who could mend it.
    lake.check()
    make_server(lake).run("stdio")
