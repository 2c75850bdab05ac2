"""The commands that make the lake a table of other engines."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from etl.api import Lake
from etl.cli import events
from etl.cli.lakes import open_lake
from etl.cli.options import ConfigOption, EndpointOption, LakeOption
from etl.cli.progress import Reporter, working
from etl.dialects import Dialect
from etl.engines import check_table_name
from etl.errors import AccessLakeError, UsageError
from etl.schema import ACCESS_LOG
from etl.store import parse_location
from etl.text import safe_lines, safe_text

if TYPE_CHECKING:
    from etl.engines import GlueChange


def ddl(
    dialect: Annotated[
        Dialect, typer.Option("--dialect", help="The engine that is to read the lake.")
    ],
    lake_url: LakeOption = None,
    table: Annotated[
        str | None,
        typer.Option(
            "--table",
            metavar="[DATABASE.]NAME",
            help="What the table is called. Default: access_log (trino: default.access_log).",
        ),
    ] = None,
    injected: Annotated[
        bool,
        typer.Option(
            "--injected",
            help="athena: do not list the buckets; each query has to name its own. For more than 100 buckets.",
        ),
    ] = False,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Print the SQL that makes the lake a table of Athena, Trino or Spark, or a view of DuckDB.

    It describes the columns, and where the files are; no record is copied. What has to be known of it is printed to
    standard error.
    """
    lake = open_lake(config, lake=lake_url, endpoint_url=endpoint_url)
    with working("reading the lake"):
        script = lake.ddl(dialect, table, injected=injected)
    text = str(script)
    typer.echo(safe_lines(text) if sys.stdout.isatty() else text, nl=False)
    _print_notes(script.notes)


def glue(
    lake_url: LakeOption = None,
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            metavar="D",
            help="The database in Glue; it has to exist. Default: that of the setting glue.",
        ),
    ] = None,
    table: Annotated[
        str | None,
        typer.Option(
            "--table",
            metavar="T",
            help=f"What the table is called. Default: as the setting glue says, else {ACCESS_LOG.name}.",
        ),
    ] = None,
    catalog_id: Annotated[
        str | None,
        typer.Option(
            "--catalog-id",
            metavar="ID",
            help="The Data Catalog of another account: mostly that account's id. Default: your own.",
        ),
    ] = None,
    injected: Annotated[
        bool | None,
        typer.Option(
            "--injected/--listed",
            help="Let each query name its buckets, or list them all in the table. Default: as it is, else --listed.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change; change nothing.")
    ] = False,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Create the lake's table in AWS Glue, for Athena, or bring it up to date: new buckets, first day, columns.

    Where nothing differs, nothing is written. Properties and comments that others gave the table stay. Region and
    credentials: the AWS chain.

    Exit codes: 0 done, 1 Glue refused or failed, 2 wrong usage, also where the table is not one of this lake.
    """
    lake = open_lake(
        config, lake=lake_url, endpoint_url=endpoint_url, glue_catalog_id=catalog_id
    )
    with working("comparing the table with the lake"):
        change = lake.glue(database, table, injected=injected, dry_run=dry_run)
    typer.echo(safe_text(_sentence(change, dry_run=dry_run)))
    for line in change.changes:
        typer.echo(safe_text(f"  {line}"))
    _print_notes(change.notes)


class Target(NamedTuple):
    """A table in Glue."""

    database: str
    table: str


def target_of(lake: Lake) -> Target | None:
    """The table that runs keep up to date, if any. Raises UsageError, before anything is read."""
    if lake.settings.glue_target is None:
        return None
    target = Target(*lake.settings.glue_target)
    check_table_name(target.table)
    if not parse_location(lake.url).is_s3:
        raise UsageError(
            f"--glue: Athena and Glue know S3 only, and {lake.url} is on a disk"
        )
    return target


def keep_table(lake: Lake, target: Target, reporter: Reporter) -> bool:
    """Bring a table up to date after a run, and say so; whether that worked. It undoes nothing of the run."""
    if lake.is_empty:
        text = "--glue: the lake has no records yet, so there is no table"
        reporter.event(events.TABLE_NOTE, text)
        return True
    try:
        change = lake.glue(*target)
    except AccessLakeError as error:
        text = f"--glue: {error}; the records are in the lake, the table is as it was"
        reporter.event(events.TABLE_FAILED, text)
        return False
    text = _sentence(change)
    reporter.event(events.TABLE_CHECKED, text, changes=list(change.changes))
    for note in change.notes:
        reporter.event(events.TABLE_NOTE, f"--glue: {note}")
    return True


def _sentence(change: "GlueChange", *, dry_run: bool = False) -> str:
    if change.action == "unchanged":
        return f"{change.table} is up to date"
    return f"{change.table} {'would be' if dry_run else 'is'} {change.action}"


def _print_notes(notes: Iterable[str]) -> None:
    for note in notes:
        typer.echo(safe_text(f"accesslake: {note}"), err=True)
