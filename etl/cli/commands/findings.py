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
from etl.findings import Finding, Inspection
from etl.kinds import Severity
from etl.text import safe_text

_NAMED_BUCKETS = 2
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
        bool,
        typer.Option("--json", help="Print one JSON object, with a list of findings."),
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
        inspection = lake.inspect(bucket=bucket or None, date_from=begin, date_to=end)
        found = inspection.findings(advance=lake.advance)
    if as_json:
        typer.echo(json.dumps(inspection.as_dict(lake.url, found)))
    else:
        _print_summary(inspection)
        _print(found, lake.url)
    if fail_on and _is_met(found, fail_on):
        raise typer.Exit(EXIT_ATTENTION)


def _is_met(found: Iterable[Finding], severity: Severity) -> bool:
    return any(severity in (finding.severity, Severity.NOTICE) for finding in found)


def _print_summary(inspection: Inspection) -> None:
    """The period, the buckets, and what they are compared with, above what is found."""
    where = _buckets(inspection.buckets)
    before = inspection.compared_with
    text = f"{inspection.period_in_words} (UTC), {where}"
    print_prose(f"{text}, compared with {before}." if before else f"{text}.", 0)
    if inspection.note:
        print_prose(inspection.note, 0)


def _buckets(names: Sequence[str]) -> str:
    """A few by their names, and how many there are of many."""
    if len(names) > _NAMED_BUCKETS:
        return f"{len(names):,} buckets"
    return f"bucket{'s' if names[1:] else ''} {' and '.join(names)}"


def _print(found: Sequence[Finding], lake: str) -> None:
    if not found:
        typer.echo("Nothing unusual.")
    for finding in found:
        severity = "ALARM" if finding.is_alarm else "notice"
        kind = f"{finding.id}, {finding.technique}" if finding.technique else finding.id
        print_prose(f"{finding.title} ({kind})", len(_INDENT), severity)
        if finding.query:
            typer.echo(safe_text(f"{_INDENT}{finding.query.command(lake)}"))
