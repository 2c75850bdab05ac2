"""The reports that there are: one `.sql` file each, described by a head in its own comments.

The head is TOML between `-- /// report` and `-- ///` (the grammar of PEP 723 with SQL's comment mark): title,
question, an optional chart, and a table for each parameter. Everything after it is one SELECT.
"""

import re
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import duckdb
from pydantic import ValidationError

from etl.errors import UsageError, nearest
from etl.report import Report, ReportFileError
from etl.resources import bundled

_HEAD = re.compile(r"\A-- /// report\n(?P<toml>(?:--(?: [^\n]*)?\n)+?)-- ///\n", re.MULTILINE)
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
        for report in _load_all(directory, "**/*.sql"):
            if report.name in reports:
                raise ReportFileError(
                    f"{report.path}: {reports[report.name].path} has this name already: {report.name}"
                )
            reports[report.name] = report
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
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        line = 1 + error.object[: error.start].count(b"\n")
        raise ReportFileError(f"{path}:{line}: not UTF-8 text") from error
    head = _HEAD.match(text)
    if head is None:
        raise ReportFileError(f"{path}:1: a report starts with a head from `-- /// report` to `-- ///`")
    toml = re.sub(r"^--(?: |$)", "", head["toml"], flags=re.MULTILINE)
    name = path.relative_to(root).with_suffix("").as_posix()
    sql = text[head.end() :].strip().removesuffix(";").rstrip()
    try:
        report = Report.model_validate({**tomllib.loads(toml), "path": path, "name": name, "sql": sql})
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+)", str(error))
        line = int(at[1]) if at else toml.count("\n")
        raise ReportFileError(f"{path}:{line + _BEFORE_TOML}: the head is not valid TOML: {error}") from error
    except ValidationError as error:
        first: Any = error.errors()[0]
        line, where = _line_of(toml, first["loc"]), ".".join(str(part) for part in first["loc"])
        raise ReportFileError(f"{path}:{line + _BEFORE_TOML}: in the head, {where}: {first['msg']}") from error
    _check_sql(report, 1 + text[: text.index(sql, head.end())].count("\n"))
    return report


def _line_of(toml: str, location: Sequence[Any]) -> int:
    """The line of the TOML that sets a value, or the last one on the way to it that there is."""
    lines, found = toml.splitlines(), 0
    for part in location:
        key = re.compile(rf'\[(?:.*\.)?"?{re.escape(str(part))}"?\]|"?{re.escape(str(part))}"?\s*=')
        found = next((number for number in range(found, len(lines)) if key.match(lines[number].lstrip())), found)
    return found + 1


def _check_sql(report: Report, first_line: int) -> None:
    """One SELECT, whose parameters are the declared ones: as DuckDB's own parser sees it."""
    try:
        statements = duckdb.extract_statements(report.sql)
    except duckdb.Error as error:
        at = re.search(r"LINE (\d+):", str(error))
        line = first_line + (int(at[1]) - 1 if at else 0)
        raise ReportFileError(f"{report.path}:{line}: {error}") from error
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise ReportFileError(f"{report.path}:{first_line}: a report is one SELECT statement")
    used, declared = set(statements[0].named_parameters), set(report.params)
    if used != declared:
        wrong = ", ".join(sorted(used ^ declared))
        raise ReportFileError(
            f"{report.path}:{first_line}: parameters declared in the head and used in the SQL differ: {wrong}"
        )
