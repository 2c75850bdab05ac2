"""The options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from etl.errors import UsageError
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
    list[str] | None,
    typer.Option(
        "--bucket",
        metavar="B",
        help="Only this source bucket, or those of a pattern: 'web-*', 'web-0[78]'. May be repeated.",
    ),
]
FromOption = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="WHEN",
        help="Where the period begins (UTC): 2026-11-24, 2026-11, 2026-11-24T13, yesterday, -7d, ...",
    ),
]
ToOption = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="WHEN",
        help="The last day, month or hour of the period; all of it is included.",
    ),
]
LastOption = Annotated[
    str | None,
    typer.Option(
        "--last",
        metavar="1h|7d",
        help="Instead of --from and --to: so many hours up to now, or days, today included.",
    ),
]
KeyPrefixOption = Annotated[
    str | None,
    typer.Option(
        "--key-prefix",
        metavar="PREFIX",
        help="Only records of keys that begin so; those without a key are left out.",
    ),
]
CompareOption = Annotated[
    bool,
    typer.Option(
        "--compare",
        help="Add the equally long period before to each count, and the change.",
    ),
]
SqlDirOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--sql-dir",
        metavar="DIR",
        help="Also load the reports of this directory. May be repeated.",
    ),
]
SparkConfOption = Annotated[
    list[str] | None,
    typer.Option(
        "--spark-conf", metavar="K=V", help="An option for Spark. May be repeated."
    ),
]
HeaderOption = Annotated[
    bool,
    typer.Option("--header/--no-header", help="CSV: column names in the first line."),
]


def _read_by_collectors(path: Path | None) -> Path | None:
    """The file of gauges. Raises UsageError for a name that no collector reads."""
    if path is not None and path.suffix != ".prom":
        raise UsageError(
            f"--metrics-file {path}: node_exporter reads files that end in .prom only"
        )
    return path


MetricsOption = Annotated[
    Path | None,
    typer.Option(
        "--metrics-file",
        metavar="FILE.prom",
        callback=_read_by_collectors,
        help="Write gauges for Prometheus' textfile collector.",
    ),
]
