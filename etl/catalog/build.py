"""The catalog: a DuckDB file with the lake's views and reports, for BI tools.

It holds no records: its views read the lake by its URL whenever they are asked, with the credentials of whoever asks.
What reports need of Python (which user agent is a bot) is a small table in it, and so are, where that is wanted, the
results of reports by day. DuckDB 1.3 and later open it.
"""

import contextlib
import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from etl.catalog.networks import NETWORK_FUNCTIONS
from etl.catalog.place import new_file
from etl.config import Settings
from etl.errors import UsageError
from etl.lake import read_retention
from etl.query import EVERYTHING, Database, Result, SharedReader, sql_literal
from etl.query.catalog import NOTES
from etl.query.connection import query_errors, register_functions, run_statements
from etl.query.files import LakeFiles
from etl.query.views import asks_for_locations, plain_statements
from etl.reports import Report, literal, query_report
from etl.schema import Notes, with_unit
from etl.store import ReadableStore
from etl.text import Kind, kind_of

STORAGE_VERSION = "v1.2.0"
"""Of DuckDB's files. 1.3 reads it, and so does every version since; what 2.0 writes by default, 1.x does not."""
# Views that call Python, which a file cannot hold; the last one needs databases of where addresses are.
_USER_AGENTS = "user_agents"
_CLASSIFIED = "classified_user_agents"
_LOCATIONS = "located_addresses"
_ANY_KIND = (
    "",
    "browser, bot, program or none, by its own account; unclassified where newer than the catalog",
)
# Or requests by user agents that came after the catalog was made would be missing.
_ALL_USER_AGENTS = f"""
CREATE VIEW {_USER_AGENTS} AS
SELECT seen.user_agent, coalesce(kind, 'unclassified') AS kind, family, system
FROM (SELECT DISTINCT user_agent FROM access_log WHERE is_request(operation)) AS seen
LEFT JOIN {_CLASSIFIED} AS classified ON seen.user_agent IS NOT DISTINCT FROM classified.user_agent
"""
_FILE = "catalog_file"
_DAY = "date"
_UNITS = {
    Kind.BYTES: "bytes",
    Kind.COST: "currency",
    Kind.PERCENT: "percent",
    Kind.MINUTES: "minutes",
    Kind.MILLISECONDS: "ms",
}


@dataclass(slots=True)
class CatalogSummary:
    """What a catalog has for reports: views, functions for those with parameters, and tables of their results."""

    views: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)


def write_catalog(
    store: ReadableStore,
    output: Path,
    reports: Iterable[Report],
    settings: Settings,
    *,
    materialize: bool = False,
) -> CatalogSummary:
    """Write the catalog of a lake; whoever has the old one open keeps it.

    Without a `geo_database` it has no reports of locations.
    `materialize` stores the results of reports that have rows by day. Raises UsageError for a report whose name
    something else in the catalog has, QueryError for one that does not run, StoreError where no file can be written.
    """
    shared = SharedReader(store, EVERYTHING, int(settings.query_spill))
    database = Database(store, settings=settings, shared=shared)
    with new_file(output) as path, query_errors(), _attached(path) as connection:
        catalog = _Catalog(connection, database)
        _add_lake(catalog, store, shared, settings)
        for report in reports:
            if asks_for_locations(report.sql) and not settings.geo_database:
                continue
            catalog.add_report(report, materialize=materialize)
    return catalog.summary


@contextlib.contextmanager
def _attached(path: Path) -> Iterator[Any]:
    """A DuckDB with a new file, in which all is created, of a version that others read."""
    with duckdb.connect() as connection:
        version = f"STORAGE_VERSION '{STORAGE_VERSION}'"
        connection.execute(f"ATTACH {sql_literal(str(path))} AS {_FILE} ({version})")
        connection.execute(f"USE {_FILE}")
        yield connection
        connection.execute("USE memory")
        connection.execute(f"DETACH {_FILE}")


def _add_lake(
    catalog: "_Catalog",
    store: ReadableStore,
    shared: SharedReader,
    settings: Settings,
) -> None:
    """Add the views of the lake, and what they are made of."""
    reader = shared.get()
    # The absolute path or the URL, wherever the catalog is opened.
    root = f"{store.url.rstrip('/')}/"
    if store.is_remote:
        # DuckDB looks at what a view reads when the view is made.
        files = LakeFiles(reader.snapshot.sizes, reader.read, root)
        catalog.connection.register_filesystem(files)
    register_functions(catalog.connection)
    first_day = read_retention(store).expired_before
    statements = plain_statements(root, reader.snapshot, settings, first_day)
    run_statements(catalog.connection, [NETWORK_FUNCTIONS, *statements])
    catalog.replace_by_table(_USER_AGENTS, _CLASSIFIED)
    catalog.connection.execute(_ALL_USER_AGENTS)
    views = {**NOTES, _CLASSIFIED: NOTES[_USER_AGENTS]}
    views[_USER_AGENTS] = {**NOTES[_USER_AGENTS], "kind": _ANY_KIND}
    if settings.geo_database:
        catalog.replace_by_table(_LOCATIONS, _LOCATIONS)
    else:
        catalog.connection.execute(f"DROP VIEW {_LOCATIONS}")
        del views[_LOCATIONS]
    for name, notes in views.items():
        catalog.comment_columns(name, notes)


class _Catalog:
    """A catalog as it grows."""

    def __init__(self, connection: Any, database: Database) -> None:
        self.connection = connection
        self.summary = CatalogSummary()
        self._database = database
        self._made = f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC"

    def replace_by_table(self, view: str, name: str) -> None:
        """A table of what a view has now, in its place."""
        rows = self._database.query(f"SELECT * FROM {view}", reads_all=True)
        self.connection.execute(f"DROP VIEW {view}")
        self._add_table(name, rows)
        self._comment(f"TABLE {name}", f"As of {self._made}.")

    def comment_columns(self, name: str, notes: Notes) -> None:
        """Say what the columns of a view or a table are: by its notes, or by their names as far as these tell."""
        for column in self._columns(name):
            note = notes.get(column) or (_UNITS.get(kind_of(column), ""), "")
            if text := with_unit(*note):
                quoted = column.replace('"', '""')
                self._comment(f'COLUMN {name}."{quoted}"', text)

    def add_report(self, report: Report, *, materialize: bool) -> None:
        """A report: a function of its parameters, and where all have defaults a view, or a table of its rows by day."""
        name = re.sub(r"\W", "_", report.name)
        if any(one.required for one in report.params.values()):
            self._add_function(name, report)
            return
        if report.params:
            # A view is enough where DuckDB wants a constant.
            with contextlib.suppress(duckdb.BinderException):
                self._add_function(name, report)
        defaults = {key: literal(one.default) for key, one in report.params.items()}
        self._create(report, f"VIEW {name} AS {_with_values(report.sql, defaults)}")
        if materialize and _DAY in self._columns(name):
            rows = query_report(report, self._database)
            self.connection.execute(f"DROP VIEW {name}")
            self._add_table(name, rows)
            self.summary.tables.append(name)
            text = f"{_description(report)} As of {self._made}."
            self._comment(f"TABLE {name}", text)
        else:
            self.summary.views.append(name)
            self._comment(f"VIEW {name}", _description(report))
        self.comment_columns(name, {})

    def _add_function(self, name: str, report: Report) -> None:
        # A prefix, as what is called like a column would take its place; first those that have to be given.
        ordered = sorted(report.params.items(), key=lambda item: not item[1].required)
        arguments = ", ".join(
            f"p_{key}" if one.required else f"p_{key} := {literal(one.default)}"
            for key, one in ordered
        )
        what = f"MACRO {name}({arguments}) AS TABLE"
        sql = _with_values(report.sql, {key: f"p_{key}" for key in report.params})
        try:
            self._create(report, f"{what} {sql}")
        except duckdb.BinderException:
            # A parameter beside an aggregate is taken for a column that is not grouped by; a subquery is not.
            self._create(report, f"{what} {_with_subqueries(report)}")
        self.summary.functions.append(name)
        helps = "; ".join(f"p_{key}: {one.help}" for key, one in ordered)
        self._comment(f"MACRO TABLE {name}", f"{_description(report)} {helps}.")

    def _create(self, report: Report, what: str) -> None:
        try:
            self.connection.execute(f"CREATE {what}")
        except duckdb.CatalogException as error:
            raise UsageError(
                f"{report.path}: the catalog cannot have it: {error}"
            ) from error

    def _add_table(self, name: str, rows: Result) -> None:
        # DuckDB finds the relation by the name of the variable.
        self.connection.register("rows_of_table", rows.to_arrow())
        self.connection.execute(f"CREATE TABLE {name} AS FROM rows_of_table")
        self.connection.unregister("rows_of_table")

    def _columns(self, name: str) -> list[str]:
        described = self.connection.execute(f"DESCRIBE {name}").fetchall()
        return [row[0] for row in described]

    def _comment(self, what: str, text: str) -> None:
        self.connection.execute(f"COMMENT ON {what} IS {sql_literal(text)}")


def _description(report: Report) -> str:
    return " ".join(filter(None, (f"{report.title}:", report.question, report.note)))


def _with_subqueries(report: Report) -> str:
    """A report's statement for the body of a function, with its parameters in subqueries, which is slower."""
    given = ", ".join(f"p_{key} AS given_{key}" for key in report.params)
    values = {key: f"(SELECT given_{key} FROM given)" for key in report.params}
    sql = _with_values(report.sql, values)
    return f"WITH given AS (SELECT {given}) FROM ({sql})"


def _with_values(sql: str, values: Mapping[str, str]) -> str:
    """A statement with SQL in the place of its parameters, which DuckDB keeps neither in a view nor in a function."""
    starts = {
        at for at, kind in duckdb.tokenize(sql) if kind == duckdb.token_type.operator
    }

    def value_of(match: re.Match[bytes]) -> bytes:
        name = match[1].decode()
        return (
            values[name].encode()
            if match.start() in starts and name in values
            else match[0]
        )

    # DuckDB counts bytes.
    return re.sub(rb"\$(\w+)", value_of, sql.encode()).decode()
