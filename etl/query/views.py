"""The SQL of the views over a snapshot's parts."""

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pyarrow as pa

from etl.config import Settings
from etl.fields import FIELDS
from etl.query.files import SCHEME
from etl.query.scope import EVERYTHING, Scope
from etl.query.snapshot import Snapshot
from etl.resources import DEFINITIONS, bundled
from etl.schema import ACCESS_LOG, LEDGER, PARTITION_COUNTS, REJECTS, TABLES, Table

_PARTITION_TYPES = {ACCESS_LOG.name: {"bucket": "VARCHAR", "date": "DATE"}}
_BY_DAY = {"date": "DATE"}
# The parser makes NULL of a number beyond what is possible, and notes it. A lake may be from before that was so.
LARGEST = {field.name: field.largest for field in FIELDS if field.largest is not None}
# Before the name of a table: the view that has the file of each row.
_FILES = "files_of_"
# How statements name each table, or what is made of it in `sql/views`.
_NAMES = {
    ACCESS_LOG.name: {
        "access_log",
        "requests",
        "website_requests",
        "website_requests_of",
        "visits",
        "excluded_addresses",
        "excluded_requesters",
        "excluded_user_agents",
        "lifecycle_events",
        "objects",
        "readings",
        "versioned_buckets",
        "stays",
        "user_agents",
        "located_addresses",
        "newest_day",
        "key_meant",
        "bucket_regions",
        "transfers",
        "cold_reads",
        "request_costs",
    },
    REJECTS.name: {"rejects"},
    LEDGER.name: {"ledger"},
}
# When a log object was delivered, as AWS's names say: they stay right where it was copied or touched. Those filed by
# the time of events say nothing, as their time is always midnight.
_NAMED = r"""
CASE WHEN NOT contains(log_object, '-00-00-00-')
    OR NOT regexp_matches(log_object, '[0-9]{4}/[0-9]{2}/[0-9]{2}/[0-9-]{10}-00-00-00-[^/]*$')
THEN try_strptime(
    regexp_extract(log_object, '([0-9]{4}(-[0-9]{2}){5})-[0-9A-Za-z]+([.](gz|zst))?$', 1), '%Y-%m-%d-%H-%M-%S'
) END
""".strip()
# Where a name has no time, S3 knows when the object was put there; a disk knows when somebody wrote the file.
_DELIVERED_AT = f"""
coalesce({_NAMED}, CASE WHEN starts_with(log_object, 's3://') THEN last_modified END) AS delivered_at
""".strip()
# Columns that follow from others.
_DERIVED = {LEDGER.name: [_DELIVERED_AT]}
# Views without what the settings exclude.
_WITHOUT_EXCLUDED = {"website_requests", "website_requests_of", "visits"}
# What needs databases that tell where addresses are.
_LOCATIONS = {"located_addresses", "location_of"}
# The files of `sql/views`, each after those that it builds on.
_FILES_OF_DEFINITIONS = ("requests", "objects", "costs", "storage", "website")
_DUCKDB_TYPES = {
    pa.string(): "VARCHAR",
    pa.timestamp("us"): "TIMESTAMP",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    PARTITION_COUNTS: "STRUCT(bucket VARCHAR, date DATE, rows BIGINT)[]",
}


def view_statements(
    snapshot: Snapshot,
    settings: Settings,
    scope: Scope = EVERYTHING,
    *,
    with_files: bool = False,
) -> Iterator[str]:
    """The statements that make the views and functions, in order: the lake's tables, settings, `sql/views`.

    The snapshot has the days and buckets of `scope`; the views leave out what else is not in it.
    `with_files` makes a view `files_of_<table>` beside each table, in which every row has its file; `rows_by_object`
    and `duplicate_rows` need it.
    """
    for table in TABLES:
        source = _source(snapshot, table) + _condition(table, scope)
        columns = _columns(table, table.schema.names, snapshot)
        view = table.name.removeprefix("_")
        yield f'CREATE VIEW "{view}" AS SELECT {columns} FROM {source}'
        if with_files:
            yield f"CREATE VIEW {_FILES}{table.name} AS SELECT {columns}, filename FROM {source}"
    yield from definition_statements(settings)


def plain_statements(
    root: str, snapshot: Snapshot, settings: Settings, first_day: dt.date | None
) -> Iterator[str]:
    """The statements for a DuckDB that reads the lake at `root` by itself, by a glob, whenever it is asked.

    `root` ends in a slash. Views leave out days before `first_day`, which `expire` may be removing, and columns that
    are no plain values. A table that has no part yet is empty, until the statements are made anew.
    """
    for table in TABLES:
        columns = _columns(table, _plain_columns(table), snapshot)
        folders = "/*" * len(_partitions(table))
        parts = sql_literal(f"{root}{table.name}{folders}/*.parquet")
        source = _source(snapshot, table, parts)
        days = f" WHERE date >= DATE '{first_day}'" if first_day else ""
        view = table.name.removeprefix("_")
        yield f'CREATE VIEW "{view}" AS SELECT {columns} FROM {source}{days}'
    yield from definition_statements(settings)


def definition_statements(settings: Settings) -> Iterator[str]:
    """The statements for what is made of the lake's tables and of the settings."""
    yield from settings_statements(settings)
    yield view_definitions()


def settings_statements(settings: Settings) -> Iterator[str]:
    """The statements that make views of the settings, which read nothing of the lake."""
    yield _rows_view(
        "prices", ("price_class", "price"), settings.prices.model_dump().items()
    )
    storage_prices = settings.storage_prices.model_dump()
    yield _rows_view(
        "storage_prices",
        ("storage_class", "price"),
        ((name.upper(), price) for name, price in storage_prices.items()),
    )
    yield _rows_view("site_hosts", ("host",), ((host,) for host in settings.site_hosts))
    yield _rows_view(
        "own_accounts", ("account",), ((account,) for account in settings.accounts)
    )
    yield _rows_view(
        "requester_pays_buckets",
        ("bucket",),
        ((bucket,) for bucket in settings.requester_pays),
    )
    yield _rows_view("excluded", ("kind", "value"), settings.exclude.rows())


def view_definitions() -> str:
    """The SQL of the views and functions that are made of the lake's tables and of the settings."""
    folder = bundled("sql") / DEFINITIONS
    return "\n".join(
        (folder / f"{name}.sql").read_text("utf-8") for name in _FILES_OF_DEFINITIONS
    )


def tables_of(sql: str) -> list[Table]:
    """The tables that a statement probably reads, going by the words in it."""
    return [table for table in TABLES if _words_of(sql) & _NAMES[table.name]]


def left_out(sql: str, settings: Settings) -> list[str]:
    """Whose requests the settings keep out of a statement's result, going by the words in it."""
    if not _words_of(sql) & _WITHOUT_EXCLUDED:
        return []
    return [f"{kind} {value}" for kind, value in settings.exclude.rows()]


def asks_for_locations(sql: str) -> bool:
    """Whether a statement asks where addresses are, going by the words in it."""
    return bool(_words_of(sql) & _LOCATIONS)


def _words_of(sql: str) -> set[str]:
    return set(re.findall(r"\w+", sql))


def rows_by_object(table: Table) -> str:
    """SQL that counts the rows of each log object in each partition, and names the (first) part with them.

    Columns: `log_object`, those of the partition, `rows` and `part`. For a database `with_files`.
    """
    keys = ", ".join(("log_object", *_partitions(table)))
    part = "min(parse_filename(filename)) AS part"
    return f"SELECT {keys}, count(*) AS rows, {part} FROM {_FILES}{table.name} GROUP BY {keys}"


def duplicate_rows(folders: Iterable[str], *, has_older_parts: bool) -> str:
    """SQL that counts, for each partition of `access_log`, the rows that equal another in every log field.

    `folders` are those of partitions, in a snapshot's paths. Columns: `folder`, and `duplicates`, which is not 0.
    """
    identity = ", ".join(f'"{name}"' for name in ACCESS_LOG.identity)
    paths = ", ".join(sql_literal(f"{SCHEME}{folder}*") for folder in folders)
    arguments = f"[{paths}], filename = true"
    rows = (
        _by_name(ACCESS_LOG, arguments)
        if has_older_parts
        else f"read_parquet({arguments})"
    )
    folder = f"regexp_extract(filename, '^{SCHEME}(.*/)', 1)"
    return (
        "SELECT folder, sum(rows - 1)::BIGINT AS duplicates"
        f" FROM (SELECT {folder} AS folder, count(*) AS rows FROM {rows} GROUP BY folder, {identity}"
        " HAVING count(*) > 1) GROUP BY folder ORDER BY folder"
    )


def sql_literal(text: str) -> str:
    """`text` as a SQL string literal, for where DuckDB cannot bind a value."""
    return "'" + text.replace("'", "''") + "'"


def _columns(table: Table, names: Iterable[str], snapshot: Snapshot) -> str:
    """SQL for the columns of a table's view: those of its partitions, these, and what follows from them."""
    stored = [_column(name, snapshot) for name in (*_partitions(table), *names)]
    return ", ".join([*stored, *_DERIVED.get(table.name, ())])


def _column(name: str, snapshot: Snapshot) -> str:
    if name == "bucket" and snapshot.is_encoded_twice:
        return 'url_decode("bucket") AS "bucket"'
    if name in LARGEST:
        return f'CASE WHEN "{name}" <= {LARGEST[name]} THEN "{name}" END AS "{name}"'
    return f'"{name}"'


def _rows_view(
    name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> str:
    """SQL for a view of a few constant rows; of texts and numbers."""
    selects = " UNION ALL ".join(
        f"SELECT {', '.join(map(_constant, row))}" for row in rows
    )
    nulls = ", ".join("NULL::VARCHAR" for _ in columns)
    return f"CREATE VIEW {name}({', '.join(columns)}) AS {selects or f'SELECT {nulls} WHERE false'}"


def _constant(value: object) -> str:
    return sql_literal(value) if isinstance(value, str) else repr(value)


def _condition(table: Table, scope: Scope) -> str:
    """What stands after a table for what of a scope its partitions do not tell; nothing for whole days."""
    if table is LEDGER:
        return ""
    conditions = []
    if scope.time_from:
        conditions.append(_time_test(table, f">= TIMESTAMP '{scope.time_from}'"))
    if scope.time_before:
        conditions.append(_time_test(table, f"< TIMESTAMP '{scope.time_before}'"))
    if scope.key_prefix is not None and table is ACCESS_LOG:
        conditions.append(f"starts_with(key, {sql_literal(scope.key_prefix)})")
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def _time_test(table: Table, comparison: str) -> str:
    """SQL that compares the time of a row; a reject without one is known to be of its day only, and stays."""
    if table is ACCESS_LOG:
        return f"time {comparison}"
    return f"coalesce({_NAMED} {comparison}, true)"


def _partitions(table: Table) -> Mapping[str, str]:
    """The columns of a table's partitions, and their types in DuckDB."""
    return _PARTITION_TYPES.get(table.name, _BY_DAY)


def _source(snapshot: Snapshot, table: Table, parts: str = "") -> str:
    """What stands after FROM for a table: its parts, or an empty table with its columns.

    `parts` are a glob as a literal, by default the snapshot's.
    """
    # DuckDB refuses to read no files at all.
    if not snapshot.of(table):
        return f"({_empty(table)})"
    parts = parts or sql_literal(f"{SCHEME}{table.name}/*")
    # Without types DuckDB would guess them from the folders' names, and a bucket may be named like a number.
    hive_types = ", ".join(
        f"{name}: '{duckdb_type}'" for name, duckdb_type in _partitions(table).items()
    )
    options = f"hive_partitioning = true, hive_types = {{{hive_types}}}"
    if snapshot.has_older_parts and table is ACCESS_LOG:
        return _by_name(table, f"{parts}, {options}, filename = true")
    return f"read_parquet({parts}, {options})"


def _by_name(table: Table, arguments: str) -> str:
    """What stands after FROM for parts of which some lack columns that were added since: these are NULL there."""
    # DuckDB looks columns up in every part then; where none has one, the empty table does.
    parts = f"FROM read_parquet({arguments}, union_by_name = true)"
    return f"({_empty(table)} UNION ALL BY NAME {parts})"


def _empty(table: Table) -> str:
    """SQL for no rows of a table, with its columns and those of its files."""
    types = {**column_types(table), "filename": "VARCHAR"}
    nulls = ", ".join(
        f'NULL::{duckdb_type} AS "{name}"' for name, duckdb_type in types.items()
    )
    return f"SELECT {nulls} WHERE false"


def _plain_columns(table: Table) -> list[str]:
    """The columns of a table that programs of every kind know the types of."""
    return [one.name for one in table.schema if not pa.types.is_nested(one.type)]


def column_types(table: Table) -> dict[str, str]:
    """The columns of a table, those of its paths first, and their types in DuckDB."""
    return {**_partitions(table), **_schema_types(table)}


def _schema_types(table: Table) -> dict[str, str]:
    """The columns in the parts of a table, and their types in DuckDB."""
    return {field.name: _DUCKDB_TYPES[field.type] for field in table.schema}
