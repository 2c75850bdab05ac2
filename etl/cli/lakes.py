"""What commands share: the lake and the period that their options name, and what they say of it."""

import os
from collections.abc import Iterable, Mapping, Sequence
from shlex import quote
from typing import Any

import typer

from etl.api import Lake
from etl.config import Settings, load_settings
from etl.dates import Span, parse_last, parse_span
from etl.errors import NO_RECORDS_YET, UsageError
from etl.reports import Comparison, Report
from etl.text import safe_text


def settings_of(config: str | None, **flags: Any) -> Settings:
    return load_settings(flags, os.environ, config, _flag_of)


# Flags that are shorter than their settings.
_FLAGS = {"ping_url": "--ping", "glue_catalog_id": "--catalog-id"}


def _flag_of(setting: str) -> str:
    return _FLAGS.get(setting) or f"--{setting.replace('_', '-')}"


def open_lake(config: str | None, **flags: Any) -> Lake:
    return Lake(settings_of(config, **flags))


def warn_if_empty(lake: Lake) -> None:
    if lake.is_empty:
        typer.echo(safe_text(f"accesslake: {lake.url} {NO_RECORDS_YET}"), err=True)


def warn_if_incomplete(lake: Lake) -> None:
    """Say that records may be missing, because the last run was not complete."""
    run = lake.incomplete_run
    if run is not None:
        text = f"accesslake: {run}; records may be missing until a run is complete"
        typer.echo(safe_text(text), err=True)


def say_what_is_left_out(lake: Lake, query: Report | str) -> None:
    excluded = lake.left_out(query)
    if excluded:
        text = f"accesslake: left out (exclude in the settings): {', '.join(excluded)}"
        typer.echo(safe_text(text), err=True)


def say_what_to_know(lake: Lake, query: Report | str, key_prefix: str | None) -> None:
    """Say of the answer to a query what it does not have: of keys, of the lake, of a run, of the settings."""
    say_what_is_selected(key_prefix)
    warn_if_empty(lake)
    warn_if_incomplete(lake)
    say_what_is_left_out(lake, query)


def next_step(lake: str) -> str:
    """What to do with a lake that has records, in one line."""
    page = f"accesslake dashboard --lake {quote(lake)} --output site.html"
    return safe_text(f"Next: {page}, or accesslake reports")


def parse_period(
    date_from: str | None, date_to: str | None, last: str | None = None
) -> tuple[Span | None, Span | None]:
    """What the period begins and ends with, as the options say. Raises UsageError, naming the option."""
    if last is None:
        return _span("--from", date_from), _span("--to", date_to)
    if date_from or date_to:
        raise UsageError("--last is a period of its own; leave out --from and --to")
    period = parse_last("--last", last)
    return period, period


def parse_scope(
    bucket: Sequence[str] | None,
    date_from: str | None,
    date_to: str | None,
    last: str | None,
    key_prefix: str | None,
) -> dict[str, Any]:
    """The arguments of a lake's queries for what the options select."""
    begin, end = parse_period(date_from, date_to, last)
    return {
        "bucket": bucket or None,
        "date_from": begin,
        "date_to": end,
        "key_prefix": key_prefix,
    }


def say_what_is_selected(key_prefix: str | None) -> None:
    if key_prefix is not None:
        text = f"accesslake: only keys that begin with {key_prefix!r}; records without a key are left out"
        typer.echo(safe_text(text), err=True)


def say_what_is_compared(comparison: Comparison) -> None:
    typer.echo(f"accesslake: {_compared(comparison)}", err=True)


def _compared(comparison: Comparison) -> str:
    """What a comparison is of: the periods, and how much of the one before there is."""
    period, before = comparison.period, comparison.before
    first_day = comparison.first_day
    text = f"{period.in_words()} is compared with {before.in_words()}"
    if first_day is None or before.date_from is None or first_day <= before.date_from:
        return text
    if before.date_to and first_day > before.date_to:
        return f"there is nothing to compare {period.in_words()} with: the first record is of {first_day}"
    return f"{text}, of which there are records since {first_day} only"


def _span(flag: str, text: str | None) -> Span | None:
    return None if text is None else parse_span(flag, text)


def parse_parameters(texts: Iterable[str]) -> Mapping[str, str]:
    params = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator:
            raise UsageError(f"-p {text}: write NAME=VALUE")
        params[name] = value
    return params
