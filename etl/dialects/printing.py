"""A report's statement for another engine, ready to be pasted there."""

import re
from collections.abc import Iterable, Iterator, Mapping

from etl.config import DEFAULTS, Settings
from etl.dialects.assembly import RECORDS
from etl.dialects.dialect import Dialect
from etl.dialects.translation import translate
from etl.dialects.user_functions import USER_FUNCTIONS
from etl.errors import UsageError
from etl.query import EVERYTHING, Scope
from etl.reports import Report

_NOTES: Mapping[Dialect, tuple[str, ...]] = {
    Dialect.SPARK: (
        "For Spark 3.5 or later, in a session with spark.sql.session.timeZone=UTC and spark.sql.ansi.enabled=true.",
    ),
    Dialect.TRINO: ("For Trino: checked by its grammar, not run.",),
    Dialect.ATHENA: ("For Athena, engine version 3: checked by its grammar, not run.",),
}
_REGISTER = (
    "It calls {}: accesslake.register_spark_functions(spark) makes the session know what is written in Python; "
    "executors need accesslake."
)
_CALL = re.compile(r"\w+(?=\()")


def printed(
    report: Report,
    dialect: Dialect,
    parameters: Mapping[str, object],
    scope: Scope = EVERYTHING,
    settings: Settings = DEFAULTS,
    table: str | None = None,
) -> str:
    """A report as one statement, after comments that say what it is and what it needs.

    It reads `table`, which `accesslake ddl` makes, and of it what is in the scope. Raises NotOfferedError for a report
    that is not written in the dialect, and UsageError as `bind`.
    """
    if dialect is Dialect.DUCKDB:
        raise UsageError("DuckDB has the reports themselves: leave out the dialect")
    name = RECORDS if table is None else table
    sql = translate(report, dialect, parameters, scope, settings, name)
    title = " ".join(report.title.split())  # a line break would end the comment
    notes = (f"{title} ({report.name})", *_NOTES[dialect])
    comments = (*notes, *_functions_in(sql), f"Reads {name}: see accesslake ddl.")
    return "".join((*_commented(comments), f"{sql};\n"))


def _functions_in(sql: str) -> Iterator[str]:
    """What has to be registered first."""
    called = {name.lower() for name in _CALL.findall(sql)} & USER_FUNCTIONS
    if called:
        yield _REGISTER.format(" and ".join(sorted(called)))


def _commented(lines: Iterable[str]) -> Iterator[str]:
    return (f"-- {line}\n" for line in lines)
