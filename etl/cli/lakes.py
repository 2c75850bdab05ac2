"""What commands share: the lake and the period that their options name, and what they say of it."""

import datetime as dt
import os
from collections.abc import Iterable, Mapping
from typing import Any

import typer

from etl.api import Lake
from etl.config import Settings, load_settings
from etl.errors import UsageError
from etl.query import parse_day
from etl.reports import Report
from etl.text import safe_text


def settings_of(config: str | None, **flags: Any) -> Settings:
    return load_settings(flags, os.environ, config)


def open_lake(config: str | None, **flags: Any) -> Lake:
    return Lake(settings_of(config, **flags))


def warn_if_empty(lake: Lake) -> None:
    if lake.is_empty:
        text = (
            f"accesslake: {lake.url} holds no records yet; `accesslake ingest` fills it"
        )
        typer.echo(safe_text(text), err=True)


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


def parse_period(
    date_from: str | None, date_to: str | None
) -> tuple[dt.date | None, dt.date | None]:
    return _day("--from", date_from), _day("--to", date_to)


def _day(flag: str, text: str | None) -> dt.date | None:
    return None if text is None else parse_day(flag, text)


def parse_parameters(texts: Iterable[str]) -> Mapping[str, str]:
    params = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator:
            raise UsageError(f"-p {text}: write NAME=VALUE")
        params[name] = value
    return params
