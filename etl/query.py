"""The lake in DuckDB: views over its Parquet, in a connection that can read the lake and nothing else."""

import contextlib
import datetime as dt
import glob
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import duckdb
import pyarrow as pa
from duckdb.func import PythonUDFType

from etl.config import Settings
from etl.errors import AccessLakeError, StoreError, UsageError, nearest
from etl.parts import is_part, partition_path
from etl.resources import bundled
from etl.retention import read_retention
from etl.schema import ACCESS_LOG, HELD_IN, LEDGER, TABLES, Table
from etl.store import Store, split_url
from etl.user_agents import parse_user_agent

_BATCH_ROWS = 64 * 1024
_ATTEMPTS = 4
_PARTITION_TYPES = {ACCESS_LOG.name: {"bucket": "VARCHAR", "date": "DATE"}}
_BY_DAY = {"date": "DATE"}
_USER_AGENT = "STRUCT(kind VARCHAR, family VARCHAR, system VARCHAR)"
_USER_AGENT_FIELDS = pa.struct({"kind": pa.string(), "family": pa.string(), "system": pa.string()})
_FILES = "files_of_"
"""Before the name of a table: the view that has the file of each row."""


class QueryError(AccessLakeError):
    """A query that is wrong; the message is DuckDB's, which names the place."""

    exit_code = 2


class UnreadableError(StoreError):
    """DuckDB could not read what a query needs."""


_WRONG_QUERY = (duckdb.ProgrammingError, duckdb.DataError, duckdb.PermissionException, duckdb.NotSupportedError)


@dataclass(frozen=True, slots=True)
class Scope:
    """The part of the lake that a report is about; None means all. Both days are part of it."""

    bucket: str | None = None
    date_from: dt.date | None = None
    date_to: dt.date | None = None


EVERYTHING = Scope()
DEFAULTS = Settings()


def parse_day(name: str, text: str) -> dt.date:
    """A UTC day written as `YYYY-MM-DD`. Raises UsageError naming the argument."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{name} {text!r} is not a day; write YYYY-MM-DD") from error


class Result:
    """Rows: as batches or an Arrow table, read once and as they come, or as a pandas DataFrame."""

    def __init__(self, reader: pa.RecordBatchReader) -> None:
        self._reader = reader
        with _duckdb_errors():
            # Most of what can go wrong does so before the first rows.
            self._first: pa.RecordBatch | None = next(self._reader, None)

    @property
    def columns(self) -> list[str]:
        return list(self.schema.names)

    @property
    def schema(self) -> pa.Schema:
        return self._reader.schema

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows as Arrow record batches, so that a large result needs little memory."""
        if self._first is not None:
            yield self._first
            with _duckdb_errors():
                yield from self._reader

    def to_arrow(self) -> pa.Table:
        return pa.Table.from_batches(list(self.batches()), self.schema)

    def to_pandas(self) -> Any:
        """A pandas DataFrame; times are naive and UTC."""
        return self.to_arrow().to_pandas()


@contextlib.contextmanager
def _duckdb_errors() -> Iterator[None]:
    try:
        yield
    except _WRONG_QUERY as error:
        raise QueryError(f"DuckDB: {error}") from error
    except duckdb.Error as error:
        raise UnreadableError(f"DuckDB: {error}; `accesslake verify` tells whether the lake is well") from error


def connect(
    store: Store,
    scope: Scope = EVERYTHING,
    settings: Settings = DEFAULTS,
    *,
    without: Collection[str] = (),
    with_files: bool = False,
) -> Any:
    """A DuckDB connection with the views and functions of `sql/views.sql` over the lake's part in `scope`.

    It reads the lake and nothing else: no other file, no network, no extension, no Python variable, no change of
    settings. Days that `expire` removes are not in the views from the moment it begins. Raises UsageError for a
    bucket that is not in the lake.

    The parts `without` which the lake is looked at are named as the store names them. `with_files` makes a view
    `files_of_<table>` beside each table, in which every row has its file, for `held_rows`.
    """
    check_scope(store, scope)
    first_day = read_retention(store).expired_before
    connection = duckdb.connect(config=_limits(settings))
    if split_url(store.url)[0] == "s3":
        from etl.s3 import s3_filesystem  # noqa: PLC0415 - as in etl.storage

        connection.register_filesystem(s3_filesystem(settings.endpoint_url))
    with _duckdb_errors():
        connection.execute("SET enable_progress_bar = false")  # it is drawn on standard output
        for table in TABLES:
            source = _source(connection, store, table, scope, without) + _where(table, scope, first_day)
            columns = ", ".join(f'"{name}"' for name in (*_partitions(table), *table.schema.names))
            connection.execute(f'CREATE VIEW "{table.name.removeprefix("_")}" AS SELECT {columns} FROM {source}')
            if with_files:
                connection.execute(f"CREATE VIEW {_FILES}{table.name} AS SELECT {columns}, filename FROM {source}")
        connection.execute(_rows_view("prices", ("price_class", "price"), settings.prices.model_dump().items()))
        connection.execute(_rows_view("site_hosts", ("host",), ((host,) for host in settings.site_hosts)))
        connection.create_function(
            "parse_user_agent", _parse_user_agents, ["VARCHAR"], _USER_AGENT, type=PythonUDFType.ARROW
        )
        for statement in duckdb.extract_statements((bundled("sql") / "views.sql").read_text("utf-8")):
            connection.execute(statement)
        roots = ", ".join(sql_literal(root) for root in {_root(store), _escaped_root(store)})
        connection.execute(f"SET allowed_directories = [{roots}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET python_enable_replacements = false")
        connection.execute("SET lock_configuration = true")
    return connection


class Database:
    """The part of a lake in `scope`, to be asked in SQL, more than once over one connection."""

    def __init__(self, store: Store, scope: Scope = EVERYTHING, settings: Settings = DEFAULTS) -> None:
        self._connect = partial(connect, store, scope, settings)
        self._connection = self._connect()

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
        """The result of one SELECT.

        It is tried again where DuckDB could not read the lake: it opens a file more than once, so it may meet the
        footer of a part and then the data of the one that a run has put in its place.
        """
        for _ in range(_ATTEMPTS - 1):
            try:
                return run_query(self._connection, sql, parameters)
            except UnreadableError:
                self._connection = self._connect()
        return run_query(self._connection, sql, parameters)


def query_lake(
    store: Store,
    sql: str,
    parameters: Mapping[str, object] | None = None,
    scope: Scope = EVERYTHING,
    settings: Settings = DEFAULTS,
) -> Result:
    """The result of one SELECT over the lake's part in `scope`; see `Database.query`."""
    return Database(store, scope, settings).query(sql, parameters)


def run_query(connection: Any, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
    """The result of one SELECT. Raises QueryError for anything else and for what DuckDB refuses."""
    with _duckdb_errors():
        statements = duckdb.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise QueryError("one SELECT statement is expected: the lake is only read")
        return Result(connection.sql(sql, params=dict(parameters or {})).to_arrow_reader(_BATCH_ROWS))


def check_scope(store: Store, scope: Scope) -> None:
    """Raise UsageError for days in the wrong order, or a bucket that a lake with buckets does not have."""
    if scope.date_from and scope.date_to and scope.date_from > scope.date_to:
        raise UsageError(f"--from {scope.date_from} is after --to {scope.date_to}; both days are part of the period")
    if scope.bucket is not None:
        known = buckets(store)
        if known and scope.bucket not in known:
            raise UsageError(f"no bucket {scope.bucket!r} in {store.url}{nearest(scope.bucket, known)}")


def buckets(store: Store) -> list[str]:
    """The source buckets in the lake, in order."""
    names = store.directories(partition_path(ACCESS_LOG))
    return sorted(unquote(name.removeprefix("bucket=")) for name in names)


def held_rows(table: Table) -> str:
    """SQL for how many rows each partition has of each log object, and the name of the (first) part with them.

    Columns: `log_object`, those of the partition, `rows` and `part`.
    """
    keys = ", ".join(("log_object", *_partitions(table)))
    part = "min(parse_filename(filename)) AS part"
    return f"SELECT {keys}, count(*) AS rows, {part} FROM {_FILES}{table.name} GROUP BY {keys}"


def duplicate_rows(connection: Any, bucket: str, date: dt.date) -> int:
    """How many rows of a partition of `access_log` are equal, in every log field, to another one."""
    identity = ", ".join(f'"{name}"' for name in ACCESS_LOG.identity)
    sql = (
        "SELECT coalesce(sum(n - 1), 0)::BIGINT AS twice FROM (SELECT count(*) AS n"
        f" FROM access_log WHERE bucket = $bucket AND date = $date GROUP BY {identity} HAVING count(*) > 1)"
    )
    return int(run_query(connection, sql, {"bucket": bucket, "date": date}).to_arrow()["twice"][0].as_py())


def _limits(settings: Settings) -> dict[str, Any]:
    """How much memory DuckDB may use, and where it puts what does not fit: a directory that it makes when it must."""
    spilled = Path(tempfile.gettempdir()) / f"accesslake-{uuid4().hex}"
    return {"memory_limit": f"{settings.query_memory}B", "temp_directory": str(spilled)}


def _parse_user_agents(texts: pa.Array) -> pa.Array:
    return pa.array([asdict(parse_user_agent(text)) for text in texts.to_pylist()], _USER_AGENT_FIELDS)


def _rows_view(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """SQL for a view of a few constant rows; of texts and numbers."""
    selects = [
        f"SELECT {', '.join(sql_literal(one) if isinstance(one, str) else repr(one) for one in row)}" for row in rows
    ]
    nothing = f"SELECT {', '.join('NULL::VARCHAR' for _ in columns)} WHERE false"
    return f"CREATE VIEW {name}({', '.join(columns)}) AS {' UNION ALL '.join(selects) or nothing}"


def _glob(store: Store, folders: str) -> str:
    """The parts in some folders of the lake; a `*` stands for any folder in `folders`, for itself in the lake's URL."""
    return f"{_escaped_root(store)}{folders}*.parquet"


def _root(store: Store) -> str:
    return store.url.rstrip("/") + "/"


def _escaped_root(store: Store) -> str:
    return _root(store) if store.url.startswith("s3://") else glob.escape(_root(store))


def sql_literal(text: str) -> str:
    """`text` as a SQL string literal, for where DuckDB cannot bind a value."""
    return "'" + text.replace("'", "''") + "'"


def _partitions(table: Table) -> Mapping[str, str]:
    """The columns of a table's partitions, and their types in DuckDB."""
    return _PARTITION_TYPES.get(table.name, _BY_DAY)


def _source(connection: Any, store: Store, table: Table, scope: Scope, without: Collection[str]) -> str:
    """What stands after FROM for a table: the parts of the bucket in `scope`, or an empty table with its columns."""
    partitions = _partitions(table)
    narrow = partition_path(table, bucket=scope.bucket) if scope.bucket and "bucket" in partitions else None
    folders = narrow + "*/" if narrow else partition_path(table) + "*/" * len(partitions)
    files = [_glob(store, folders)]
    if without:
        names = [one.name for one in store.entries(partition_path(table)) if is_part(one.name)]
        files = [_escaped_root(store) + name for name in names if name not in without]
    if not files or not connection.execute("SELECT 1 FROM glob($1) LIMIT 1", [files[0]]).fetchall():
        kinds = {**partitions, **{one.name: _duckdb_type(one.type) for one in table.schema}, "filename": "VARCHAR"}
        nulls = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in kinds.items())
        return f"(SELECT {nulls} WHERE false)"
    hive_types = ", ".join(f"{name}: '{kind}'" for name, kind in partitions.items())
    listed = ", ".join(map(sql_literal, files))
    return f"read_parquet([{listed}], hive_partitioning = true, hive_types = {{{hive_types}}})"


def _duckdb_type(kind: pa.DataType) -> str:
    names = {
        pa.string(): "VARCHAR",
        pa.timestamp("us"): "TIMESTAMP",
        pa.int16(): "SMALLINT",
        pa.int32(): "INTEGER",
        pa.int64(): "BIGINT",
        HELD_IN: "STRUCT(bucket VARCHAR, date DATE, rows BIGINT)[]",
    }
    return names[kind]


def _where(table: Table, scope: Scope, first_day: dt.date | None) -> str:
    """Scope and retention as a filter on partition columns, which prunes whole directories.

    Rejects have a day (that of their log object) but no bucket; what was ingested, the ledger, is kept for good.
    """
    filters = []
    if table is ACCESS_LOG and scope.bucket is not None:
        filters.append(f"bucket = {sql_literal(scope.bucket)}")
    if table is not LEDGER:
        first = max(filter(None, (first_day, scope.date_from)), default=None)
        filters += [f"date >= DATE '{first}'"] if first else []
        filters += [f"date <= DATE '{scope.date_to}'"] if scope.date_to else []
    return f" WHERE {' AND '.join(filters)}" if filters else ""
