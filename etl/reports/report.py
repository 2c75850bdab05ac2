"""A report: a question, the SQL that answers it, and what may be asked for besides."""

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from etl.config import Settings
from etl.errors import AccessLakeError, UsageError, nearest
from etl.query import DEFAULTS, EVERYTHING, Database, Result, Scope, sql_literal
from etl.reports.chart import SUFFIXES, Chart
from etl.store import ReadableStore

_TYPES: dict[str, type] = {"integer": int, "number": float, "string": str, "date": dt.date, "boolean": bool}
_BIGINT = Annotated[int, Field(ge=-(2**63), lt=2**63)]
"""What DuckDB has as an integer."""
_ADAPTERS: dict[str, TypeAdapter[Any]] = {
    name: TypeAdapter(_BIGINT if kind is int else kind) for name, kind in _TYPES.items()
}


class ReportFileError(AccessLakeError):
    """A report file that breaks the rules; the message names the file and the line."""


class Parameter(BaseModel):
    """A report's parameter; without a default it is required."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["integer", "number", "string", "date", "boolean"]
    help: str
    default: int | float | str | dt.date | bool | None = None

    @property
    def required(self) -> bool:
        return "default" not in self.model_fields_set

    @model_validator(mode="after")
    def _default_has_its_type(self) -> Self:
        if not self.required and type(self.default) is not _TYPES[self.type]:
            raise ValueError(f"the default {self.default!r} is no {self.type}")
        return self


class Report(BaseModel):
    """A report as its file describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path
    line: int
    """The line of the file on which the SQL begins, from 1."""
    name: str
    """The file's path below its directory, without suffix: `website/top_objects`."""
    sql: str
    title: str
    question: str
    chart: Chart | None = None
    params: dict[str, Parameter] = {}


def run_report(
    store: ReadableStore,
    report: Report,
    scope: Scope = EVERYTHING,
    given: Mapping[str, object] | None = None,
    settings: Settings = DEFAULTS,
) -> Result:
    """A report's result over the part of the lake in `scope`.

    `given` holds parameters by name, as text or as values. Raises UsageError for one that is missing, unknown
    or of the wrong type, or for an unknown bucket.
    """
    return answer(report, Database(store, scope, settings), given)


def answer(report: Report, database: Database, given: Mapping[str, object] | None = None) -> Result:
    """A report's result over what `database` has of the lake; see `run_report`."""
    result = database.query(report.sql, bind(report, given or {}))
    for name in report.chart.columns if report.chart else ():
        if name not in result.columns:
            known = ", ".join(result.columns)
            raise ReportFileError(f"{report.path}: the chart's column {name!r} is not in the result (it has: {known})")
    return result


def check_drawable(report: Report, output: Path) -> None:
    """Raise UsageError where the report says no chart, or the file's name no kind of picture."""
    if report.chart is None:
        raise UsageError(f"report {report.name} has no chart; `accesslake reports --json` tells which have one")
    if output.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--chart {output}: the name must end in {', '.join(SUFFIXES)}")


def bind(report: Report, given: Mapping[str, object]) -> dict[str, object]:
    """A value for every parameter of the report."""
    for name in given:
        if name not in report.params:
            known = ", ".join(report.params) or "none"
            raise UsageError(
                f"report {report.name} has no parameter {name!r}{nearest(name, report.params)} (it has: {known})"
            )
    return {name: _value(report, name, parameter, given) for name, parameter in report.params.items()}


def statement(report: Report, given: Mapping[str, object]) -> str:
    """The report as a prepared statement and its execution with these parameters, for a DuckDB that has the views."""
    values, title = bind(report, given), " ".join(report.title.split())
    if not values:
        return f"-- {title}\n{report.sql};\n"
    arguments = ", ".join(f'"{name}" := {_literal(value)}' for name, value in values.items())
    return f"-- {title}\nPREPARE report AS\n{report.sql};\n\nEXECUTE report({arguments});\n"


def _literal(value: object) -> str:
    if isinstance(value, str):
        return sql_literal(value)
    return f"DATE '{value}'" if isinstance(value, dt.date) else str(value)


def _value(report: Report, name: str, parameter: Parameter, given: Mapping[str, object]) -> object:
    if name not in given:
        if parameter.required:
            raise UsageError(f"report {report.name} needs -p {name}=...: {parameter.help}")
        return parameter.default
    try:
        return _ADAPTERS[parameter.type].validate_python(given[name])
    except ValidationError as error:
        raise UsageError(
            f"report {report.name}, -p {name}={given[name]}: not a valid {parameter.type} ({parameter.help})"
        ) from error
