"""The commands that draw pages."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from etl.cli.destination import Destination, folder_destination, page_destination
from etl.cli.lakes import open_lake, parse_period, warn_if_incomplete
from etl.cli.options import (
    BucketOption,
    ConfigOption,
    EndpointOption,
    FromOption,
    LakeOption,
    LastOption,
    SqlDirOption,
    ToOption,
)
from etl.cli.progress import working
from etl.dashboard.buckets import INDEX
from etl.errors import UsageError
from etl.store import S3Session
from etl.text import safe_text


def dashboard(
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            metavar="FILE.html",
            help="The HTML file to write, also s3://bucket/key.html; - is standard output.",
        ),
    ] = None,
    per_bucket: Annotated[
        str | None,
        typer.Option(
            "--per-bucket",
            metavar="DIR",
            help="Write a page for each bucket, or each of --bucket, and an index.html to this directory, or s3://bucket/prefix.",
        ),
    ] = None,
    show: Annotated[
        bool, typer.Option("--open", help="Open the page in the browser.")
    ] = False,
    lake_url: LakeOption = None,
    bucket: BucketOption = None,
    date_from: FromOption = None,
    date_to: ToOption = None,
    last: LastOption = None,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Write one page of figures, charts and tables, with what is unusual first. By default of the last 7 days.

    The page is one file that needs no other: send it, open it from a disk, print it.
    """
    destination = _destination(output, per_bucket, show=show)
    lake = open_lake(config, lake=lake_url, endpoint_url=endpoint_url)
    begin, end = parse_period(date_from, date_to, last)
    session = S3Session(lake.settings.endpoint_url)
    if per_bucket is not None:
        with working("drawing pages") as lake.advance:
            pages = lake.dashboards(bucket=bucket or None, date_from=begin, date_to=end)
            _write_all(pages, destination, session)
        destination = destination.below(INDEX)
    else:
        with working("querying") as lake.advance:
            page = lake.dashboard(bucket=bucket or None, date_from=begin, date_to=end)
        destination.write(page, session)
    warn_if_incomplete(lake)
    if show:
        destination.open()


def _destination(
    output: str | None, per_bucket: str | None, *, show: bool
) -> Destination:
    if output is not None and per_bucket is None:
        destination = page_destination(output)
    elif per_bucket is not None and output is None:
        destination = folder_destination(per_bucket)
    else:
        raise UsageError(
            "say where the page goes: --output FILE.html, or --per-bucket DIR for a page of each bucket"
        )
    if show and destination.path is None:
        raise UsageError(
            f"--open shows a file on a disk, not {destination.target}: leave one of both out"
        )
    return destination


def _write_all(
    pages: Iterator[tuple[str, str]], folder: Destination, session: S3Session
) -> None:
    """Write pages as they are done; the folder is made when there is a first one."""
    for number, (name, page) in enumerate(pages):
        if number == 0:
            folder.make_folder()
        folder.below(name).write(page, session)


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

    It has no records: run it again for new user agents and settings, from cron after each ingest.
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
