"""An interactive prompt over the views of a lake, or statements from standard input."""

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import typer

from etl.cli.interrupt import cancelling
from etl.cli.progress import working
from etl.cli.terminal import print_found, print_functions
from etl.errors import AccessLakeError, UsageError
from etl.query import Database, Result
from etl.query.catalog import NOTES, as_result, columns, functions
from etl.query.output import Format, write_result, write_table
from etl.query.statements import split_statements
from etl.reports import Report, find_reports
from etl.text import safe_message

# Of each result, on a terminal: what a person reads.
_MAX_ROWS = 100
_PROMPT, _MORE = "accesslake> ", "       ...> "
_HELP = """\
A SELECT ends with a semicolon. Ctrl-C cancels a query, Ctrl-D ends the shell.
.schema [VIEW]     the views, or the columns of one; and the functions
.reports [WORDS]   the reports, or those about something
.reload            look at the lake anew, after a run of `ingest`
.quit              end the shell"""
_KEYWORDS = (
    *("SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "HAVING", "LIMIT", "WITH"),
    *("DESCRIBE", "DISTINCT", "JOIN", "USING", "COUNT(*)", "DESC", "INTERVAL", "LIKE"),
)


class Shell:
    """Runs statements over one database; an error ends a statement, not the shell."""

    def __init__(
        self,
        open_database: Callable[[], Database],
        reports: Iterable[Report],
        output: Format,
        say_of: Callable[[str], None],
    ) -> None:
        """`say_of` says what is to be known of the result of a statement."""
        self._open = open_database
        self._reports = reports
        self._format = output
        self._say_of = say_of
        self._database = open_database()
        self.exit_code = 0
        """That of the first error."""

    def run(self, text: str) -> None:
        """Run what somebody entered: a command with a dot, or statements, the last one perhaps without a semicolon."""
        if _is_command(text):
            self._try(self._command, text)
            return
        statements, rest = split_statements(text)
        for statement in [*statements, *filter(None, [rest])]:
            self._try(self._query, statement)

    def run_lines(self, lines: Iterable[str]) -> None:
        """Run each statement, and each line with a command, once it is complete."""
        text = ""
        for line in lines:
            text += line
            if is_complete(text):
                self.run(text)
                text = ""
        self.run(text)

    def _try(self, action: Callable[[str], None], text: str) -> None:
        try:
            action(text)
        except AccessLakeError as error:
            self.exit_code = self.exit_code or error.exit_code
            typer.echo(f"accesslake: {safe_message(error)}", err=True)
        except KeyboardInterrupt:
            # DuckDB has no way to stop at once, but its process has; the next query starts another.
            self._database.close()
            typer.echo("accesslake: canceled", err=True)

    def _query(self, statement: str) -> None:
        with working("querying"):
            result = self._database.query(statement)
        self._say_of(statement)
        self._write(result)

    def _write(self, result: Result) -> None:
        if self._format is Format.TABLE:
            write_table(result, sys.stdout, _MAX_ROWS)
        else:
            write_result(result, self._format, None)

    def _command(self, text: str) -> None:
        name, *words = text.strip().removesuffix(";").split()
        commands: dict[str, Callable[..., None]] = {
            ".help": lambda *_: typer.echo(_HELP),
            ".schema": self._describe,
            ".reports": lambda *words: print_found(find_reports(words, self._reports)),
            ".reload": self._reload,
            ".quit": _end,
            ".exit": _end,
        }
        if name not in commands:
            raise UsageError(f"no command {name!r} (there are: {', '.join(commands)})")
        commands[name](*words)

    def _describe(self, view: str | None = None, *_: str) -> None:
        if view is not None and view not in NOTES:
            raise UsageError(f"no view {view!r} (there are: {', '.join(NOTES)})")
        self._write(as_result(view))
        if view is None:
            print_functions(functions())

    def _reload(self, *_: str) -> None:
        self._database.close()
        self._database = self._open()


def run_interactively(shell: Shell, state: Path) -> None:
    """Prompt for statements until Ctrl-D; those entered are remembered in the directory `state`."""
    session = _session(state)
    typer.echo("Read only. A SELECT ends with a semicolon; .help tells more.", err=True)
    with cancelling():
        while True:
            try:
                text = session.prompt()
            except KeyboardInterrupt:  # at the prompt it empties the line
                continue
            except EOFError:
                return
            try:
                shell.run(text)
            except EOFError:
                return


def state_folder(environ: Mapping[str, str]) -> Path:
    """Where programs of a user remember what he did, as the XDG Base Directory Specification has it."""
    home = Path(environ.get("HOME", "."))
    return Path(environ.get("XDG_STATE_HOME") or home / ".local/state") / "accesslake"


def _end(*_: str) -> None:
    raise EOFError


def is_complete(text: str) -> bool:
    """Whether Enter runs what was entered: a command, or statements of which the last one has its semicolon."""
    if not text.strip() or _is_command(text):
        return True
    statements, rest = split_statements(text)
    return bool(statements) and not rest


def _is_command(text: str) -> bool:
    return text.lstrip().startswith(".")


def _session(state: Path) -> Any:
    from prompt_toolkit import PromptSession  # noqa: PLC0415 - only an interactive shell needs it
    from prompt_toolkit.completion import WordCompleter  # noqa: PLC0415
    from prompt_toolkit.key_binding import KeyBindings  # noqa: PLC0415
    from prompt_toolkit.lexers import PygmentsLexer  # noqa: PLC0415
    from pygments.lexers.sql import SqlLexer  # noqa: PLC0415

    bindings = KeyBindings()

    @bindings.add("enter")
    def _enter(event: Any) -> None:
        buffer = event.current_buffer
        if is_complete(buffer.text):
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n")

    words = re.compile(r"[\w.]+")
    return PromptSession(
        _PROMPT,
        multiline=True,
        prompt_continuation=_MORE,
        key_bindings=bindings,
        history=_history(state),
        lexer=PygmentsLexer(SqlLexer),
        completer=WordCompleter(_words(), ignore_case=True, pattern=words),
        complete_while_typing=False,
        enable_history_search=True,
    )


def _history(state: Path) -> Any:
    from prompt_toolkit.history import FileHistory, InMemoryHistory  # noqa: PLC0415

    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = state / "shell_history"
        file.touch(mode=0o600)
    except OSError:  # such as a home that cannot be written to
        return InMemoryHistory()
    return FileHistory(file)


def _words() -> list[str]:
    """What Tab completes: views, their columns, functions, SQL."""
    names = [column.column for column in columns()]
    calls = [function.call.partition("(")[0] for function in functions()]
    return sorted({*NOTES, *names, *calls, *_KEYWORDS})
