"""A DuckDB that reads the parts of one snapshot and nothing else, and queries of it."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import duckdb
import pyarrow as pa
from duckdb.func import PythonUDFType

from etl.query.files import SCHEME, LakeFiles
from etl.query.messages import Limits
from etl.query.result import LimitError, QueryError, Result, UnreadableError
from etl.query.user_agents import parse_user_agent

(_SEMICOLON,) = b";"
_BATCH_ROWS = 64 * 1024
_USER_AGENT = "STRUCT(kind VARCHAR, family VARCHAR, system VARCHAR)"
_USER_AGENT_FIELDS = pa.struct({"kind": pa.string(), "family": pa.string(), "system": pa.string()})
_WRONG_QUERY = (
    duckdb.ProgrammingError,
    duckdb.DataError,
    duckdb.PermissionException,
    duckdb.NotSupportedError,
    duckdb.InvalidInputException,
)
_SETTINGS = {
    "enable_progress_bar": "false",  # it is drawn on standard output
    # Files do not change in a snapshot: what was read of them once is right.
    "cache_local_files": "true",
    "external_file_cache_local_max_block_size": 2 * 1024 * 1024,
    "parquet_metadata_cache": "true",
    "validate_external_file_cache": "'NO_VALIDATION'",
}
_OUT_OF_MEMORY = (duckdb.OutOfMemoryException, MemoryError, pa.ArrowMemoryError)


def open_connection(files: LakeFiles, statements: Iterable[str], limits: Limits) -> Any:
    """A DuckDB over `files`, in which `statements` have run.

    It reaches these files, for reading, and its own spill directory: no other file, no network, no extension, no
    Python variable, no change of settings.
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
        connection.create_function(
            "parse_user_agent", _parse_user_agents, ["VARCHAR"], _USER_AGENT, type=PythonUDFType.ARROW
        )
        for text in statements:
            for statement in duckdb.extract_statements(text):
                connection.execute(statement)
        connection.execute(f"SET allowed_directories = ['{SCHEME}']")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET python_enable_replacements = false")
        connection.execute("SET lock_configuration = true")
    return connection


def run_query(connection: Any, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
    """The result of one SELECT. Raises QueryError for anything else and for what DuckDB refuses."""
    with query_errors():
        found = connection.sql(as_subquery(sql), params=dict(parameters or {}))
        reader = found.to_arrow_reader(_BATCH_ROWS)
    return Result(_Translated(reader))


def as_subquery(sql: str) -> str:
    """One SELECT below another: there DuckDB refuses COPY, INSERT, UPDATE and DELETE, which may be a CTE's body.

    DuckDB takes such a statement for a SELECT. The line feed ends a comment in the last line. Raises what
    `without_semicolons` does.
    """
    return f"SELECT * FROM ({without_semicolons(sql)}\n)"


def without_semicolons(sql: str) -> str:
    """The one SELECT in a text, without the semicolons around it and what follows them.

    Raises QueryError where `sql` is not one SELECT, and duckdb.Error where it is no SQL.
    """
    statements = duckdb.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise QueryError("one SELECT statement is expected: the lake is only read")
    encoded = sql.encode()
    words = [at for at, kind in duckdb.tokenize(sql) if kind != duckdb.token_type.comment]
    first = next(n for n, at in enumerate(words) if encoded[at] != _SEMICOLON)
    begin = 0 if first == 0 else words[first]
    end = next((at for at in words[first:] if encoded[at] == _SEMICOLON), None)
    return encoded[begin:end].decode()


class _Translated:
    """DuckDB's rows; errors that come after the first ones are told as those before."""

    def __init__(self, reader: pa.RecordBatchReader) -> None:
        self.schema = reader.schema
        self._reader = reader

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        with query_errors():
            yield from self._reader


@contextlib.contextmanager
def query_errors() -> Iterator[None]:
    """Translate what DuckDB and Arrow raise, once."""
    try:
        yield
    except _OUT_OF_MEMORY as error:
        raise LimitError(
            "the query needs more memory or disk than it may have (settings query_memory and query_spill): "
            f"ask for less at a time, or set them higher ({_first_line(error)})"
        ) from error
    except duckdb.InterruptException as error:
        raise LimitError("the query was stopped: it took longer than query_seconds allows") from error
    except _WRONG_QUERY as error:
        raise QueryError(f"DuckDB: {error}") from error
    except duckdb.Error as error:
        raise UnreadableError(f"DuckDB: {error}; `accesslake verify` tells whether the lake is well") from error
    except (pa.ArrowException, OSError, ValueError) as error:  # after the first rows
        raise QueryError(f"DuckDB: {error}") from error


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _parse_user_agents(texts: pa.Array) -> pa.Array:
    return pa.array([asdict(parse_user_agent(text)) for text in texts.to_pylist()], _USER_AGENT_FIELDS)
