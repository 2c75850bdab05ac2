"""The commands that compare a bucket's records with what is known of it elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from etl.cli.lakes import open_lake, parse_period, warn_if_empty, warn_if_incomplete
from etl.cli.options import (
    BucketOption,
    ConfigOption,
    CsvSafeOption,
    EndpointOption,
    FormatOption,
    FromOption,
    HeaderOption,
    LakeOption,
    LastOption,
    OutputOption,
    ToOption,
)
from etl.cli.progress import working
from etl.query.output import choose_format, write_result


def lifecycle_rules(
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
    last: LastOption = None,
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
    lake = open_lake(config, lake=lake_url, endpoint_url=endpoint_url)
    begin, end = parse_period(date_from, date_to, last)
    with working("querying") as lake.advance:
        result, period = lake.lifecycle_rules(
            bucket, rules=rules, date_from=begin, date_to=end
        )
    warn_if_empty(lake)
    warn_if_incomplete(lake)
    typer.echo(f"accesslake: events of {period.date_from} to {period.date_to}", err=True)
    write_result(result, output_format, output, header=header, csv_safe=csv_safe)


def never_read(
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
    last: LastOption = None,
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
    lake = open_lake(config, lake=lake_url, endpoint_url=endpoint_url)
    begin, end = parse_period(date_from, date_to, last)
    with working("querying") as lake.advance:
        result = lake.never_read(
            inventory, bucket=bucket or None, date_from=begin, date_to=end, limit=limit
        )
    warn_if_incomplete(lake)
    write_result(result, output_format, output, header=header, csv_safe=csv_safe)
