"""The command that says what is unusual, for people and for what watches a lake."""

import json
from collections.abc import Iterable, Sequence
from typing import Annotated

import typer

from etl.cli.exits import EXIT_ATTENTION
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
from etl.cli.terminal import print_prose
from etl.findings import Finding
from etl.kinds import Severity
from etl.text import safe_text

_INDENT = " " * 8


def findings(
    lake_url: LakeOption = None,
    bucket: BucketOption = None,
    date_from: FromOption = None,
    date_to: ToOption = None,
    last: LastOption = None,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one list of JSON objects.")
    ] = False,
    fail_on: Annotated[
        Severity | None,
        typer.Option(help="Exit with 5 where there is one of these, or an alarm."),
    ] = None,
) -> None:
    """Say what is unusual: alarms first, each with the command that shows more. By default of the last 7 days.

    The settings change when something is found, or silence it, by its name: [findings.bulk-deletions].

    Exit codes: 0 done, 1 failed, 2 wrong usage, 5 there is what --fail-on names.
    """
    lake = open_lake(config, lake=lake_url, endpoint_url=endpoint_url)
    begin, end = parse_period(date_from, date_to, last)
    with working("querying") as lake.advance:
        found = lake.findings(bucket=bucket or None, date_from=begin, date_to=end)
    if as_json:
        typer.echo(json.dumps([finding.as_dict(lake.url) for finding in found]))
    else:
        _print(found, lake.url)
    if fail_on and _is_met(found, fail_on):
        raise typer.Exit(EXIT_ATTENTION)


def _is_met(found: Iterable[Finding], severity: Severity) -> bool:
    return any(severity in (finding.severity, Severity.NOTICE) for finding in found)


def _print(found: Sequence[Finding], lake: str) -> None:
    if not found:
        typer.echo("Nothing unusual.")
    for finding in found:
        severity = "ALARM" if finding.is_alarm else "notice"
        kind = f"{finding.id}, {finding.technique}" if finding.technique else finding.id
        print_prose(f"{finding.title} ({kind})", len(_INDENT), severity)
        if finding.query:
            typer.echo(safe_text(f"{_INDENT}{finding.query.command(lake)}"))
