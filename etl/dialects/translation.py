"""A report as one statement for another engine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlglot import ErrorLevel, exp
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from etl.config import DEFAULTS, Settings
from etl.dialects.assembly import RECORDS, Assembly
from etl.dialects.constants import Constants, constant
from etl.dialects.definitions import bundled_definitions, parse
from etl.dialects.dialect import Dialect
from etl.dialects.portable import portable
from etl.dialects.records import COLUMNS, records
from etl.dialects.spark import for_spark
from etl.dialects.tidy import tidy
from etl.dialects.trino import for_trino
from etl.dialects.vocabulary import check_vocabulary
from etl.query import EVERYTHING, Scope
from etl.reports import Report, bind

_WRITERS: Mapping[Dialect, Callable[[exp.Query, MappingSchema], exp.Query]] = {
    Dialect.ATHENA: for_trino,
    Dialect.SPARK: lambda tree, _: for_spark(tree),
    Dialect.TRINO: for_trino,
}


@dataclass(frozen=True, slots=True)
class Translation:
    """A statement, and what has to be known of it, a sentence each."""

    sql: str
    notes: tuple[str, ...] = ()


def translate(
    report: Report,
    dialect: Dialect,
    parameters: Mapping[str, object],
    scope: Scope = EVERYTHING,
    settings: Settings = DEFAULTS,
    table: str = RECORDS,
) -> Translation:
    """A report's statement. Raises NotOfferedError where an engine cannot be asked, UsageError as `bind`."""
    assembly = Assembly(bundled_definitions(), Constants(settings), records(scope, table))
    tree = assembly.assemble(_with_values(parse(report.sql), bind(report, parameters)))
    schema = MappingSchema(dialect="duckdb")
    schema.add_table(table, COLUMNS)
    named = qualify(
        tree,
        schema=schema,
        dialect="duckdb",
        quote_identifiers=False,
        identify=False,
    )
    typed = annotate_types(named, schema=schema, dialect="duckdb")
    narrow = pushdown_projections(portable(typed))
    written = _WRITERS[dialect](tidy(narrow), schema)
    sql = written.sql(dialect, pretty=True, unsupported_level=ErrorLevel.RAISE)
    check_vocabulary(sql, written, dialect)
    return Translation(sql)


def _with_values(tree: exp.Query, values: Mapping[str, object]) -> exp.Query:
    for placeholder in list(tree.find_all(exp.Placeholder)):
        placeholder.replace(constant(values[placeholder.name]))
    return tree
