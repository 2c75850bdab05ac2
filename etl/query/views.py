"""The SQL of the views over a snapshot's parts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import pyarrow as pa

from etl.config import Settings
from etl.fields import FIELDS
from etl.query.files import SCHEME
from etl.query.snapshot import Snapshot
from etl.resources import bundled
from etl.schema import ACCESS_LOG, PARTITION_COUNTS, TABLES, Table

_PARTITION_TYPES = {ACCESS_LOG.name: {"bucket": "VARCHAR", "date": "DATE"}}
_BY_DAY = {"date": "DATE"}
_LARGEST = {one.name: one.largest for one in FIELDS if one.largest is not None}
_FILES = "files_of_"
"""Before the name of a table: the view that has the file of each row."""


def view_statements(snapshot: Snapshot, settings: Settings, *, with_files: bool = False) -> Iterator[str]:
    """The statements that make the views and functions, in order: the lake's tables, settings, `sql/views.sql`.

    `with_files` makes a view `files_of_<table>` beside each table, in which every row has its file, for `held_rows`.
    """
    for table in TABLES:
        source = _source(snapshot, table)
        names = (*_partitions(table), *table.schema.names)
        columns = ", ".join(_column(name, snapshot) for name in names)
        yield f'CREATE VIEW "{table.name.removeprefix("_")}" AS SELECT {columns} FROM {source}'
        if with_files:
            yield f"CREATE VIEW {_FILES}{table.name} AS SELECT {columns}, filename FROM {source}"
    yield _rows_view("prices", ("price_class", "price"), settings.prices.model_dump().items())
    yield _rows_view("site_hosts", ("host",), ((host,) for host in settings.site_hosts))
    yield (bundled("sql") / "views.sql").read_text("utf-8")


def held_rows(table: Table) -> str:
    """SQL for how many rows each partition has of each log object, and the name of the (first) part with them.

    Columns: `log_object`, those of the partition, `rows` and `part`.
    """
    keys = ", ".join(("log_object", *_partitions(table)))
    part = "min(parse_filename(filename)) AS part"
    return f"SELECT {keys}, count(*) AS rows, {part} FROM {_FILES}{table.name} GROUP BY {keys}"


def duplicate_rows(folder: str) -> str:
    """SQL for how many rows of a partition of `access_log` are equal, in every log field, to another one.

    `folder` is that of its parts, as `filename` has it in a view of `with_files`.
    """
    identity = ", ".join(f'"{name}"' for name in ACCESS_LOG.identity)
    parts = f"FROM read_parquet({sql_literal(f'{folder}*')}, union_by_name = true)"
    return (
        "SELECT coalesce(sum(n - 1), 0)::BIGINT AS twice FROM (SELECT count(*) AS n"
        f" FROM ({_empty(ACCESS_LOG)} UNION ALL BY NAME {parts}) GROUP BY {identity} HAVING count(*) > 1)"
    )


def sql_literal(text: str) -> str:
    """`text` as a SQL string literal, for where DuckDB cannot bind a value."""
    return "'" + text.replace("'", "''") + "'"


def _column(name: str, snapshot: Snapshot) -> str:
    if name == "bucket" and snapshot.is_encoded_twice:
        return 'url_decode("bucket") AS "bucket"'
    if name in _LARGEST:  # a lake may be from before larger numbers were noted
        return f'CASE WHEN "{name}" <= {_LARGEST[name]} THEN "{name}" END AS "{name}"'
    return f'"{name}"'


def _rows_view(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """SQL for a view of a few constant rows; of texts and numbers."""
    selects = [
        f"SELECT {', '.join(sql_literal(one) if isinstance(one, str) else repr(one) for one in row)}" for row in rows
    ]
    nothing = f"SELECT {', '.join('NULL::VARCHAR' for _ in columns)} WHERE false"
    return f"CREATE VIEW {name}({', '.join(columns)}) AS {' UNION ALL '.join(selects) or nothing}"


def _partitions(table: Table) -> Mapping[str, str]:
    """The columns of a table's partitions, and their types in DuckDB."""
    return _PARTITION_TYPES.get(table.name, _BY_DAY)


def _source(snapshot: Snapshot, table: Table) -> str:
    """What stands after FROM for a table: the snapshot's parts of it, or an empty table with its columns."""
    if not snapshot.of(table):
        return f"({_empty(table)})"
    hive_types = ", ".join(f"{name}: '{kind}'" for name, kind in _partitions(table).items())
    parts = sql_literal(f"{SCHEME}{table.name}/*")
    options = f"hive_partitioning = true, hive_types = {{{hive_types}}}"
    if not snapshot.has_older_parts:
        return f"read_parquet({parts}, {options})"
    # By name, columns are looked up in every part; where none has one, the empty table does.
    by_name = f"FROM read_parquet({parts}, {options}, union_by_name = true, filename = true)"
    return f"({_empty(table)} UNION ALL BY NAME {by_name})"


def _empty(table: Table) -> str:
    """SQL for no rows of a table, with its columns and those of its files."""
    types = {**_partitions(table), **{one.name: _duckdb_type(one.type) for one in table.schema}, "filename": "VARCHAR"}
    nulls = ", ".join(f'NULL::{type_name} AS "{name}"' for name, type_name in types.items())
    return f"SELECT {nulls} WHERE false"


def _duckdb_type(kind: pa.DataType) -> str:
    names = {
        pa.string(): "VARCHAR",
        pa.timestamp("us"): "TIMESTAMP",
        pa.int16(): "SMALLINT",
        pa.int32(): "INTEGER",
        pa.int64(): "BIGINT",
        PARTITION_COUNTS: "STRUCT(bucket VARCHAR, date DATE, rows BIGINT)[]",
    }
    return names[kind]
