"""The reports that there are: one `.sql` file each, described by front matter in its own comments.

The front matter is TOML between `-- /// report` and `-- ///` (the grammar of PEP 723 with SQL's comment mark): title,
question, an optional chart and place on the dashboard, and a table for each parameter. Everything after it is one
SELECT.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import duckdb
from pydantic import ValidationError

from etl.config import Settings
from etl.errors import UsageError, nearest, reason_of
from etl.query import Database, LimitError, QueryError
from etl.query.connection import without_semicolons
from etl.reports.files import bundled_files, files_below
from etl.reports.report import (
    Report,
    ReportFileError,
    bind,
    examples,
    in_file,
    query_report,
)
from etl.store import open_store

_BEGIN, _END = "-- /// report", "-- ///"
# A report takes no time over an empty lake, unless it would never end.
_FOR_CHECKS = Settings(query_seconds=10)
# Lines of a file before the first one of its TOML.
_BEFORE_TOML = 1


def load_reports(directories: Iterable[Path] = ()) -> dict[str, Report]:
    """The bundled reports by name, in order, and after them those below `directories`.

    Raises ReportFileError for a file that breaks the rules or has the name of another report, UsageError for a
    directory that does not exist.
    """
    reports = _load_all(bundled_files())
    for directory in directories:
        if not directory.is_dir():
            raise UsageError(f"--sql-dir {directory}: no such directory")
        own = _load_all(files_below(directory))
        for report in own.values():
            if report.name in reports:
                raise ReportFileError(
                    f"{report.path}: {reports[report.name].path} has this name already: {report.name}"
                )
            reports[report.name] = report
        _check_results(list(own.values()))
    return reports


def find_report(name: str, directories: Iterable[Path] = ()) -> Report:
    """The report `name`. Raises UsageError with the nearest name, and what `load_reports` does."""
    own, bundled = list(directories), bundled_files()
    if name in bundled and not own:
        # Of this one only; to read all of them takes as long as many a report.
        return _load(name, bundled[name])
    reports = load_reports(own)
    if name not in reports:
        raise UsageError(
            f"no report {name!r} (`accesslake reports` lists them){nearest(name, reports)}"
        )
    return reports[name]


def _load_all(files: Mapping[str, Path]) -> dict[str, Report]:
    return {name: _load(name, path) for name, path in files.items()}


def _load(name: str, path: Path) -> Report:
    source = _split(path, _read(path))
    values = {
        **_parse_toml(path, source.toml),
        "path": path,
        "line": source.line,
        "name": name,
        "sql": source.sql,
    }
    try:
        report = Report.model_validate(values)
    except ValidationError as error:
        first: Any = error.errors()[0]
        line = _line_of(source.toml, first["loc"]) + _BEFORE_TOML
        where = ".".join(str(part) for part in first["loc"])
        raise ReportFileError(
            f"{path}:{line}: in the front matter, {where}: {reason_of(first['msg'])}"
        ) from error
    _check_sql(report)
    return report


def _read(path: Path) -> str:
    try:
        # Editors of Windows put a byte order mark before the text.
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + error.object[: error.start].count(b"\n")
        raise ReportFileError(f"{path}:{line}: not UTF-8 text") from error


class _Source(NamedTuple):
    """A report file taken apart: its front matter as TOML, its SELECT, and the line on which that begins, from 1."""

    toml: str
    sql: str
    line: int


def _split(path: Path, text: str) -> _Source:
    lines = text.removesuffix("\n").split("\n")
    front_matter = _front_matter(path, lines)
    toml = "".join(
        f"{line.removeprefix('--').removeprefix(' ')}\n" for line in front_matter
    )
    after = len(front_matter) + 2  # with the lines that begin and end it
    below = "\n".join(lines[after:])
    blank = below[: len(below) - len(below.lstrip())]
    # Without its semicolon, so that it can be wrapped in another query.
    sql = below.strip().removesuffix(";").rstrip()
    return _Source(toml, sql, line=after + blank.count("\n") + 1)


def _front_matter(path: Path, lines: Sequence[str]) -> list[str]:
    """The lines between the one that begins the front matter and the one that ends it."""
    if not lines or lines[0].rstrip() != _BEGIN:
        raise ReportFileError(
            f"{path}:1: a report starts with front matter, from `{_BEGIN}` to `{_END}`"
        )
    for number, line in enumerate(lines[1:], 2):
        if line.rstrip() == _END:
            return list(lines[1 : number - 1])
        if line.rstrip() != "--" and not line.startswith("-- "):
            problem = f"in the front matter, before its end `{_END}`, each line begins with `-- `"
            raise ReportFileError(f"{path}:{number}: {problem}")
    raise ReportFileError(
        f"{path}:{len(lines)}: the front matter is not ended by `{_END}`"
    )


def _parse_toml(path: Path, toml: str) -> dict[str, Any]:
    try:
        return tomllib.loads(toml)
    except tomllib.TOMLDecodeError as error:
        # The message has the line, except where the text ends too early.
        at = re.search(r"at line (\d+)", str(error))
        line = int(at[1]) if at else toml.count("\n")
        raise ReportFileError(
            f"{path}:{line + _BEFORE_TOML}: the front matter is not valid TOML: {error}"
        ) from error


def _line_of(toml: str, location: Sequence[Any]) -> int:
    """The line of the TOML that sets a value, or the last one on the way to it that there is."""
    lines, found = toml.splitlines(), 0
    for part in location:
        name = f'"?{re.escape(str(part))}"?'
        key = re.compile(rf"\[(?:.*\.)?{name}\]|{name}\s*=")
        matches = (
            number
            for number in range(found, len(lines))
            if key.match(lines[number].lstrip())
        )
        found = next(matches, found)
    return found + 1


def _check_sql(report: Report) -> None:
    """Raise ReportFileError unless DuckDB's own parser finds one SELECT, with the declared parameters."""
    try:
        statements = duckdb.extract_statements(report.sql)
    except duckdb.Error as error:
        raise ReportFileError(in_file(report, error)) from error
    where = f"{report.path}:{report.line}"
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise ReportFileError(f"{where}: a report is one SELECT statement")
    used, declared = set(statements[0].named_parameters), set(report.params)
    if used != declared:
        differing = ", ".join(sorted(used ^ declared))
        raise ReportFileError(
            f"{where}: parameters declared in the front matter and used in the SQL differ: {differing}"
        )


def _check_results(reports: Iterable[Report]) -> None:
    """What can be checked on an empty lake: the SQL fits the views, and the chart the result."""
    with TemporaryDirectory() as nothing:
        database = Database(open_store(nothing), settings=_FOR_CHECKS)
        for report in reports:
            parameters = examples(report)
            try:
                query_report(report, database, parameters)
                _check_columns(report, database, parameters)
            except QueryError as error:
                raise ReportFileError(str(error)) from error
            except LimitError as error:
                raise ReportFileError(in_file(report, error)) from error


def _check_columns(
    report: Report, database: Database, parameters: Mapping[str, object]
) -> None:
    """No two columns of one name: in most formats one of them would be lost."""
    sql = f"SELECT column_name FROM (DESCRIBE {without_semicolons(report.sql)}\n)"
    described = database.query(sql, bind(report, parameters)).to_arrow()
    names = described["column_name"].to_pylist()
    if len(set(names)) < len(names):
        raise ReportFileError(
            f"{report.path}: two columns of the result have one name: {', '.join(names)}"
        )
