"""The options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from etl.query.output import Format

LakeOption = Annotated[
    str | None,
    typer.Option(
        "--lake", metavar="URL", help="The lake: s3://bucket/prefix or a directory."
    ),
]
ConfigOption = Annotated[
    str | None, typer.Option("--config", metavar="FILE", help="Settings as TOML.")
]
EndpointOption = Annotated[
    str | None,
    typer.Option("--endpoint-url", metavar="URL", help="For S3-compatible stores."),
]
SourceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        metavar="URL",
        help="Where log objects are: an S3 prefix, a directory, or a glob. May be repeated.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
FormatOption = Annotated[
    Format | None,
    typer.Option("--format", help="Default: from the suffix of --output, else table."),
]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", metavar="FILE", help="Write to this file, not to stdout."),
]
CsvSafeOption = Annotated[
    bool,
    typer.Option(
        "--csv-safe",
        help="For spreadsheets: put ' before cells that would run as a formula.",
    ),
]
BucketOption = Annotated[
    str | None, typer.Option("--bucket", metavar="B", help="Only this source bucket.")
]
FromOption = Annotated[
    str | None, typer.Option("--from", metavar="DATE", help="First UTC day.")
]
ToOption = Annotated[
    str | None, typer.Option("--to", metavar="DATE", help="Last UTC day (included).")
]
SqlDirOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--sql-dir",
        metavar="DIR",
        help="Also load the reports of this directory. May be repeated.",
    ),
]
HeaderOption = Annotated[
    bool,
    typer.Option("--header/--no-header", help="CSV: column names in the first line."),
]
MetricsOption = Annotated[
    Path | None,
    typer.Option(
        "--metrics-file",
        metavar="FILE.prom",
        help="Write gauges for Prometheus' textfile collector.",
    ),
]
