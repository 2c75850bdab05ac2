"""A DuckDB that reads the parts of one snapshot and nothing else, and queries over it."""

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import duckdb
import pyarrow as pa
from duckdb.func import PythonUDFType

from etl.query.days import EVERY_DAY, Days, days_of
from etl.query.files import SCHEME, LakeFiles
from etl.query.locations import Locations
from etl.query.messages import Limits
from etl.query.networks import is_in_network
from etl.query.place import moved
from etl.query.result import LimitError, QueryError, Result, UnreadableError
from etl.query.user_agents import parse_user_agent

(_SEMICOLON,) = b";"
# Of a subquery: see `as_subquery`.
_LINES_BEFORE = 1
_BATCH_ROWS = 64 * 1024
_TIME = re.compile(r"\btime\b", re.IGNORECASE)
_USER_AGENT = "STRUCT(kind VARCHAR, family VARCHAR, system VARCHAR)"
_USER_AGENT_FIELDS = pa.struct(
    {"kind": pa.string(), "family": pa.string(), "system": pa.string()}
)
_LOCATION = "STRUCT(country VARCHAR, asn BIGINT, organization VARCHAR)"
_LOCATION_FIELDS = pa.struct(
    {"country": pa.string(), "asn": pa.int64(), "organization": pa.string()}
)
_SETTINGS = {
    # Each read goes through another process, and often to S3, so what was read once is cached, without asking again
    # whether it is still right: no file of a snapshot changes. DuckDB takes these files for local ones, which it does
    # not cache by default, and would read in blocks of 16 KiB: the size here is its own for remote files.
    "cache_local_files": "true",
    "external_file_cache_local_max_block_size": 2 * 1024 * 1024,
    "parquet_metadata_cache": "true",
    "validate_external_file_cache": "'NO_VALIDATION'",
}
# The order matters: no setting can be changed after the last one.
_LOCKS = (
    f"SET allowed_directories = ['{SCHEME}']",
    # No other file, no network, no extension, no ATTACH.
    "SET enable_external_access = false",
    # Otherwise an unknown table's name is looked up among the variables of the Python program.
    "SET python_enable_replacements = false",
    "SET lock_configuration = true",
)
_WRONG_QUERY = (
    duckdb.ProgrammingError,
    duckdb.DataError,
    duckdb.PermissionException,
    duckdb.NotSupportedError,
    duckdb.InvalidInputException,
)
_OUT_OF_MEMORY = (duckdb.OutOfMemoryException, MemoryError, pa.ArrowMemoryError)


def open_connection(
    files: LakeFiles,
    statements: Iterable[str],
    limits: Limits,
    geo_databases: Sequence[str] = (),
) -> Any:
    """A DuckDB over `files`, in which `statements` have run.

    It reads these files and uses its own spill directory: no other file, no network, no extension, no Python variable,
    no change of settings.
    """
    config: dict[str, Any] = {
        "memory_limit": f"{limits.memory}B",
        "temp_directory": limits.spill_directory,
        "max_temp_directory_size": f"{limits.spill}B",
    }
    connection = duckdb.connect(config=config)
    connection.register_filesystem(files)
    with query_errors():
        for setting, value in _SETTINGS.items():
            connection.execute(f"SET {setting} = {value}")
        _hide_progress(connection)
        register_functions(connection, geo_databases)
        run_statements(connection, statements)
        for lock in _LOCKS:
            connection.execute(lock)
    return connection


def _hide_progress(connection: Any) -> None:
    """Have no progress bar, which would be drawn on standard output, amid the rows."""
    setting = "SELECT current_setting('enable_progress_bar')"
    ((is_shown,),) = connection.execute(setting).fetchall()
    # In a notebook without widgets DuckDB has none, and refuses to have it set.
    if is_shown:
        connection.execute("SET enable_progress_bar = false")


def register_functions(connection: Any, geo_databases: Sequence[str] = ()) -> None:
    """Make the functions that are written in Python; they are called with many values at a time."""
    locations = Locations(geo_databases)

    def locations_of(addresses: pa.Array) -> pa.Array:
        located = [locations.locate(text) for text in addresses.to_pylist()]
        columns = [
            pa.array([getattr(one, field.name) for one in located], field.type)
            for field in _LOCATION_FIELDS
        ]
        return pa.StructArray.from_arrays(columns, fields=list(_LOCATION_FIELDS))

    for name, function, parameters, result in (
        ("parse_user_agent", _parse_user_agents, ["VARCHAR"], _USER_AGENT),
        ("is_in_network", _are_in_networks, ["VARCHAR", "VARCHAR"], "BOOLEAN"),
        ("location_of", locations_of, ["VARCHAR"], _LOCATION),
    ):
        connection.create_function(
            name, function, parameters, result, type=PythonUDFType.ARROW
        )


def run_statements(connection: Any, texts: Iterable[str]) -> None:
    """Run each statement of each text."""
    for text in texts:
        for statement in duckdb.extract_statements(text):
            connection.execute(statement)


def run_query(
    connection: Any,
    sql: str,
    parameters: Mapping[str, object] | None = None,
    files: LakeFiles | None = None,
) -> Result:
    """The result of one SELECT. Raises QueryError for anything else and for what DuckDB refuses.

    With the `files` of the connection, only those of days that the conditions on `time` allow are opened.
    """
    values = dict(parameters or {})
    with query_errors():
        subquery = as_subquery(sql)
    with query_errors(_LINES_BEFORE):
        if files is None or not _TIME.search(sql):
            return _result_of(connection, subquery, values)
        with files.only(_days_in_question(connection, subquery, values)):
            return _result_of(connection, subquery, values)


def _result_of(connection: Any, sql: str, values: Mapping[str, object]) -> Result:
    try:
        relation = connection.sql(sql, params=values)
    except _WRONG_QUERY as error:
        raise _with_place(connection, sql, values, error) from error
    reader = relation.to_arrow_reader(_BATCH_ROWS)
    return Result(_Translated(reader))


def _days_in_question(connection: Any, sql: str, values: Mapping[str, object]) -> Days:
    """The days that a query is about; of one that is wrong every day, as it will fail anyway."""
    try:
        plan = connection.execute(f"EXPLAIN (FORMAT JSON) {sql}", values).fetchall()
    except duckdb.InterruptException:
        raise
    except _WRONG_QUERY:
        return EVERY_DAY
    return days_of(plan[0][1])


def _with_place(
    connection: Any, sql: str, values: Mapping[str, object], error: Exception
) -> Exception:
    """The error with its line, which DuckDB tells of statements, but not of relations."""
    try:
        connection.execute(f"EXPLAIN {sql}", values)
    except duckdb.Error as same:
        if str(same).startswith(str(error)):
            return same
    return error


def as_subquery(sql: str) -> str:
    """One SELECT as a subquery of another, in which nothing can write. Raises what `without_semicolons` does.

    DuckDB takes COPY, INSERT, UPDATE and DELETE as the body of a CTE, and calls the whole a SELECT; in a subquery it
    refuses them.
    """
    # On lines of their own, so that columns stay as they are. The last line feed ends a comment in the last line, too,
    # which would swallow the parenthesis.
    return f"SELECT * FROM (\n{without_semicolons(sql)}\n)"


def without_semicolons(sql: str) -> str:
    """The one SELECT in a text, without the semicolons around it and what follows them.

    Raises QueryError where `sql` is not one SELECT, and duckdb.Error where it is not SQL.
    """
    statements = duckdb.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise QueryError("one SELECT statement is expected: the lake is only read")
    # Among DuckDB's tokens a semicolon is one that ends a statement, not part of a text or a comment. Their positions
    # are in bytes.
    encoded = sql.encode()
    tokens = [
        at for at, kind in duckdb.tokenize(sql) if kind != duckdb.token_type.comment
    ]
    first = next(n for n, at in enumerate(tokens) if encoded[at] != _SEMICOLON)
    begin = 0 if first == 0 else tokens[first]
    end = next((at for at in tokens[first:] if encoded[at] == _SEMICOLON), None)
    return encoded[begin:end].decode()


class _Translated:
    """DuckDB's rows; errors amid them are translated as those before the first."""

    def __init__(self, reader: pa.RecordBatchReader) -> None:
        self.schema = reader.schema
        self._reader = reader

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        with query_errors(_LINES_BEFORE):
            yield from self._reader


@contextlib.contextmanager
def query_errors(lines_before: int = 0) -> Iterator[None]:
    """Translate what DuckDB and Arrow raise, once, about a query that stands behind so many lines of ours."""
    try:
        yield
    except _OUT_OF_MEMORY as error:
        raise LimitError(
            "the query needs more memory or disk than it may have (settings query_memory and query_spill): "
            f"select less at a time, or raise them ({_first_line(error)})"
        ) from error
    except duckdb.InterruptException as error:
        raise LimitError(
            "the query was stopped: it took longer than query_seconds allows"
        ) from error
    except _WRONG_QUERY as error:
        raise QueryError(f"DuckDB: {moved(str(error), -lines_before)}") from error
    except duckdb.Error as error:
        raise UnreadableError(
            f"DuckDB: {error}; `accesslake verify` tells whether the lake is well"
        ) from error
    except (pa.ArrowException, OSError, ValueError) as error:
        # After the first rows DuckDB's errors pass through Arrow, which keeps their text, but not their class.
        raise QueryError(f"DuckDB: {moved(str(error), -lines_before)}") from error


def _first_line(error: BaseException) -> str:
    first_line, _, _ = str(error).partition("\n")
    return first_line or type(error).__name__


def _parse_user_agents(texts: pa.Array) -> pa.Array:
    user_agents = [asdict(parse_user_agent(text)) for text in texts.to_pylist()]
    return pa.array(user_agents, _USER_AGENT_FIELDS)


def _are_in_networks(addresses: pa.Array, networks: pa.Array) -> pa.Array:
    pairs = zip(addresses.to_pylist(), networks.to_pylist(), strict=True)
    return pa.array([is_in_network(*pair) for pair in pairs], pa.bool_())
