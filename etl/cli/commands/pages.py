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
    LastOption,
    ToOption,
)
from etl.cli.progress import working
from etl.query.output import write_file


def dashboard(
    output: Annotated[
        Path,
        typer.Option("--output", metavar="FILE.html", help="The HTML file to write."),
    ],
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
    lake = open_lake(config, lake=lake_url, endpoint_url=endpoint_url)
    begin, end = parse_period(date_from, date_to, last)
    with working("querying") as lake.advance:
        page = lake.dashboard(bucket=bucket or None, date_from=begin, date_to=end)
    write_file(output, page.encode("utf-8", "backslashreplace"))
