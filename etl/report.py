"""Reports: one `.sql` file each, described by a head in its own comments.

The head is TOML between `-- /// report` and `-- ///` (the grammar of PEP 723 with SQL's comment mark): title,
question, an optional chart, and a table for each parameter. Everything after it is one SELECT.
"""

import datetime as dt
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import duckdb
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from etl.errors import AccessLakeError, UsageError, nearest
from etl.query import EVERYTHING, Result, Scope, query_lake
from etl.resources import bundled
from etl.store import Store

_HEAD = re.compile(r"\A-- /// report\n(?P<toml>(?:--(?: [^\n]*)?\n)+?)-- ///\n", re.MULTILINE)
_TYPES: dict[str, type] = {"integer": int, "number": float, "string": str, "date": dt.date, "boolean": bool}


class ReportFileError(AccessLakeError):
    """A report file that breaks the rules; the message names the file and, where it can, the line."""


class Parameter(BaseModel):
    """A report's parameter; without a default it is required."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["integer", "number", "string", "date", "boolean"]
    help: str
    default: int | float | str | dt.date | bool | None = None

    @property
    def required(self) -> bool:
        return "default" not in self.model_fields_set


class Chart(BaseModel):
    """How a report's result is drawn."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["pie", "bar", "line"]
    label: str
    value: str


class Report(BaseModel):
    """A report as its file describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """The file's path below its directory, without suffix: `website/top_objects`."""
    sql: str
    title: str
    question: str
    chart: Chart | None = None
    params: dict[str, Parameter] = {}


def load_reports(directory: Path | None = None) -> dict[str, Report]:
    """The bundled reports (or those below `directory`) by name, in order. Raises ReportFileError."""
    root = directory or bundled("sql")
    files = sorted(root.glob("*/*.sql"))
    return {report.name: report for report in (_load(path, root) for path in files)}


def find_report(name: str) -> Report:
    """The bundled report `name`. Raises UsageError with the nearest name."""
    reports = load_reports()
    if name not in reports:
        raise UsageError(f"no report {name!r} (`accesslake reports` lists them){nearest(name, reports)}")
    return reports[name]


def run_report(
    store: Store,
    report: Report,
    scope: Scope = EVERYTHING,
    given: Mapping[str, object] | None = None,
    endpoint_url: str | None = None,
) -> Result:
    """A report's result over the part of the lake in `scope`.

    `given` holds parameters by name, as text or as values. Raises UsageError for one that is missing, unknown
    or of the wrong type, or for an unknown bucket.
    """
    values = bind(report, given or {})
    return query_lake(store, report.sql, values, scope, endpoint_url)


def bind(report: Report, given: Mapping[str, object]) -> dict[str, object]:
    """A value for every parameter of the report."""
    for name in given:
        if name not in report.params:
            known = ", ".join(report.params) or "none"
            raise UsageError(
                f"report {report.name} has no parameter {name!r}{nearest(name, report.params)} (it has: {known})"
            )
    return {name: _value(report, name, parameter, given) for name, parameter in report.params.items()}


def _value(report: Report, name: str, parameter: Parameter, given: Mapping[str, object]) -> object:
    if name not in given:
        if parameter.required:
            raise UsageError(f"report {report.name} needs -p {name}=...: {parameter.help}")
        return parameter.default
    try:
        return TypeAdapter(_TYPES[parameter.type]).validate_python(given[name])
    except ValidationError as error:
        raise UsageError(
            f"report {report.name}, -p {name}={given[name]}: not a valid {parameter.type} ({parameter.help})"
        ) from error


def _load(path: Path, root: Path) -> Report:
    text = path.read_text("utf-8")
    head = _HEAD.match(text)
    if head is None:
        raise ReportFileError(f"{path}:1: a report starts with a head from `-- /// report` to `-- ///`")
    toml = re.sub(r"^--(?: |$)", "", head["toml"], flags=re.MULTILINE)
    name = path.relative_to(root).with_suffix("").as_posix()
    try:
        report = Report.model_validate({**tomllib.loads(toml), "name": name, "sql": text[head.end() :].strip()})
    except tomllib.TOMLDecodeError as error:
        raise ReportFileError(
            f"{path}: the head is not valid TOML ({error}; its line 1 is the file's line 2)"
        ) from error
    except ValidationError as error:
        first: Any = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ReportFileError(f"{path}: in the head, {where}: {first['msg']}") from error
    _check_sql(path, report)
    return report


def _check_sql(path: Path, report: Report) -> None:
    """One SELECT, whose parameters are the declared ones: as DuckDB's own parser sees it."""
    try:
        statements = duckdb.extract_statements(report.sql)
    except duckdb.Error as error:
        raise ReportFileError(f"{path}: {error}") from error
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise ReportFileError(f"{path}: a report is one SELECT statement")
    used, declared = set(statements[0].named_parameters), set(report.params)
    if used != declared:
        wrong = ", ".join(sorted(used ^ declared))
        raise ReportFileError(f"{path}: parameters declared in the head and used in the SQL differ: {wrong}")
