"""The commands that draw pages."""

from pathlib import Path
from typing import Annotated

import typer

from etl.cli.lakes import open_lake, parse_period
from etl.cli.options import (
    BucketOption,
    ConfigOption,
    EndpointOption,
    FromOption,
    LakeOption,
    SqlDirOption,
    ToOption,
)
from etl.cli.progress import working
from etl.query.output import write_file
from etl.text import safe_text


def dashboard(
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
    lake = open_lake(config, lake=lake_url, endpoint_url=endpoint_url)
    first_day, last_day = parse_period(date_from, date_to)
    with working("querying") as lake.advance:
        page = lake.dashboard(bucket=bucket, date_from=first_day, date_to=last_day)
    write_file(output, page.encode("utf-8", "backslashreplace"))


def catalog(
    output: Annotated[
        Path,
        typer.Option("--output", metavar="FILE.duckdb", help="The file to write."),
    ],
    lake_url: LakeOption = None,
    materialize: Annotated[
        bool,
        typer.Option(
            "--materialize", help="Store the results of reports with rows by day."
        ),
    ] = False,
    sql_dir: SqlDirOption = None,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Write a DuckDB file with the views and reports of the lake, for BI tools.

    It has no records: run it again for new buckets, user agents and settings, from cron after each ingest.
    """
    lake = open_lake(config, lake=lake_url, endpoint_url=endpoint_url, sql_dir=sql_dir)
    with working("reading the lake") as lake.advance:
        summary = lake.catalog(output, materialize=materialize)
    typer.echo(
        f"{len(summary.views):,} views, {len(summary.tables):,} tables and "
        f"{len(summary.functions):,} functions of reports in {safe_text(output)}"
    )
    if "://" in lake.url:
        typer.echo("To read S3, a DuckDB needs this first:")
        typer.echo("INSTALL httpfs; LOAD httpfs; INSTALL aws; LOAD aws;")
        typer.echo("CREATE SECRET (TYPE s3, PROVIDER credential_chain);")
