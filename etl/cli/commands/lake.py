"""The commands that fill, check and tidy a lake."""

import contextlib
import datetime as dt
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from etl.api import Lake
from etl.cli import events
from etl.cli.commands.engines import keep_table, target_of
from etl.cli.exits import (
    EXIT_ATTENTION,
    EXIT_DIFFERENCES,
    HIGHEST_FREE,
    check_free,
    exit_code_of,
)
from etl.cli.lakes import next_step, open_lake, warn_if_empty, warn_if_incomplete
from etl.cli.options import (
    ConfigOption,
    EndpointOption,
    JsonOption,
    LakeOption,
    MetricsOption,
    SourceOption,
    SparkConfOption,
)
from etl.cli.progress import Reporter, working
from etl.cli.terminal import (
    json_time,
    print_expired,
    print_repaired,
    print_status,
    print_summary,
    print_verification,
    report_problems,
    report_rejects,
)
from etl.cli.watch import watched
from etl.config import EngineName
from etl.dates import parse_duration
from etl.errors import AccessLakeError, LeaseHeldError
from etl.ingest import RunSummary
from etl.maintenance import parse_age

_NOTHING_NEW = "--exit-code-if-nothing-new"
_GOES_ON = "interrupted; run it again: it goes on where this ended"


def ingest(
    source: SourceOption = None,
    lake_url: LakeOption = None,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="DATE",
            help="Ignore log objects of earlier days: 2026-11-24, 2026-11, yesterday or -7d.",
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="DATE",
            help="Ignore log objects of later days; a month or a year stands for its last day. With --since all "
            "between are listed, as for a backfill.",
        ),
    ] = None,
    full: Annotated[
        bool,
        typer.Option("--full", help="List everything, not only the trailing window."),
    ] = False,
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Processes; 0: one per processor.")
    ] = None,
    engine: Annotated[
        EngineName | None,
        typer.Option(help="What ingests batches: this machine, or Spark."),
    ] = None,
    spark_conf: SparkConfOption = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Show what would be read; write nothing, no gauges either, and send no pings.",
        ),
    ] = False,
    skip: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Never read this log object, by its full name. May be repeated; the lake remembers it.",
        ),
    ] = None,
    unskip: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Read again what was skipped."),
    ] = None,
    skip_reason: Annotated[
        str,
        typer.Option(metavar="TEXT", help="Why, for `accesslake status`."),
    ] = "",
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet", help="Print warnings and errors only; another run at work is none."
        ),
    ] = False,
    nothing_new: Annotated[
        int,
        typer.Option(
            _NOTHING_NEW,
            metavar="N",
            min=0,
            max=HIGHEST_FREE,
            help="For schedulers that skip what follows, such as Airflow with 99. Gauges and pings say 0 all the same.",
        ),
    ] = 0,
    metrics_file: MetricsOption = None,
    glue: Annotated[
        str | None,
        typer.Option(
            metavar="DATABASE.TABLE",
            help="Then bring this table in AWS Glue up to date, as `accesslake glue` does.",
        ),
    ] = None,
    ping: Annotated[
        str | None,
        typer.Option(
            "--ping",
            metavar="URL",
            help="Tell this URL how the run goes. Better in ACCESSLAKE_PING_URL: all users of a machine see options.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Read the log objects that the lake does not have yet.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 more rejects than max_reject_fraction, 75 another run is at work.
    What was ingested stays where --glue fails; that is exit code 1, too.
    """
    with Reporter(quiet=quiet) as reporter, _errors_as_events(reporter):
        check_free(_NOTHING_NEW, nothing_new)
        lake = open_lake(
            config,
            source=source,
            lake=lake_url,
            endpoint_url=endpoint_url,
            since=since,
            until=until,
            workers=workers,
            ping_url=ping,
            engine=engine,
            spark_conf=spark_conf,
            glue=glue,
        )
        target = target_of(lake)
        with _watched(lake, reporter, metrics_file, dry_run=dry_run):
            summary = lake.ingest(
                full=full,
                dry_run=dry_run,
                skip=skip or [],
                unskip=unskip or [],
                skip_reason=skip_reason,
                progress=reporter.progress,
            )
            _report(lake, reporter, summary)
            if target and not dry_run:
                reporter.has_stale_table = not keep_table(lake, target, reporter)
        code = _exit_code(lake, reporter, summary, nothing_new)
        _print_run(summary, code, as_json=as_json, quiet=quiet)
        if reporter.is_terminal and not (dry_run or as_json or quiet):
            _say_next_step(lake)
        raise typer.Exit(code)


@contextlib.contextmanager
def _errors_as_events(reporter: Reporter) -> Iterator[None]:
    """Log why a run could not begin or go on, and end with the exit code of that."""
    try:
        yield
    except LeaseHeldError as error:
        reporter.event(events.RUN_GAVE_WAY, str(error), exit_code=error.exit_code)
        raise typer.Exit(error.exit_code) from error
    except AccessLakeError as error:
        reporter.event(events.RUN_FAILED, str(error), exit_code=error.exit_code)
        raise typer.Exit(error.exit_code) from error


def _report(lake: Lake, reporter: Reporter, summary: RunSummary) -> None:
    """Say what a run that was not broken off leaves to look at."""
    reporter.summary = summary
    reporter.take_down_bars()
    report_problems(reporter, summary, lake)
    report_rejects(reporter, summary, lake)


def _exit_code(
    lake: Lake, reporter: Reporter, summary: RunSummary, nothing_new: int
) -> int:
    code = exit_code_of(summary, lake.settings, has_stale_table=reporter.has_stale_table)
    return nothing_new if code == 0 and not summary.new else code


def _say_next_step(lake: Lake) -> None:
    if not lake.is_empty:
        typer.echo(next_step(lake.url), err=True)


def _watched(
    lake: Lake, reporter: Reporter, metrics_file: Path | None, *, dry_run: bool
) -> contextlib.AbstractContextManager[None]:
    """Have others told how the run goes; a dry run, which leaves the lake as it is, is nobody's business."""
    if dry_run:
        return contextlib.nullcontext()
    return watched(lake, reporter, metrics_file)


def _print_run(
    summary: RunSummary, exit_code: int, *, as_json: bool, quiet: bool
) -> None:
    if as_json:
        # Standard error may go to the same place, and whoever reads it takes the last line for the summary.
        sys.stderr.flush()
        typer.echo(json.dumps({**summary.as_dict(), "exit_code": exit_code}))
    elif not quiet:
        print_summary(summary)


def status(
    lake_url: LakeOption = None,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
    max_lag: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="Exit with 5 where the newest record, or the last complete run, is older: 90m, 26h, 2d.",
        ),
    ] = None,
    metrics_file: MetricsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is in the lake, how far behind it is, and what was rejected.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 5 the lake is further behind than --max-lag.
    """
    longest = None if max_lag is None else parse_duration("--max-lag", max_lag)
    lake = open_lake(config, lake=lake_url, endpoint_url=endpoint_url)
    with working("reading the lake"):
        status = lake.status()
    warn_if_empty(lake)
    warn_if_incomplete(lake)
    if metrics_file:
        from etl.monitoring import write_lake_gauges  # noqa: PLC0415 - seldom needed

        write_lake_gauges(metrics_file, status)
    if as_json:
        typer.echo(json.dumps(status.as_dict(), default=json_time))
    else:
        print_status(status)
    behind = [] if longest is None else status.behind(longest, dt.datetime.now(dt.UTC))
    for text in behind:
        typer.echo(f"accesslake: {text} (--max-lag {max_lag})", err=True)
    if behind:
        raise typer.Exit(EXIT_ATTENTION)


def verify(
    lake_url: LakeOption = None,
    source: SourceOption = None,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair", help="Read again from --source what is missing or wrong."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Prove that the lake holds what its ledger says, once; with --source, that nothing there is missing.

    Without --repair it changes nothing.

    Exit codes: 0 no differences (with --repair: none left), 1 failed, 2 wrong usage, 4 there are differences,
    75 another run is at work.
    """
    repaired = None
    if repair:
        lake = open_lake(config, lake=lake_url, source=source, endpoint_url=endpoint_url)
        with working("repairing the lake", _GOES_ON):
            repaired = lake.repair()
        verification = repaired.after
    else:
        # Sources are compared only where a flag names them: a settings file lists them for `ingest`.
        lake = open_lake(
            config, lake=lake_url, source=source or [], endpoint_url=endpoint_url
        )
        with working("verifying the lake") as lake.advance:
            verification = lake.verify()
    if as_json:
        payload = repaired.as_dict() if repaired else verification.as_dict()
        typer.echo(json.dumps(payload))
    else:
        if repaired:
            print_repaired(repaired)
        print_verification(verification)
    if verification.differences:
        raise typer.Exit(EXIT_DIFFERENCES)


def expire(
    older_than: Annotated[
        str,
        typer.Option(
            "--older-than", metavar="DAYSd", help="Keep this many days, like 400d."
        ),
    ],
    lake_url: LakeOption = None,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show what would be removed; remove nothing."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove the records and rejects of old days, for good: they are not ingested again.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 75 another run is at work.
    """
    lake = open_lake(config, lake=lake_url, endpoint_url=endpoint_url)
    age = parse_age("--older-than", older_than)
    with working("removing old days", _GOES_ON):
        expired = lake.expire(age, dry_run=dry_run)
    if as_json:
        typer.echo(json.dumps(expired.as_dict()))
    else:
        print_expired(expired)
