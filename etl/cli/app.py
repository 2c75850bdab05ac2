"""The command line itself: how it starts, and how it ends."""

import inspect
import sys
import traceback
from collections.abc import Callable
from importlib.metadata import version
from types import TracebackType
from typing import Annotated, NoReturn

import typer

from etl.cli.commands import demo, engines, findings, lake, pages, questions, sql, storage
from etl.cli.hints import Command, ReportCommand
from etl.cli.interrupt import Interrupted, end_on_signals, say_farewell
from etl.cli.streams import end_with_reader
from etl.errors import AccessLakeError
from etl.text import safe_lines, safe_message

# In the order of the help.
_COMMANDS: dict[str, Callable[..., None]] = {
    "ingest": lake.ingest,
    "status": lake.status,
    "verify": lake.verify,
    "expire": lake.expire,
    "reports": questions.reports,
    "report": questions.report,
    "dashboard": pages.dashboard,
    "findings": findings.findings,
    "catalog": pages.catalog,
    "ddl": engines.ddl,
    "glue": engines.glue,
    "lifecycle-rules": storage.lifecycle_rules,
    "never-read": storage.never_read,
    "sql": sql.sql,
    "shell": sql.shell,
    "schema": questions.schema,
    "mcp": questions.mcp,
    "demo": demo.demo,
}

_CLASSES = {"report": ReportCommand}

app = typer.Typer(
    name="accesslake",
    help="Amazon S3 server access logs: read the new ones into a Parquet lake, and query it with SQL.",
    epilog="Settings: flag, then ACCESSLAKE_* variable, then --config file. Credentials: the AWS chain.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def _start(
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True)
    ] = False,
) -> None:
    if show_version:
        typer.echo(f"accesslake {version('accesslake')}")
        raise typer.Exit


def _help_of(command: Callable[..., None]) -> str:
    """The text of a command, in which brackets are brackets, and not the markup of what prints it."""
    return (inspect.getdoc(command) or "").replace("[", r"\[")


for _name, _command in _COMMANDS.items():
    _class = _CLASSES.get(_name, Command)
    app.command(_name, cls=_class, help=_help_of(_command))(_command)


def main() -> NoReturn:
    """Run the command line; every error ends it with one line on standard error and its exit code."""
    end_on_signals()
    end_with_reader()
    sys.excepthook = _print_unexpected
    try:
        _run()
    except AccessLakeError as error:
        typer.echo(f"accesslake: {safe_message(error)}", err=True)
        sys.exit(error.exit_code)
    except Interrupted:
        say_farewell()
        raise
    except MemoryError:
        typer.echo(
            "accesslake: out of memory: select fewer rows, or use CSV or JSON, which are written as they come",
            err=True,
        )
        sys.exit(1)
    sys.exit(0)


def _run() -> None:
    try:
        app()
    finally:
        # Python would do it later, where nobody is told what fails.
        sys.stdout.flush()


def _print_unexpected(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print an error that nobody foresaw as Python does, but escape control characters: its text is untrusted."""
    lines = traceback.format_exception(kind, error, trace)
    text = "".join(lines).rstrip()
    sys.stderr.write(safe_lines(text) + "\n")
