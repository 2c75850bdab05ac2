"""The commands that query the lake in SQL."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from etl.cli.lakes import (
    open_lake,
    parse_scope,
    say_what_is_left_out,
    say_what_is_selected,
    say_what_to_know,
    warn_if_empty,
    warn_if_incomplete,
)
from etl.cli.options import (
    BucketOption,
    ConfigOption,
    CsvSafeOption,
    EndpointOption,
    FormatOption,
    FromOption,
    HeaderOption,
    KeyPrefixOption,
    LakeOption,
    LastOption,
    OutputOption,
    ToOption,
)
from etl.cli.progress import working
from etl.cli.shell import Shell, run_interactively, state_folder
from etl.errors import UsageError
from etl.query import Database
from etl.query.output import Format, choose_format, write_result

_STANDARD_INPUT = Path("-")


def sql(
    query: Annotated[
        str | None,
        typer.Argument(
            metavar="SELECT",
            help="One SELECT; `accesslake schema` lists the views. `-`: read it from standard input.",
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "-f",
            "--file",
            metavar="FILE",
            help="Read the SELECT from a file; `-`: standard input.",
        ),
    ] = None,
    lake_url: LakeOption = None,
    bucket: BucketOption = None,
    date_from: FromOption = None,
    date_to: ToOption = None,
    last: LastOption = None,
    key_prefix: KeyPrefixOption = None,
    output_format: FormatOption = None,
    output: OutputOption = None,
    header: HeaderOption = True,
    csv_safe: CsvSafeOption = False,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Query the lake with SQL. A query can read the lake, and nothing else; it cannot write."""
    query = _query_text(query, file)
    output_format = choose_format(output_format, output)
    scope = parse_scope(bucket, date_from, date_to, last, key_prefix)
    lake = open_lake(config, lake=lake_url, endpoint_url=endpoint_url)
    with working("querying") as lake.advance:
        result = lake.sql(query, **scope)
    say_what_to_know(lake, query, key_prefix)
    write_result(result, output_format, output, header=header, csv_safe=csv_safe)


def _query_text(query: str | None, file: Path | None) -> str:
    """The SELECT of the argument, of a file, or of standard input where that is no terminal."""
    if query is not None and file:
        raise UsageError("write the SELECT as an argument or as --file, not both")
    if file and file != _STANDARD_INPUT:
        return _text_of(file)
    if query not in (None, "-"):
        return query
    if query is None and file is None and sys.stdin.isatty():
        raise UsageError(
            "write a SELECT, or -f FILE; `accesslake shell` takes one after the other"
        )
    return _decoded("standard input", sys.stdin.buffer.read())


def _text_of(file: Path) -> str:
    try:
        return _decoded(str(file), file.read_bytes())
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from error


def _decoded(name: str, data: bytes) -> str:
    try:
        # Editors of Windows put a byte order mark before the text.
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: not UTF-8 text") from error


def shell(
    lake_url: LakeOption = None,
    bucket: BucketOption = None,
    date_from: FromOption = None,
    date_to: ToOption = None,
    last: LastOption = None,
    key_prefix: KeyPrefixOption = None,
    output_format: FormatOption = None,
    config: ConfigOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Query the lake in SQL, one statement after the other: at a prompt, or from standard input.

    As with `sql`, statements can read the lake and nothing else. Exit codes: 0 done, otherwise that of the first
    statement from standard input that failed.
    """
    output_format = choose_format(output_format, None)
    if output_format is Format.PARQUET:
        raise UsageError("Parquet is for files: use `accesslake sql --output`")
    scope = parse_scope(bucket, date_from, date_to, last, key_prefix)
    lake = open_lake(config, lake=lake_url, endpoint_url=endpoint_url)

    def open_database() -> Database:
        database = lake.database(**scope)
        warn_if_empty(lake)
        warn_if_incomplete(lake)
        return database

    def say_of(statement: str) -> None:
        say_what_is_left_out(lake, statement)

    say_what_is_selected(key_prefix)
    shell = Shell(open_database, lake.reports(), output_format, say_of)
    if sys.stdin.isatty() and sys.stdout.isatty():
        run_interactively(shell, state_folder(os.environ))
        return
    shell.run_lines(_decoded("standard input", line) for line in sys.stdin.buffer)
    raise typer.Exit(shell.exit_code)
