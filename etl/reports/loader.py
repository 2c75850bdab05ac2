"""The reports that there are: one `.sql` file each, described by a head in its own comments.

The head is TOML between `-- /// report` and `-- ///` (the grammar of PEP 723 with SQL's comment mark): title,
question, an optional chart, and a table for each parameter. Everything after it is one SELECT.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
from pydantic import ValidationError

from etl.config import Settings
from etl.errors import UsageError, nearest
from etl.query import Database, LimitError, QueryError
from etl.query.connection import without_semicolons
from etl.reports.report import Report, ReportFileError, answer, bind
from etl.resources import bundled
from etl.store import open_store

_BEGIN, _END = "-- /// report", "-- ///"
_EXAMPLES = {"integer": 1, "number": 1.0, "string": "", "date": "2026-01-01", "boolean": True}
_FOR_CHECKS = Settings(query_seconds=10)
"""A report takes no time over an empty lake, unless it would never end."""
_BEFORE_TOML = 1
"""Lines of a file before the first one of its TOML."""


def load_reports(directories: Iterable[Path] = ()) -> dict[str, Report]:
    """The bundled reports by name, in order, and after them those below `directories`.

    Raises ReportFileError for a file that breaks the rules or has the name of another report, UsageError for a
    directory that does not exist.
    """
    reports = {report.name: report for report in _load_all(bundled("sql"), "*/*.sql")}
    for directory in directories:
        if not directory.is_dir():
            raise UsageError(f"--sql-dir {directory}: no such directory")
        own = _load_all(directory, "**/*.sql")
        for report in own:
            if report.name in reports:
                raise ReportFileError(
                    f"{report.path}: {reports[report.name].path} has this name already: {report.name}"
                )
            reports[report.name] = report
        _check_results(own)
    return reports


def find_report(name: str, directories: Iterable[Path] = ()) -> Report:
    """The report `name`. Raises UsageError with the nearest name, and what `load_reports` does."""
    reports = load_reports(directories)
    if name not in reports:
        raise UsageError(f"no report {name!r} (`accesslake reports` lists them){nearest(name, reports)}")
    return reports[name]


def _load_all(root: Path, pattern: str) -> list[Report]:
    return [_load(path, root) for path in sorted(root.glob(pattern))]


def _load(path: Path, root: Path) -> Report:
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + error.object[: error.start].count(b"\n")
        raise ReportFileError(f"{path}:{line}: not UTF-8 text") from error
    lines = text.removesuffix("\n").split("\n")
    head = _head(path, lines)
    toml = "".join(f"{line.removeprefix('--').removeprefix(' ')}\n" for line in head)
    name = path.relative_to(root).with_suffix("").as_posix()
    below = "\n".join(lines[len(head) + 2 :])
    line = len(head) + 3 + below[: len(below) - len(below.lstrip())].count("\n")
    sql = below.strip().removesuffix(";").rstrip()
    try:
        report = Report.model_validate({**tomllib.loads(toml), "path": path, "line": line, "name": name, "sql": sql})
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+)", str(error))
        line = int(at[1]) if at else toml.count("\n")
        raise ReportFileError(f"{path}:{line + _BEFORE_TOML}: the head is not valid TOML: {error}") from error
    except ValidationError as error:
        first: Any = error.errors()[0]
        line, where = _line_of(toml, first["loc"]), ".".join(str(part) for part in first["loc"])
        raise ReportFileError(f"{path}:{line + _BEFORE_TOML}: in the head, {where}: {first['msg']}") from error
    _check_sql(report)
    return report


def _head(path: Path, lines: Sequence[str]) -> list[str]:
    """The lines between the first one and the end of the head."""
    if not lines or lines[0].rstrip() != _BEGIN:
        raise ReportFileError(f"{path}:1: a report starts with a head, from `{_BEGIN}` to `{_END}`")
    for number, line in enumerate(lines[1:], 2):
        if line.rstrip() == _END:
            return list(lines[1 : number - 1])
        if line.rstrip() != "--" and not line.startswith("-- "):
            raise ReportFileError(f"{path}:{number}: in the head, before its end `{_END}`, each line begins with `-- `")
    raise ReportFileError(f"{path}:{len(lines)}: the head is not ended by `{_END}`")


def _line_of(toml: str, location: Sequence[Any]) -> int:
    """The line of the TOML that sets a value, or the last one on the way to it that there is."""
    lines, found = toml.splitlines(), 0
    for part in location:
        key = re.compile(rf'\[(?:.*\.)?"?{re.escape(str(part))}"?\]|"?{re.escape(str(part))}"?\s*=')
        found = next((number for number in range(found, len(lines)) if key.match(lines[number].lstrip())), found)
    return found + 1


def _check_sql(report: Report) -> None:
    """One SELECT, whose parameters are the declared ones: as DuckDB's own parser sees it."""
    try:
        statements = duckdb.extract_statements(report.sql)
    except duckdb.Error as error:
        raise ReportFileError(f"{report.path}:{_line_in(report, error)}: {error}") from error
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise ReportFileError(f"{report.path}:{report.line}: a report is one SELECT statement")
    used, declared = set(statements[0].named_parameters), set(report.params)
    if used != declared:
        wrong = ", ".join(sorted(used ^ declared))
        raise ReportFileError(
            f"{report.path}:{report.line}: parameters declared in the head and used in the SQL differ: {wrong}"
        )


def _check_results(reports: Iterable[Report]) -> None:
    """What can be told without a lake: the SQL fits the views, and the chart the result."""
    with TemporaryDirectory() as nothing:
        database = Database(open_store(nothing), settings=_FOR_CHECKS)
        for report in reports:
            given = {name: _EXAMPLES[parameter.type] for name, parameter in report.params.items() if parameter.required}
            try:
                answer(report, database, given)
                _check_columns(report, database, given)
            except (QueryError, LimitError) as error:
                raise ReportFileError(f"{report.path}:{_line_in(report, error)}: {error}") from error


def _check_columns(report: Report, database: Database, given: Mapping[str, object]) -> None:
    """No two columns of one name: in most formats one of them would be lost."""
    described = database.query(
        f"SELECT column_name FROM (DESCRIBE {without_semicolons(report.sql)}\n)", bind(report, given)
    ).to_arrow()
    names = described["column_name"].to_pylist()
    if len(set(names)) < len(names):
        raise ReportFileError(f"{report.path}: two columns of the result have one name: {', '.join(names)}")


def _line_in(report: Report, error: Exception) -> int:
    """The line of the file that DuckDB's message is about."""
    at = re.search(r"LINE (\d+):", str(error))
    return report.line + (int(at[1]) - 1 if at else 0)
