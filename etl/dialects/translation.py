"""A report as one statement for another engine."""

from collections.abc import Callable, Mapping

from sqlglot import ErrorLevel, exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from etl.config import DEFAULTS, Settings
from etl.dialects.assembly import RECORDS, Assembly
from etl.dialects.constants import Constants, constant
from etl.dialects.definitions import bundled_definitions, parse
from etl.dialects.dialect import Dialect
from etl.dialects.own import check_own, mark
from etl.dialects.portable import portable
from etl.dialects.records import COLUMNS, records, table_named
from etl.dialects.spark import for_spark
from etl.dialects.tidy import tidy
from etl.dialects.trino import for_trino
from etl.dialects.vocabulary import NotOfferedError, check_vocabulary
from etl.query import EVERYTHING, Scope
from etl.reports import Report, bind
from etl.reports.files import bundled_files

_WRITERS: Mapping[Dialect, Callable[[exp.Query, MappingSchema], exp.Query]] = {
    Dialect.ATHENA: for_trino,
    Dialect.SPARK: for_spark,
    Dialect.TRINO: for_trino,
}


def translate(
    report: Report,
    dialect: Dialect,
    parameters: Mapping[str, object],
    scope: Scope = EVERYTHING,
    settings: Settings = DEFAULTS,
    table: str = RECORDS,
) -> str:
    """A report's statement. Raises NotOfferedError where an engine cannot be asked, UsageError as `bind`."""
    values = bind(report, parameters)
    try:
        return _statement(report, dialect, values, scope, settings, table)
    except (NotOfferedError, SqlglotError, ValueError, TypeError) as error:
        # Of a report of one's own, what is not understood may be anything.
        known = isinstance(error, NotOfferedError)
        reason = error if known else f"its SQL is not understood ({_first_line(error)})"
        raise NotOfferedError(
            f"report {report.name} is not offered in the SQL of {dialect.title()}: {reason}; accesslake itself runs it"
        ) from error


def _statement(
    report: Report,
    dialect: Dialect,
    values: Mapping[str, object],
    scope: Scope,
    settings: Settings,
    table: str,
) -> str:
    source = table_named(table)
    assembly = Assembly(
        bundled_definitions(), Constants(settings), records(scope, source)
    )
    tree = assembly.assemble(_with_values(_parsed(report), values))
    schema = MappingSchema(dialect="duckdb")
    schema.add_table(source, COLUMNS)
    named = qualify(
        tree,
        schema=schema,
        dialect="duckdb",
        quote_identifiers=False,
        identify=False,
    )
    typed = annotate_types(named, schema=schema, dialect="duckdb")
    check_own(typed)
    narrow = pushdown_projections(portable(typed))
    written = _WRITERS[dialect](tidy(narrow), schema)
    sql = written.sql(dialect, pretty=True, unsupported_level=ErrorLevel.RAISE)
    check_vocabulary(sql, written, dialect)
    return sql


def _parsed(report: Report) -> exp.Query:
    """A report's SQL; of one that is not bundled, and so compared with nothing, it is known whose it is."""
    is_bundled = bundled_files().get(report.name) == report.path
    return parse(report.sql) if is_bundled else mark(parse(report.sql))


def _with_values(tree: exp.Query, values: Mapping[str, object]) -> exp.Query:
    for placeholder in list(tree.find_all(exp.Placeholder)):
        placeholder.replace(constant(values[placeholder.name]))
    return tree


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
