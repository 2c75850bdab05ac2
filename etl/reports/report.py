"""A report: the question that it answers, its SQL, its parameters, and how and where its result is shown."""

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from etl.config import DEFAULTS, Settings
from etl.errors import AccessLakeError, UsageError, nearest
from etl.query import (
    EVERYTHING,
    Advance,
    Database,
    QueryError,
    Result,
    Scope,
    check_locations,
    sql_literal,
)
from etl.query.place import moved, place_of
from etl.reports.chart import SUFFIXES, Chart
from etl.store import ReadableStore

_TYPES: dict[str, type] = {
    "integer": int,
    "number": float,
    "string": str,
    "date": dt.date,
    "boolean": bool,
}
_EXAMPLES = {
    "integer": 1,
    "number": 1.0,
    "string": "",
    "date": "2026-01-01",
    "boolean": True,
}
# What DuckDB has as an integer.
_BIGINT = Annotated[int, Field(ge=-(2**63), lt=2**63)]
_ADAPTERS: dict[str, TypeAdapter[Any]] = {
    name: TypeAdapter(_BIGINT if kind is int else kind) for name, kind in _TYPES.items()
}


# What every report takes (`Lake.report`): a parameter of that name could not be set.
_RESERVED = frozenset(
    {"name", "bucket", "date_from", "date_to", "last", "key_prefix", "engine"}
)


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
        # TOML has no null: a default that is None was not written.
        return "default" not in self.model_fields_set

    @field_validator("default")
    @classmethod
    def _has_its_type(cls, default: object, info: ValidationInfo) -> object:
        """The default as a value of the parameter's type: `1` is a number, too, but no text is one."""
        if "type" not in info.data:  # which is wrong itself
            return default
        try:
            return _ADAPTERS[info.data["type"]].validate_python(default, strict=True)
        except ValidationError as error:
            raise ValueError(
                f"the default {default!r} is no {info.data['type']}"
            ) from error


class Section(StrEnum):
    """The sections of the dashboard, in the order of the page."""

    OVERVIEW = "Overview"
    WEBSITE = "Website"
    LIFECYCLE = "Lifecycle"
    SECURITY = "Security"
    COST = "Cost"
    OPERATIONS = "Operations"


class Placement(BaseModel):
    """Where the dashboard shows a report, and of which records.

    The page shows bundled reports only.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    section: Section
    position: Annotated[StrictInt, Field(ge=1)]
    """Its place in the section, from 1."""
    history: StrictBool = False
    """Whether it reads the records before the page's period, too."""


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
    note: str = ""
    """What the result cannot tell, or what has to be known to read it."""
    chart: Chart | None = None
    params: dict[str, Parameter] = {}
    dashboard: Placement | None = None
    """None: it is not on the dashboard."""

    @field_validator("params")
    @classmethod
    def _has_names_of_its_own(cls, params: dict[str, Parameter]) -> dict[str, Parameter]:
        if reserved := _RESERVED & params.keys():
            raise ValueError(
                f"every report takes {', '.join(sorted(reserved))}; give the parameter another name"
            )
        return params

    @field_validator("dashboard")
    @classmethod
    def _runs_without_parameters(
        cls, dashboard: Placement | None, info: ValidationInfo
    ) -> Placement | None:
        params = info.data.get("params", {})  # absent where they are invalid themselves
        required = [name for name, parameter in params.items() if parameter.required]
        if dashboard and required:
            raise ValueError(
                f"the page runs reports without parameters: give a default to {', '.join(required)}"
            )
        return dashboard


def run_report(
    store: ReadableStore,
    report: Report,
    scope: Scope = EVERYTHING,
    parameters: Mapping[str, object] | None = None,
    settings: Settings = DEFAULTS,
    advance: Advance | None = None,
) -> Result:
    """A report's result over the part of the lake in `scope`; for `advance` see `Database`.

    `parameters` are by name, as text or as values. Raises UsageError for one that is missing, unknown
    or of the wrong type, for an unknown bucket, or where it needs databases that the settings do not name.
    """
    check_locations(report.sql, settings)
    database = Database(store, scope, settings, advance=advance)
    return query_report(report, database, parameters)


def query_report(
    report: Report, database: Database, parameters: Mapping[str, object] | None = None
) -> Result:
    """A report's result over what `database` has of the lake; see `run_report`."""
    values = bind(report, parameters or {})
    try:
        # What a report is not to read is not in the database: its scope says so.
        result = database.query(report.sql, values, reads_all=True)
    except QueryError as error:
        raise QueryError(in_file(report, error)) from error
    for name in report.chart.columns if report.chart else ():
        if name not in result.columns:
            known = ", ".join(result.columns)
            raise ReportFileError(
                f"{report.path}: the chart's column {name!r} is not in the result (it has: {known})"
            )
    return result


def in_file(report: Report, error: Exception) -> str:
    """DuckDB's message about a report's SQL, with the file, line and column."""
    message = str(error)
    line, column = place_of(message, report.sql) or (1, 1)
    # The first line of the SELECT is not that of the file.
    offset = report.line - 1
    return f"{report.path}:{line + offset}:{column}: {moved(message, offset)}"


def check_drawable(report: Report, output: Path) -> None:
    """Raise UsageError where the report declares no chart, or the file's suffix is no picture format."""
    if report.chart is None:
        raise UsageError(
            f"report {report.name} has no chart; `accesslake reports --json` tells which have one"
        )
    if output.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--chart {output}: the name must end in {', '.join(SUFFIXES)}")


def bind(report: Report, parameters: Mapping[str, object]) -> dict[str, object]:
    """A value for every parameter of the report."""
    for name in parameters:
        if name not in report.params:
            known = ", ".join(report.params) or "none"
            suggestion = nearest(name, report.params)
            raise UsageError(
                f"report {report.name} has no parameter {name!r}{suggestion} (it has: {known})"
            )
    return {
        name: _value(report, name, declared, parameters)
        for name, declared in report.params.items()
    }


def examples(report: Report) -> dict[str, object]:
    """A value for each parameter without a default."""
    return {
        name: _EXAMPLES[parameter.type]
        for name, parameter in report.params.items()
        if parameter.required
    }


def statement(report: Report, parameters: Mapping[str, object]) -> str:
    """The report as a prepared statement and its execution with these parameters, for a DuckDB that has the views."""
    values = bind(report, parameters)
    title = " ".join(report.title.split())  # a line break would end the comment
    if not values:
        return f"-- {title}\n{report.sql};\n"
    arguments = ", ".join(
        f'"{name}" := {literal(value)}' for name, value in values.items()
    )
    return (
        f"-- {title}\nPREPARE report AS\n{report.sql};\n\nEXECUTE report({arguments});\n"
    )


def literal(value: object) -> str:
    """A parameter's value as SQL."""
    if isinstance(value, str):
        return sql_literal(value)
    return f"DATE '{value}'" if isinstance(value, dt.date) else str(value)


def _value(
    report: Report, name: str, declared: Parameter, parameters: Mapping[str, object]
) -> object:
    if name not in parameters:
        if declared.required:
            raise UsageError(f"report {report.name} needs -p {name}=...: {declared.help}")
        return declared.default
    value = parameters[name]
    try:
        return _ADAPTERS[declared.type].validate_python(value)
    except ValidationError as error:
        raise UsageError(
            f"report {report.name}, -p {name}={value}: not a valid {declared.type} ({declared.help})"
        ) from error
